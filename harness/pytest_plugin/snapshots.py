"""Snapshots of metric tables: Markdown that people can diff, compared within tolerances."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from syrupy.extensions.base import AbstractSyrupyExtension
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

from harness.metrics.metric import Tolerance
from harness.predictions import Predictions
from harness.pytest_plugin.unused_snapshots import EXTENSION
from harness.reporting.metric_table import Measures, markdown_table
from harness.tools.names import file_name

MOST_CHARACTERS = 252  # of names without a digest: with the extension, what a file system takes

# Where a row is over few samples, a couple of flips must pass whatever the tolerance of its metric.
FREE_FLIPS = 2

# Answers are kept as one character per sample, so that a mismatch can name the samples that flipped.
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
NO_ANSWER = "-"
SAMPLES_PER_LINE = 100
FLIPS_SHOWN = 20


class MetricSnapshot(SingleFileSnapshotExtension):
    """A syrupy extension for `predictions == snapshot`.

    The snapshot holds the metric table and every answer. Two snapshots match when no metric has moved by
    more than its tolerance; a mismatch lists the metrics that moved and the samples that flipped.

    Attributes:
        measure: the metrics.
    """

    measure: Measures = Measures()
    file_extension = EXTENSION
    _write_mode = WriteMode.TEXT

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        """The file name of a test's snapshot, or one without a digest that it has had before.

        Such a name may have stood for several cells; the first line of the file says for which one.
        """
        test = AbstractSyrupyExtension.get_snapshot_name(test_location=test_location, index=index)
        name, before = file_name(test), re.sub(r'[\\/?*:|"<>]+', "_", test)[:MOST_CHARACTERS]
        folder = Path(cls.dirname(test_location=test_location))
        if name != before and not (folder / f"{name}.{cls.file_extension}").exists():
            with (
                suppress(OSError, ValueError),
                (folder / f"{before}.{cls.file_extension}").open(encoding="utf-8") as file,
            ):
                if test.endswith(f"[{file.readline().removeprefix('# ').strip()}]"):
                    return before
        return name

    @classmethod
    def write_snapshot(cls, **about: Any) -> None:
        """Writes snapshots under names that syrupy before 7 does not know for those of their tests."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"\s*Can not relate snapshot")
            super().write_snapshot(**about)

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        """Whether a file is the snapshot of a test, by the name that the test gives it."""
        return Path(snapshot_location).stem == cls.get_snapshot_name(test_location=test_location)

    def serialize(self, data: Any, **_: Any) -> str:
        """Renders predictions as Markdown."""
        self._predictions: Predictions = data
        table = markdown_table(self.measure(data))
        if data.task.space is None:
            return f"# {data.cell}\n\n{table}\n"
        labels = ", ".join(f"{ALPHABET[i]} {label}" for i, label in enumerate(data.space.labels))
        answers = answer_string(data)
        lines = [answers[i : i + SAMPLES_PER_LINE] for i in range(0, len(answers), SAMPLES_PER_LINE)]
        legend = f"Answers in sample order: {labels}; {NO_ANSWER} none."
        return "\n".join([f"# {data.cell}", "", table, "", legend, "", "```", *lines, "```", ""])

    def matches(self, *, serialized_data: Any, snapshot_data: Any) -> bool:
        """Whether all metrics agree within their tolerances."""
        return not list(moved_metrics(str(snapshot_data), str(serialized_data), self.measure.tolerances))

    def diff_lines(self, serialized_data: Any, snapshot_data: Any) -> Iterator[str]:
        """What moved, then which samples flipped."""
        old, new = str(snapshot_data), str(serialized_data)
        yield from moved_metrics(old, new, self.measure.tolerances)
        yield from flipped_samples(self._predictions, stored_answers(old))


def answer_string(predictions: Predictions) -> str:
    """One character per sample: the index of the answered label, or `-`; "" where there are no labels."""
    if predictions.task.space is None:
        return ""
    return "".join(NO_ANSWER if answer < 0 else ALPHABET[answer] for answer in predictions.answers)


def stored_answers(snapshot: str) -> str:
    """The answer string of a snapshot."""
    return "".join(snapshot.partition("```\n")[2].partition("```")[0].split())


def moved_metrics(old: str, new: str, tolerances: Mapping[str, Tolerance] | None = None) -> Iterator[str]:
    """Lines for metrics that appeared, vanished or moved by more than their tolerance."""
    before, after = _rows(old), _rows(new)
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in before or name not in after:
            yield f"{name}: {'new' if name in after else 'gone'}"
            continue
        was, now = before[name], after[name]
        n = int(was["n"].replace(",", ""))
        of = (tolerances or {}).get(name.split()[0], Tolerance())
        for column, tolerance in (("value", of.value), ("low", of.ends), ("high", of.ends)):
            if was[column] != now[column] and not _close(
                was[column], now[column], max(tolerance, FREE_FLIPS / max(n, 1))
            ):
                yield f"{name}: {column} {was[column]} -> {now[column]}"
        # The n of a precision counts answers, which flips move; every other n counts samples.
        if was["n"] != now["n"] and not name.startswith("precision"):
            yield f"{name}: n {was['n']} -> {now['n']}"


def flipped_samples(predictions: Predictions, old: str) -> Iterator[str]:
    """Lines for the samples whose answer is not what the snapshot holds."""
    new = answer_string(predictions)
    if len(old) != len(new):
        yield f"{len(old)} samples became {len(new)}; answers cannot be compared"
        return
    flips = [index for index, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    labels = predictions.space.labels if new else ()
    names = {NO_ANSWER: "no answer", **dict(zip(ALPHABET, labels, strict=False))}
    yield f"{len(flips)} of {len(new)} samples flipped"
    for index in flips[:FLIPS_SHOWN]:
        row = predictions.table.iloc[index]
        yield f"  {row['sample_id']} (gold {row['gold']}): {names[old[index]]} -> {names[new[index]]}"


def _rows(snapshot: str) -> dict[str, dict[str, str]]:
    lines = [line for line in snapshot.splitlines() if line.startswith("|")]
    if not lines:
        return {}
    header, *body = ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines)
    rows = (dict(zip(header, cells, strict=False)) for cells in body if not set("".join(cells)) <= set("-: "))
    return {f"{row['metric']} {row.get('label', '')}".strip(): row for row in rows}


def _close(was: str, now: str, tolerance: float) -> bool:
    """Whether rounded figures may stem from values no further apart than the tolerance."""
    last_digit = 10.0 ** -len(was.partition(".")[2])
    try:
        return abs(float(was) - float(now)) < tolerance + last_digit - 1e-9
    except ValueError:
        return False
