"""`edge-mnist install`: what it refuses, and which bundle is in use then."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.side_by_side import SideBySideConfig
from edge_mnist_runtime.errors import RegressionError, UndecidedError, UsageError
from edge_mnist_runtime.installation.installing import go_back, install
from edge_mnist_runtime.installation.slots import BundleSlots
from edge_mnist_runtime.installation.speed import compare_speed, require_fast_enough

Sign = Callable[..., Path]


@pytest.fixture(scope="module")
def made(write_light_bundle: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("made")
    return {name: write_light_bundle(folder / name, name) for name in ("nano", "edge", "micro")}


@pytest.fixture
def bundles(made: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Three unsigned bundles that a test may change: nano, edge and micro."""
    return {name: Path(shutil.copytree(path, tmp_path / name)) for name, path in made.items()}


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "installed"


def name_in_use(to: Path) -> str:
    return str(json.loads((to / "current" / "manifest.json").read_text())["name"])


def slots_of(to: Path) -> set[str]:
    return {path.name for path in (to / "slots").iterdir()}


def test_bundle_is_installed_and_the_one_before_it_kept(bundles: dict[str, Path], to: Path, run_here: Any) -> None:
    for number, name in enumerate(("nano", "edge", "micro"), 1):
        finished = run_here("install", bundles[name], "--to", to)
        assert finished.code == 0, finished.err
        assert "10 of 10 golden digits" in finished.out
        assert name_in_use(to) == name
        assert slots_of(to) == {str(number), str(number - 1)} - {"0"}
        assert DigitClassifier(to / "current").predict(np.zeros((28, 28), np.uint8)).reason == "blank"
    assert {path.name for path in to.iterdir()} == {"current", "slots"}


def test_back_goes_to_the_bundle_before_and_again_undoes_it(bundles: dict[str, Path], to: Path, run_here: Any) -> None:
    for name in ("nano", "edge"):
        install(bundles[name], to)
    for expected in ("nano", "edge", "nano"):
        assert run_here("install", "--back", "--to", to).code == 0
        assert name_in_use(to) == expected
    install(bundles["micro"], to)  # the bundle that was left, edge, goes
    assert run_here("install", "--back", "--to", to, "--json").json["changed"]
    assert name_in_use(to) == "nano"
    assert len(slots_of(to)) == 2


def test_same_bundle_again_changes_nothing(bundles: dict[str, Path], to: Path, run_here: Any) -> None:
    for name in ("nano", "edge"):
        install(bundles[name], to)
    finished = run_here("install", bundles["edge"], "--to", to)
    assert finished.code == 0
    assert "already in use" in finished.out
    go_back(to)
    assert name_in_use(to) == "nano"


def test_damaged_bundle_in_use_is_repaired_and_not_kept(bundles: dict[str, Path], to: Path, flip_byte: Any) -> None:
    for name in ("nano", "edge"):
        install(bundles[name], to)
    flip_byte(to / "current" / "edge_int8.onnx")
    assert install(bundles["edge"], to).changed
    DigitClassifier(to / "current")
    go_back(to)
    assert name_in_use(to) == "nano"


def damage(bundle: Path, flip_byte: Any) -> None:
    flip_byte(bundle / "edge_int8.onnx")


def leave_out(bundle: Path, flip_byte: Any) -> None:
    (bundle / "MODEL_CARD.md").unlink()


def break_manifest(bundle: Path, flip_byte: Any) -> None:
    (bundle / "manifest.json").write_text("{")


def change_answers(bundle: Path, flip_byte: Any) -> None:
    """A bundle that is undamaged, but does not give its golden digits here."""
    import hashlib

    golden = dict(np.load(bundle / "golden.npz"))
    golden["probabilities/edge_int8.onnx"] = np.roll(golden["probabilities/edge_int8.onnx"], 1, axis=1)
    np.savez(bundle / "golden.npz", **golden)
    record = json.loads((bundle / "manifest.json").read_text())
    record["files"]["golden.npz"] = hashlib.sha256((bundle / "golden.npz").read_bytes()).hexdigest()
    (bundle / "manifest.json").write_text(json.dumps(record))


@pytest.mark.parametrize("installed", [False, True])
@pytest.mark.parametrize(
    ("change", "code"), [(damage, 6), (leave_out, 6), (break_manifest, 6), (change_answers, 5), (shutil.rmtree, 2)]
)
def test_refused_bundle_leaves_everything_as_it_was(
    change: Any, code: int, installed: bool, bundles: dict[str, Path], to: Path, run_here: Any, flip_byte: Any
) -> None:
    if installed:
        install(bundles["nano"], to)
    change(bundles["edge"], flip_byte)
    finished = run_here("install", bundles["edge"], "--to", to)
    assert (finished.code, finished.out) == (code, "")
    if installed:
        assert name_in_use(to) == "nano"
        assert slots_of(to) == {"1"}
    else:
        assert not to.exists()


def test_refused_bundle_leaves_an_empty_folder_of_the_user(
    bundles: dict[str, Path], to: Path, run_here: Any, flip_byte: Any
) -> None:
    """It may belong to the user of a service, who could not make it again."""
    to.mkdir(mode=0o750)
    damage(bundles["edge"], flip_byte)
    assert run_here("install", bundles["edge"], "--to", to).code == 6
    assert (to.stat().st_mode & 0o777, [*to.iterdir()]) == (0o750, [])


def test_bundle_that_is_not_signed_as_required_is_not_installed(
    bundles: dict[str, Path], to: Path, run_here: Any, sign: Sign, keys: Any, make_keys: Any
) -> None:
    signed = ("--to", to, "--key", keys.public)
    assert run_here("install", bundles["nano"], *signed).code == 6  # unsigned
    sign(bundles["nano"], key=make_keys().private)
    assert run_here("install", bundles["nano"], *signed).code == 6
    sign(bundles["nano"], version=3)
    assert run_here("install", bundles["nano"], *signed, "--min-version", 4).code == 6
    assert not to.exists()
    finished = run_here("install", bundles["nano"], *signed, "--min-version", 3)
    assert finished.code == 0, finished.err
    assert "version 3, signed" in finished.out
    DigitClassifier(to / "current", require_signature=keys.public, min_version=3)


def test_older_version_than_any_installed_is_refused(
    bundles: dict[str, Path], to: Path, run_here: Any, sign: Sign, keys: Any
) -> None:
    signed = ("--to", to, "--key", keys.public)
    for name, version in (("nano", 5), ("edge", 7)):
        assert run_here("install", sign(bundles[name], version=version), *signed).code == 0
    for version in (6, None):
        finished = run_here("install", sign(bundles["micro"], version=version), *signed)
        assert finished.code == 6
        assert "version 7 is or was installed" in finished.err.replace("\n", " ")
    assert run_here("install", "--back", "--to", to).code == 0  # 5 is in use, and 7 still is the lowest accepted
    finished = run_here("install", sign(bundles["micro"], version=6), *signed)
    assert finished.code == 6
    assert "go back: --back" in finished.err.replace("\n", " ")
    assert name_in_use(to) == "nano"
    assert run_here("install", sign(bundles["micro"], version=7), *signed).code == 0


def test_unsigned_bundle_does_not_replace_a_signed_one(
    bundles: dict[str, Path], to: Path, run_here: Any, sign: Sign, keys: Any
) -> None:
    assert run_here("install", sign(bundles["nano"], version=1), "--to", to, "--key", keys.public).code == 0
    finished = run_here("install", bundles["edge"], "--to", to)
    assert finished.code == 2
    assert "give the --key" in finished.err
    assert name_in_use(to) == "nano"


def test_bundle_is_measured_beside_the_one_in_use(bundles: dict[str, Path], to: Path, run_here: Any) -> None:
    finished = run_here("install", bundles["nano"], "--to", to, "--max-slower", "5%")
    assert "speed: not measured" in finished.out
    finished = run_here("install", bundles["edge"], "--to", to, "--max-slower", "10000%")
    assert finished.code == 0, finished.err
    assert re.search(r"edge_int8.onnx: latency from \S+ to \S+ us, .* \(interval ", finished.out)


def test_bundle_that_is_slower_or_perhaps_slower_is_refused(bundles: dict[str, Path]) -> None:
    short = SideBySideConfig(processes=1, seconds=0.01)  # too few for a verdict
    comparison = compare_speed(bundles["nano"], bundles["edge"], max_slower=0.05, config=short)
    with pytest.raises(UndecidedError, match=r"is slower than 5.0% is not decided .* raise `max_slower`"):
        require_fast_enough(comparison, Path("bundle"))
    slower = replace(comparison, changes=(replace(comparison.changes[0], interval=(1.4, 1.6)),))
    with pytest.raises(RegressionError, match=r"latency went from .* at most \+5.0% is allowed"):
        require_fast_enough(slower, Path("bundle"))
    fast = replace(comparison, changes=(replace(comparison.changes[0], interval=(0.9, 1.04)),))
    require_fast_enough(fast, Path("bundle"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "name the bundle"),
        (("nano", "--max-slower", "5"), "--max-slower"),
        (("nano", "--backend", "onnxruntime"), "--max-slower"),
        (("nano", "--max-slower", "5%", "--backend", "cuda"), "backend"),
        (("nano", "--min-version", "3"), "--min-version needs --key"),
        (("--back",), "no bundle is installed"),
        (("nano", "--back"), "a bundle"),
        (("--back", "--max-slower", "5%"), "--max-slower"),
    ],
)
def test_impossible_options_are_refused(
    options: tuple[str, ...], words: str, bundles: dict[str, Path], to: Path, run_here: Any
) -> None:
    finished = run_here("install", *options, "--to", to, cwd=bundles["nano"].parent)
    assert finished.code == 2
    assert words in finished.err
    assert not to.exists()


def test_missing_folder_is_a_usage_error(bundles: dict[str, Path], run_here: Any) -> None:
    finished = run_here("install", bundles["nano"])
    assert finished.code == 2
    assert "--to" in finished.err


def test_there_is_nothing_to_go_back_to_after_one_installation(
    bundles: dict[str, Path], to: Path, run_here: Any
) -> None:
    install(bundles["nano"], to)
    assert run_here("install", "--back", "--to", to).code == 2
    assert name_in_use(to) == "nano"


def test_damaged_bundle_is_not_gone_back_to(bundles: dict[str, Path], to: Path, run_here: Any, flip_byte: Any) -> None:
    for name in ("nano", "edge"):
        install(bundles[name], to)
    flip_byte(to / "slots" / "1" / "bundle" / "nano_int8.onnx")
    assert run_here("install", "--back", "--to", to).code == 6
    assert name_in_use(to) == "edge"


def test_folder_of_others_is_refused_and_left_alone(bundles: dict[str, Path], to: Path) -> None:
    to.mkdir()
    (to / "letter.txt").write_text("Dear device,")
    with pytest.raises(UsageError, match=r"letter\.txt"):
        install(bundles["nano"], to)
    (to / "letter.txt").unlink()
    (to / "current").symlink_to(bundles["edge"])
    with pytest.raises(UsageError, match="no installation wrote it"):
        install(bundles["nano"], to)
    with pytest.raises(UsageError, match="a file"):
        install(bundles["nano"], bundles["nano"] / "manifest.json")
    assert (to / "current").readlink() == bundles["edge"]


def test_second_installation_at_the_same_time_is_refused(bundles: dict[str, Path], to: Path) -> None:
    install(bundles["nano"], to)
    descriptor = os.open(to, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another process is installing"):
            install(bundles["edge"], to)
    finally:
        os.close(descriptor)
    assert install(bundles["edge"], to).changed


def test_full_disk_leaves_the_bundle_in_use(bundles: dict[str, Path], to: Path, run_python: Any) -> None:
    install(bundles["nano"], to)
    done = run_python(
        "import resource, sys\n"
        "from edge_mnist_runtime.errors import OutputError\n"
        "from edge_mnist_runtime.installation.installing import install\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "try:\n    install(sys.argv[1], sys.argv[2])\n"
        "except OutputError as error:\n    print(error)\n",
        *(bundles["edge"], to),
    )
    assert "cannot be written (File too large); free space" in done.stdout, done.stderr
    assert name_in_use(to) == "nano"
    assert slots_of(to) == {"1"}


def test_program_that_opened_the_link_reads_one_bundle(bundles: dict[str, Path], to: Path) -> None:
    """The link is followed once, so files of two bundles are never mixed."""
    install(bundles["nano"], to)
    assert DigitClassifier(to / "current").info().file == str(to / "slots" / "1" / "bundle" / "nano_int8.onnx")


def test_windows_is_refused(to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_mnist_runtime.installation.slots.WINDOWS", True)
    with pytest.raises(UsageError, match="Windows"):
        BundleSlots(to)
