// Answers one request in Node.
//
//   node node.mjs PACKAGES < request.json > answer.json
//
// PACKAGES is the folder that holds node_modules. The request is {sessions: [{path, feeds}],
// backend} or {folder, embeddings: [{model, dtype, texts}]}.

import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { embed } from "./embeddings.mjs";
import { runModels } from "./sessions.mjs";

const load = createRequire(`${process.argv[2]}/`);
const request = JSON.parse(await text(process.stdin));

async function answerSessions({ sessions, backend }) {
  const ort = load(backend);
  if (backend === "onnxruntime-web") {
    ort.env.wasm.numThreads = 1;
  }
  const provider = backend === "onnxruntime-web" ? "wasm" : "cpu";
  return runModels({ ...ort, provider }, sessions, readFile);
}

async function answerEmbeddings({ folder, embeddings }) {
  const transformers = load("@huggingface/transformers");
  transformers.env.allowRemoteModels = false;
  transformers.env.localModelPath = folder;
  const answers = [];
  for (const one of embeddings) {
    answers.push(await embed({ pipeline: transformers.pipeline, device: "cpu" }, one));
  }
  return answers;
}

const answer = request.sessions ? answerSessions : answerEmbeddings;
process.stdout.write(JSON.stringify(await answer(request)));
