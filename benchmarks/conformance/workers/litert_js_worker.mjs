// Predict with LiteRT.js (wasm) in headless Chromium. The option is Chromium's path. This process serves the files.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';

const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
// The package imports another one by its bare name, so the browser needs an import map.
const PAGE = `<!doctype html><script type="importmap">
{"imports": {"@litertjs/wasm-utils": "/node_modules/@litertjs/wasm-utils/dist/index.js"}}</script>`;

const [model, imagesPath, output, browserPath] = process.argv.slice(2);
const named = { '/model.tflite': model, '/images': imagesPath };
const server = http.createServer((request, response) => {
  if (request.url === '/') {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end(PAGE);
    return;
  }
  const file = named[request.url] ?? path.join(process.cwd(), path.normalize(request.url));
  if (!fs.existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
  response.writeHead(200, { 'Content-Type': type }).end(fs.readFileSync(file));
});
await new Promise((started) => server.listen(0, '127.0.0.1', started));
const browser = await chromium.launch({ executablePath: browserPath, args: FLAGS });
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const predictions = await page.evaluate(async () => {
    const litert = await import('/node_modules/@litertjs/core/dist/index.js');
    await litert.loadLiteRt('/node_modules/@litertjs/core/wasm/');
    const compiled = await litert.loadAndCompile('/model.tflite', { accelerator: 'wasm' });
    const images = new Uint8Array(await (await fetch('/images')).arrayBuffer());
    const rows = [];
    for (let at = 0; at < images.length; at += 784) {
      const image = new litert.Tensor(images.slice(at, at + 784), [1, 28, 28, 1]);
      const [probabilities] = await compiled.run(image);
      rows.push(...(await probabilities.data()));
      image.delete();
      probabilities.delete();
    }
    return rows;
  });
  fs.writeFileSync(output, Buffer.from(Float32Array.from(predictions, (step) => step / 256).buffer));
  const { version } = JSON.parse(fs.readFileSync('node_modules/@litertjs/core/package.json'));
  console.log(`${version} (Chromium ${browser.version()})`);
} catch (error) {
  console.error(error.message.split('\n')[0]);
  process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
}
