"""What a run with several workers of xdist needs: one run folder, tests of a model together, cores shared."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

from harness.pytest_plugin.state import run_of


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Makes `loadgroup` the way in which xdist distributes, unless the command line names another."""
    option = config.option
    if getattr(option, "numprocesses", None) and option.dist == "no" and not option.distload:
        option.dist = "loadgroup"
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells each worker its run folder, and how tests are distributed: it reads the command line itself."""
    node.workerinput["harness_run"] = str(run_of(node.config))
    node.workerinput["harness_loadgroup"] = node.config.option.dist == "loadgroup"


def pytest_configure(config: pytest.Config) -> None:
    """Shares the cores, and has a worker name the group of each test, as the scheduler expects it."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.option.loadgroup = worker["harness_loadgroup"]
    # torch and BLAS read this when they are imported, which happens with the first model. A controller
    # leaves it to its workers: they would inherit its choice.
    if worker is not None or not getattr(config.option, "tx", None):
        workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
