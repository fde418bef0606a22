// Reads one grey picture, and decides as edge_mnist_runtime does whether its digit is accepted.

const SENTENCES = {
  blank: "there is no ink.",
  "too small": "it is too small.",
  "cut off": "it is cut off at the edge.",
  "several digits": "several digits side by side. In Python, edge-mnist read reads a row.",
  "no digit": "it looks like none of the ten.",
  "uneven light": "uneven light or paper. In Python, edge-mnist classify may read it.",
};

const SIDE = 28;

/** A picture of the network's own size, bright ink on black, goes to it unchanged: reading/modes.py. */
function findTensor({ grey, width, height }, rules) {
  if (width !== SIDE || height !== SIDE || !grey.some((level) => level)) return null;
  const lit = grey.filter((level, i) => level && (i < SIDE || i >= 27 * SIDE || i % SIDE === 0 || i % SIDE === 27));
  const corners = [grey[0], grey[27], grey[27 * SIDE], grey[783]];
  return corners.every((level) => level < rules.dark) && lit.length < rules.background_pixels ? grey : null;
}

/** Whether an image shows two parts of similar height and amount with an empty column between them: acceptance.py. */
export function showsTwoDigits(pixels, rules) {
  const columns = Array.from({ length: SIDE }, (_, x) => pixels.filter((_, i) => i % SIDE === x));
  const least = Math.max(1, rules.gap_brightness * Math.max(...pixels));
  const inked = [...columns.keys()].filter((x) => columns[x].some((level) => level >= least));
  const measure = (part) => {
    const ink = part.flatMap((x) => [...columns[x].keys()].filter((y) => columns[x][y] >= least));
    return { height: Math.max(...ink) - Math.min(...ink) + 1, amount: ink.length };
  };
  const isLess = (one, other, limit) => Math.min(one, other) < limit * Math.max(one, other);
  return inked.slice(1).some((x, i) => {
    if (x === inked[i] + 1) return false;
    const [left, right] = [measure(inked.slice(0, i + 1)), measure(inked.slice(i + 1))];
    return (
      !isLess(left.height, right.height, rules.side_by_side_height) &&
      !isLess(left.amount, right.amount, rules.side_by_side_ink)
    );
  });
}

/**
 * Reads a grey picture: `digit` is null if the runtime would reject it, and `reason` says why. `flaw` is a reason that
 * was found in a picture before; in a drawing none is.
 */
export function readDigit(model, picture, rules, flaw = null) {
  const tensor = findTensor(picture, rules);
  const { pixels, reason } = tensor
    ? { pixels: tensor, reason: null }
    : model.readDrawing(picture.grey, picture.width, picture.height);
  if (!pixels) return { digit: null, likeliest: null, confidence: 0, scores: null, picture, pixels, reason };
  const { digit, confidence, scores, accepted } = model.predict(pixels);
  const [second, first] = [...scores].sort((a, b) => a - b).slice(-2);
  if (tensor || (flaw === "cut off" && confidence >= rules.sure_despite_cut)) flaw = null;
  if (!flaw && confidence < rules.certain && showsTwoDigits(pixels, rules)) flaw = "several digits";
  if (!flaw && !accepted) flaw = (first + second) / 256 >= rules.ambiguous_share ? "ambiguous" : "no digit";
  return { digit: flaw ? null : digit, likeliest: digit, confidence, scores, picture, pixels, reason: flaw };
}

/** Says in a sentence why a digit was rejected. */
export function explain({ reason, scores }) {
  if (reason !== "ambiguous") return SENTENCES[reason];
  const [first, second] = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
  return `${Math.min(first, second)} and ${Math.max(first, second)} are about as likely.`;
}
