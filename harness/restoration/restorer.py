"""Restorers by name."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import Unavailable, UsageError

# Named by suites and papers already; cells that ask for them are skipped with this reason.
PLANNED = ("nearest", "bicubic", "lanczos", "gfpgan")


@dataclass(frozen=True)
class Restorer:
    """What identifies a treatment of pixels.

    Attributes:
        name: as in suite.toml.
        weights: digest of its weights, "" when it has none.
    """

    name: str
    weights: str = ""


def get_restorer(name: str) -> Restorer:
    """The restorer of a name; `none` leaves the pixels as published.

    Raises:
        Unavailable: it is not in this version.
        UsageError: nobody knows it.
    """
    if name == "none":
        return Restorer("none")
    if name in PLANNED:
        raise Unavailable(f"Restoration {name} is not in this version yet. Use none.")
    raise UsageError(f"Restoration {name!r} is unknown. Use none.")
