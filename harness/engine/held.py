"""Loads what an identity names, and holds it to that: answers of other files are never stored under it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

from harness.errors import ModelError
from harness.identity import Identity
from harness.tools.third_party import warnings_never_raise

T = TypeVar("T")
R = TypeVar("R")


class Held(Generic[T]):
    """A loaded model or restorer whose files are those of its identity.

    A run may wait for hours between hashing files and loading them, and loaders map files into memory: so
    the identity is made again before and after loading, and after each batch. Digests of files that stay the
    same are remembered, so this costs a look at each of them.

    Args:
        identity: under which answers will be stored.
        identify: makes that identity anew, from the files as they are now.
        load: loads from the same files.

    Attributes:
        loaded: what `load` gave.

    Raises:
        ModelError: the files are no longer those of the identity.
    """

    def __init__(self, identity: Identity, identify: Callable[[], Identity], load: Callable[[], T]) -> None:
        self._identity, self._identify = identity, identify
        self._check()
        with warnings_never_raise():
            self.loaded = load()
        self._check()

    def kept(self, use: Callable[[T], R]) -> R:
        """What `use` makes of the loaded model, given out only while the files stay what they were."""
        with warnings_never_raise():
            made = use(self.loaded)
        self._check()
        return made

    def _check(self) -> None:
        try:
            found = self._identify()
            # The code that runs stays what it was when it was imported, whatever becomes of its file.
            same = replace(found, adapter=self._identity.adapter) == self._identity
        except OSError:  # a file is gone
            same = False
        if not same:
            raise ModelError(
                f"Files of {self._identity.model} have changed while the run was going on, and no answer of "
                "theirs was stored. Run again."
            )
