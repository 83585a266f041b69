// Tensors as JSON: {type, dims, data}, with the bytes of the elements in base64.

const ARRAYS = {
  float32: Float32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
};

/** Turns {name: {type, dims, data}} into tensors. */
export function decode(feed, Tensor) {
  const tensors = {};
  for (const [name, { type, dims, data }] of Object.entries(feed)) {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    tensors[name] = new Tensor(type, new ARRAYS[type](bytes.buffer), dims);
  }
  return tensors;
}

/** Turns tensors into {name: {type, dims, data}}. */
export function encode(tensors) {
  const feed = {};
  for (const [name, { type, dims, data }] of Object.entries(tensors)) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const characters = Array.from(bytes, (byte) => String.fromCharCode(byte));
    feed[name] = { type, dims, data: btoa(characters.join("")) };
  }
  return feed;
}
