"""The pytest plugin: finds out whether a run has a suite, and does everything else only then.

Installing the package is all it takes (entry point `pytest11`); where plug-ins are not loaded of themselves,
`-p harness.pytest_plugin` or `pytest_plugins = ["harness.pytest_plugin"]` in the root conftest.py loads it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.tools.paths import SUITE

PARTS = ("hooks", "workers", "fixtures")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Starts at once where a conftest.py loads the plugin: the hook below is over for it."""
    for key in ("harness_suite", "suite"):
        if key not in parser._inidict:
            parser.addini(key, "the suite of emotion-harness")
    files = [getattr(plugin, "__file__", None) or "" for plugin in pluginmanager.get_plugins()]
    if "conftest.py" in (Path(file).name for file in files):
        config = pluginmanager.get_plugin("pytestconfig")
        assert isinstance(config, pytest.Config)
        _start(config, parser, list(map(str, config.invocation_params.args)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, Any, Any]:
    """Starts when installed plug-ins and conftest.py files have added their options.

    They cannot start if the harness has taken the name of an option of theirs.
    """
    result = yield
    _start(early_config, parser, args)
    return result


def _start(config: pytest.Config, parser: pytest.Parser, args: Sequence[str]) -> None:
    """Adds options, hooks and fixtures, once, if there is a suite."""
    parts = [f"{__name__}.{part}" for part in PARTS]
    if config.pluginmanager.has_plugin(parts[0]) or not _has_suite(config, args):
        return
    from harness.pytest_plugin.options import add_options

    add_options(parser)
    for part in parts:
        config.pluginmanager.import_plugin(part)


def _has_suite(config: pytest.Config, args: Sequence[str]) -> bool:
    """Whether a suite lies at its usual place, or the command line or the ini file names one.

    An option or key that other plug-ins may have, too, counts if there is such a file.
    """
    if any(_values(args, "--harness-suite")) or config.getini("harness_suite"):
        return True
    written = config.getini("suite")
    places = [config.rootpath / SUITE]
    places += [config.rootpath / written] if isinstance(written, str) and written else []
    places += [config.invocation_params.dir / Path(value).expanduser() for value in _values(args, "--suite")]
    return any(place.is_file() for place in places)


def _values(args: Sequence[str], option: str) -> Iterator[str]:
    """What the command line gives an option."""
    for arg, following in zip(args, [*args[1:], ""], strict=True):
        name, equals, value = arg.partition("=")
        if name == option:
            yield value if equals else following
