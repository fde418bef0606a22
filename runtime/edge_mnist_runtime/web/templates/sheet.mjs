// The sheet: takes strokes from mouse, finger, pen and keyboard, shows them, and undoes them.
import { PEN, SHEET, drawStrokes } from "./strokes.mjs";

const STEP = 20; // units that an arrow key moves the pen; with Shift a quarter of it

/** Makes a canvas a sheet. Calls `onChange` after every change, at most once a frame, and `onRest` when the pen rests. */
export function makeSheet(canvas, onChange, onRest) {
  const context = canvas.getContext("2d");
  const past = []; // earlier contents, for undo
  let content = { strokes: [], bitmap: null };
  let stroke = null; // that is being drawn
  let pointer = null; // that draws it
  let cursor = null; // of the keyboard
  let asked = false;

  const isEmpty = () => !content.strokes.length && !content.bitmap;

  function show() {
    const scale = (canvas.clientWidth * devicePixelRatio) / SHEET.width || 1;
    const [width, height] = [SHEET.width, SHEET.height].map((side) => Math.round(side * scale));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, SHEET.width, SHEET.height);
    const { color, outlineColor } = getComputedStyle(canvas);
    if (content.bitmap) {
      const fit = Math.min(SHEET.width / content.bitmap.width, SHEET.height / content.bitmap.height);
      const [w, h] = [content.bitmap.width * fit, content.bitmap.height * fit];
      context.imageSmoothingEnabled = fit < 4;
      context.drawImage(content.bitmap, (SHEET.width - w) / 2, (SHEET.height - h) / 2, w, h);
    }
    context.strokeStyle = color;
    drawStrokes(context, content.strokes);
    if (cursor) {
      context.lineWidth = 3;
      context.strokeStyle = outlineColor;
      context.beginPath();
      context.arc(...cursor, PEN / 2 + 6, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  function change() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      show();
      onChange(content);
    });
  }

  function replace(next) {
    past.push(content);
    content = next;
    change();
  }

  function begin(point) {
    stroke = [point];
    replace({ strokes: [...content.strokes, stroke], bitmap: null });
  }

  function end() {
    stroke = pointer = null;
    change();
    onRest();
  }

  function pointOf(event) {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const x = ((event.clientX - left) / width) * SHEET.width;
    const y = ((event.clientY - top) / height) * SHEET.height;
    return [Math.min(Math.max(x, 0), SHEET.width), Math.min(Math.max(y, 0), SHEET.height)];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || pointer !== null) return;
    cursor = null;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    begin(pointOf(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    stroke.push(...(events.length ? events : [event]).map(pointOf));
    change();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => event.pointerId === pointer && end());
  }

  function move(dx, dy) {
    cursor ??= [SHEET.width / 2, SHEET.height / 2];
    cursor = [
      Math.min(Math.max(cursor[0] + dx, 0), SHEET.width),
      Math.min(Math.max(cursor[1] + dy, 0), SHEET.height),
    ];
    stroke?.push(cursor);
    change();
  }

  canvas.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? STEP / 4 : STEP;
    const keys = {
      ArrowLeft: () => move(-step, 0),
      ArrowRight: () => move(step, 0),
      ArrowUp: () => move(0, -step),
      ArrowDown: () => move(0, step),
      " ": () => {
        if (stroke) return end();
        move(0, 0);
        begin(cursor);
      },
      z: undo,
      Delete: clear,
    };
    const act = keys[event.key];
    if (!act || event.altKey) return;
    event.preventDefault();
    act();
  });
  canvas.addEventListener("focus", () => {
    if (!canvas.matches(":focus-visible")) return;
    move(0, 0);
  });
  canvas.addEventListener("blur", () => {
    if (stroke && pointer === null) end();
    cursor = null;
    change();
  });

  function undo() {
    if (!past.length) return;
    content = past.pop();
    stroke = pointer = null;
    change();
    onRest();
  }

  function clear() {
    if (isEmpty()) return;
    stroke = pointer = null;
    replace({ strokes: [], bitmap: null });
    onRest();
  }

  new ResizeObserver(show).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  return {
    undo,
    clear,
    canUndo: () => past.length > 0,
    isEmpty,
    showPicture(bitmap) {
      stroke = pointer = null;
      replace({ strokes: [], bitmap });
      onRest();
    },
  };
}
