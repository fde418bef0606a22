/** The answer to one image. */
export interface DigitPrediction {
  /** The class with the largest score. */
  digit: number;
  /** Its probability, 0..1. */
  confidence: number;
  /** The probability of each class in 256ths. */
  scores: Uint8Array;
  /** Whether the confidence reaches the model's threshold; if not, do not rely on the digit. */
  accepted: boolean;
}

/** What became of a drawing. */
export interface DrawingReading {
  /** 28 x 28 pixels for `predict`; null if the drawing shows no digit. */
  pixels: Uint8Array | null;
  /** Why there are none: `blank` (no ink), or `too small` (its longer side is below 9 pixels); null if there are. */
  reason: "blank" | "too small" | null;
}

/** A loaded model. */
export interface DigitModel {
  readonly name: string;
  /** Version of edge-mnist, which wrote the model. */
  readonly version: string;
  /** SHA-256 of the int8 TFLite file whose scores the model gives. */
  readonly sha256: string;
  /** Reads 28 x 28 pixels, row by row: bright ink on black, 0..255. */
  predict(image: Uint8Array | Uint8ClampedArray): DigitPrediction;
  /**
   * Gives a drawing the size and position of MNIST's digits: one digit on an even background, dark on light or light on
   * dark, width x height grey levels, row by row. Sides: 1 to 16383 pixels. The memory grows as large drawings need it.
   */
  readDrawing(grey: Uint8Array | Uint8ClampedArray, width: number, height: number): DrawingReading;
  /** Replays the golden digits inside the model. Returns how many got other scores than they must: 0 if all is well. */
  selfTest(): number;
}

/** Compiles NAME_int8.wasm. */
export function loadDigitModel(bytes: BufferSource): Promise<DigitModel>;
