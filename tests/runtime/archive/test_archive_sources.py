"""What an archive reads: tar, Parquet, IDX, .gz and folders, and which of them it refuses."""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runtime.archive.conftest import check_rows, draw_tensors, read_rows

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.archive import ArchiveConfig
from edge_mnist_runtime.archive.archiving import _describe
from edge_mnist_runtime.archive.parts import PartMaker
from edge_mnist_runtime.archive.plan import RunFiles, make_plan
from edge_mnist_runtime.dataset import encode_idx
from edge_mnist_runtime.errors import DataError, UsageError

pa = pytest.importorskip("pyarrow", reason="needs the extra archive")
parquet = pytest.importorskip("pyarrow.parquet")

Archive = Callable[..., dict[str, dict[str, Any]]]
RunCli = Callable[..., Any]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Archive sources in this process, which saves the start of another one, and return the rows."""

    def run(*sources: Path, **options: Any) -> dict[str, dict[str, Any]]:
        config = ArchiveConfig(**options)
        files = RunFiles(tmp_path / "out")
        files.work.mkdir(parents=True)
        plan = make_plan(files, tuple(map(str, sources)), config, _describe(config), "")
        maker = PartMaker(files.out)
        for part in range(len(plan.parts)):
            maker.make(part)
        assert plan.rows == sum(part.rows for part in plan.parts)
        return read_rows(files.out)

    return run


def write_table(path: Path, **columns: Any) -> Path:
    parquet.write_table(pa.table(columns), path, row_group_size=900)
    return path


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.uint8()), pa.list_(pa.uint8(), 784), pa.list_(pa.int64()), pa.binary(784)]
)
def test_parquet_of_tensors(kind: Any, archive: Archive, classifier: DigitClassifier, tmp_path: Path) -> None:
    tensors = draw_tensors(2_000)
    values = [tensor.tobytes() for tensor in tensors] if kind == pa.binary(784) else [*tensors.reshape(-1, 784)]
    source = write_table(tmp_path / "a.parquet", id=range(5, 2_005), image=pa.array(values, kind))
    check_rows(archive(source), {str(row + 5): tensor for row, tensor in enumerate(tensors)}, classifier)


def test_parquet_of_pictures(
    archive: Archive, classifier: DigitClassifier, tmp_path: Path, sample_pictures: dict[str, bytes]
) -> None:
    pictures = [*sample_pictures.values()] * 5
    source = write_table(tmp_path / "a.parquet", name=[str(row) for row in range(50)], scan=pictures)
    rows = archive(source)
    check_rows(rows, {f"{source}#{row}": picture for row, picture in enumerate(pictures)}, classifier)
    assert rows[f"{source}#9"]["box"] == {"left": 332, "top": 146, "right": 472, "bottom": 410}


def test_parquet_of_hugging_face(archive: Archive, tmp_path: Path, sample_pictures: dict[str, bytes]) -> None:
    images = [{"bytes": data, "path": name} for name, data in sample_pictures.items()]
    rows = archive(write_table(tmp_path / "a.parquet", image=images, label=[int(name[0]) for name in sample_pictures]))
    assert [row["digit"] for row in rows.values()] == [*range(10)]


def test_long_row_group_is_divided(
    archive: Archive, classifier: DigitClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_mnist_runtime.archive.parquet_files.ROW_GROUP_UNITS", 500)
    tensors = draw_tensors(3_000).reshape(-1, 784)
    source = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"image": pa.array([*tensors])}), source)
    check_rows(archive(source), {f"{source}#{row}": tensor for row, tensor in enumerate(tensors)}, classifier)


def test_what_is_no_picture_in_parquet_is_a_row_with_its_error(archive: Archive, tmp_path: Path) -> None:
    tensor = draw_tensors(1)[0].ravel().tolist()
    values = pa.array([tensor, None, [1, 2, 3], [300, *tensor[1:]], tensor], pa.list_(pa.int32()))
    rows = archive(write_table(tmp_path / "a.parquet", id=list("abcde"), image=values))
    assert [row["digit"] is None for row in rows.values()] == [False, True, True, True, False]
    assert rows["b"]["error"] == "no picture: the value is null"
    assert "array of shape (3,)" in rows["c"]["error"]
    assert "values 0..300" in rows["d"]["error"]


def test_columns_can_be_named(archive: Archive, tmp_path: Path) -> None:
    images = [*draw_tensors(3).reshape(-1, 784)]
    source = write_table(tmp_path / "a.parquet", one=images, other=images, key=[7, 8, 9])
    assert [*archive(source, column="other", id_column="key")] == ["7", "8", "9"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "which column holds the pictures.*one, other$"),
        ({"column": "none"}, "no column none; it has one, other, id"),
        ({"column": "id"}, "column id of type int64 holds no pictures"),
        ({"column": "one", "id_column": "key"}, "no column key"),
    ],
)
def test_unclear_columns_are_refused(options: dict[str, str], problem: str, archive: Archive, tmp_path: Path) -> None:
    source = write_table(tmp_path / "a.parquet", one=[b"1"], other=[b"1"], id=[1])
    with pytest.raises(UsageError, match=problem):
        archive(source, **options)


def test_parquet_without_pictures_is_refused(archive: Archive, tmp_path: Path) -> None:
    source = write_table(tmp_path / "a.parquet", image=["a"], x=[1])
    with pytest.raises(UsageError, match=r"no column of picture files .*; it has image \(string\), x \(int64\)"):
        archive(source)


@pytest.mark.parametrize("damage", ["cut", "overwritten", "empty"])
def test_unreadable_parquet_is_refused(damage: str, archive: Archive, tmp_path: Path) -> None:
    source = write_table(tmp_path / "a.parquet", image=[b"1"])
    data = source.read_bytes()
    source.write_bytes({"cut": data[:-9], "overwritten": b"PAR1" + b"x" * 500 + b"PAR1", "empty": b""}[damage])
    with pytest.raises(DataError, match=r"a\.parquet: (cannot be read as Parquet|damaged)"):
        archive(tmp_path / "a.parquet")


@pytest.mark.parametrize("ids", [["a", "b", "a"], [1, 2, 2]])
def test_ids_that_repeat_are_refused(ids: list[object], archive: Archive, tmp_path: Path) -> None:
    source = write_table(tmp_path / "a.parquet", id=ids, image=[b"1"] * 3)
    with pytest.raises(UsageError, match=f"the id {ids[2]} repeats; each picture needs one of its own"):
        archive(source)


def test_ids_that_repeat_in_two_files_are_refused(archive: Archive, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_table(tmp_path / f"{name}.parquet", id=["x"], image=[b"1"])
    with pytest.raises(UsageError, match="the id x repeats"):
        archive(tmp_path)


@pytest.mark.parametrize("name", ["0.png", os.fsdecode(b"\xff.png")])
def test_id_that_is_the_path_of_a_picture_is_refused(name: str, archive: Archive, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no picture")
    path = f"{tmp_path}/{name}".replace("\udcff", "\\xff")
    write_table(tmp_path / "a.parquet", id=[path], image=[b"1"])
    with pytest.raises(UsageError, match=rf"the id {re.escape(path)} repeats"):
        archive(tmp_path)


def test_missing_id_is_refused(archive: Archive, tmp_path: Path) -> None:
    source = write_table(tmp_path / "a.parquet", id=["a", None], image=[b"1"] * 2)
    with pytest.raises(DataError, match="a row has no id"):
        archive(source)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_of_tensors_and_of_pictures(
    suffix: str, archive: Archive, classifier: DigitClassifier, tmp_path: Path
) -> None:
    tensors = draw_tensors(3_000)
    large = np.kron(tensors[:5], np.ones((4, 4), np.uint8))
    pack = gzip.compress if suffix else bytes
    folder = tmp_path / "source"
    folder.mkdir()
    pictures = {}
    for name, images in {"train-images-idx3-ubyte": tensors, "large.idx": large}.items():
        (folder / f"{name}{suffix}").write_bytes(pack(encode_idx(images)))
        pictures |= {f"{folder}/{name}{suffix}#{row}": image for row, image in enumerate(images)}
    (folder / "train-labels-idx1-ubyte").write_bytes(encode_idx(np.zeros(5, np.uint8)))  # is no picture
    check_rows(archive(folder), pictures, classifier)


def test_tar_of_pictures(
    archive: Archive, classifier: DigitClassifier, tmp_path: Path, sample_pictures: dict[str, bytes]
) -> None:
    """Long and non-ASCII names need extra headers; a range must begin before them."""
    source, pictures = tmp_path / "scans.tar.gz", {}
    with tarfile.open(source, "w:gz", format=tarfile.PAX_FORMAT) as packed:
        for copy in range(300):
            few = ["7-mnist-shaped.png"] if copy else [*sample_pictures]
            for name in few:
                data = sample_pictures[name]
                member = tarfile.TarInfo(f"{'long/' * 30}ä/{copy}-{name}")
                member.size = len(data)
                packed.addfile(member, io.BytesIO(data))
                pictures[f"{source}/{member.name}"] = data
        outside = tarfile.TarInfo("../scans/./0.png")
        outside.size = len(data)
        packed.addfile(outside, io.BytesIO(data))
        pictures[f"{source}/{outside.name}"] = data
        for name in ("._0.png", "../__MACOSX/0.png", "label.txt"):
            packed.addfile(tarfile.TarInfo(name))
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(link)
    rows = archive(source)
    assert "a link or sparse file" in rows.pop(f"{source}/link.png")["error"]
    check_rows(rows, pictures, classifier)


def test_tar_with_a_name_twice_is_refused(archive: Archive, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        for _ in range(2):
            packed.addfile(tarfile.TarInfo("0.png"))
    with pytest.raises(UsageError, match=r"the id .*a\.tar/0\.png repeats"):
        archive(tmp_path / "a.tar")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda data: data[:2048], "it ends without an end mark"),
        (lambda data: data[: 2048 + 200], "it ends without an end mark"),
        (lambda data: data[: 2048 + 148] + b"damaged!" + data[2048 + 156 :], "no header at byte 2048"),
        (lambda data: data[:2048] + bytes(512) + data[2048 + 512 :], "data follow the end mark at byte 2048"),
        (lambda data: data + data, "data follow the end mark at byte 4096, as after `cat a.tar b.tar`"),
    ],
    ids=["between members", "in a header", "header", "zeros", "concatenated"],
)
def test_tar_that_loses_members_is_refused(
    damage: Callable[[bytes], bytes], problem: str, archive: Archive, tmp_path: Path
) -> None:
    """`tarfile` reads the members before the damage, and ends without an error."""
    source = tmp_path / "a.tar"
    with tarfile.open(source, "w") as packed:
        for index in range(4):
            member = tarfile.TarInfo(f"{index}.png")
            member.size = 7
            packed.addfile(member, io.BytesIO(b"picture"))
    source.write_bytes(damage(source.read_bytes()))
    with pytest.raises(DataError, match=problem):
        archive(source)


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.idx", "a.idx.gz"])
def test_truncated_file_is_refused(
    name: str, archive: Archive, tmp_path: Path, sample_pictures: dict[str, bytes]
) -> None:
    source = tmp_path / name
    if ".tar" in name:
        with tarfile.open(source, "w:gz" if name.endswith("gz") else "w") as packed:
            for picture, data in sample_pictures.items():
                member = tarfile.TarInfo(picture)
                member.size = len(data)
                packed.addfile(member, io.BytesIO(data))
    else:
        data = encode_idx(draw_tensors(30))
        source.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(DataError, match=name):
        archive(source)


@pytest.mark.parametrize(
    ("make", "problem", "code"),
    [
        (lambda path: path.mkdir(), "no pictures; expected pictures, or tar, Parquet or IDX files", 2),
        (lambda path: write_table(path, image=pa.array([], pa.binary())), "no pictures", 2),
        (lambda path: path.write_bytes(encode_idx(np.zeros((0, 28, 28), np.uint8))), "no pictures", 2),
        (lambda path: path.write_bytes(encode_idx(np.zeros(5, np.uint8))), "an IDX file of labels", 6),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(99)), "a zip archive; expected tar", 2),
        (lambda path: None, "no such file or folder", 2),
        (os.mkfifo, "neither a file nor a folder", 2),
    ],
    ids=["folder", "Parquet", "IDX", "labels", "zip", "missing", "pipe"],
)
def test_source_without_pictures_is_refused_in_one_line(
    make: Callable[[Path], object], problem: str, code: int, tmp_path: Path, run_here: RunCli
) -> None:
    make(tmp_path / "source")
    refused = run_here("archive", tmp_path / "source", tmp_path / "out")
    assert (refused.code, refused.out) == (code, "")
    assert problem in refused.err
    assert refused.err.count("\n") == 1


def test_source_inside_another_one_is_refused(samples_folder: Path, tmp_path: Path, run_here: RunCli) -> None:
    refused = run_here("archive", samples_folder, samples_folder / "9-photograph.jpg", tmp_path / "out")
    assert refused.code == 2
    assert "its pictures are in another source, too; name it once" in refused.err


def test_picture_in_a_gz_file_has_the_path_as_its_id(
    archive: Archive, tmp_path: Path, sample_pictures: dict[str, bytes]
) -> None:
    source, broken = tmp_path / "a.png.gz", tmp_path / "b.gz"
    source.write_bytes(gzip.compress(sample_pictures["7-mnist-shaped.png"]))
    broken.write_bytes(gzip.compress(b"no picture"))
    rows = archive(source, broken)
    assert rows[str(source)]["digit"] == 7
    assert rows[str(broken)]["error"].startswith(f"{broken}: not a picture")


def test_link_to_nothing_is_a_row_with_its_error(archive: Archive, tmp_path: Path) -> None:
    """Such are pictures that git-annex or DVC did not fetch."""
    (tmp_path / "a.png").symlink_to(tmp_path / "absent.png")
    (row,) = archive(tmp_path).values()
    assert "no such file" in row["error"]


def test_several_sources_and_names_that_are_not_utf8(
    archive: Archive, tmp_path: Path, sample_pictures: dict[str, bytes]
) -> None:
    (tmp_path / "one").mkdir()
    name = os.fsdecode(b"\xff.png")
    (tmp_path / "one" / name).write_bytes(sample_pictures["7-mnist-shaped.png"])
    (tmp_path / "one" / f"bad{name}").write_bytes(b"no picture")
    (tmp_path / "two.png").write_bytes(sample_pictures["1-white-on-black.png"])
    rows = archive(tmp_path / "one", tmp_path / "two.png")
    assert {key: row["digit"] for key, row in rows.items()} == {
        f"{tmp_path}/one/\\xff.png": 7,
        f"{tmp_path}/one/bad\\xff.png": None,
        f"{tmp_path}/two.png": 1,
    }
    assert rows[f"{tmp_path}/one/bad\\xff.png"]["error"].startswith(f"{tmp_path}/one/bad\\xff.png: not a picture")
