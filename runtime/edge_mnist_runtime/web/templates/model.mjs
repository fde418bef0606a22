// Loads a model that `edge-mnist export --format wasm` wrote, in Node and in browsers. It imports nothing.

/** Longest side of a drawing in pixels: EDGE_MNIST_DRAWING_MAX_SIDE of edge_mnist_drawing.h. */
const MAX_SIDE = 16383;

const PAGE_BYTES = 65536;

/** What the code of read_drawing() says, where it is not 0. */
const REASONS = [null, "blank", "too small"];

const isBytes = (array) => array instanceof Uint8Array || array instanceof Uint8ClampedArray;

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
  // Made anew for each use, because arrays of a memory that grows become empty.
  const viewPixels = () => new Uint8Array(memory.buffer, model.pixels(), model.n_pixels());
  const viewScores = () => new Uint8Array(memory.buffer, model.scores(), model.n_classes());
  const leastConfidence = model.least_confidence();
  return {
    name: readText(memory, model.name()),
    version: readText(memory, model.version()),
    sha256: readText(memory, model.sha256()),
    /** Reads an image: bright ink on black, 0..255, row by row. */
    predict(image) {
      const pixels = viewPixels();
      if (!isBytes(image) || image.length !== pixels.length) {
        throw new TypeError(`predict: expected a Uint8Array of ${pixels.length} pixels`);
      }
      pixels.set(image);
      model.predict();
      const scores = viewScores();
      const digit = scores.indexOf(Math.max(...scores));
      const accepted = scores[digit] >= leastConfidence;
      return { digit, confidence: scores[digit] / 256, scores: scores.slice(), accepted };
    },
    /** Turns a drawing, width x height grey levels, into an image for predict(). */
    readDrawing(grey, width, height) {
      if (!model.read_drawing) {
        throw new TypeError("readDrawing: this model does not read images of 28 x 28 pixels");
      }
      if (![width, height].every((side) => Number.isInteger(side) && side >= 1 && side <= MAX_SIDE)) {
        throw new RangeError(`readDrawing: expected a width and a height of 1 to ${MAX_SIDE}`);
      }
      if (!isBytes(grey) || grey.length !== width * height) {
        throw new TypeError(`readDrawing: expected a Uint8Array of ${width} x ${height} grey levels`);
      }
      const missing = model.drawing_end(width, height) - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
      new Uint8Array(memory.buffer).set(grey, model.drawing());
      const reason = REASONS[model.read_drawing(width, height)];
      return { pixels: reason ? null : viewPixels().slice(), reason };
    },
    /** Replays the golden digits inside the model: how many got other scores than they must. */
    selfTest: () => model.self_test(),
  };
}
