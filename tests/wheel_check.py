"""Check the wheel in an environment without anything else (`make wheel`)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import urllib.request
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

MUST_BE_ABSENT = (
    "fastapi",
    "uvicorn",
    "tensorflow",
    "keras",
    "onnx",
    "tf2onnx",
    "sklearn",
    "scipy",
    "jinja2",
    "matplotlib",
    "ai_edge_litert",
    "pillow_heif",
    "cryptography",
    "cyclonedx",
)
PACKAGES = ("edge_mnist_runtime", "edge_mnist_trainer", "edge_mnist_exporter")
EDGE_MNIST = Path(sys.executable).with_name("edge-mnist")


def check(holds: bool, claim: str) -> None:
    """Print the claim, and exit if it does not hold."""
    print(f"  {'ok' if holds else 'FAILED'}: {claim}")
    if not holds:
        sys.exit(1)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    return subprocess.run([EDGE_MNIST, *arguments], capture_output=True, text=True, check=False)


def serves_a_page() -> bool:
    """Whether `edge-mnist demo` serves a page."""
    command = [EDGE_MNIST, "demo", "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = (process.stdout.readline() if process.stdout else "").split()[0]
            with urllib.request.urlopen(url, timeout=30) as answer:
                return b"<title>Draw a digit</title>" in answer.read()
        finally:
            process.kill()


def main() -> None:
    """Check the installation from end to end."""
    for module in MUST_BE_ABSENT:
        check(find_spec(module) is None, f"{module} is not installed")
    for package in PACKAGES:
        spec = find_spec(package)
        check(spec is not None and "site-packages" in str(spec.origin), f"{package} comes from the wheel")
    tops = {str(file).split("/")[0] for file in metadata.files("edge-mnist") or []}
    packages = {top for top in tops if not top.startswith("..") and not top.endswith(".dist-info")}
    check(packages == set(PACKAGES), f"the wheel contains only the packages {', '.join(PACKAGES)}")
    files = {str(file) for file in metadata.files("edge-mnist") or []}
    for name in ("edge", "nano", "micro", "robust"):
        for file in (f"edge_mnist_runtime/models/{name}_int8.onnx", f"edge_mnist_trainer/models/{name}.keras"):
            check(file in files, f"the wheel contains {file}")
        check(f"edge_mnist_runtime/models/{name}_int8.page.json" in files, f"the wheel contains the page of {name}")
    for file in ("golden.npz", "saturation.onnx", "yardstick.onnx"):
        check(f"edge_mnist_runtime/models/{file}" in files, f"the wheel contains {file}")
    for file in ("trainer/report/templates/page.html", "exporter/report/templates/export.html"):
        check(f"edge_mnist_{file}" in files, f"the wheel contains {file}")
    with tempfile.TemporaryDirectory() as folder:
        check(run("samples", folder).returncode == 0, "edge-mnist samples")
        done = run("classify", folder)
        print(done.stdout, end="")
        digits = [(line.split()[0], Path(line.split()[-1]).name[0]) for line in done.stdout.splitlines()]
        check(done.returncode == 0 and len(digits) == 10, "edge-mnist classify reads ten pictures")
        check(all(found == shown for found, shown in digits), "and reads them right")
        done = run("classify", folder, "--backend", "native")
        if "edge_mnist_runtime/models/libraries.json" in files:
            check(done.returncode == 0, "edge-mnist classify --backend native runs the compiled library")
        else:
            check(done.returncode == 2 and "no compiled library" in done.stderr, "without ziglang no library is built")
    for extra in ("train", "export"):
        done = run(extra)
        check(
            done.returncode == 3 and f'.whl[{extra}]"' in done.stderr,
            f"edge-mnist {extra} names its extra, exit 3",
        )
    check(run("bench", "--samples", "50").returncode == 0, "edge-mnist bench")
    done = run("bench", "--samples", "50", "--plot", "latency.png")
    check(done.returncode == 3 and '.whl[plot]"' in done.stderr, "edge-mnist bench --plot names its extra, exit 3")
    check(run("doctor").returncode == 0, "edge-mnist doctor")
    check(serves_a_page(), "edge-mnist demo serves the page of the default model")


if __name__ == "__main__":
    main()
