"""What one process of a run makes, the others read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from harness.engine.shared import Shared
from harness.errors import DataError

# Makes a value, slowly where it is told so, and says whether it did.
PROCESS = """
import sys, time
from pathlib import Path
from harness.engine.shared import Shared
made = []
def make():
    made.append(1)
    (Path(sys.argv[1]) / "at work").touch()
    time.sleep(float(sys.argv[2]))
    return {"by": sys.argv[3]}
print(Shared(Path(sys.argv[1])).once("engine", make)["by"], len(made))
"""


def launch(folder: Path, seconds: float, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROCESS, str(folder), str(seconds), name]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_one_process_makes_it_and_the_others_read_it(tmp_path):
    processes = [launch(tmp_path, 0.3, str(number)) for number in range(4)]
    told = [process.communicate(timeout=120)[0].split() for process in processes]
    assert len({by for by, _ in told}) == 1
    assert sorted(made for _, made in told) == ["0", "0", "0", "1"]


def test_what_a_killed_process_was_making_is_made_by_another(tmp_path):
    maker = launch(tmp_path, 600, "killed")
    while not (tmp_path / "at work").exists():
        assert maker.poll() is None
        time.sleep(0.02)
    waiting = launch(tmp_path, 0, "next")
    assert Shared(tmp_path).once("engine", dict, wait=False) is None  # somebody is at it
    maker.send_signal(signal.SIGKILL)
    maker.communicate(timeout=60)
    assert waiting.communicate(timeout=60)[0].split() == ["next", "1"]
    assert Shared(tmp_path).once("engine", dict) == {"by": "next"}


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Shared(None).once("engine", lambda: [1]) == [1]
    assert not list(tmp_path.iterdir())


def test_a_value_is_made_once_for_each_name(tmp_path):
    times = []

    def make():
        times.append(1)
        return {"a": [1.5, None, float("inf")]}

    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(Shared(tmp_path).once, "family", make) for _ in range(8)]
        assert {json.dumps(one.result()) for one in found} == {json.dumps(make())}
    assert len(times) == 2
    Shared(tmp_path).once("family of another", make)
    assert len(times) == 3


def test_who_does_not_wait_goes_on_with_other_things(tmp_path):
    begun, go_on = Event(), Event()

    def make():
        begun.set()
        go_on.wait(30)
        return 1

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(Shared(tmp_path).once, "a", make)
        assert begun.wait(30)
        assert Shared(tmp_path).once("a", lambda: 2, wait=False) is None
        assert Shared(tmp_path).once("b", lambda: 2, wait=False) == 2
        go_on.set()
        assert slow.result() == 1
    assert Shared(tmp_path).once("a", lambda: 2, wait=False) == 1


def test_what_cannot_be_made_is_left_to_the_next(tmp_path):
    def refuse():
        raise DataError("No samples.")

    with pytest.raises(DataError):
        Shared(tmp_path).once("a", refuse)
    assert Shared(tmp_path).once("a", lambda: 1) == 1


def test_where_nothing_can_be_kept_each_makes_its_own(tmp_path, monkeypatch):
    def full(path, write):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.engine.shared.write_atomically", full)
    assert [Shared(tmp_path).once("a", iter([value]).__next__) for value in (1, 2)] == [1, 2]


def test_where_there_is_no_place_to_meet_each_makes_its_own(tmp_path):
    (tmp_path / "run").write_text("no folder")
    assert [Shared(tmp_path / "run").once("a", iter([value]).__next__) for value in (1, 2)] == [1, 2]
