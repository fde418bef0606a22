"""An installation that is killed at any moment leaves one whole bundle in use."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

KILLS = 100

INSTALL_AND_KILL = """
import json, os, random, signal, sys, time
from pathlib import Path

import onnxruntime  # here, so that the processes to be killed need not load it

from edge_mnist_runtime.bundles.verification import verify_bundle
from edge_mnist_runtime.installation.installing import go_back, install

to, bundles, kills = Path(sys.argv[1]), sys.argv[2:4], int(sys.argv[4])
install(bundles[0], to)
rng, used, unfinished, whole = random.Random(0), {}, 0, 0
shortest = 9.0
for turn in range(4):  # how long one installation takes here
    started = time.perf_counter()
    if (child := os.fork()) == 0:
        install(bundles[1 - turn % 2], to)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    shortest = min(shortest, time.perf_counter() - started)
for kill in range(kills):
    if (child := os.fork()) == 0:
        for turn in range(10):
            install(bundles[(kill + turn) % 2], to)
            if turn % 3 == 2:
                go_back(to)
        os._exit(0)
    time.sleep(rng.uniform(0, 1.5 * shortest))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    results = verify_bundle(to / "current")  # every hash; raises if anything is missing
    whole += all(result.passed for result in results)
    name = json.loads((to / "current" / "manifest.json").read_text())["name"]
    used[name] = used.get(name, 0) + 1
    unfinished += len(list((to / "slots").iterdir())) > 2
final = install(bundles[0], to), install(bundles[1], to)
left = sorted(path.name for path in to.iterdir()), len(list((to / "slots").iterdir()))
print(json.dumps({"whole": whole, "used": used, "unfinished": unfinished, "left": left}))
"""


@pytest.mark.slow
def test_hundred_kills_leave_one_whole_bundle_each(
    write_light_bundle: Callable[..., Path], tmp_path: Path, run_script: Callable[..., str]
) -> None:
    bundles = [write_light_bundle(tmp_path / name, name) for name in ("nano", "edge")]
    found: Any = json.loads(run_script(INSTALL_AND_KILL, tmp_path / "to", *bundles, KILLS))
    assert found["whole"] == KILLS
    assert found["used"].keys() == {"nano", "edge"}  # kills before and after the switch
    assert found["unfinished"] > 0  # and in the midst of the work
    assert found["left"] == [["current", "slots"], 2]  # the next installation removes what is left
