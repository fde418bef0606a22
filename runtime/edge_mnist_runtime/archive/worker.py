"""A child process of the local engine: read part numbers from standard input, and answer each when it is made.

An answer is a line of JSON: `{"part": 3}`, or the class and message of an error. The process ends with its standard
input, so none is left when the parent is killed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from edge_mnist_runtime.archive.parts import PartMaker


def main() -> None:
    """Make the parts of the output that `sys.argv[1]` names."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    try:
        maker = PartMaker(Path(sys.argv[1]))
        for line in sys.stdin:
            maker.make(int(line))
            print(json.dumps({"part": int(line)}), file=answers)
    except Exception as error:  # noqa: BLE001  # the parent raises it
        print(json.dumps({"error": type(error).__name__, "message": str(error)}), file=answers)
