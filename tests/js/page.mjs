// Answers one request in a page: gets /request.json, posts /answer.json. See node.mjs.

import { embed } from "./embeddings.mjs";
import { runModels } from "./sessions.mjs";

// Not the one on a content delivery network, which is where transformers.js looks by itself.
const WEBASSEMBLY = new URL("/packages/onnxruntime-web/dist/", location).href;

async function answerSessions({ sessions }) {
  const ort = await import("/packages/onnxruntime-web/dist/ort.wasm.min.mjs");
  ort.env.wasm.wasmPaths = WEBASSEMBLY;
  ort.env.wasm.numThreads = 1;
  const read = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
  return runModels({ ...ort, provider: "wasm" }, sessions, read);
}

async function answerEmbeddings({ embeddings }) {
  const transformers = await import("/packages/@huggingface/transformers/dist/transformers.min.js");
  transformers.env.allowRemoteModels = false;
  // A whole address would not do: it does not look for the tokenizer there.
  transformers.env.localModelPath = "/models/";
  transformers.env.allowLocalModels = true;
  transformers.env.useBrowserCache = false;
  transformers.env.backends.onnx.wasm.wasmPaths = WEBASSEMBLY;
  const answers = [];
  for (const one of embeddings) {
    answers.push(await embed({ pipeline: transformers.pipeline, device: "wasm" }, one));
  }
  return answers;
}

async function answer() {
  try {
    const request = await (await fetch("/request.json")).json();
    return await (request.sessions ? answerSessions(request) : answerEmbeddings(request));
  } catch (error) {
    return { error: String(error.stack ?? error) };
  }
}

await fetch("/answer.json", { method: "POST", body: JSON.stringify(await answer()) });
