"""Predictions as a CSV file, which `harness score`, the adapter `predictions_csv` and anyone else reads."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EISDIR
from pathlib import Path

from harness.errors import UsageError
from harness.predictions.table import Predictions, score_columns
from harness.tools.atomic import write_atomically
from harness.tools.csv_cells import inert


def check_writable(path: Path) -> None:
    """Fails before anything is answered where the answers could not be written.

    Raises:
        UsageError: there is a folder in its place, or its own folder cannot be made or written.
    """
    probe = path.with_name(f".{path.name}.probe")
    with _named(path):
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "Is a directory")
        write_atomically(probe, lambda file: file.write(b""))
        probe.unlink()


def write_csv(predictions: Predictions, path: Path) -> None:
    """Writes `sample_id,gold,label,outcome[,score_<label>...],raw_text,reason[,remark]`, one row per sample.

    Images that cannot be read have rows at the end, which say why.

    An answer that is not a label of the space stands as it was given; no answer is an empty field. Texts are
    written so that no spreadsheet computes them, see `harness.tools.csv_cells`.

    Raises:
        UsageError: the file cannot be written.
    """
    import pandas as pd

    scores = [name for name in score_columns(predictions.space) if name in predictions.table]
    texts = ["sample_id", "gold", "label", "outcome", "raw_text", "reason"]
    texts += ["remark"] if "remark" in predictions.table else []
    columns = [*texts[:4], *scores, *texts[4:]]
    lost = [(name, "failed", reason) for name, reason in predictions.unreadable.items()]
    rows = predictions.table
    if lost:
        rows = pd.concat([rows, pd.DataFrame(lost, columns=["sample_id", "outcome", "reason"])])
    table = rows[columns].rename(columns={name: inert(name) for name in scores})
    for name in texts:
        table[name] = table[name].map(inert, na_action="ignore")
    # All texts in quotes: else a lone carriage return in an answer would end its row.
    body = table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode()
    with _named(path):
        write_atomically(path, lambda file: file.write(body))


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}). Choose another --out.") from error
