"""How a worker answers a batch: in steps that overlap with those of other batches, or in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import pyarrow as pa

from harness.engine.asked import Asked, Images

Respond: TypeAlias = Callable[[Images, Sequence[Asked]], list[pa.Table]]


@runtime_checkable
class Steps(Protocol):
    """Answers a batch in three steps, of which only the second needs the device."""

    def prepare(self, images: Images, asked: Sequence[Asked]) -> Any:
        """What `forward` reads. Called in a thread of its own, a batch ahead."""

    def forward(self, ready: Any, images: Images, asked: Sequence[Asked]) -> Any:
        """Begins to answer; need not wait for the device."""

    def tables(self, found: Any, images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """Rows for each of `asked`, keyed by digest; waits for the device. Called in a thread of its own."""


@dataclass(frozen=True)
class Whole:
    """A function that does all of it, as the one step that needs the device."""

    respond: Respond

    def prepare(self, images: Images, asked: Sequence[Asked]) -> None:
        """Nothing."""

    def forward(self, ready: None, images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """The rows."""
        return self.respond(images, asked)

    def tables(self, found: list[pa.Table], images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """The rows as they are."""
        return found
