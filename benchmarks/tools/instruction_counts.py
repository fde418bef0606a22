"""Compare the instructions that the shipped models need for a digit with those of the last landed ones.

    python -m benchmarks.tools.instruction_counts            # exit code 7 if one needs over 3 % more
    python -m benchmarks.tools.instruction_counts --record   # after a change of models or versions, to be committed

The recorded counts are in benchmarks/instruction_counts.json. They hold for the versions that are recorded with them.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edge_mnist_runtime.bench.instruction_counters import CallgrindCounter
from edge_mnist_runtime.bench.instruction_gate import InstructionChange, judge_counts
from edge_mnist_runtime.bench.instructions import InstructionCount, count_instructions
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.errors import RegressionError

REPOSITORY = Path(__file__).resolve().parents[2]
RECORD = REPOSITORY / "benchmarks" / "instruction_counts.json"
TFLITE_FOLDER = REPOSITORY / "exporter" / "edge_mnist_exporter" / "models"
MAX_GROWTH = 0.03

ENGINES = {
    "ai-edge-litert": {f"{name}_int8.tflite": TFLITE_FOLDER / f"{name}_int8.tflite" for name in BUNDLED_MODELS},
    "onnxruntime": {f"{name}_int8.onnx": Path(path) for name, path in BUNDLED_MODELS.items()},
}
"""The shipped files, by name and by the engine that runs them."""


def main() -> None:
    """Compare, or record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write the counts of the files as they are now")
    options = parser.parse_args()
    if options.record:
        engines = {engine: {"conditions": describe_conditions(engine), "counts": measure(engine)} for engine in ENGINES}
        RECORD.write_text(json.dumps(engines, indent=2) + "\n", "utf-8")
        return
    for engine in ENGINES:
        reason = find_obstacle(engine)
        if reason:
            print(f"{engine}: not compared, {reason}", file=sys.stderr)
            continue
        for change in compare(engine, measure(engine)):
            print(f"{change.model} {change.old_and_new}")
            if exceeds(change):
                sys.exit(RegressionError.exit_code)


def describe_conditions(engine: str) -> dict[str, str]:
    """What the counts of an engine depend on, besides the files."""
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "machine": platform.machine(),
        engine: version(engine),
        "numpy": version("numpy"),
    }


def find_obstacle(engine: str) -> str | None:
    """Why the recorded counts cannot be compared with counts of this machine; None if they can."""
    recorded, here = read_record()[engine]["conditions"], describe_conditions(engine)
    different = [
        f"{name} {here.get(name)} (recorded: {recorded[name]})" for name in recorded if recorded[name] != here.get(name)
    ]
    return f"other versions: {', '.join(different)}; record anew" if different else None


def read_record() -> Mapping[str, Any]:
    """The recorded counts and their conditions, by engine."""
    record: dict[str, Any] = json.loads(RECORD.read_text("utf-8"))
    return record


def measure(engine: str) -> dict[str, int]:
    """Instructions of a digit of each shipped file, counted in callgrind so that they hold for every processor."""
    files = ENGINES[engine]
    counts = count_instructions([*map(str, files.values())], load_samples().images, counter=CallgrindCounter.name)
    return {name: count.per_digit for name, count in zip(files, counts, strict=True)}


def exceeds(change: InstructionChange) -> bool:
    """Whether a file needs more instructions than the limit allows."""
    return change.ratio > change.limit


def compare(engine: str, counts: Mapping[str, int]) -> list[InstructionChange]:
    """Compare counts with the recorded ones, of the files that are in both."""
    recorded = read_record()[engine]["counts"]

    def describe(per_digit: int) -> InstructionCount:
        return InstructionCount(per_digit, CallgrindCounter.name, [])

    return [
        judge_counts((name, name), (describe(recorded[name]), describe(counts[name])), MAX_GROWTH)
        for name in counts
        if name in recorded
    ]


if __name__ == "__main__":
    main()
