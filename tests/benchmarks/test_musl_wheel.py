"""Wheels for musl hold the same files as the wheel for any machine, but do not ask for onnxruntime."""

from __future__ import annotations

import base64
import hashlib
import zipfile

from benchmarks.tools.musl_wheel import write_wheel

METADATA = "Name: tiny\nRequires-Dist: numpy\nRequires-Dist: onnxruntime>=1; platform_machine in 'x86_64'\n"
EXTRA = "Requires-Dist: onnxruntime>=1; extra == 'onnx'\n"


def test_musl_wheel_has_its_tag_and_no_onnxruntime(tmp_path):
    source, target = tmp_path / "tiny-1-py3-none-any.whl", tmp_path / "tiny-1-py3-none-musllinux_1_1_armv7l.whl"
    with zipfile.ZipFile(source, "w") as wheel:
        wheel.writestr("tiny/__init__.py", "")
        wheel.writestr("tiny-1.dist-info/METADATA", METADATA + EXTRA)
        wheel.writestr("tiny-1.dist-info/WHEEL", "Root-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    write_wheel(source, target, "py3-none-musllinux_1_1_armv7l")
    with zipfile.ZipFile(target) as wheel:
        assert wheel.read("tiny-1.dist-info/METADATA").decode() == "Name: tiny\nRequires-Dist: numpy\n" + EXTRA
        assert b"Tag: py3-none-musllinux_1_1_armv7l" in wheel.read("tiny-1.dist-info/WHEEL")
        record = wheel.read("tiny-1.dist-info/RECORD").decode().splitlines()
        assert record[-1] == "tiny-1.dist-info/RECORD,,"
        for line in record[:-1]:
            name, digest, size = line.split(",")
            data = wheel.read(name)
            found = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert (digest, int(size)) == (f"sha256={found}", len(data))
