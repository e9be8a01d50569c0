"""Holds a predictions CSV against a data set: what does not fit is an error, or a line, never silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import DataError
from harness.models.csv_scores import MOST, check_scores
from harness.models.csv_table import answered

if TYPE_CHECKING:
    import pandas as pd

    from harness.datasets import Dataset


def check_against(table: pd.DataFrame, dataset: Dataset, path: Path) -> tuple[str, ...]:
    """What of a file does not fit a data set, one line each.

    Args:
        table: what `read_predictions` gave.
        dataset: what the file answers.
        path: the file, for messages.

    Raises:
        DataError: most of the file is about other samples, in other labels, or with scores in another order.
    """
    rows = table[table.index.isin([sample.id for sample in dataset.samples])]
    found = (
        *_samples(table, rows, dataset, path),
        *_labels(rows, dataset, path),
        *_gold(rows, dataset),
        *check_scores(rows, dataset.space, path),
    )
    return tuple(f"{path.name}: {line}" for line in found)


def _samples(table: pd.DataFrame, rows: pd.DataFrame, dataset: Dataset, path: Path) -> Iterator[str]:
    ids = [sample.id for sample in dataset.samples]
    foreign = table.index[~table.index.isin([*ids, *dataset.unreadable])]
    there = set(rows.index)
    without = [one for one in ids if one not in there]
    if not there or (len(foreign) > MOST * len(table) and len(without) > MOST * len(ids)):
        known = f"Only {len(there):,} of the {len(table):,} sample_ids" if there else "No sample_id"
        raise DataError(
            f"{known} of {path} {'are' if there else 'is'} in {dataset}, whose ids look like "
            f"{without[0]}; the file has {foreign[0]}. Use the dataset's ids or name another split."
        )
    if len(foreign):
        yield f"{len(foreign):,} rows are about samples that {dataset} does not have, such as {foreign[0]}"
    if without:
        yield f"{len(without):,} of {len(ids):,} samples have no row and are failed, such as {without[0]}"


def _labels(rows: pd.DataFrame, dataset: Dataset, path: Path) -> Iterator[str]:
    given = Counter(map(str, rows["label"][answered(rows)]))
    foreign = Counter({label: n for label, n in given.items() if not dataset.space.knows(label)})
    if not foreign:
        return
    said = f"{foreign.total():,} of {given.total():,} labels"
    if foreign.total() <= MOST * given.total():
        yield f"{said} are none of {dataset} and count as wrong: {counts(foreign)}"
        return
    if all(_is_number(label) for label in foreign):
        fix = (
            "Say what the numbers stand for, from 0 on: --labels FIRST,SECOND,..., or labels = [...] in the "
            "suite; or number by number: --labels 1=FIRST,2=SECOND,..."
        )
    else:
        fix = (
            "Say which is which: --labels THEIRS=OURS,..., or labels = { THEIRS = OURS } in the suite; give "
            "answers that are meant to be none the outcome out_of_vocabulary"
        )
    raise DataError(
        f"{said} of {path} are none of {dataset}: it says {counts(foreign)}, where the labels are "
        f"{', '.join(dataset.space.labels)}. {fix}."
    )


def _gold(rows: pd.DataFrame, dataset: Dataset) -> Iterator[str]:
    if "gold" not in rows:
        return
    gold = {sample.id: sample.label for sample in dataset.samples}
    other = [
        sample
        for sample, label in rows["gold"].dropna().items()
        if dataset.space.knows(label) and dataset.space.resolve(label) != gold[str(sample)]
    ]
    if other:
        yield f"{len(other):,} gold labels are not those of {dataset}, such as that of {other[0]}"


def counts(labels: Counter[str]) -> str:
    """`'0' (12), '1' (9) and 5 others (60)`: what was found how often."""
    first = labels.most_common(8)
    said = ", ".join(f"{label[:40]!r} ({n:,})" for label, n in first)
    rest = labels.total() - sum(n for _, n in first)
    return f"{said} and {len(labels) - len(first):,} others ({rest:,})" if rest else said


def _is_number(text: str) -> bool:
    return text.strip().removesuffix(".0").lstrip("+-").isdecimal()
