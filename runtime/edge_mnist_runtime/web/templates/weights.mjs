// Unpacks the WebAssembly inside the page, and loads it.
import { loadDigitModel } from "./model.mjs";

const TOO_OLD =
  "This browser is too old to unpack the model. Chrome or Edge 105, Firefox 113, Safari 16.4 or anything newer can.";
const DAMAGED = "The model inside this page is damaged. Get the page again; nothing can be read until then.";

/** Loads the model. `lengths`: bytes of the common start, the simd128 part, the plain part, and the common end. */
export async function unpackModel(text, lengths) {
  if (typeof DecompressionStream === "undefined" || typeof WebAssembly === "undefined") throw new Error(TOO_OLD);
  try {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const bytes = await new Response(stream).arrayBuffer();
    let at = 0;
    const [start, vector, plain, end] = lengths.map((length) => new Uint8Array(bytes, (at += length) - length, length));
    const build = async (middle) => new Uint8Array(await new Blob([start, middle, end]).arrayBuffer());
    let wasm = await build(vector);
    const simd = WebAssembly.validate(wasm);
    if (!simd) wasm = await build(plain);
    const model = await loadDigitModel(wasm);
    if (model.selfTest()) throw new Error("golden digits differ");
    return { ...model, simd, bytes: wasm.length };
  } catch (error) {
    throw new Error(DAMAGED, { cause: error });
  }
}
