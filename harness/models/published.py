"""Published numbers as models: evidence without predictions."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from harness.errors import DataError
from harness.models.base import KINDS, Kind, Published

COLUMNS = ("model", "kind", "dataset:split", "restoration", "n", "metric", "value", "source", "note")


def read_published(path: Path) -> list[Published]:
    """Reads a table of published numbers, one row per metric.

    Columns: `model,kind,dataset:split,restoration,n,metric,value,source,note`; values are proportions,
    written with the digits that the source printed; n is what this metric is over (for the recall of a
    class, its samples).

    Raises:
        DataError: a column is missing or a row is malformed; the message names the line.
    """
    rows: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise DataError(f"{path} has the header {reader.fieldnames}. Use {','.join(COLUMNS)}.")
        for line, row in enumerate(reader, start=2):
            try:
                _check(row)
            except (ValueError, TypeError, KeyError) as error:
                raise DataError(f"{path}, line {line}: {error}. Correct the row.") from error
            rows.setdefault((row["model"], row["source"], row["dataset:split"]), []).append(row)
    return [_published(group) for group in rows.values()]


def _check(row: Mapping[str, str]) -> None:
    if None in row.values() or row["kind"] not in KINDS:
        raise ValueError(f"expected {len(COLUMNS)} fields with a kind among {', '.join(KINDS)}")
    if not 0 <= float(row["value"]) <= 1 or int(row["n"]) < 1 or row["dataset:split"].count(":") != 1:
        raise ValueError("expected a value between 0 and 1, n of at least 1 and dataset:split")


def _published(rows: Sequence[Mapping[str, str]]) -> Published:
    first = rows[0]
    dataset, _, split = first["dataset:split"].partition(":")
    return Published(
        model=f"{first['model']}@{first['source']}",
        system=first["model"],
        kind=cast(Kind, first["kind"]),
        dataset=dataset,
        split=split,
        n=max(int(row["n"]) for row in rows),
        metrics={row["metric"]: float(row["value"]) for row in rows},
        source=first["source"],
        restoration=first["restoration"],
        note=first["note"],
        counts={row["metric"]: int(row["n"]) for row in rows},
        decimals={row["metric"]: len(row["value"].partition(".")[2]) for row in rows},
    )
