"""What a run did slower or worse than it could have, and why: noted where it happens, told at the end.

Only a deliberate `unfit` makes a model go on without its fast path. Where a fast path breaks, the model
stops: a month of nights at a tenth of the speed costs more than one red run.
"""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import HarnessError, HarnessWarning, ModelError, out_of_memory
from harness.tools.atomic import write_atomically

Kind = Literal["unfit", "error", "chosen"]
FOLDER = "slow_paths"


@dataclass(frozen=True)
class SlowPath:
    """Something that was not done the fast or the whole way.

    Attributes:
        model: whose: a model, a restoration, or the store.
        path: what could not be had, such as `sweep`.
        kind: `unfit` does not fit this model or machine, `error` is broken, `chosen` was asked for.
        reason: why, and what to do about it.
        traceback: of the error behind it, "" where there is none.
    """

    model: str
    path: str
    kind: Kind
    reason: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"{self.model} goes without {self.path} ({self.kind}): {self.reason}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, which travel from a worker of xdist."""
        return asdict(self)


_open: list[tuple[str, dict[SlowPath, None]]] = []


@contextmanager
def noting(model: str, into: dict[SlowPath, None] | None = None) -> Iterator[None]:
    """Within, what is noted is about `model` and is kept.

    Args:
        model: its name in the suite.
        into: where to keep it; by default where the block around this one does.
    """
    kept = into if into is not None else _open[-1][1] if _open else None
    if kept is None:
        yield
        return
    _open.append((model, kept))
    try:
        yield
    finally:
        _open.pop()


def note(model: str, path: str, kind: Kind, reason: str, error: BaseException | None = None) -> None:
    """Notes a slow path; where nobody keeps notes, it is a warning.

    Args:
        model: what the model calls itself; a name given by `noting` goes before it.
        path: see `SlowPath`.
        kind: see `SlowPath`.
        reason: see `SlowPath`.
        error: the error behind it.
    """
    told = "" if error is None else "".join(traceback.format_exception(error))
    reason = " ".join(reason.split())
    if _open:
        named, kept = _open[-1]
        kept[SlowPath(named or model, path, kind, reason, told)] = None
    else:
        warnings.warn(HarnessWarning(str(SlowPath(model, path, kind, reason))), stacklevel=3)


def blame(model: str, path: str, error: Exception, plainly: Callable[[], Any]) -> None:
    """Raises if it is the fast path that is to blame for an error, and notes it; returns if it is not.

    Args:
        model: what the model calls itself.
        path: the fast path that raised.
        error: what it raised.
        plainly: does the same the slow way. If that fails too, the picture or the model is to blame.

    Raises:
        ModelError: the slow way works.
    """
    if isinstance(error, HarnessError) or out_of_memory(error):
        return
    try:
        plainly()
    except Exception:
        return
    cause = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if _open:
        note(model, path, "error", cause, error)
    raise ModelError(
        f"The {path} of {model} is broken ({cause}), though the model itself works. Use versions of its "
        "packages that this harness was tested with, or write sweep = false into the model's entry to go the "
        f"slow way. The traceback is kept in {FOLDER}/ of the run folder, or of the store without one."
    ) from error


def entries(found: Iterable[Mapping[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Slow paths as run.json has them, one per model, path and kind; tracebacks become files.

    Args:
        found: what `SlowPath.as_dict` gave. Of reasons the last one is kept.
        folder: where `slow_paths/` is made, if there is a traceback.
    """
    listed: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in found:
        key = (one["model"], one["path"], one["kind"])
        if key in listed:
            listed[key]["times"] += 1
            listed[key]["reason"] = one["reason"]
            continue
        listed[key] = {**one, "times": 1, "traceback": _kept(folder, key, one["traceback"])}
    return [listed[key] for key in sorted(listed)]


def _kept(folder: Path, key: tuple[str, str, str], told: str) -> str | None:
    if not told:
        return None
    name = f"{FOLDER}/{re.sub(r'[^A-Za-z0-9._-]+', '_', '-'.join(key))}.txt"
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    write_atomically(folder / name, lambda file: file.write(told.encode("utf-8", "replace")))
    return name


def line(entry: Mapping[str, Any]) -> str:
    """An entry of run.json in one line."""
    where = f" Traceback: {entry['traceback']}." if entry.get("traceback") else ""
    return f"{entry['model']} goes without {entry['path']} ({entry['kind']}): {entry['reason']}{where}"
