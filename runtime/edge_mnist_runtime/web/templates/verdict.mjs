// Reads one grey picture, and decides as edge_mnist_runtime does whether its digit is accepted.

const SENTENCES = {
  blank: "there is no ink.",
  "too small": "it is too small.",
  "cut off": "it is cut off at the edge.",
  "several digits": "several digits stand side by side.",
  ambiguous: "two digits are about as likely.",
  "no digit": "it looks like none of the ten.",
  "uneven light":
    "the light or the paper is uneven. The Python runtime reads such photographs: edge-mnist classify.",
};

/** Reads a grey picture: `digit` is null if the runtime would reject it, and `reason` says why. */
export function readDigit(model, picture, rules) {
  const { pixels, reason } = model.readDrawing(picture.grey, picture.width, picture.height);
  if (!pixels) return { digit: null, likeliest: null, confidence: 0, scores: null, picture, pixels, reason };
  const { digit, confidence, scores, accepted } = model.predict(pixels);
  const [second, first] = [...scores].sort((a, b) => a - b).slice(-2);
  let flaw = reason;
  if (flaw === "cut off" && confidence >= rules.sure_despite_cut) flaw = null;
  if (!flaw && !accepted) flaw = (first + second) / 256 >= rules.ambiguous_share ? "ambiguous" : "no digit";
  return { digit: flaw ? null : digit, likeliest: digit, confidence, scores, picture, pixels, reason: flaw };
}

/** Says in a sentence why a digit was rejected. */
export function explain({ reason, scores }) {
  if (reason !== "ambiguous") return `Not a digit: ${SENTENCES[reason]}`;
  const [first, second] = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
  return `Not a digit: ${Math.min(first, second)} and ${Math.max(first, second)} are about as likely.`;
}
