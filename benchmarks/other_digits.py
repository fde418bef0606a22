"""Measure accuracy on printed digits, scikit-learn's digits and corrupted MNIST: writes docs/results/other-digits.md.

    python -m benchmarks.other_digits [--fonts DIR] [MODEL ...]

MODEL is anything that `edge-mnist classify --model` accepts. All digits are test digits: the font families of the test
split, and MNIST's 10,000 test images, clean and corrupted. `--fonts DIR` adds a row for the .ttf and .otf files in DIR.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import ImageFont

from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.classifier import open_model
from edge_mnist_runtime.engines import run_in_batches
from edge_mnist_trainer.augment.corruptions import CORRUPTIONS
from edge_mnist_trainer.augment.fonts import FontFace, font_faces, render_digits
from edge_mnist_trainer.data.sources import load_digit_set
from edge_mnist_trainer.evaluate.robustness import Predict, judge_on_other_digits, top1
from edge_mnist_trainer.run_record import OtherDigitsReport

HEAD = """# Accuracy on digits that are not MNIST's

Written by `benchmarks/other_digits.py`: top-1 accuracy of the int8 ONNX files in onnxruntime.

- The corruptions are of MNIST's 10,000 test images, a third at each severity.
- No model was trained on the unseen fonts or on scikit-learn's digits, but mistakes on them influenced the training
  data. Misread hairlines of Lato led to fainter strokes in `fonts.py`. Misread 4s and 9s of scikit-learn led to the
  other handwriting styles in `strokes.py`, and to coarse, narrow drawings.

`edge` and `nano` are trained on distorted MNIST digits only. `robust` and `micro` are also trained on printed, drawn
and corrupted digits, with the same kinds of corruption at random strengths.
"""


def main() -> None:
    """Evaluate every model on every set and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(BUNDLED_MODELS))
    parser.add_argument("--fonts", type=Path)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    test = load_digit_set().test
    if test is None or test.name != "mnist":
        raise SystemExit("needs the real MNIST: set EDGE_MNIST_DATA")
    predictors = {str(model): predictor(model) for model in options.models}
    reports = {name: judge_on_other_digits(predict, test, "test") for name, predict in predictors.items()}
    clean = {name: top1(predict, test) for name, predict in predictors.items()}
    rows, notes = _rows(clean, reports), []
    if options.fonts:
        faces = _read_folder(options.fonts)
        digits = render_digits("test", variants=5, faces=faces)
        rows.append(
            _row(f"{len(faces)} further font files", [top1(predict, digits) for predict in predictors.values()])
        )
        notes = ["", f"Further fonts: {', '.join(sorted({face.family for face in faces}))}."]
    table = [f"| | {' | '.join(f'`{name}`' for name in reports)} |", f"|---|{'---|' * len(reports)}", *rows, *notes]
    options.results.mkdir(parents=True, exist_ok=True)
    page = options.results / "other-digits.md"
    page.write_text("\n".join([HEAD, *table, ""]))
    print("\n".join(table))
    print(page)


def predictor(model: str) -> Predict:
    """Open a model as a function from images to probabilities."""
    engine = open_model(model)
    return lambda images: np.concatenate(list(run_in_batches(engine, images)))


def _rows(clean: dict[str, float], reports: dict[str, OtherDigitsReport]) -> list[str]:
    values = list(reports.values())
    return [
        _row("MNIST, 10,000 test images", list(clean.values())),
        _row(f"unseen fonts, {len(font_faces('test'))} faces", [report.unseen_fonts for report in values]),
        _row("scikit-learn's 1,797 digits", [report.sklearn_digits for report in values]),
        _row("**mean over the corruptions**", [report.mean_corruption for report in values]),
        *(_row(name, [report.corruptions[name] for report in values]) for name in CORRUPTIONS),
    ]


def _row(name: str, values: list[float]) -> str:
    return f"| {name} | {' | '.join(f'{value:.2%}' for value in values)} |"


def _read_folder(folder: Path) -> tuple[FontFace, ...]:
    files = sorted([*folder.rglob("*.ttf"), *folder.rglob("*.otf")])
    return tuple(FontFace(_family_of(file), file.stem, file.read_bytes()) for file in files)


def _family_of(file: Path) -> str:
    return ImageFont.truetype(file, 20).getname()[0] or file.stem


if __name__ == "__main__":
    main()
