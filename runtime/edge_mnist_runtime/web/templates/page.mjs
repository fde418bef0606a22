// The page: joins sheet, pictures and model, and shows the answer.
import { unpackModel } from "./weights.mjs";
import { groupStrokes, rasterise } from "./strokes.mjs";
import { explain, readDigit } from "./verdict.mjs";
import { decodePicture, findBorderFlaw, takePicture, toGrey } from "./pictures.mjs";
import { makeSheet } from "./sheet.mjs";

const SPEAK_AFTER_MS = 600; // a screen reader hears only answers that stay
const find = (id) => document.getElementById(id);
const about = JSON.parse(find("about").textContent);
const scratch = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const percent = (fraction) => `${(100 * fraction).toFixed(1)}\u00a0%`;
const written = new WeakMap(); // the text of each element that `write` wrote
const image = new ImageData(28, 28); // for every 28 x 28 image in turn
image.data.fill(255);
const times = []; // milliseconds of the last 100 answers
let model = null;
let content = { strokes: [], bitmap: null };
let readings = []; // one for each digit, from left to right
let chosen = 0; // whose probabilities are shown
let pointsRead = -1; // number of points when the sheet was read last
let photographing = false; // the camera is open, or asked for
let speaking = 0; // the timer of what is spoken next

/** Reads what is on the sheet. */
function read() {
  const started = performance.now();
  const { strokes, bitmap } = content;
  if (bitmap) {
    const picture = toGrey(scratch, bitmap);
    readings = [readDigit(model, picture, about.rules, findBorderFlaw(picture, about.rules))];
    chosen = 0;
  } else {
    const groups = groupStrokes(strokes);
    readings = groups.map((group) => readDigit(model, rasterise(scratch, group), about.rules));
    chosen = Math.max(0, groups.findIndex((group) => group.includes(strokes[strokes.length - 1]))); // the latest
  }
  if (readings.length) times.push(performance.now() - started);
  if (times.length > 100) times.shift();
}

function update(next) {
  const points = next.strokes.reduce((sum, stroke) => sum + stroke.length, 0);
  const isSame = next === content && points === pointsRead; // only the cursor moved
  content = next;
  find("undo").disabled = !sheet.canUndo();
  find("clear").disabled = sheet.isEmpty();
  find("hint").classList.toggle("gone", !sheet.isEmpty());
  if (!model || isSame) return;
  pointsRead = points;
  read();
  showAnswer();
  showSeen();
  showBars();
  clearTimeout(speaking);
  speaking = setTimeout(speak, SPEAK_AFTER_MS);
}

function speak() {
  find("spoken").textContent = sheet.isEmpty() ? "The sheet is empty." : verdict(true);
}

/** Sets the text of an element and returns whether it is another one. The same text would be laid out again. */
function write(element, text) {
  if (written.get(element) === text) return false;
  written.set(element, text);
  element.textContent = text;
  return true;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** What is said of the answer; `aloud` with the answer itself. */
function verdict(aloud) {
  const count = readings.length;
  const rejected = readings.filter(({ digit }) => digit === null);
  const sure = percent(Math.min(...readings.map(({ confidence }) => confidence)));
  if (count === 1 && rejected.length) return `Not a digit: ${explain(rejected[0])}`;
  const heard = aloud ? `${readings.map(({ digit }) => digit ?? "not a digit").join(" ")}, ` : "";
  if (rejected.length) return `${heard}${rejected.length} of ${count} rejected: ${explain(rejected[0])}`;
  return count === 1 ? `${heard}${sure} sure` : `${heard}${count} digits, each at least ${sure} sure`;
}

function showAnswer() {
  const answer = find("answer");
  const count = readings.length;
  write(answer, readings.map(({ digit }) => digit ?? "?").join("") || "\u2013");
  answer.classList.toggle("none", readings.every(({ digit }) => digit === null));
  answer.style.setProperty("--count", Math.max(1, count));
  write(find("verdict"), count ? verdict(false) : "\u00a0");
}

/** The 28 x 28 images. Their buttons are kept, so that the focus stays. */
function showSeen() {
  const list = find("seen");
  const count = Math.max(1, readings.length);
  if (count > 4) list.scrollLeft = (list.scrollWidth * chosen) / count - list.clientWidth / 2;
  while (list.children.length > count) list.lastChild.remove();
  while (list.children.length < count) list.append(document.createElement("li"));
  [...list.children].forEach((item, index) => {
    const pixels = readings[index]?.pixels;
    if (!pixels) return item.replaceChildren(Object.assign(document.createElement("div"), { className: "empty" }));
    let button = item.querySelector("button");
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      button.onclick = () => {
        chosen = index;
        showSeen();
        showBars();
      };
      button.append(Object.assign(document.createElement("canvas"), { width: 28, height: 28 }));
      item.replaceChildren(button);
    }
    pixels.forEach((level, i) => image.data.fill(level, 4 * i, 4 * i + 3));
    button.firstChild.getContext("2d").putImageData(image, 0, 0);
    setAttribute(button, "aria-pressed", String(index === chosen));
    setAttribute(button, "aria-label", `Digit ${index + 1} of ${count}: show its probabilities`);
  });
}

function showBars() {
  const scores = readings[chosen]?.scores;
  const best = scores ? scores.indexOf(Math.max(...scores)) : -1;
  [...find("bars").children].forEach((row, digit) => {
    const [, bar, figure] = row.children;
    setAttribute(row, "class", digit !== best ? "" : digit === readings[chosen].digit ? "top sure" : "top");
    if (write(figure, scores ? percent(scores[digit] / 256) : "")) {
      bar.firstChild.style.transform = `scaleX(${scores ? scores[digit] / 256 : 0})`;
    }
  });
  write(find("of"), readings.length > 1 ? `Probabilities of digit ${chosen + 1}` : "Probabilities");
}

function showTime() {
  if (!times.length) return;
  const sorted = [...times].sort((a, b) => a - b);
  const at = (fraction) => `${sorted[Math.ceil(fraction * sorted.length) - 1].toFixed(1)} ms`;
  write(find("time"), `${at(0.5)} median, ${at(0.99)} p99 (the last ${times.length})`);
}

function showModel() {
  const kilobytes = (bytes) => (bytes / 1000).toFixed(0);
  find("size").textContent = kilobytes(model.bytes);
  find("model").textContent = `${about.name}, int8, edge-mnist ${about.version}`;
  find("bytes").textContent = `${kilobytes(model.bytes)} kB of WebAssembly${model.simd ? "" : ", without SIMD"}`;
  find("accuracy").textContent = `${(100 * about.top1).toFixed(2)}\u00a0% on ${about.images.toLocaleString("en")} images of ${about.dataset}`;
}

function makeBars() {
  for (let digit = 0; digit < 10; digit++) {
    const row = document.createElement("li");
    row.innerHTML = `<span>${digit}</span><i aria-hidden="true"><b></b></i><span></span>`;
    find("bars").append(row);
  }
}

function notify(sentence) {
  find("notice").textContent = sentence;
}

async function open(file) {
  const { bitmap, refused } = await decodePicture(file, about.rules.max_pixels);
  notify(refused ?? "");
  if (bitmap) sheet.showPicture(bitmap);
}

function openFirst(files, otherwise) {
  if (files.length) open(files[0]);
  else notify(otherwise);
}

async function photograph() {
  if (photographing) return; // a double click
  photographing = true;
  try {
    const bitmap = await takePicture(find("viewfinder"));
    notify("");
    if (bitmap) sheet.showPicture(bitmap);
  } catch {
    notify("The camera is missing, in use, or not allowed. Open a picture instead.");
  } finally {
    photographing = false;
  }
}

function rest() {
  if (!model) return;
  notify("");
  showTime();
}

const sheet = makeSheet(find("sheet"), update, rest);
notify(""); // the script runs
makeBars();
showSeen();
find("undo").onclick = sheet.undo;
find("clear").onclick = sheet.clear;
find("choose").onclick = () => find("file").click();
find("camera").onclick = photograph;
find("file").onchange = ({ target }) => {
  openFirst(target.files, "");
  target.value = "";
};
document.addEventListener("paste", ({ clipboardData }) =>
  openFirst([...clipboardData.files], "What was pasted is not a picture. Copy a picture, then paste it."),
);
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    find("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") openFirst(event.dataTransfer.files, "What was dropped is not a picture file.");
  });
}
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && event.target !== find("sheet")) sheet.undo();
});

try {
  model = await unpackModel(find("weights").textContent, about.lengths);
  // For the console and for tests.
  const read = (grey, width, height) => readDigit(model, { grey, width, height }, about.rules);
  globalThis.edgeMnist = { model, read, getReadings: () => readings };
  showModel();
  update(content);
} catch (error) {
  notify(error.message);
}
performance.mark("ready");
document.documentElement.dataset.ready = model ? "yes" : "no";
