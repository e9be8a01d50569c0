"""What tests of all parts share."""

import os
import signal
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.config import parse_warning_filter
from command import Result
from hypothesis import settings
from tiny_suite import Reader, write_suite

from harness.cli import main
from harness.models.registry import ADAPTERS

# A fault of the code here, or of how it uses others; marks of a test come on top.
FILTERS = (
    "error",
    # What the run itself has to say to its reader, not a fault of the code.
    "default::harness.errors.HarnessWarning",
    # Deprecations inside torch, timm and their dependencies are theirs to mend.
    "ignore::DeprecationWarning:(torch|timm|torchvision|transformers|typer|click).*",
    # Tensors of torch before 2.8 say nothing of it to numpy, whoever calls.
    "ignore:__array_wrap__ must accept:DeprecationWarning",
)

# A loaded machine is slow, not wrong. CI tries the same examples each time; new ones are found at the desk.
settings.register_profile("harness", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("harness")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Warnings are errors where a module of tests is imported; called for those below this folder alone."""
    with warnings.catch_warnings():
        for one in FILTERS:
            warnings.filterwarnings(*parse_warning_filter(one, escape=False))
        return (yield)


def pytest_itemcollected(item):
    """Warnings are errors in a test; as above, called for those below this folder."""
    item.add_marker(pytest.mark.filterwarnings(*FILTERS), append=False)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The data root with the real FER-2013; skips where it is absent."""
    root = Path(os.environ.get("HARNESS_DATA", "")).absolute()
    if not os.environ.get("HARNESS_DATA") or not (root / "fer2013.zip").is_file():
        pytest.skip("the real FER-2013 is not here: point HARNESS_DATA at the folder that holds fer2013.zip")
    return root


@pytest.fixture
def make_disk() -> Iterator[Callable[[Path, int], Path]]:
    """`make_disk(folder, kilobytes)` makes a file system; skips where mounting one is not allowed."""
    mounted: list[Path] = []

    def make(folder: Path, kilobytes: int) -> Path:
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small tmpfs needs root")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(make_disk, tmp_path: Path) -> Path:
    """A file system of 256 KB."""
    return make_disk(tmp_path / "disk", 256)


@pytest.fixture
def reader(monkeypatch) -> None:
    """The models of the tiny suite, which have answered nothing yet."""
    monkeypatch.setitem(ADAPTERS, "reader", "tiny_suite:Reader")
    monkeypatch.setattr(Reader, "loads", Counter())
    monkeypatch.setattr(Reader, "images", Counter())


@pytest.fixture
def harness(reader, monkeypatch, capsys, tmp_path):
    """Runs the command in this process, on the tiny suite."""
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evals").mkdir()
    before = signal.getsignal(signal.SIGTERM)

    def harness(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["harness", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return Result(stop.value.code or 0, captured.out, captured.err)

    yield harness
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def suite(tmp_path, harness) -> Path:
    """The tiny suite, where the command looks by default."""
    write_suite(tmp_path).rename(tmp_path / "evals" / "suite.toml")
    (tmp_path / "outside.csv").rename(tmp_path / "evals" / "outside.csv")
    return tmp_path / "evals" / "suite.toml"
