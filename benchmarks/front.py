"""Compare bytes of weights with accuracy, ours and published: writes docs/results/front.md and .svg.

    python -m benchmarks.front [--runs build/front] [--rounds 100] [pico tiny small]

`make front` trains and exports the networks first: run folders seed-N/NAME and bundles seed-N/NAME-bundle. The search
table is in `front_search.json`, which `front_search.py` writes. MNIST's test images are read here, after every choice.
`--rounds 0` leaves the speed out; measure it on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.interleaved import measure_interleaved
from benchmarks.native import CALLS, load_library, make_c_loop, make_litert_loop, make_onnxruntime_loop
from benchmarks.other_digits import predictor
from benchmarks.subjects import load_mnist
from edge_mnist_exporter.program.reference import ReferenceKernels
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.engines import run_in_batches
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.evaluate.robustness import judge_on_other_digits
from edge_mnist_trainer.networks.architectures import find_architecture
from edge_mnist_trainer.networks.size import measure_network
from edge_mnist_trainer.run_folder import RECORD_FILE

TRAINED: Final = {"pico": 0.992, "tiny": 0.9945, "small": 0.9962}
"""Networks of this page, which are not inside the packages, with their targets."""

HEAD: Final = """# Accuracy for the bytes of a network

Written by `benchmarks/front.py`; `make front` repeats it. How the networks are trained: [the reference
models](../reference-model.md#small-networks-for-few-bytes).

![Accuracy against bytes of weights](front.svg)

| column | meaning |
|---|---|
| bytes of weights | one for each int8 weight, four for each bias; files are larger |
| accuracy | int8 TFLite in the reference kernels, MNIST's 10,000 test images: mean ± standard deviation of the seeds |
| interval | 95 % confidence interval of a network with that accuracy on 10,000 digits (Wilson); the bars of the plot |
| target | for the mean of five seeds |
| us | median of one digit, one thread: C library, LiteRT's own kernels, onnxruntime |
| unseen fonts, corruptions | as in [other-digits.md](other-digits.md): int8 ONNX, first seed |

Only `robust` and `micro` learnt printed and corrupted digits. MNIST's test digits do not show how much the others lack.

`edge`, `nano`, `micro` and `robust` are inside the packages. Their files are of one seed; the mean of five seeds of
`edge` is 99.626 ± 0.018 % ([accuracy.md](accuracy.md)).
"""

SEARCH_HEAD: Final = """Published accuracies are of one network each. Bytes are those of the weights alone,
as published: 697 float weights would be 0.7 kB in int8, whose accuracy is not published.

## Search

Short runs, taught by `edge` on digits distorted at the strength `trained at`; cross-entropy in nats on the validation
images of [distorted-validation.md](distorted-validation.md). `benchmarks/front_search.py` explains the notation and
repeats them, but for `m`: separable, with BatchNorm and ReLU behind the depthwise convolution too. The minutes are of a
busy machine.

| layers | bytes of weights | MMAC | epochs | trained at | plain | strength 0.5 | strength 1 | minutes |
|---|---|---|---|---|---|---|---|---|"""

TFLITE: Final = Path(__file__).parents[1] / "exporter" / "edge_mnist_exporter" / "models"
SEARCH: Final = Path(__file__).with_name("front_search.json")

ENGINES: Final = ("native", "LiteRT", "onnxruntime")


@dataclass(frozen=True)
class Published:
    """A network that others published."""

    name: str
    n_bytes: int
    top1: float
    """On MNIST's 10,000 test images, 0..1."""
    source: str
    """Where it is published, not as a link: the documentation has none to other hosts."""


_BITNET: Final = "`docs/documentation_cnn.md` of github.com/cpldcpu/BitNetMCU"
_BEST_OF_700: Final = "the best of 700, github.com/JoshWarn/Parameter-Efficient-MNIST"
PUBLISHED: Final = (
    Published("697 float weights", 4 * 697, 0.9903, _BEST_OF_700),
    Published("16 wide, 2 bits", 42_880 // 8, 0.9906, _BITNET),
    Published("64 wide, 2 bits", 90_112 // 8, 0.9955, _BITNET),
    Published("96 wide, ternary", 106_854 // 8, 0.9958, _BITNET),
)


@dataclass(frozen=True)
class Measured:
    """One of our networks, with one entry of `top1` for each seed."""

    name: str
    n_bytes: int
    macs: int
    top1: tuple[float, ...]
    """int8 TFLite in the reference kernels, on MNIST's 10,000 test images, 0..1."""
    fonts: float
    """The first seed's accuracy on unseen fonts, 0..1."""
    corruptions: float
    """The first seed's mean accuracy over the corruptions, 0..1."""

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return statistics.fmean(self.top1)


def main() -> None:
    """Measure every network and write page and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[*TRAINED], metavar="NAME")
    parser.add_argument("--runs", type=Path, default=Path("build/front"))
    parser.add_argument("--rounds", type=int, default=100, help="rounds of the measurement of speed; 0 for none")
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    files = {name: find_files(name, options.runs) for name in options.names} | {
        name: [(TFLITE / f"{name}_int8.tflite", path)] for name, path in BUNDLED_MODELS.items()
    }
    test = load_mnist("test")
    measured = [measure(name, pairs, test) for name, pairs in files.items()]
    measured.sort(key=lambda one: one.n_bytes)
    speed = measure_speed({name: pairs[0] for name, pairs in files.items()}, options.rounds) if options.rounds else {}
    options.results.mkdir(parents=True, exist_ok=True)
    draw(measured, options.results / "front.svg")
    page = options.results / "front.md"
    page.write_text(format_page(measured, speed, json.loads(SEARCH.read_text("utf-8"))), "utf-8")
    print(page)


def find_files(name: str, runs: Path) -> list[tuple[Path, Path]]:
    """The int8 TFLite and ONNX files of every seed of a network; end the program if a file is missing."""
    folders = sorted(record.parent for record in runs.glob(f"seed-*/{name}/{RECORD_FILE}"))
    if not folders:
        raise SystemExit(
            f"{runs}: holds no run seed-0/{name}; train it with make front, or name the folder with --runs"
        )
    return [(_exported(run, "tflite"), _exported(run, "onnx")) for run in folders]


def _exported(run: Path, form: str) -> Path:
    file = run.with_name(f"{run.name}-bundle") / f"{run.name}_int8.{form}"
    if not file.exists():
        raise SystemExit(f"{file}: is missing; export {run} with make front")
    return file


def measure(name: str, files: Sequence[tuple[Path, Path]], test: LabelledDigits) -> Measured:
    """Read the test images with every seed of a network, and other digits with the first one."""
    size = measure_network(find_architecture(name).build())
    other = judge_on_other_digits(predictor(str(files[0][1])), test, "test")
    return Measured(
        name,
        size.int8_weights_bytes,
        size.macs,
        tuple(read_in_reference_kernels(tflite, test) for tflite, _ in files),
        other.unseen_fonts,
        other.mean_corruption,
    )


def read_in_reference_kernels(tflite: Path, digits: LabelledDigits) -> float:
    """Accuracy of an int8 TFLite file, 0..1."""
    engine = ReferenceKernels(tflite.read_bytes(), origin=str(tflite))
    found = np.concatenate(list(run_in_batches(engine, digits.images)))
    return float(np.mean(found.argmax(1) == digits.labels))


def measure_speed(files: dict[str, tuple[Path, Path]], rounds: int) -> dict[str, list[float]]:
    """Median microseconds of one digit in the native program, LiteRT and onnxruntime, by network."""
    digits = draw_digits(26, seed=1)[0][:CALLS]
    subjects = {}
    for name, (tflite, onnx) in files.items():
        subjects[f"{name} native"] = make_c_loop(load_library(tflite)[0], digits)
        subjects[f"{name} LiteRT"] = make_litert_loop(tflite, digits)
        subjects[f"{name} onnxruntime"] = make_onnxruntime_loop(onnx, digits)
    seconds = measure_interleaved(subjects, rounds=rounds)
    return {
        name: [statistics.median(seconds[f"{name} {engine}"]) / CALLS * 1e6 for engine in ENGINES] for name in files
    }


def interval(top1: float, n: int = 10_000) -> tuple[float, float]:
    """95 % confidence interval of an accuracy on `n` digits (Wilson, 1927), 0..1."""
    z = 1.96
    centre = (top1 + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(top1 * (1 - top1) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def format_page(measured: Sequence[Measured], speed: dict[str, list[float]], search: list[dict[str, Any]]) -> str:
    """Format the page."""
    return "\n".join(
        [
            HEAD,
            "| network | bytes of weights | MMAC | seeds | accuracy | interval | target | native us | LiteRT us "
            "| onnxruntime us | unseen fonts | corruptions |",
            "|---" * 12 + "|",
            *(_row(one, speed.get(one.name)) for one in measured),
            "",
            "## Published",
            "",
            "| network | bytes of weights | accuracy | interval | source |",
            "|---|---|---|---|---|",
            *(
                f"| {one.name} | {one.n_bytes:,} | {one.top1:.2%} | {_interval(one.top1)} | {one.source} |"
                for one in PUBLISHED
            ),
            "",
            SEARCH_HEAD,
            *(_search_row(row) for row in search),
            "",
        ]
    )


def _row(one: Measured, us: list[float] | None) -> str:
    deviation = f" ± {100 * statistics.stdev(one.top1):.3f}" if len(one.top1) > 1 else ""
    target = TRAINED.get(one.name)
    cells = [
        *(f"`{one.name}`", f"{one.n_bytes:,}", f"{one.macs / 1e6:.2f}", str(len(one.top1))),
        *(f"{one.mean:.3%}{deviation}", _interval(one.mean), f"{target:.2%}" if target else ""),
        *([f"{value:.1f}" for value in us] if us else ["not measured"] * len(ENGINES)),
        *(f"{one.fonts:.2%}", f"{one.corruptions:.2%}"),
    ]
    return f"| {' | '.join(cells)} |"


def _interval(top1: float) -> str:
    low, high = interval(top1)
    return f"{100 * low:.2f} to {high:.2%}"


def _search_row(row: dict[str, Any]) -> str:
    losses = [f"{row[key]:.4f}" for key in ("plain_loss", "half_loss", "full_loss")]
    cells = [f"`{row['layers']}`", f"{row['bytes']:,}", f"{row['macs'] / 1e6:.2f}", str(row["epochs"])]
    minutes = "not measured" if row["minutes"] is None else f"{row['minutes']:.0f}"
    return f"| {' | '.join([*cells, str(row['strength']), *losses, minutes])} |"


def draw(measured: Sequence[Measured], path: Path) -> None:
    """Draw accuracy against bytes of weights, with 95 % confidence intervals."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ours = [(one.name, one.n_bytes, one.mean) for one in measured]
    others = [(one.name, one.n_bytes, one.top1) for one in PUBLISHED]
    with mpl.rc_context({"svg.hashsalt": "edge-mnist", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        for points, label, marker in ((ours, "edge-mnist", "o"), (others, "published", "s")):
            sizes, values = np.array([n for _, n, _ in points]), np.array([top1 for *_, top1 in points])
            low, high = np.transpose([interval(top1) for top1 in values])
            axes.errorbar(
                *(sizes / 1000, 100 * values, 100 * np.array([values - low, high - values])),
                fmt=marker,
                capsize=3,
                label=label,
            )
            for name, n, top1 in points:
                side, place = ("right", (-6, 4)) if name in TRAINED else ("left", (6, 4 if points is ours else -10))
                axes.annotate(
                    name, (n / 1000, 100 * top1), xytext=place, textcoords="offset points", fontsize=8, ha=side
                )
        axes.set(xscale="log", xlim=(1.4, 60), xlabel="weights, kB", ylabel="accuracy on MNIST's test images, %")
        axes.set_xticks([2, 4, 8, 16, 32], ["2", "4", "8", "16", "32"])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
