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
    /** Replays the golden digits inside the model: how many got other scores than they must. */
    selfTest: () => model.self_test(),
  };
}
