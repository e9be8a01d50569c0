"""Published numbers as models: evidence without predictions."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from harness.errors import DataError
from harness.models.base import FAMILIES, Family, Published
from harness.tools.sealed import regular

COLUMNS = ("model", "family", "dataset:split", "restoration", "n", "metric", "value", "source", "note")
KEY = ("model", "source", "dataset:split", "restoration")

# No signs, blanks or exponents: the digits as printed say how far the number was rounded.
PROPORTION = re.compile(r"0?\.\d+|0|1(\.0+)?")


def read_published(path: Path) -> list[Published]:
    """Reads a table of published numbers, one row per metric.

    Columns: `model,family,dataset:split,restoration,n,metric,value,source,note`; values are proportions,
    written with the digits that the source printed; n is what this metric is over (for the recall of a
    class, its samples).

    Raises:
        DataError: a column is missing or a row is malformed; the message names the line.
    """
    groups: dict[tuple[str, ...], dict[str, dict[str, str]]] = {}
    try:
        text = regular(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}). Correct `published` in the suite.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise DataError(f"{path} has the header {reader.fieldnames}. Use {','.join(COLUMNS)}.")
    for row in reader:
        try:
            _check(row)
            group = groups.setdefault(tuple(row[column] for column in KEY), {})
            if row["metric"] in group:
                raise ValueError(f"{row['metric']} of {row['model']} stands there twice")
        except ValueError as error:
            raise DataError(f"{path}, line {reader.line_num}: {error}. Correct the row.") from error
        group[row["metric"]] = row
    return [_published(list(group.values())) for group in groups.values()]


def _check(row: Mapping[str | None, str | None]) -> None:
    # DictReader puts surplus fields under None and fills missing ones with it.
    if None in row or None in row.values() or row["family"] not in FAMILIES:
        raise ValueError(f"expected {len(COLUMNS)} fields with a family among {', '.join(FAMILIES)}")
    if not PROPORTION.fullmatch(row["value"] or "") or not re.fullmatch("[1-9][0-9]*", row["n"] or ""):
        raise ValueError("expected a value between 0 and 1 written in decimals, and n of at least 1")
    if not re.fullmatch("[^:]+:[^:]+", row["dataset:split"] or ""):
        raise ValueError("expected dataset:split")


def _published(rows: Sequence[Mapping[str, str]]) -> Published:
    first = rows[0]
    dataset, _, split = first["dataset:split"].partition(":")
    return Published(
        model=f"{first['model']}@{first['source']}",
        system=first["model"],
        family=cast(Family, first["family"]),
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
