"""Compare the speed of int8 and fp32 for every architecture, as ONNX and TFLite: writes docs/results/int8-speed.md.

    python -m benchmarks.int8_speed --runs FOLDER

FOLDER holds the trained runs NAME-0 that `accuracy.py` made.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

EDGE_MNIST = Path(sys.executable).with_name("edge-mnist")
RESULTS = Path(__file__).parents[1] / "docs" / "results"
NAMES = ("edge", "robust", "nano", "conv64-32", "conv32-64-64", "conv3-dense2", "dropout-augment", "custom")
SAMPLES = 3000


def main() -> None:
    """Export every architecture, measure it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    bundles = {name: export(name, options.runs) for name in NAMES}
    bench = json.loads(call("bench", *bundles.values(), "--samples", SAMPLES, "--json"))
    medians = {Path(model["model"]): model["latency_us"]["p50"] for model in bench["models"]}
    lines = [
        "# Speed of int8 against fp32",
        "",
        "Written by `benchmarks/int8_speed.py`.",
        "",
        "| figure | meaning |",
        "|---|---|",
        "| us | p50 of one digit, one thread, all files in interleaved rounds of one `edge-mnist bench`, "
        f"{bench['env']['cpu']}, {platform.machine()} |",
        "| ratio | int8 / fp32 |",
        "| int8 agreement | fraction of the evaluation images that both int8 files read alike |",
        "",
        "| `--arch` | ONNX fp32 us | ONNX int8 us | ratio | TFLite fp32 us | TFLite int8 us | ratio | int8 agreement |",
        "|---|---|---|---|---|---|---|---|",
        *(describe(name, bundle, medians) for name, bundle in bundles.items()),
        "",
        *(f"- {advice}." for advice in bench["advice"]),
    ]
    (options.results / "int8-speed.md").write_text("\n".join(lines).rstrip() + "\n")


def export(name: str, runs: Path) -> Path:
    """Export a run in both precisions, unless its bundle exists."""
    bundle = runs / f"{name}-both-bundle"
    if not bundle.exists():
        run = runs / f"{name}-0"
        call("export", run if run.exists() else name, "--precision", "fp32,int8", "-o", bundle)
    return bundle


def describe(name: str, bundle: Path, medians: dict[Path, float]) -> str:
    """Format one row of the table."""
    report: dict[str, Any] = json.loads((bundle / "report.json").read_text())
    cells = [f"`{name}`"]
    for suffix in (".onnx", ".tflite"):
        fp32, int8 = (medians[bundle / f"{report['name']}_{precision}{suffix}"] for precision in ("fp32", "int8"))
        cells += [f"{fp32:.1f}", f"{int8:.1f}", f"{int8 / fp32:.2f}"]
    cells.append(f"{report['int8_parity']['agreement']:.2%}")
    return f"| {' | '.join(cells)} |"


def call(*arguments: object) -> str:
    """Run `edge-mnist` and return its output. A failure raises `CalledProcessError`."""
    return subprocess.run([EDGE_MNIST, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
