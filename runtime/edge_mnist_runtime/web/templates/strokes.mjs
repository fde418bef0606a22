// Strokes of a pen, as arrays of points [x, y] in sheet units: which of them make a digit, and its grey picture.

export const SHEET = { width: 1000, height: 720 };
export const PEN = 26; // width of a stroke
const ROOM = 40; // units around a digit in its grey picture
const SCALE = 0.2; // pixels of a grey picture for one unit: five times what the network sees, and a dot is too small
const SHARED = 0.25; // two strokes belong to one digit if they share this fraction of the narrower one's columns

/** Groups strokes into digits, from left to right. */
export function groupStrokes(strokes) {
  const groups = [];
  for (const stroke of strokes) {
    const columns = stroke.map(([x]) => x);
    let made = { strokes: [stroke], left: Math.min(...columns) - PEN / 2, right: Math.max(...columns) + PEN / 2 };
    // A stroke may join groups that were apart, as the bar of a wide 5 does.
    for (let at; (at = groups.findIndex((group) => isOneDigit(group, made))) >= 0; ) {
      const [group] = groups.splice(at, 1);
      made = {
        strokes: [...group.strokes, ...made.strokes],
        left: Math.min(group.left, made.left),
        right: Math.max(group.right, made.right),
      };
    }
    groups.push(made);
  }
  return groups.sort((one, other) => one.left - other.left).map((group) => group.strokes);
}

function isOneDigit(one, other) {
  const shared = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  return shared > SHARED * Math.min(one.right - one.left, other.right - other.left);
}

/** Draws strokes with round ends, smoothly through the middles between their points. */
export function drawStrokes(context, strokes) {
  context.lineWidth = PEN;
  context.lineCap = context.lineJoin = "round";
  for (const points of strokes) {
    context.beginPath();
    context.moveTo(...points[0]);
    for (let i = 1; i < points.length - 1; i++) {
      const [[x, y], [nextX, nextY]] = [points[i], points[i + 1]];
      context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    }
    const [x, y] = points[points.length - 1];
    context.lineTo(x + 0.01, y); // a stroke without length would not be drawn
    context.stroke();
  }
}

/** The grey picture of one digit: black strokes on white, with room around them. */
export function rasterise(context, strokes) {
  const points = strokes.flat();
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const sides = [Math.max(...xs) - left, Math.max(...ys) - top];
  const [width, height] = sides.map((side) => Math.ceil((side + 2 * ROOM) * SCALE));
  const { canvas } = context;
  if (canvas.width < width || canvas.height < height) {
    // It only grows, because a new size takes longer than the drawing.
    Object.assign(canvas, { width: Math.max(canvas.width, width), height: Math.max(canvas.height, height) });
  }
  context.resetTransform();
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.setTransform(SCALE, 0, 0, SCALE, (ROOM - left) * SCALE, (ROOM - top) * SCALE);
  context.strokeStyle = "#000";
  drawStrokes(context, strokes);
  const { data } = context.getImageData(0, 0, width, height);
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) grey[i] = data[4 * i];
  return { grey, width, height };
}
