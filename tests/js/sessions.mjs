// Runs models in one of ONNX Runtime's JavaScript builds, in Node or in a page.

import { decode, encode } from "./tensors.mjs";

/**
 * Returns {outputs} or {error} for each {path, feeds}.
 *
 * `read` turns a path into the bytes of the model.
 */
export async function runModels(ort, models, read) {
  const answers = [];
  for (const { path, feeds } of models) {
    try {
      answers.push({ outputs: await runModel(ort, await read(path), feeds) });
    } catch (error) {
      answers.push({ error: String(error.message ?? error) });
    }
  }
  return answers;
}

async function runModel(ort, bytes, feeds) {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: [ort.provider] });
  const outputs = [];
  for (const feed of feeds) {
    outputs.push(encode(await session.run(decode(feed, ort.Tensor))));
  }
  await session.release();
  return outputs;
}
