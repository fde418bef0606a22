"""Bundles are written atomically: whole or not at all."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_mnist_exporter.bundle.bundle_writer import BundleWriter
from edge_mnist_runtime.bundles.manifest import Manifest
from edge_mnist_runtime.errors import OutputError, UsageError
from edge_mnist_runtime.preprocess import PREPROCESS


def manifest(name: str, *files: str) -> bytes:
    source = {"file": "edge.keras", "sha256": "0" * 64}
    made = Manifest(
        name,
        tuple("0123456789"),
        PREPROCESS.to_dict(),
        source,
        evaluation={"name": "none", "split": "test", "n": 0, "sha256": "0" * 64},
        versions={},
        artifacts=(),
        files=dict.fromkeys(files, "0" * 64),
    )
    return made.to_json().encode()


OLD = {"manifest.json": manifest("old", "old.onnx"), "old.onnx": b"old model"}
NEW = {"new.onnx": b"new model", "manifest.json": manifest("new", "new.onnx")}

FILL_DISK = """
import resource, sys
from pathlib import Path
from edge_mnist_exporter.bundle.bundle_writer import BundleWriter
from edge_mnist_runtime.errors import OutputError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # Python ignores SIGXFSZ: a longer write fails with EFBIG
try:
    with BundleWriter(Path(sys.argv[1])) as writer:
        writer.write({"small.json": b"x", "large.onnx": bytes(100_000), "manifest.json": b"x"})
except OutputError as error:
    print(error)
"""

WRITE_FOR_EVER = """
import itertools, json, sys
from pathlib import Path
from edge_mnist_exporter.bundle.bundle_writer import BundleWriter
manifest = json.loads(sys.argv[3])
for generation in itertools.count(int(sys.argv[2])):
    data = generation.to_bytes(4, "big") * 50_000
    files = {name: data for name in ("a.tflite", "b.onnx", "c.md", "d.npz")}
    with BundleWriter(Path(sys.argv[1])) as writer:
        writer.write({**files, "manifest.json": json.dumps({**manifest, "name": str(generation)}).encode()})
    print(generation, flush=True)
"""


def write(target, files):
    with BundleWriter(target) as writer:
        writer.write(files)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def target(tmp_path):
    """The path of an old bundle in an otherwise empty folder."""
    write(tmp_path / "bundle", OLD)
    return tmp_path / "bundle"


def names_beside(target):
    return [path.name for path in target.parent.iterdir()]


def test_new_bundle_contains_exactly_its_files(tmp_path):
    write(tmp_path / "deep" / "bundle", NEW)
    assert contents(tmp_path / "deep" / "bundle") == NEW
    assert names_beside(tmp_path / "deep" / "bundle") == ["bundle"]


def test_empty_folder_becomes_a_bundle(tmp_path):
    (tmp_path / "bundle").mkdir()
    write(tmp_path / "bundle", NEW)
    assert contents(tmp_path / "bundle") == NEW


def test_old_bundle_is_replaced_and_its_files_are_removed(target):
    write(target, NEW)
    assert contents(target) == NEW
    assert names_beside(target) == ["bundle"]


def test_bundle_appears_only_when_all_files_are_written(tmp_path):
    with BundleWriter(tmp_path / "bundle"):
        assert not (tmp_path / "bundle").exists()
    assert not list(tmp_path.iterdir())


def test_interrupted_export_leaves_the_old_bundle_and_no_hidden_folder(target):
    with pytest.raises(KeyboardInterrupt), BundleWriter(target):
        raise KeyboardInterrupt
    assert contents(target) == OLD
    assert names_beside(target) == ["bundle"]


def test_other_folder_is_refused_and_not_changed(tmp_path):
    (tmp_path / "thesis.txt").write_bytes(b"precious")
    with pytest.raises(UsageError, match=r"holds thesis\.txt"):
        BundleWriter(tmp_path)
    assert contents(tmp_path) == {"thesis.txt": b"precious"}


def test_folder_with_another_program_s_manifest_is_refused_and_not_changed(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "manifest.json").write_text('{"name": "My web app", "start_url": "/"}')  # web apps have one, too
    (site / "index.html").write_text("precious")
    with pytest.raises(UsageError, match=r"holds index\.html"):
        write(site, NEW)
    assert (site / "index.html").read_text() == "precious"


def test_bundle_with_a_user_s_own_file_is_refused_and_not_changed(target):
    (target / "notes.txt").write_bytes(b"precious")
    with pytest.raises(UsageError, match=r"holds notes\.txt"):
        write(target, NEW)
    assert contents(target) == {**OLD, "notes.txt": b"precious"}


def test_older_bundle_is_restored_after_a_kill_between_two_renames(target):
    # The state after a kill between the renames, on a file system that cannot exchange names.
    target.rename(target.with_name(".bundle.previous"))
    with BundleWriter(target):
        assert contents(target) == OLD
    assert names_beside(target) == ["bundle"]


def test_file_at_the_target_is_refused_and_not_changed(tmp_path):
    (tmp_path / "file").write_bytes(b"precious")
    with pytest.raises(UsageError, match="is no folder"):
        BundleWriter(tmp_path / "file")
    assert contents(tmp_path) == {"file": b"precious"}


def test_file_as_parent_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"precious")
    with pytest.raises(OutputError, match="cannot be written"):
        BundleWriter(tmp_path / "file" / "bundle")
    assert contents(tmp_path) == {"file": b"precious"}


def test_full_disk_leaves_the_old_bundle_and_no_hidden_folder(target, run_script):
    assert "cannot be written" in run_script(FILL_DISK, target)
    assert contents(target) == OLD
    assert names_beside(target) == ["bundle"]


def test_full_disk_leaves_no_new_bundle(tmp_path, run_script):
    assert "cannot be written" in run_script(FILL_DISK, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_link_to_a_bundle_is_kept(target):
    link = target.with_name("current")
    link.symlink_to(target)
    write(link, NEW)
    assert link.is_symlink()
    assert contents(link) == contents(target) == NEW


def test_target_of_a_dangling_link_is_created(tmp_path):
    (tmp_path / "current").symlink_to(tmp_path / "bundle")
    write(tmp_path / "current", NEW)
    assert (tmp_path / "current").is_symlink()
    assert contents(tmp_path / "bundle") == NEW


def test_hidden_folder_of_a_living_process_is_kept(target):
    with BundleWriter(target) as other:
        write(target, NEW)
        other.write(OLD)
    assert contents(target) == OLD
    assert names_beside(target) == ["bundle"]


def test_file_added_during_the_export_is_not_lost(target):
    with BundleWriter(target) as writer:
        (target / "notes.txt").write_bytes(b"precious")
        with pytest.raises(UsageError, match=r"holds notes\.txt"):
            writer.write(NEW)
    assert (target / "notes.txt").read_bytes() == b"precious"


def test_root_folder_is_refused():
    with pytest.raises(UsageError, match="root folder"):
        BundleWriter(Path("/"))


def generation_of(bundle):
    """The common generation of all files of the bundle."""
    files = contents(bundle)
    generation = int(json.loads(files.pop("manifest.json"))["name"])
    assert sorted(files) == ["a.tflite", "b.onnx", "c.md", "d.npz"]
    assert set(files.values()) == {generation.to_bytes(4, "big") * 50_000}
    return generation


def test_kill_at_any_moment_leaves_one_whole_bundle(tmp_path):
    target, moments, newest = tmp_path / "bundle", random.Random(0), 0
    for _ in range(10):
        with subprocess.Popen(
            [
                sys.executable,
                "-c",
                WRITE_FOR_EVER,
                target,
                str(newest + 1),
                manifest("", "a.tflite", "b.onnx", "c.md", "d.npz"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        ) as writing:
            assert writing.stdout.readline()  # the first of its bundles is in place
            time.sleep(moments.uniform(0, 0.1))
            writing.kill()
        found = generation_of(target)
        assert found > newest
        newest = found
    write(target, NEW)
    assert contents(target) == NEW
    assert names_beside(target) == ["bundle"]


def test_refused_export_removes_the_folders_that_it_made(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "new" / "bundles" / "edge"):
        pass
    assert not (tmp_path / "new").exists()
    (tmp_path / "kept").mkdir()
    with BundleWriter(tmp_path / "kept" / "edge"):
        pass
    assert (tmp_path / "kept").is_dir()
