"""Restoration, killed in the middle, goes on where it was; two at once do no harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_restorers import faces

from harness.engine import Bench, Evidence, Local, make_plan
from harness.predictions import Cell
from harness.settings import Settings
from harness.suite import Suite

BATCH, IMAGES = 2, 60
SUITE = """
[datasets.faces]
adapter = "images"
space = ["angry", "happy", "sad"]
[models.reader]
adapter = "tiny_suite:Reader"
[restorations.slow]
adapter = "tiny_restorers:Shift"
pause = 0.02
"""
CELL = Cell("reader", "faces", "test", "slow")
SCRIPT = """
import sys
from pathlib import Path
import test_restoration_interrupted as test
test.restored(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def opened(project: Path, store: Path) -> Bench:
    return Bench(
        Suite.read(project / "suite.toml"),
        Settings(data_root=project, store=store, device="cpu", batch_size=BATCH),
    )


def restored(project: Path, store: Path):
    """The faces of a project, restored."""
    bench = opened(project, store)
    return Evidence(bench, Local(bench).run(make_plan(bench, [CELL]))).samples(CELL)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "faces/test/sad").mkdir(parents=True)
    for number, image in enumerate(faces(IMAGES)):
        Image.fromarray(image).save(folder / f"faces/test/sad/{number:03d}.png")
    (folder / "suite.toml").write_text(SUITE)
    return folder


def launch(project: Path, store: Path) -> subprocess.Popen:
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    command = [sys.executable, "-c", SCRIPT, str(project), str(store)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths})


@pytest.fixture(scope="module")
def two_at_once(project, tmp_path_factory):
    """What two processes made of the same faces at the same time."""
    store = tmp_path_factory.mktemp("two")
    processes = [launch(project, store) for _ in range(2)]
    assert [process.wait(timeout=180) for process in processes] == [0, 0]
    return store


def rows(project: Path, store: Path):
    bench = opened(project, store)
    return bench.pixels.read(bench.restorer_asked("slow").identity)


def test_two_at_once_share_the_work(project, two_at_once):
    found = rows(project, two_at_once)
    assert len(found) == IMAGES
    assert set(found["outcome"]) == {"restored"}
    assert found["shard"].nunique() == len(list((two_at_once / "pixels").rglob("*.parquet"))) == 1
    assert sorted(found["row"]) == list(range(IMAGES))  # no image was made twice


def test_a_killed_restoration_goes_on_and_ends_as_an_undisturbed_one(project, tmp_path, two_at_once):
    process = launch(project, tmp_path)
    while len(list((tmp_path / "pixels").rglob("*.parquet"))) < 3:
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    before = rows(project, tmp_path)
    assert 3 * BATCH <= len(before) < IMAGES

    whole, resumed = restored(project, two_at_once), restored(project, tmp_path)
    after = rows(project, tmp_path)
    assert len(after) == IMAGES
    for column in ("restored_digest", "latency_s"):  # what was kept was not made again
        assert after.loc[before.index, column].tolist() == before[column].tolist()
    assert resumed.fingerprint == whole.fingerprint
    for index in range(IMAGES):
        np.testing.assert_array_equal(resumed.pixels(index), whole.pixels(index))
