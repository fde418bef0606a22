// Loads a model that `edge-mnist export --format wasm` wrote, in Node and in browsers. It imports nothing.

/** The text, ended by a zero byte, at an address of a memory. */
function readText(memory, address) {
  const bytes = new Uint8Array(memory.buffer, address);
  return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
}

/** Compiles NAME_int8.wasm, given as an ArrayBuffer or a typed array. */
export async function loadDigitModel(bytes) {
  const { instance } = await WebAssembly.instantiate(bytes, {});
  const model = instance.exports;
  const { memory } = model;
  const pixels = new Uint8Array(memory.buffer, model.pixels(), model.n_pixels());
  const scores = new Uint8Array(memory.buffer, model.scores(), model.n_classes());
  const leastConfidence = model.least_confidence();
  return {
    name: readText(memory, model.name()),
    version: readText(memory, model.version()),
    sha256: readText(memory, model.sha256()),
    /** Reads an image: bright ink on black, 0..255, row by row. */
    predict(image) {
      if (!(image instanceof Uint8Array || image instanceof Uint8ClampedArray) || image.length !== pixels.length) {
        throw new TypeError(`predict: expected a Uint8Array of ${pixels.length} pixels`);
      }
      pixels.set(image);
      model.predict();
      const digit = scores.indexOf(Math.max(...scores));
      const accepted = scores[digit] >= leastConfidence;
      return { digit, confidence: scores[digit] / 256, scores: scores.slice(), accepted };
    },
    readDrawing(grey, width, height) {
      const paper = grey[0];
      let [l, t, r, b] = [width, height, -1, -1];
      for (let i = 0; i < grey.length; i++) {
        if (Math.abs(grey[i] - paper) < 100) continue;
        const [x, y] = [i % width, Math.floor(i / width)];
        [l, t, r, b] = [Math.min(l, x), Math.min(t, y), Math.max(r, x), Math.max(b, y)];
      }
      if (r < 0) return { pixels: null, reason: "blank" };
      const side = Math.max(r - l, b - t) + 1, unit = side / 20, out = new Uint8Array(784);
      const [ox, oy] = [(l + r) / 2 - 14 * unit, (t + b) / 2 - 14 * unit];
      for (let i = 0; i < 784; i++) {
        let sum = 0, n = 0;
        for (let dy = 0.125; dy < 1; dy += 0.25) for (let dx = 0.125; dx < 1; dx += 0.25, n++) {
          const x = Math.floor(ox + (i % 28 + dx) * unit), y = Math.floor(oy + (Math.floor(i / 28) + dy) * unit);
          if (x >= 0 && y >= 0 && x < width && y < height) sum += Math.abs(grey[y * width + x] - paper);
        }
        out[i] = Math.min(255, sum / n);
      }
      return { pixels: out, reason: null };
    },
    /** Replays the golden digits inside the model: how many got other scores than they must. */
    selfTest: () => model.self_test(),
  };
}
