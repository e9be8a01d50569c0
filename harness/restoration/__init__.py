"""Restoration: what happens to pixels before any model sees them. One file per restorer.

A restorer sees pixels and nothing else: no label, no split, no name.
"""

from harness.restoration.base import LoadedRestorer, Restorer
from harness.restoration.registry import (
    ADAPTERS,
    NONE,
    build_restorer,
    is_control,
    known_restorations,
    output_size,
    runnable_restorations,
)

__all__ = [
    "ADAPTERS",
    "NONE",
    "LoadedRestorer",
    "Restorer",
    "build_restorer",
    "is_control",
    "known_restorations",
    "output_size",
    "runnable_restorations",
]
