"""Where there is no suite, the installed plugin changes nothing and costs nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from project import HOME

# Options, keys and names of fixtures that the plugin has, too.
CONFTEST = """
import pytest

def pytest_addoption(parser):
    for name in ("--device", "--limit", "--store", "--model", "--suite"):
        parser.addoption(name, default="mine")
    parser.addini("profile", "a profile", type="args")

@pytest.fixture
def verdict(pytestconfig):
    return pytestconfig.getoption("--device")
"""
TEST = """
import os
import signal
import sys

HEAVY = ("numpy", "pandas", "torch", "harness.suite", "harness.runs", "harness.pytest_plugin.hooks")

def test_nothing_has_changed(pytestconfig, verdict):
    assert "harness.pytest_plugin" in sys.modules
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert "OMP_NUM_THREADS" not in os.environ
    assert [name for name in HEAVY if name in sys.modules] == []
    assert (verdict, pytestconfig.getoption("--suite")) == ("phone", "smoke")
    assert pytestconfig.getini("profile") == ["a", "b"]
    assert not pytestconfig.pluginmanager.has_plugin("harness-collector")
"""


@pytest.fixture
def stranger(tmp_path: Path):
    """`stranger(*arguments)` runs pytest in a project that knows nothing of the harness."""
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_stranger.py").write_text(TEST, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nprofile = a b\n", encoding="utf-8")
    told = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "OMP_"))}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "-p", "no:anyio", *arguments]
        told["PYTHONPATH"] = str(HOME)
        return subprocess.run(command, cwd=tmp_path, env=told, text=True, capture_output=True, timeout=120)

    return run


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "a worker"])
def test_a_project_without_a_suite_is_as_before(stranger, workers):
    done = stranger("-p", "harness.pytest_plugin", "--device", "phone", "--suite", "smoke", *workers)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_more_is_printed(stranger):
    def shown(*arguments: str) -> str:
        done = stranger("--collect-only", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        # pytest itself lists what is installed, and how long it took.
        return re.sub(r"in [\d.]+s|^plugins: .*", "", done.stdout + done.stderr, flags=re.MULTILINE)

    assert shown("-p", "harness.pytest_plugin") == shown("-p", "no:harness.pytest_plugin")


def test_its_help_names_no_option_of_ours(stranger):
    told = stranger("-p", "harness.pytest_plugin", "--help").stdout
    assert "--device" in told
    assert "emotion-harness:" not in told
    assert "--harness-" not in told


def test_a_suite_that_is_named_and_is_not_there_is_one_line(stranger):
    done = stranger("-p", "harness.pytest_plugin", "--harness-suite", "nope.toml")
    assert done.returncode == 4
    (line,) = [line for line in done.stderr.splitlines() if line]
    assert "nope.toml cannot be read" in line
