"""`harness doctor --data`: what the files of datasets are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from harness.cli.options import entry_of, read_suite
from harness.cli.show import print_json
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.datasets.checkup import Checkup


def check_data(names: Sequence[str], suite: Path | None, data_root: Path, as_json: bool) -> None:
    """Prints what the files of some datasets are; none stands for all that the profiles name."""
    from harness.datasets.checkup import check

    found = check(_entries(names, suite), data_root)
    if as_json:
        unusable = sum(bool(checkup.error) for checkup in found)
        print_json({"datasets": [checkup.as_dict() for checkup in found], "unusable": unusable})
    else:
        for checkup in found:
            typer.echo("\n".join(_lines(checkup)))
    if any(checkup.error for checkup in found):
        raise typer.Exit(2)


def _entries(names: Sequence[str], suite: Path | None) -> Mapping[str, Mapping[str, Any]]:
    """`dataset:split` -> entry. A dataset without a split stands for those that the profiles name."""
    whole = [name for name in names if ":" not in name]
    sources = [name for name in names if ":" in name]
    if whole or not names:
        profiles = read_suite(suite).profiles.values()
        listed = dict.fromkeys(source for profile in profiles for source in profile.datasets)
        for name in whole:
            if not any(source.startswith(f"{name}:") for source in listed):
                raise UsageError(f"No profile of the suite names a split of {name}. Write {name}:SPLIT.")
        sources += [source for source in listed if not names or source.partition(":")[0] in whole]
    return {source: entry_of(suite, source.partition(":")[0]) for source in dict.fromkeys(sources)}


def _lines(checkup: Checkup) -> list[str]:
    """What was found, for a terminal."""

    def counted(counts: Mapping[str, int], most: int = 8) -> str:
        shown = [f"{name} {count:,}" for name, count in list(counts.items())[:most]]
        return ", ".join(shown) + (f" and {len(counts) - most:,} more" if len(counts) > most else "")

    facts = {
        "labels": counted(checkup.labels, len(checkup.labels)),
        "forms": counted(checkup.forms),
        "copies": f"{checkup.copies:,} within the split" if checkup.copies else "",
        "also in": counted(checkup.shared),
        "error": checkup.error,
    }
    lines = [f"{checkup.source}: {checkup.images:,} images{', unusable' if checkup.error else ''}"]
    lines += [f"  {name}: {text}" for name, text in facts.items() if text]
    return [*lines, *(f"  problem: {problem}" for problem in checkup.problems)]
