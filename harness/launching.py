"""The part of the plugin that acts before a run is configured, so that it starts beside any other plug-in."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from harness.options import add_options


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Adds the harness options where a conftest.py loads the plugin: the options of others are there."""
    files = [getattr(plugin, "__file__", None) or "" for plugin in pluginmanager.get_plugins()]
    if "conftest.py" in (Path(file).name for file in files):
        add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> None:
    """Adds the harness options where the plugin is loaded earlier, after all plug-ins that are installed.

    A plug-in cannot start if the harness has taken the name of an option of its own.
    """
    add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Makes `loadgroup` the way in which xdist distributes, unless the command line names another."""
    option = config.option
    if getattr(option, "numprocesses", None) and option.dist == "no" and not option.distload:
        option.dist = "loadgroup"
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells each worker how tests are distributed: it reads the command line for itself."""
    node.workerinput["harness_loadgroup"] = node.config.option.dist == "loadgroup"


def pytest_configure(config: pytest.Config) -> None:
    """Has a worker name the group of each test, as the scheduler expects it."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.option.loadgroup = worker["harness_loadgroup"]
