"""A plug-in with options that others have too, as pytest-playwright and pytest-profiling are, and with a
warning at start, as pytest-benchmark gives beside xdist.
"""

import warnings

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("crowding")
    group.addoption("--device", action="store", default=None)
    group.addoption("--profile", action="store_true", default=False)
    parser.addini("device", "a device", type="args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    config.issue_config_time_warning(pytest.PytestWarning("benchmarks are disabled"), 2)


def pytest_sessionstart(session: pytest.Session) -> None:
    warnings.warn(pytest.PytestWarning("benchmarks are disabled here, too"), stacklevel=1)
