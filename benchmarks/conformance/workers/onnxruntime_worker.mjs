// Predict with onnxruntime-node or onnxruntime-web (wasm), as the option says, in Node.js with default options.
import fs from 'node:fs';

const BATCH = 100;
const IMAGE = 28 * 28;

const [model, imagesPath, output, packageName] = process.argv.slice(2);
const module = await import(packageName);
const ort = module.default ?? module;
const images = new Uint8Array(fs.readFileSync(imagesPath));
const session = await ort.InferenceSession.create(new Uint8Array(fs.readFileSync(model)));
const predictions = [];
for (let at = 0; at < images.length; at += BATCH * IMAGE) {
  const batch = images.slice(at, at + BATCH * IMAGE);
  const tensor = new ort.Tensor('uint8', batch, [batch.length / IMAGE, 28, 28, 1]);
  const outputs = await session.run({ [session.inputNames[0]]: tensor });
  predictions.push(Buffer.from(Float32Array.from(outputs[session.outputNames[0]].data).buffer));
}
fs.writeFileSync(output, Buffer.concat(predictions));
console.log(`${ort.env.versions.node ?? ort.env.versions.web} (Node.js ${process.versions.node})`);
process.exit(0); // the web build's worker threads would keep the process alive
