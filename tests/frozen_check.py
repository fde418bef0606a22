"""Check an application frozen by PyInstaller, in an empty environment (`make frozen-test`).

python tests/frozen_check.py APPLICATION
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path


def run(application: str, *arguments: str, given: bytes = b"") -> tuple[int, str, str]:
    """Run the application without environment variables, as on a machine without Python."""
    done = subprocess.run([application, *arguments], input=given, capture_output=True, check=False, env={})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check(holds: bool, claim: str, found: object) -> None:
    """Print the claim, and exit if it does not hold."""
    print(f"  {'ok' if holds else f'FAILED: {found}'}: {claim}")
    if not holds:
        sys.exit(1)


def main(application: str) -> None:
    """Check the application from end to end."""
    code, out, err = run(application, "--help")
    check(code == 0 and "classify" in out, "--help lists the commands", err)
    check("At the workstation" not in out, "and no commands that are not included", out)
    code, out, err = run(application, "--version")
    check((code, out.split()[0]) == (0, "edge-mnist"), "--version", err)
    with tempfile.TemporaryDirectory() as folder:
        code, _, err = run(application, "samples", folder)
        check(code == 0, "samples are found", err)
        for model in ("robust", "edge", "micro", "nano"):
            code, out, err = run(application, "classify", folder, "--model", model)
            digits = [(line.split()[0], Path(line.split()[-1]).name[0]) for line in out.splitlines()]
            check(len(digits) == 10, f"{model} is found, and classifies", err)
            if model == "robust":
                check(code == 0 and all(found == shown for found, shown in digits), "and reads all right", out)
        three = (Path(folder) / "3-transparent.png").read_bytes()
        code, out, err = run(application, "classify", "-", given=three)
        check(out.startswith("3"), "standard input is read", err)
        code, out, err = run(application, "classify", folder, "--processes", "2")
        check(code == 0 and len(out.splitlines()) == 10, "several processes work", err)
    for arguments in (("info",), ("doctor",), ("bench", "--samples", "50")):
        code, _, err = run(application, *arguments)
        check(code == 0, " ".join(arguments), err)


if __name__ == "__main__":
    main(sys.argv[1])
