"""`--project KIND DIR`: projects that build as they are, and what is refused."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from tests.exporter.program.drawings import write_documented_program

from edge_mnist_exporter import ProjectConfig
from edge_mnist_exporter.program.c_program import draw_golden, report_unproved
from edge_mnist_exporter.program.compiler import WARNINGS
from edge_mnist_exporter.program.projects.project import write_project
from edge_mnist_runtime.errors import OutputError, UsageError

pytestmark = pytest.mark.slow

ARDUINO_H = """#include <stdint.h>
#include <string.h>
struct Port {
    void begin(long);
    template <class T> void print(T);
    template <class T> void println(T);
};
extern Port Serial;
unsigned long micros();
void delay(unsigned long);
"""
"""As much of Arduino's header as the sketch uses."""

LIBRARY_FIELDS = [
    *("name", "version", "author", "maintainer", "sentence", "paragraph"),
    *("category", "url", "architectures", "includes"),
]
"""Of library.properties, in Arduino's library specification."""


@pytest.fixture
def project(nano_program, tmp_path):
    """`project(kind)`: the folder of a project of `nano`."""

    def write(kind):
        golden = draw_golden(nano_program.kernels)
        proof = report_unproved(nano_program, golden.images, golden.scores)
        write_project(ProjectConfig(kind, tmp_path / kind), nano_program, proof, "Top-1 99.31%.")
        return tmp_path / kind

    return write


def list_files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_cmake_project_of_an_export_builds_and_reads_its_digits(c_bundle, tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake: apt-get install cmake")
    project = c_bundle / "project"
    subprocess.run(["cmake", "-S", project, "-B", tmp_path], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", tmp_path], check=True, capture_output=True)
    printed = subprocess.run([tmp_path / "golden_digits"], check=True, capture_output=True, text=True).stdout
    assert [line.split(", ")[0] for line in printed.splitlines()[:10]] == [
        f"golden digit {digit}: {digit}" for digit in range(10)
    ]
    assert re.search(
        r"10 of 10 with the expected scores\n2080 bytes of RAM, \d+ of constants\n[\d.]+ us a digit\n$", printed
    )


USER = """cmake_minimum_required(VERSION 3.10)
project(user C)
add_subdirectory({project} model)
add_executable(reader reader.c)
target_link_libraries(reader nano_int8)
"""


def test_program_that_links_the_cmake_project_reads_a_drawing(c_bundle, tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake: apt-get install cmake")
    (tmp_path / "CMakeLists.txt").write_text(USER.format(project=c_bundle / "project"), "utf-8")
    (tmp_path / "reader.c").write_text(write_documented_program(), "utf-8")
    subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "build"], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", tmp_path / "build"], check=True, capture_output=True)
    printed = subprocess.run([tmp_path / "build" / "reader"], check=True, capture_output=True, text=True).stdout
    assert int(re.fullmatch(r"score of 1: (\d+) of 256\n", printed)[1]) > 128


def test_project_of_a_model_of_other_things_has_no_drawing_files(nano_program, tmp_path):
    program = replace(nano_program, reads_drawings=False)
    golden = draw_golden(program.kernels)
    proof = report_unproved(program, golden.images, golden.scores)
    for kind in ("cmake", "arduino", "zephyr"):
        write_project(ProjectConfig(kind, tmp_path / kind), program, proof, "Top-1 99.31%.")
        for path in list_files(tmp_path / kind):
            assert "edge_mnist_drawing" not in path + (tmp_path / kind / path).read_text("utf-8")


def test_cmake_project_compiles_without_a_warning_and_notices_wrong_scores(project, compiler, tmp_path):
    folder = project("cmake")
    scores = folder / "golden_digits.h"
    head, tail = scores.read_text("utf-8").split("golden_scores", 1)
    scores.write_text(f"{head}golden_scores" + re.sub(r"\{\d+,", "{77,", tail, count=1), "utf-8")
    command = [*compiler.command, *WARNINGS, "-Werror", "main.c", "nano_int8.c", "-o", tmp_path / "main"]
    subprocess.run(command, cwd=folder, check=True)
    finished = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "9 of 10 with the expected scores" in finished.stdout


def test_readme_of_a_project_holds_the_figures_of_the_export(c_bundle):
    readme = (c_bundle / "project" / "README.md").read_text("utf-8")
    assert re.search(r"Top-1 \d+\.\d\d% on [\d,]+ images of .*, Keras \d+\.\d\d%; the same answer as Keras on", readme)
    assert "2,080 bytes of RAM" in readme
    assert "\n\n`edge_mnist_drawing.h` explains how to make the 28 x 28 pixels of a drawing of any size.\n\n" in readme


def test_arduino_project_has_the_layout_of_a_library(project):
    folder = project("arduino")
    assert list_files(folder) == {
        "library.properties",
        "README.md",
        "src/nano_int8.c",
        "src/nano_int8.h",
        "src/edge_mnist_drawing.c",
        "src/edge_mnist_drawing.h",
        "examples/GoldenDigits/GoldenDigits.ino",
        "examples/GoldenDigits/golden_digits.h",
    }
    lines = (folder / "library.properties").read_text("utf-8").splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    assert list(fields) == LIBRARY_FIELDS
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]*", fields["name"])
    assert re.match(r"\d+\.\d+\.\d+", fields["version"])
    assert not fields["sentence"].lower().startswith(("arduino", "a library"))
    assert fields["category"] == "Data Processing"


def test_arduino_sketch_is_sound_cplusplus(project):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("needs a C++ compiler: apt-get install g++")
    folder = project("arduino")
    (folder / "Arduino.h").write_text(ARDUINO_H, "utf-8")
    sketch = "examples/GoldenDigits/GoldenDigits.ino"
    include = ["-I", "src", "-I", ".", "-include", "Arduino.h"]
    subprocess.run(
        [compiler, "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *include, "-x", "c++", sketch],
        cwd=folder,
        check=True,
    )


def test_zephyr_project_has_the_layout_of_an_application(project):
    folder = project("zephyr")
    sources = {"src/main.c", "src/nano_int8.c", "src/nano_int8.h", "src/golden_digits.h"}
    sources |= {"src/edge_mnist_drawing.c", "src/edge_mnist_drawing.h"}
    assert list_files(folder) == {"CMakeLists.txt", "prj.conf", "sample.yaml", "README.md", *sources}
    cmake = (folder / "CMakeLists.txt").read_text("utf-8")
    assert cmake.index("find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})") < cmake.index("project(nano)")
    assert "target_sources(app PRIVATE src/main.c src/nano_int8.c src/edge_mnist_drawing.c)" in cmake
    for line in (folder / "prj.conf").read_text("utf-8").splitlines():
        assert re.fullmatch(r"CONFIG_[A-Z_]+=(y|\d+)", line)
    sample = (folder / "sample.yaml").read_text("utf-8")
    assert re.search(r"^tests:\n  [\w.]+:\n", sample, re.MULTILINE)
    for path in folder.rglob("*"):
        assert path.is_dir() or not re.search(r"@\w+@", path.read_text("utf-8")), path


def test_folder_that_is_not_empty_is_refused(run_here, tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "main.c").write_text("mine", "utf-8")
    asked = ("export", "nano", "--int8", "--format", "c", "--project", "cmake", tmp_path / "project")
    refused = run_here(*asked, "-o", tmp_path / "bundle")
    assert (refused.code, refused.err.count("\n")) == (2, 1), refused.err
    assert "--project" in refused.err
    assert "exists and is no empty folder" in refused.err
    assert not (tmp_path / "bundle").exists()


def test_empty_folder_is_used_and_a_file_is_not(tmp_path):
    (tmp_path / "empty").mkdir()
    ProjectConfig("cmake", tmp_path / "empty").check_folder(tmp_path / "bundle")
    for inside in ("bundle", "bundle/project"):
        with pytest.raises(OutputError, match="the bundle is written there"):
            ProjectConfig("cmake", tmp_path / inside).check_folder(tmp_path / "bundle")
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(OutputError, match="no empty folder"):
        ProjectConfig("cmake", tmp_path / "file").check_folder()


def test_project_without_c_is_refused(run_here, tmp_path):
    refused = run_here("export", "nano", "--int8", "--format", "onnx", "--project", "cmake", tmp_path / "project")
    assert (refused.code, refused.err.count("\n")) == (2, 1), refused.err
    assert "--project: a project holds the C program; add c to --format" in refused.err


def test_unknown_kind_of_project_is_refused(tmp_path):
    with pytest.raises(UsageError, match="`project` make: unknown; expected one of cmake, arduino, zephyr"):
        ProjectConfig("make", tmp_path)
