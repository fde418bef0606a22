"""`edge-mnist export --int8 --format c`: what is written, what is proved, what is refused."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_mnist_exporter.program.compiler import WARNINGS
from edge_mnist_runtime import open_model
from edge_mnist_runtime.errors import UsageError

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.mnist
def test_program_gives_the_reference_scores_on_all_test_digits(run_here, compiler, tmp_path):
    finished = run_here("export", "nano", "--int8", "--format", "c", "-o", tmp_path / "bundle", "--json")
    assert finished.code == 0, finished.err
    (source,) = finished.json["artifacts"]
    assert source["program"]["images"] == finished.json["dataset"]["n"]
    assert source["program"]["differing"] == 0


def test_export_proves_the_program_on_every_evaluation_image(c_bundle, compiler):
    report = json.loads((c_bundle / "bundle" / "report.json").read_text("utf-8"))
    tflite, source = report["artifacts"]
    program = source["program"]
    assert tflite["program"] is None
    assert program["compiler"] == compiler.version
    assert program["builds"] == ["plain loops", "this processor's vectors"]
    assert (program["images"], program["differing"]) == (report["dataset"]["n"], 0)
    assert program["arena_bytes"] == source["audit"]["arena_bytes"] <= 2200
    assert program["constant_bytes"] < 5200
    if "gcc" in compiler.version.lower() or compiler.version.startswith("cc "):
        assert 300 < program["stack_bytes"] <= 416
    gate = next(gate for gate in report["gates"] if gate["name"] == "program_differences(nano_int8.c)")
    assert (gate["value"], gate["passed"]) == (0, True)
    printed = " ".join((c_bundle / "printed.txt").read_text("utf-8").split())
    card = (c_bundle / "bundle" / "MODEL_CARD.md").read_text("utf-8")
    for said in (printed, card):
        assert "every score is that of TFLite's reference kernels" in said


def test_bundle_holds_source_and_header_with_their_hashes(c_bundle):
    folder = c_bundle / "bundle"
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    hashes = {item["file"]: item["sha256"] for item in manifest["artifacts"]} | manifest["files"]
    for name in ("nano_int8.c", "nano_int8.h"):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == hashes[name]
    assert f'nano_sha256[] = "{hashes["nano_int8.tflite"]}"' in (folder / "nano_int8.c").read_text("utf-8")


def test_least_confidence_is_the_manifest_s_in_256ths(c_bundle):
    folder = c_bundle / "bundle"
    least = json.loads((folder / "manifest.json").read_text("utf-8"))["least_confidence"]
    found = int(re.search(r"nano_least_confidence = (\d+)", (folder / "nano_int8.h").read_text("utf-8"))[1])
    assert found - 1 < least * 256 <= found


def test_verify_and_info_say_what_c_source_is(c_bundle, run_here):
    folder = c_bundle / "bundle"
    verified = run_here("verify", folder)
    assert verified.code == 0, verified.err
    assert "nano_int8.c: not replayed. C source, which a compiler makes part of a program" in verified.out
    for name in ("nano_int8.c", "nano_int8.h"):
        (described,) = run_here("info", folder / name, "--json").json["files"]
        assert described["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert (described["name"], described["format"], described["precision"]) == ("nano", "c", "int8")
    assert [item["format"] for item in run_here("info", folder, "--json").json["files"]] == ["tflite", "c"]
    assert re.findall(r"\n  top1 +measured by the export: ([\d.]+%)", run_here("info", folder).out) == [
        f"{item['top1']:.2%}" for item in run_here("info", folder, "--json").json["files"]
    ]


def test_damaged_source_is_found(c_bundle, run_here, tmp_path):
    for path in (c_bundle / "bundle").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "nano_int8.h").open("a", encoding="utf-8") as header:
        header.write("/* changed */\n")
    assert run_here("verify", tmp_path).code == 6


def test_runtime_refuses_to_run_c_source(c_bundle):
    with pytest.raises(UsageError, match=r"nano_int8\.c: C source, which a compiler makes part of a program"):
        open_model(c_bundle / "bundle" / "nano_int8.c")


def test_bundle_of_c_source_alone_is_verified_and_runs_nowhere(c_bundle, run_here, tmp_path):
    for path in (c_bundle / "bundle").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    manifest["artifacts"] = [item for item in manifest["artifacts"] if item["format"] == "c"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    verified = run_here("verify", tmp_path)
    assert verified.code == 0, verified.err
    for command in (("doctor",), ("bench", "--samples", "10"), ("verify", "--backend", "litert")):
        refused = run_here(command[0], tmp_path, *command[1:])
        assert (refused.code, refused.err.count("\n")) == (2, 1), refused.err
    for backend in (None, "auto", "onnxruntime"):
        with pytest.raises(UsageError, match="no model that runs here: C source"):
            open_model(tmp_path, backend=backend)


def test_program_of_the_docs_compiles_and_answers(c_bundle, compiler, tmp_path):
    page = (DOCS / "c.md").read_text("utf-8")
    main = re.search(r"```c\n(.*?)```", page, re.DOTALL)[1].replace("edge", "nano")
    (tmp_path / "main.c").write_text(main, "utf-8")
    source = c_bundle / "bundle" / "nano_int8.c"
    command = [*compiler.command, *WARNINGS, "-Werror", "-I", source.parent, "main.c", source, "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    found = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    assert re.fullmatch(
        r"wrong golden vectors: 0\nan empty image: (\d, \d+ of 256|not to be relied on)\n", found.stdout
    )


def test_nano_fits_into_7_kib_of_a_cortex_m4_at_o2(c_bundle, tmp_path):
    compiler, size = shutil.which("arm-none-eabi-gcc"), shutil.which("arm-none-eabi-size")
    if compiler is None or size is None:
        pytest.skip("needs gcc for Arm: apt-get install gcc-arm-none-eabi")
    options = ["-mcpu=cortex-m4", "-mthumb", "-ffreestanding", "-std=c99", "-O2", "-DEDGE_MNIST_NO_SELF_TEST"]
    source = c_bundle / "bundle" / "nano_int8.c"
    subprocess.run([compiler, *options, "-c", source, "-o", tmp_path / "nano.o"], check=True)
    printed = subprocess.run([size, tmp_path / "nano.o"], check=True, capture_output=True, text=True).stdout
    assert int(printed.splitlines()[1].split()[0]) <= 7 * 1024


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--precision", "fp32", "--format", "c"], 2, "the C program computes in int8 alone"),
        (["--precision", "int16x8", "--format", "c"], 2, "the C program computes in int8 alone"),
        (["--int8", "--format", "c", "--auto-mixed"], 2, "a C program has no layers in float"),
        (["--int8", "--format", "c", "--io", "float32"], 2, "int8 c takes uint8"),
        (
            ["--int8", "--format", "onnx", "--max-ram", "9000"],
            2,
            "--max-ram: only C programs state the memory that they work in; add c to --format",
        ),
    ],
)
def test_what_c_cannot_be_is_refused_in_one_line(options, code, said, run_here, tmp_path):
    refused = run_here("export", "nano", *options, "-o", tmp_path / "bundle")
    assert refused.code == code
    assert said in refused.err
    assert refused.err.count("\n") == 1
    assert not (tmp_path / "bundle").exists()


def test_name_that_is_no_c_identifier_is_refused(reference_model, export_c, tmp_path):
    model = tmp_path / "my-model.keras"
    model.write_bytes(reference_model.read_bytes())
    refused = export_c(model=model)
    assert refused.code == 2
    assert "my-model: no identifier of C" in refused.err


def test_too_much_ram_is_refused_with_the_need(export_c):
    refused = export_c("--max-ram", "2000")
    assert refused.code == 4
    assert re.search(r"works in 2,\d\d\d bytes of RAM, and --max-ram is 2,000;", refused.err)


def test_compiler_that_fails_leaves_its_words_in_a_log(export_c, tmp_path):
    compiler = tmp_path / "broken-cc"
    compiler.write_text('#!/bin/sh\n[ "$1" = --version ] && echo broken 1 && exit\necho no room on the chip\nexit 1\n')
    compiler.chmod(0o755)
    refused = export_c(env={"CC": str(compiler)})
    assert refused.code == 4
    log = re.search(r"its words are in (\S+);", refused.err)[1]
    assert "no room on the chip" in Path(log).read_text("utf-8")


def test_compiler_whose_output_cannot_be_loaded_is_named_as_the_cause(export_c, tmp_path):
    compiler = tmp_path / "odd-cc"
    compiler.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo odd 1 && exit\nfor last; do :; done\necho no library >"$last"\n'
    )
    compiler.chmod(0o755)
    refused = export_c(env={"CC": str(compiler)})
    assert refused.code == 4
    assert "cannot be loaded here" in refused.err
    assert "name another compiler with CC" in refused.err


def test_without_a_compiler_the_program_is_not_called_proved(export_c, tmp_path):
    if importlib.util.find_spec("ziglang"):
        pytest.skip("ziglang is installed, which the environment cannot hide")
    hidden = {"PATH": str(tmp_path), "CC": ""}
    finished = export_c(env=hidden)
    assert finished.code == 0, finished.err
    assert "not proved" in finished.out
    program = json.loads((tmp_path / "bundle" / "report.json").read_text("utf-8"))["artifacts"][0]["program"]
    assert (program["compiler"], program["images"]) == (None, 0)
    assert "Not proved here" in (tmp_path / "bundle" / "MODEL_CARD.md").read_text("utf-8")


def test_wrong_program_fails_the_export(export_c, tmp_path):
    """A compiler that miscompiles: zero-points are off by one."""
    compiler = tmp_path / "wrong-cc"
    real = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    compiler.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] || sed -i "s/value += zero;/value += zero + 1;/" *_int8.c\nexec {real} "$@"\n'
    )
    compiler.chmod(0o755)
    failed = export_c(env={"CC": str(compiler)})
    assert failed.code == 5
    assert "program_differences(nano_int8.c) = " in failed.err
    assert not (tmp_path / "bundle").exists()
