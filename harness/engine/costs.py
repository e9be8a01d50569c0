"""What the restored pictures of a run cost when they were made."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from harness.engine.bench import Bench
from harness.engine.source import Source
from harness.errors import HarnessError
from harness.store.pixels import RESTORED


def costs_of(bench: Bench, sources: Iterable[Source]) -> list[dict[str, Any]]:
    """One entry per restoration, see `Report.restoration_costs`; pictures of several sources count once."""
    wanted: dict[str, set[str]] = {}
    for source in sources:
        with suppress(HarnessError):
            found = bench.published(source.published).digests
            wanted.setdefault(source.restoration, set()).update(digest for digest in found if digest)
    costs = []
    for restoration, digests in wanted.items():
        rows = bench.pixels.read(bench.restorer_asked(restoration).identity)
        made = rows[(rows["outcome"] == RESTORED) & rows.index.isin(digests)]
        if len(made):
            costs.append(
                {
                    "restoration": restoration,
                    "images": len(made),
                    "seconds_per_image": float(made["latency_s"].astype(float).mean()),
                    "peak_memory_mb": float(made["peak_memory_mb"].astype(float).max()),
                }
            )
    return costs
