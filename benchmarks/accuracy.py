"""Train every architecture, export it to int8 and measure it: writes docs/results/accuracy.md and .json.

    python -m benchmarks.accuracy --runs build/accuracy --results docs/results

Existing runs and bundles are reused, so that an interrupted measurement can continue.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_mnist_trainer.networks.architectures import ARCHITECTURES
from edge_mnist_trainer.networks.size import measure_network

EDGE_MNIST = Path(sys.executable).with_name("edge-mnist")
FORMATS = ("tflite", "onnx")


@dataclass(frozen=True)
class Measured:
    """Results of one trained and exported network."""

    name: str
    seed: int
    validation_top1: float
    keras_top1: float
    files: dict[str, dict[str, Any]]
    """The entry of each file in report.json, by format."""
    latency_us: dict[str, float]
    """p50 of one digit, by format. Only the first seed has it."""


def main() -> None:
    """Train, export and measure every architecture, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archs", default=",".join(name for name in ARCHITECTURES if not name.startswith("teacher")))
    parser.add_argument("--seeds", action="append", default=[], metavar="ARCH=N", help="number of seeds; default: 1")
    parser.add_argument("--runs", type=Path, default=Path("build/accuracy"))
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    parser.add_argument("--transfer-set", action="append", default=[], metavar="ARCH=DIR", help="transfer set")
    options = parser.parse_args()
    teachers = dict(item.split("=", 1) for item in options.transfer_set)
    n_seeds = {name: int(n) for name, n in (item.split("=", 1) for item in options.seeds)}
    runs = [(name, seed) for name in options.archs.split(",") for seed in range(n_seeds.get(name, 1))]
    for name, seed in runs:
        train_and_export(name, seed, options.runs, teachers.get(name))
    latencies = measure_latencies([bundle_path(options.runs, name, 0) for name in dict.fromkeys(dict(runs))])
    measured = [read_measured(name, seed, options.runs, latencies) for name, seed in runs]
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "accuracy.json").write_text(json.dumps([vars(item) for item in measured], indent=2) + "\n")
    (options.results / "accuracy.md").write_text(write_page(measured, teachers))
    print(options.results / "accuracy.md")


def bundle_path(runs: Path, name: str, seed: int) -> Path:
    """Return the path of a run's bundle."""
    return runs / f"{name}-{seed}-bundle"


def train_and_export(name: str, seed: int, runs: Path, transfer_set: str | None) -> None:
    """Run `edge-mnist train` and `export --int8`, unless their results exist."""
    run, bundle = runs / f"{name}-{seed}", bundle_path(runs, name, seed)
    if not (run / "report.html").exists():
        teacher = ["--transfer-set", transfer_set] if transfer_set else []
        call("train", "--arch", name, "--seed", seed, "-o", run, "--force", *teacher)
    if not bundle.exists():
        call("export", run, "--int8", "-o", bundle)


def measure_latencies(bundles: list[Path]) -> dict[Path, float]:
    """Measure p50 of one digit in microseconds, by file, with all files in one process in interleaved rounds."""
    report = json.loads(call("bench", *bundles, "--json"))
    return {Path(model["model"]): model["latency_us"]["p50"] for model in report["models"]}


def call(*arguments: object) -> str:
    """Run `edge-mnist` and return its output. A failure raises `CalledProcessError`."""
    print("edge-mnist", *arguments, file=sys.stderr, flush=True)
    return subprocess.run([EDGE_MNIST, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout


def read_measured(name: str, seed: int, runs: Path, latencies: dict[Path, float]) -> Measured:
    """Read a run's record and its bundle's report, and add its latencies."""
    record = json.loads((runs / f"{name}-{seed}" / "run.json").read_text())
    report = json.loads((runs / f"{name}-{seed}-bundle" / "report.json").read_text())
    return Measured(
        name,
        seed,
        record["best"]["validation_top1"],
        report["reference"]["top1"],
        {Path(item["file"]).suffix[1:]: item for item in report["artifacts"]},
        {path.suffix[1:]: p50 for path, p50 in latencies.items() if path.parent == bundle_path(runs, name, seed)},
    )


def write_page(measured: list[Measured], teachers: dict[str, str]) -> str:
    """Format the page."""
    lines = [
        "# Accuracy of every architecture",
        "",
        "Written by `benchmarks/accuracy.py`.",
        "",
        "| figure | meaning |",
        "|---|---|",
        "| float, int8 | top-1 accuracy on MNIST's 10,000 test images, read once for this table; choices were made on "
        "validation images |",
        "| ± | standard deviation over the seeds |",
        "| us | p50 of one digit, one thread, all files in interleaved rounds of one `edge-mnist bench`, "
        f"{platform.machine()} |",
        "",
        "| `--arch` | seeds | published | float | int8 TFLite | int8 ONNX | parameters | MMAC | TFLite kB | ONNX kB "
        "| TFLite us | ONNX us |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(item.name for item in measured):
        lines.append(_row(name, [item for item in measured if item.name == name]))
    lines += ["", *_compare_with_published(measured)]
    distilled = [f"`{name}`" for name in teachers]
    if distilled:
        lines.append(f"- {', '.join(distilled)}: distilled from the `teacher` networks (docs/reference-model.md).")
    return "\n".join([*lines, ""])


def _compare_with_published(measured: list[Measured]) -> list[str]:
    lines = []
    for item in measured:
        published = ARCHITECTURES[item.name].published
        if published is None or item.seed:
            continue
        found = item.keras_top1 if published.split == "test" else item.validation_top1
        verdict = "reached" if found >= published.top1 else "not reached: 55,000 training images here, 60,000 published"
        lines.append(f"- `{item.name}`: {published} published, {found:.2%} here; {verdict}.")
    return lines


def _row(name: str, runs: list[Measured]) -> str:
    size = measure_network(ARCHITECTURES[name].build())
    accuracies = [[item.keras_top1 for item in runs]]
    accuracies += [[item.files[form]["top1"] for item in runs] for form in FORMATS]
    first = runs[0]
    cells = [
        f"`{name}`",
        str(len(runs)),
        str(ARCHITECTURES[name].published or ""),
        *map(_mean, accuracies),
        f"{size.parameters:,}",
        f"{size.macs / 1e6:.2f}",
        *(f"{first.files[form]['size_bytes'] / 1000:.1f}" for form in FORMATS),
        *(f"{first.latency_us[form]:.1f}" for form in FORMATS),
    ]
    return f"| {' | '.join(cells)} |"


def _mean(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.2%}"
    return f"{np.mean(values):.3%} ± {np.std(values, ddof=1) * 100:.3f}"


if __name__ == "__main__":
    main()
