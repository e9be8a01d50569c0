"""What a run with several workers of xdist needs: one run folder, tests of a model together, cores shared."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from harness.pytest_plugin.cores import share_cores
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
    share_cores(config)
