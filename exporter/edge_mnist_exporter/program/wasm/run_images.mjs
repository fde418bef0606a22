// Runs a model on images: node run_images.mjs MODEL.mjs MODEL.wasm PIXELS IMAGES SCORES. Exit code 1: golden digits differ.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [modulePath, wasmPath, size, imagesPath, scoresPath] = process.argv.slice(2);
const { loadDigitModel } = await import(pathToFileURL(modulePath));
const model = await loadDigitModel(readFileSync(wasmPath));
const images = new Uint8Array(readFileSync(imagesPath));
const scores = [];
for (let at = 0; at < images.length; at += Number(size)) {
  scores.push(model.predict(images.subarray(at, at + Number(size))).scores);
}
writeFileSync(scoresPath, Buffer.concat(scores));
process.exit(model.selfTest() ? 1 : 0);
