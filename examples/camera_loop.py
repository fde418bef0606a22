"""Read digits from a stream of frames, and say so when the digit changes.

    python camera_loop.py                        # digits drawn here, as if held before a camera
    python camera_loop.py --source pictures/     # every picture of a folder, again and again
    python camera_loop.py --source 0             # camera 0, with: pip install opencv-python

Frames come at a steady rate, in a thread of their own. One that comes while an earlier one still waits to be read takes
its place, and the earlier one is dropped, never queued: an answer about the past helps nobody. A digit counts once most
of the last answers agree on it, so that a blurred frame changes nothing.
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
    """The digit that most of the last answers agree on."""

    answers: deque[int | None]
    digit: int | None = None

    @classmethod
    def over(cls, frames: int) -> StableDigit:
        """One that looks back over so many frames."""
        return cls(deque(maxlen=frames))

    def update(self, answer: int | None) -> bool:
        """Take the next frame's digit, or None where it was rejected; returns whether the stable digit changed."""
        self.answers.append(answer)
        most, votes = Counter(self.answers).most_common(1)[0]
        before = self.digit
        if 2 * votes > (self.answers.maxlen or 1):
            self.digit = most
        return self.digit != before


@dataclass
class LoopReport:
    """What happened to the frames."""

    dropped: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    """From a frame's coming to its answer."""

    def __str__(self) -> str:
        if not self.latencies_ms:
            return "no frames"
        p50, p99 = np.percentile(self.latencies_ms, (50, 99))
        return (
            f"{len(self.latencies_ms)} frames read, {self.dropped} dropped; p50 {p50:.1f} ms, p99 {p99:.1f} ms a frame"
        )


class NewestFrame:
    """Holds one frame: the newest that nobody has taken."""

    def __init__(self) -> None:
        self.dropped = 0
        self._changed = threading.Condition()
        self._frame: tuple[float, Frame] | None = None
        self._has_ended = False
        self._error: BaseException | None = None

    def fill(self, frames: Iterator[Frame], rate: float) -> None:
        """Put in frames at `rate` a second, or as fast as they come, until they end."""
        due = time.perf_counter()
        try:
            for frame in frames:
                due = max(due, time.perf_counter() - 1 / rate)  # time that is lost is not made up for in a rush
                time.sleep(max(0.0, due - time.perf_counter()))
                due += 1 / rate
                with self._changed:
                    self.dropped += self._frame is not None
                    self._frame = time.perf_counter(), frame
                    self._changed.notify()
        except BaseException as error:  # noqa: BLE001  # raised again by `take`, in the thread that can handle it
            self._error = error
        with self._changed:
            self._has_ended = True
            self._changed.notify()

    def take(self) -> tuple[float, Frame] | None:
        """When the frame came, and the frame; waits for one; None after the last."""
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
            came, frame = taken
            changed = stable.update(read_frame(classifier, frame))
            now = time.perf_counter()
            report.latencies_ms.append((now - came) * 1000)
            if changed:
                # Flushed: whoever reads this through a pipe wants it now.
                print(f"{now - start:7.2f} s  {'nothing' if stable.digit is None else stable.digit}", flush=True)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    report.dropped = newest.dropped
    return report


def read_frame(classifier: DigitClassifier, frame: Frame) -> int | None:
    """The frame's digit; None where there is none to rely on."""
    try:
        return classifier.predict(frame).digit
    except InputError:  # damaged on the way, as frames from a network may be
        return None


def open_source(source: str) -> Iterator[Frame]:
    """Frames from a folder, a camera's number, or `drawn`."""
    if source == "drawn":
        return draw_frames()
    return film_frames(int(source)) if source.isdigit() else folder_frames(Path(source))


def draw_frames() -> Iterator[Frame]:
    """A sheet with a digit on it, held by an unsteady hand, then an empty one, and so on."""
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
    """The pictures of a folder, each for ten frames."""
    frames = [to_frame(open_picture(path, origin=str(path))) for path in find_pictures(folder)]
    return itertools.chain.from_iterable(itertools.repeat(frame, 10) for frame in itertools.cycle(frames))


def to_frame(picture: Image.Image) -> Frame:
    """A picture's pixels, turned as its EXIF says; transparency stays."""
    upright = ImageOps.exif_transpose(picture)
    return np.asarray(upright.convert("RGBA" if upright.has_transparency_data else "RGB"))


def film_frames(camera: int) -> Iterator[Frame]:
    """What a camera sees, through OpenCV."""
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
    parser.add_argument("--frames", type=int, help="stop after so many; default: at Ctrl-C")
    parser.add_argument("--over", type=int, default=7, help="frames whose majority counts")
    parser.add_argument("--model", help="robust, edge, nano, a bundle or a model file")
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
