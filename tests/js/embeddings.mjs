// What transformers.js makes of texts, in Node or in a page.

/** Returns the embeddings of texts and how many numbers each has. */
export async function embed(transformers, { model, dtype, texts }) {
  const options = { dtype, device: transformers.device };
  const extract = await transformers.pipeline("feature-extraction", model, options);
  const embeddings = await extract(texts, { pooling: "mean", normalize: true });
  const answer = { dims: embeddings.dims, data: Array.from(embeddings.data) };
  await extract.dispose();
  return answer;
}
