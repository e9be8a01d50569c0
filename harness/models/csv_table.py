"""Reads a predictions CSV of any system."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.prompts import Outcome
from harness.tools.csv_cells import meant

if TYPE_CHECKING:
    import pandas as pd

FORM = "sample_id,label[,score_<label>...][,outcome,raw_text,reason]"
SCORE = "score_"
# Read where they are there; `gold` is only held against the data set.
TEXTS = ("sample_id", "label", "outcome", "raw_text", "reason", "remark", "gold")


def read_predictions(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Reads a predictions CSV.

    Returns:
        The rows, indexed by `sample_id`, and a line about each thing that was not read.

    Raises:
        DataError: unreadable, a column is missing or stands twice, an id stands twice, a score is not a
            number, or an outcome is unknown or contradicts its row.
    """
    table, dropped = _read(path)
    table = _with_plain_headers(table, path)
    if absent := {"sample_id", "label"} - set(table.columns):
        header = ", ".join(map(repr, list(table.columns)[:4]))
        raise DataError(
            f"{path} has no column {' and '.join(sorted(absent))}, but {header}. Use the header {FORM}, "
            "parted by commas."
        )
    if table.empty:
        raise DataError(f"{path} has a header and no rows. Write one row per sample.")
    unread = [str(name) for name in table if name not in TEXTS and not str(name).startswith(SCORE)]
    if unread:
        more = f" and {len(unread) - 3:,} more" if len(unread) > 3 else ""
        dropped.append(f"{path.name}: columns that are not read: {', '.join(unread[:3])}{more}")
    table = table.drop(columns=unread)
    for name in set(TEXTS) & set(table.columns):
        table[name] = table[name].map(meant, na_action="ignore")
    _check_rows(table, path)
    return table.set_index("sample_id"), dropped


def with_labels(table: pd.DataFrame, names: Sequence[str] | Mapping[str, str]) -> pd.DataFrame:
    """The table with its own labels, and those of its score columns, renamed.

    Args:
        table: what `read_predictions` gave.
        names: what is written -> label; or the labels that the numbers 0, 1, ... stand for.
    """
    of = dict(names) if isinstance(names, Mapping) else {str(at): name for at, name in enumerate(names)}

    def renamed(text: str) -> str:
        whole = text.strip()
        # pandas writes whole numbers with a point where another row of the column is empty.
        return of.get(whole, of.get(whole.removesuffix(".0"), text))

    headers = {name: f"{SCORE}{renamed(name.removeprefix(SCORE))}" for name in score_names(table)}
    return table.assign(label=table["label"].map(renamed, na_action="ignore")).rename(columns=headers)


def score_names(table: pd.DataFrame) -> list[str]:
    """The names of the score columns."""
    return [str(name) for name in table if str(name).startswith(SCORE)]


def answered(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """(N,) which rows claim a valid answer; whoever writes `out_of_vocabulary` has said that it is none."""
    claimed = rows["label"].notna()
    if "outcome" in rows:
        claimed &= rows["outcome"].fillna("parsed") == "parsed"
    return claimed.to_numpy(np.bool_)


def _read(path: Path) -> tuple[pd.DataFrame, list[str]]:
    import pandas as pd

    form: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}
    try:
        header = pd.read_csv(path, nrows=0)
        texts = {name: str for name in header if str(name).strip().lower() in TEXTS}
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", pd.errors.ParserWarning)
            # Else pandas takes the first column for a name of the row where rows end in a comma.
            table = pd.read_csv(path, dtype=texts, index_col=False, **form)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a readable CSV file ({error}). Use {FORM}.") from error
    longer = any(issubclass(one.category, pd.errors.ParserWarning) for one in said)
    return table, [f"{path.name}: rows are longer than the header; what has no header is not read"] * longer


def _with_plain_headers(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Known headers in any case and with blanks around them, as people write them."""
    plain = [_plain(str(name)) for name in table]
    if twice := sorted({name for name in plain if plain.count(name) > 1}):
        raise DataError(f"{path} has the column {twice[0]} twice. Keep one of them.")
    return table.set_axis(plain, axis=1)


def _plain(name: str) -> str:
    stripped = meant(name).strip()
    if stripped.lower() in TEXTS:
        return stripped.lower()
    return SCORE + stripped[len(SCORE) :] if stripped.lower().startswith(SCORE) else stripped


def _check_rows(table: pd.DataFrame, path: Path) -> None:
    import pandas as pd

    if table["sample_id"].isna().any():
        raise DataError(f"{path} has rows without a sample_id. Write the id of its sample into each row.")
    twice = table["sample_id"][table["sample_id"].duplicated()]
    if not twice.empty:
        raise DataError(
            f"{path} answers {twice.iloc[0]} twice ({len(twice)} rows too many). Keep one row per sample."
        )
    for column in score_names(table):
        # pandas 2 leaves 1e999 as it is written, pandas 3 reads it as infinite.
        endless = table["sample_id"][table[column].map(_is_infinite)]
        if not endless.empty:
            raise DataError(
                f"Column {column} of {path} holds an infinite score, the first one for {endless.iloc[0]}. "
                "Write scores as decimals, and leave the field empty where there is none."
            )
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise DataError(
                f"Column {column} of {path} holds something that is not a number. Write scores as decimals."
            )
    if "outcome" in table:
        _check_outcomes(table, path)


def _is_infinite(value: object) -> bool:
    try:
        return isinf(float(str(value)))
    except ValueError:
        return False


def _check_outcomes(table: pd.DataFrame, path: Path) -> None:
    known = get_args(Outcome)
    unknown = table["outcome"].dropna()[lambda outcomes: ~outcomes.isin(known)]
    if not unknown.empty:
        raise DataError(
            f"{path} has the outcome {unknown.iloc[0]!r}. Use {', '.join(known)}, or leave the field empty."
        )
    silent = table[(table["outcome"] == "parsed") & table["label"].isna()]
    if not silent.empty:
        raise DataError(
            f"{path} calls the answer to {silent['sample_id'].iloc[0]} parsed and gives no label. Write the "
            "label, or another outcome."
        )
