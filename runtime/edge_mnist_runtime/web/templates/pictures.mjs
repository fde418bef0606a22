// Pictures from files, the clipboard and the camera: their grey levels, or the sentence that says why there are none.

const LONGEST_SIDE = 800; // larger pictures are scaled down

/** A name of at most 32 characters: its beginning and its end, so that the sentence stays short. */
const shorten = (name) => (name.length > 32 ? `${name.slice(0, 20)}\u2026${name.slice(-11)}` : name);

/** Decodes a picture file. Throws an Error whose message is for the reader of the page. */
export async function decodePicture(file, maxPixels) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    // The browser knows the size before it decodes anything, so a picture that is too large costs nothing.
    await new Promise((loaded, failed) => Object.assign(image, { onload: loaded, onerror: failed }));
    const { naturalWidth: width, naturalHeight: height } = image;
    if (!(width * height)) throw new Error("no size");
    if (width * height > maxPixels) {
      const found = `${Math.round((width * height) / 1e6)} megapixels`;
      return { refused: `This picture has ${found}. The limit is ${maxPixels / 1e6}: scale it down first.` };
    }
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    const size = { resizeWidth: Math.max(1, Math.round(width * scale)), resizeHeight: Math.max(1, Math.round(height * scale)) };
    return { bitmap: await createImageBitmap(image, scale < 1 ? { ...size, resizeQuality: "high" } : {}) };
  } catch {
    return { refused: `${shorten(file.name) || "This"} is not a picture that this browser can open.` };
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/** The grey levels of a bitmap, by ITU-R 601 in 16 bits as Pillow has them; transparency on a contrasting ground. */
export function toGrey(context, bitmap) {
  const { width, height } = bitmap;
  Object.assign(context.canvas, { width, height });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const grey = new Uint8Array(width * height);
  let light = 0;
  let covered = 0;
  for (let i = 0; i < grey.length; i++) {
    grey[i] = (data[4 * i] * 19595 + data[4 * i + 1] * 38470 + data[4 * i + 2] * 7471 + 0x8000) >> 16;
    light += grey[i] * data[4 * i + 3];
    covered += data[4 * i + 3];
  }
  if (covered < 255 * grey.length) {
    const ground = light < 127.5 * covered ? 255 : 0;
    for (let i = 0; i < grey.length; i++) grey[i] = Math.round(ground + ((grey[i] - ground) * data[4 * i + 3]) / 255);
  }
  return { grey, width, height };
}

/** What the border of a picture tells against reading it as a drawing: a reason, or null. */
export function findBorderFlaw({ grey, width }, limits) {
  const border = [...grey.subarray(0, width), ...grey.subarray(-width)];
  for (let at = width; at < grey.length; at += width) border.push(grey[at - 1], grey[at]);
  const background = border.sort((a, b) => a - b)[border.length >> 1];
  let contrast = 0;
  for (const level of grey) contrast = Math.max(contrast, Math.abs(level - background));
  const fractionAbove = (part) => border.filter((level) => Math.abs(level - background) > part * contrast).length / border.length;
  const ink = fractionAbove(limits.edge_ink_level);
  const soft = fractionAbove(limits.uneven_level) - ink; // shade, and the soft edges of strokes
  if (soft > limits.max_uneven_border + ink || ink > limits.max_edge_ink) return "uneven light";
  return ink > 0 ? "cut off" : null;
}

/** Opens the camera in a dialog; gives the picture that is taken, or null. Throws if there is no camera. */
export async function takePicture(dialog) {
  const video = dialog.querySelector("video");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.srcObject = stream;
    await video.play();
    dialog.showModal();
    const [take, cancel] = dialog.querySelectorAll("button");
    const taken = await new Promise((done) => {
      take.onclick = () => done(true);
      cancel.onclick = dialog.oncancel = () => done(false);
    });
    if (!taken) return null;
    // The window shows the middle of the video, so only that is taken: an upright phone's video is higher than it.
    const { videoWidth, videoHeight, clientWidth, clientHeight } = video;
    const shown = Math.min(videoWidth / clientWidth, videoHeight / clientHeight);
    const [width, height] = [Math.floor(clientWidth * shown), Math.floor(clientHeight * shown)];
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    const size = { resizeWidth: Math.round(width * scale), resizeHeight: Math.round(height * scale) };
    return await createImageBitmap(video, (videoWidth - width) >> 1, (videoHeight - height) >> 1, width, height, size);
  } finally {
    dialog.close();
    for (const track of stream?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  }
}
