// Times subjects in interleaved rounds: node rounds.mjs ROUNDS CALLS DIGITS FOLDER NAME ..., in a folder with
// node_modules/onnxruntime-web. FOLDER/NAME holds NAME_int8.wasm, plain.wasm, NAME_int8.mjs and NAME_int8.onnx.
// Prints JSON: by model and subject, the microseconds of one digit in each round, and how many answers differ.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [rounds, calls, digitsPath, folder, ...names] = process.argv.slice(2);
const require = createRequire(path.join(process.cwd(), "here.js"));
const ort = await import(pathToFileURL(path.join(path.dirname(require.resolve("onnxruntime-web")), "ort.wasm.min.mjs")));
ort.env.wasm.numThreads = 1;

const bytes = new Uint8Array(readFileSync(digitsPath));
const digits = Array.from({ length: bytes.length / 784 }, (_, i) => bytes.subarray(784 * i, 784 * (i + 1)));
const argmax = (values) => values.indexOf(Math.max(...values));

async function open(name) {
  const bundle = path.join(folder, name);
  const { loadDigitModel } = await import(pathToFileURL(path.join(bundle, `${name}_int8.mjs`)));
  const simd = await loadDigitModel(readFileSync(path.join(bundle, `${name}_int8.wasm`)));
  const plain = await loadDigitModel(readFileSync(path.join(bundle, "plain.wasm")));
  const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(path.join(bundle, `${name}_int8.onnx`))));
  const [input] = session.inputNames, [output] = session.outputNames;
  return {
    simd128: async (digit) => simd.predict(digit).digit,
    plain: async (digit) => plain.predict(digit).digit,
    "onnxruntime-web": async (digit) => {
      const fed = { [input]: new ort.Tensor("uint8", digit, [1, 28, 28, 1]) };
      return argmax([...(await session.run(fed))[output].data]);
    },
  };
}

const found = {};
for (const name of names) {
  const subjects = await open(name);
  const times = Object.fromEntries(Object.keys(subjects).map((subject) => [subject, []]));
  let differing = 0;
  for (const digit of digits) {
    const answers = new Set(await Promise.all(Object.values(subjects).map((read) => read(digit))));
    differing += answers.size > 1;
  }
  for (let round = 0; round < Number(rounds); round++) {
    for (const [subject, read] of Object.entries(subjects)) {
      const start = performance.now();
      for (let call = 0; call < Number(calls); call++) await read(digits[(round * calls + call) % digits.length]);
      times[subject].push((1000 * (performance.now() - start)) / calls);
    }
  }
  found[name] = { times, differing };
}
console.log(JSON.stringify({ onnxruntime_web: ort.env.versions.web, node: process.version, models: found }));
