"""Where code of others runs, its warnings are shown and raise nothing.

A project may turn warnings into errors for the sake of its own code. A FutureWarning inside a model would
then become a stored failure, and inside a fast path a reason to go the slow way.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_shown: set[tuple[str, type[Warning], str, int]] = set()


@contextmanager
def warnings_never_raise() -> Iterator[None]:
    """Within, warnings that would raise are shown instead, each once in a process; the rest is as it was.

    Also a decorator.
    """
    filters = list(warnings.filters)
    if not any(action == "error" for action, *_ in filters):
        yield
        return
    with warnings.catch_warnings():
        warnings.resetwarnings()
        for action, message, category, module, line in reversed(filters):
            told = "default" if action == "error" else action
            for one in category if isinstance(category, tuple) else (category,):
                warnings.filterwarnings(told, _pattern(message), one, _pattern(module), line)  # type: ignore[arg-type]
        # Leaving the block makes Python forget what it has shown.
        warnings.showwarning = _once(warnings.showwarning)
        yield


def _pattern(compiled: Any) -> str:
    # Python's own filters hold a plain string, those made by `filterwarnings` a compiled expression.
    return str(getattr(compiled, "pattern", compiled) or "")


def _once(show: Any) -> Any:
    def shown(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *more: Any, **named: Any
    ) -> None:
        known = (str(message), category, filename, lineno)
        if known not in _shown:
            _shown.add(known)
            show(message, category, filename, lineno, *more, **named)

    return shown
