"""Read digits from a stream of frames, and print the digit when it changes.

    python camera_loop.py                        # drawn digits, as if held in front of a camera
    python camera_loop.py --source pictures/     # the pictures of a folder in a loop
    python camera_loop.py --source 0             # camera 0, with: pip install opencv-python

Frames arrive at a steady rate in their own thread. If a frame arrives while an earlier one is still waiting, the
earlier one is dropped, because its digit would be out of date. A digit is accepted when most of the last predictions
agree on it, so that a blurred frame changes nothing.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from edge_mnist_runtime import DigitClassifier, EdgeMnistError, InputError
from edge_mnist_runtime.images.files import open_picture
from edge_mnist_runtime.images.folders import find_pictures

Frame = npt.NDArray[np.uint8]
"""Pixels, shape (H, W), (H, W, 3) or, with transparency, (H, W, 4)."""

PATHS = {
    1: [(40, 20), (52, 10), (52, 90)],
    4: [(45, 8), (20, 60), (80, 60), (62, 60), (62, 32), (62, 92)],
    7: [(18, 12), (82, 12), (45, 92)],
}
"""Strokes of the digits that `draw_frames` shows, x and y in a square of 100 pixels."""


@dataclass
class StableDigit:
    """The digit that most of the last predictions agree on."""

    predictions: deque[int | None]
    digit: int | None = None

    @classmethod
    def over(cls, frames: int) -> StableDigit:
        """Make one for the last `frames` frames."""
        return cls(deque(maxlen=frames))

    def update(self, prediction: int | None) -> bool:
        """Add the next frame's digit (None if rejected), and return whether the stable digit changed."""
        self.predictions.append(prediction)
        winner, votes = Counter(self.predictions).most_common(1)[0]
        before = self.digit
        if 2 * votes > (self.predictions.maxlen or 1):
            self.digit = winner
        return self.digit != before


@dataclass
class LoopReport:
    """Counts and latencies of the frames."""

    dropped: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    """Time from a frame's arrival to its prediction."""

    def __str__(self) -> str:
        if not self.latencies_ms:
            return "no frames"
        p50, p99 = np.percentile(self.latencies_ms, (50, 99))
        return (
            f"{len(self.latencies_ms)} frames read, {self.dropped} dropped; p50 {p50:.1f} ms, p99 {p99:.1f} ms a frame"
        )


class NewestFrame:
    """Queue of length one, which keeps only the newest frame."""

    def __init__(self) -> None:
        self.dropped = 0
        self._changed = threading.Condition()
        self._frame: tuple[float, Frame] | None = None
        self._has_ended = False
        self._error: BaseException | None = None

    def fill(self, frames: Iterator[Frame], rate: float) -> None:
        """Put in `rate` frames a second, or as many as the source gives, until they end."""
        due = time.perf_counter()
        try:
            for frame in frames:
                due = max(due, time.perf_counter() - 1 / rate)  # after a delay, do not catch up
                time.sleep(max(0.0, due - time.perf_counter()))
                due += 1 / rate
                with self._changed:
                    self.dropped += self._frame is not None
                    self._frame = time.perf_counter(), frame
                    self._changed.notify()
        except BaseException as error:  # noqa: BLE001  # `take` raises it in the thread that reads
            self._error = error
        with self._changed:
            self._has_ended = True
            self._changed.notify()

    def take(self) -> tuple[float, Frame] | None:
        """Wait for a frame and return its arrival time and the frame, or None after the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._has_ended)
            taken, self._frame = self._frame, None
        if taken is None and self._error is not None:
            raise self._error
        return taken


def run_loop(frames: Iterator[Frame], classifier: DigitClassifier, *, rate: float, look_back: int) -> LoopReport:
    """Read frames until they end, or until Ctrl-C."""
    report, stable, newest = LoopReport(), StableDigit.over(look_back), NewestFrame()
    start = time.perf_counter()
    threading.Thread(target=newest.fill, args=(frames, rate), daemon=True).start()
    try:
        while taken := newest.take():
            arrived, frame = taken
            changed = stable.update(read_frame(classifier, frame))
            now = time.perf_counter()
            report.latencies_ms.append((now - arrived) * 1000)
            if changed:
                # Flushed, so that a pipe gets it at once.
                print(f"{now - start:7.2f} s  {'nothing' if stable.digit is None else stable.digit}", flush=True)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    report.dropped = newest.dropped
    return report


def read_frame(classifier: DigitClassifier, frame: Frame) -> int | None:
    """Return the frame's digit; None if it is rejected or damaged."""
    try:
        return classifier.predict(frame).digit
    except InputError:  # damaged, as frames from a network may be
        return None


def open_source(source: str) -> Iterator[Frame]:
    """Open a folder, a camera by its number, or `drawn`."""
    if source == "drawn":
        return draw_frames()
    return film_frames(int(source)) if source.isdigit() else folder_frames(Path(source))


def draw_frames() -> Iterator[Frame]:
    """Draw a sheet with a digit, slightly moving, then an empty sheet, and so on."""
    rng = np.random.default_rng(0)
    for digit in itertools.cycle(PATHS):
        for step in range(30):
            sheet = Image.new("L", (160, 120), 235)
            if step < 25:
                left, top = 30 + rng.integers(-2, 3), 10 + rng.integers(-2, 3)
                points = [(float(x + left), float(y + top)) for x, y in PATHS[digit]]
                ImageDraw.Draw(sheet).line(points, 40, width=9, joint="curve")
            yield np.asarray(sheet.filter(ImageFilter.GaussianBlur(0.7)))


def folder_frames(folder: Path) -> Iterator[Frame]:
    """Repeat the pictures of a folder, each for ten frames."""
    frames = [to_frame(open_picture(path, origin=str(path))) for path in find_pictures(folder)]
    return itertools.chain.from_iterable(itertools.repeat(frame, 10) for frame in itertools.cycle(frames))


def to_frame(picture: Image.Image) -> Frame:
    """Convert a picture to pixels, rotated as its EXIF says, with its transparency."""
    upright = ImageOps.exif_transpose(picture)
    return np.asarray(upright.convert("RGBA" if upright.has_transparency_data else "RGB"))


def film_frames(camera: int) -> Iterator[Frame]:
    """Read frames from a camera with OpenCV."""
    try:
        import cv2
    except ImportError:
        raise SystemExit("--source with a camera's number needs OpenCV: pip install opencv-python") from None
    return _film(cv2, cv2.VideoCapture(camera))


def _film(cv2: Any, capture: Any) -> Iterator[Frame]:
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not the oldest
    try:
        while True:
            there, frame = capture.read()
            if not there:
                raise SystemExit("the camera gives no frames")
            yield frame[..., ::-1].copy()  # OpenCV has blue first
    finally:
        capture.release()


def main() -> None:
    """Parse the command line and run the loop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="drawn", help="a folder, a camera's number, or: drawn")
    parser.add_argument("--rate", type=float, default=15, help="frames a second")
    parser.add_argument("--frames", type=int, help="number of frames; default: until Ctrl-C")
    parser.add_argument("--over", type=int, default=7, help="number of frames for the majority vote")
    parser.add_argument("--model", help="robust, edge, micro, nano, a bundle or a model file")
    options = parser.parse_args()
    if options.rate <= 0 or options.over < 1:
        parser.error("--rate must be above 0 and --over at least 1")
    try:
        frames, classifier = open_source(options.source), DigitClassifier(options.model)
    except EdgeMnistError as error:
        raise SystemExit(str(error)) from None
    frames = itertools.islice(frames, options.frames)  # None: all of them
    print(run_loop(frames, classifier, rate=options.rate, look_back=options.over))


if __name__ == "__main__":
    main()
