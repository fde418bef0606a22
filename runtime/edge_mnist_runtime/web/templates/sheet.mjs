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
  let asked = false; // whether a frame is to come
  let resting = false; // whether the pen rests after it
  let place = null; // of the canvas in the window, since the pointer went down
  let colours = null;

  const isEmpty = () => !content.strokes.length && !content.bitmap;

  /** Fits the canvas to its place and to the colours of the page. */
  function fit() {
    const scale = (canvas.clientWidth * devicePixelRatio) / SHEET.width || 1;
    Object.assign(canvas, { width: Math.round(SHEET.width * scale), height: Math.round(SHEET.height * scale) });
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const style = getComputedStyle(document.documentElement);
    colours = { ink: style.getPropertyValue("--ink"), accent: style.getPropertyValue("--accent") };
    show();
  }

  function show() {
    context.clearRect(0, 0, SHEET.width, SHEET.height);
    if (content.bitmap) {
      const fit = Math.min(SHEET.width / content.bitmap.width, SHEET.height / content.bitmap.height);
      const [w, h] = [content.bitmap.width * fit, content.bitmap.height * fit];
      context.imageSmoothingEnabled = fit < 4;
      context.drawImage(content.bitmap, (SHEET.width - w) / 2, (SHEET.height - h) / 2, w, h);
    }
    context.strokeStyle = colours.ink;
    drawStrokes(context, content.strokes);
    if (cursor) {
      context.lineWidth = 3;
      context.strokeStyle = colours.accent;
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
      if (resting) onRest();
      resting = false;
    });
  }

  function rest() {
    stroke = pointer = null;
    resting = true;
    change();
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

  function pointOf(event) {
    const x = ((event.clientX - place.left) / place.width) * SHEET.width;
    const y = ((event.clientY - place.top) / place.height) * SHEET.height;
    return [Math.min(Math.max(x, 0), SHEET.width), Math.min(Math.max(y, 0), SHEET.height)];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || pointer !== null) return;
    cursor = null;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    place = canvas.getBoundingClientRect();
    begin(pointOf(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    stroke.push(...(events.length ? events : [event]).map(pointOf));
    change();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => event.pointerId === pointer && rest());
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
        if (event.repeat) return; // the key is held down
        if (stroke) return rest();
        move(0, 0);
        begin(cursor);
      },
      z: undo,
      Delete: clear,
      Backspace: clear, // which a Mac's keyboard calls Delete
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
    cursor = null;
    if (stroke && pointer === null) rest();
    else change();
  });

  function undo() {
    if (!past.length) return;
    content = past.pop();
    rest();
  }

  function clear() {
    if (isEmpty()) return;
    replace({ strokes: [], bitmap: null });
    rest();
  }

  fit();
  new ResizeObserver(fit).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", fit);
  return {
    undo,
    clear,
    canUndo: () => past.length > 0,
    isEmpty,
    showPicture(bitmap) {
      replace({ strokes: [], bitmap });
      rest();
    },
  };
}
