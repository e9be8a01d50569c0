"""Warnings of libraries, where a run has been told to take warnings for errors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def lenient() -> Iterator[None]:
    """Shows warnings that would be errors: what a library finds old-fashioned does not change an answer."""
    with warnings.catch_warnings():
        before: list[Any] = list(warnings.filters)
        warnings.resetwarnings()
        for action, message, category, module, line in before:
            shown: Any = "default" if action == "error" else action
            warnings.filterwarnings(shown, _text(message), category, _text(module), line, append=True)
        yield


def _text(pattern: Any) -> str:
    return getattr(pattern, "pattern", pattern) or ""
