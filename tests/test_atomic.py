"""Files appear whole or not at all, with the mode of any new file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.tools.atomic import write_atomically


@pytest.fixture(params=[0o022, 0o002, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_file_gets_the_mode_that_the_umask_says_now(tmp_path: Path, umask: int):
    write_atomically(tmp_path / "deep/one", lambda file: file.write(b"x"))
    (tmp_path / "other").write_bytes(b"x")
    assert (tmp_path / "deep/one").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    write_atomically(tmp_path / "one", lambda file: file.write(b"old"))

    def fail(file):
        file.write(b"new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "one", fail)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
