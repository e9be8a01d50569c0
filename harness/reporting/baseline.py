"""What changed between two runs: verdicts, metrics, and the samples behind them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.metrics import accuracy, confusion_table, macro_f1
from harness.predictions.table import Predictions
from harness.reporting.text import count, markdown, number
from harness.reporting.verdicts import verdict_rows
from harness.runs import Run, read_run

EXAMPLES = 5


@dataclass(frozen=True)
class VerdictChange:
    """A claim on a cell whose verdict differs; a side that did not judge it is "absent"."""

    claim: str
    cell: str
    before: str
    after: str
    effect_before: str
    effect_after: str


@dataclass(frozen=True)
class Flip:
    """A sample that got another answer. An answer is a label, or the outcome where there is no valid one."""

    sample_id: str
    gold: str
    before: str
    after: str


@dataclass(frozen=True)
class CellChange:
    """A cell in both runs, compared on the samples they share.

    Attributes:
        n: Shared samples.
        flipped: Samples whose answer differs; `fixed` became correct, `broken` became wrong.
        relabelled: Samples whose gold label differs: the data changed, not only the model.
        examples: The first flips, in the dataset's order.
    """

    cell: str
    n: int
    accuracy_before: float
    accuracy_after: float
    macro_f1_before: float
    macro_f1_after: float
    flipped: int
    fixed: int
    broken: int
    relabelled: int
    examples: tuple[Flip, ...]


@dataclass(frozen=True)
class Comparison:
    """A run against its baseline."""

    baseline: str
    verdicts: tuple[VerdictChange, ...]
    cells: tuple[CellChange, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def moved(self) -> tuple[CellChange, ...]:
        """Cells with another answer or another gold label somewhere."""
        return tuple(cell for cell in self.cells if cell.flipped or cell.relabelled)

    @property
    def unmoved(self) -> str:
        """A sentence on the cells that did not change."""
        if not self.cells:
            return "No cell is in both runs."
        alike = len(self.cells) - len(self.moved)
        return f"Of {len(self.cells)} cells in both runs, {alike} answer every sample alike."

    def to_markdown(self) -> str:
        """A section of report.md: changed verdicts, metrics per cell, first flipped samples."""
        parts = [
            f"Baseline: {markdown(self.baseline)}.",
            _verdict_lines(self),
            _cell_lines(self),
            _flip_lines(self),
        ]
        for cells, words in ((self.added, "Not in the baseline"), (self.removed, "Only in the baseline")):
            if cells:
                parts.append(f"{words}: {', '.join(markdown(cell) for cell in cells)}.")
        return "\n\n".join(part for part in parts if part)


def compare_runs(run_dir: Path, baseline_dir: Path) -> Comparison:
    """Compares the run in `run_dir` with the one in `baseline_dir`.

    Raises:
        UsageError: either is not the folder of a run.
        DataError: a run.json or claims.json is broken.
    """
    return compare(read_run(run_dir), read_run(baseline_dir))


def compare(run: Run, baseline: Run) -> Comparison:
    """Compares two runs that were read already."""
    both = [cell for cell in run.predictions if cell in baseline.predictions]
    shared = [cell for cell in both if run.predictions[cell].task.space is not None]
    return Comparison(
        baseline=baseline.name,
        verdicts=_changed_verdicts(run, baseline),
        cells=tuple(_cell_change(cell, run.predictions[cell], baseline.predictions[cell]) for cell in shared),
        added=tuple(cell for cell in run.predictions if cell not in baseline.predictions),
        removed=tuple(cell for cell in baseline.predictions if cell not in run.predictions),
    )


def _changed_verdicts(run: Run, baseline: Run) -> tuple[VerdictChange, ...]:
    after, before = (
        {(row.claim, row.cell): row for row in verdict_rows(side.claims)} for side in (run, baseline)
    )
    changes = (
        VerdictChange(
            *key,
            *(side[key].verdict if key in side else "absent" for side in (before, after)),
            *(side[key].effect if key in side else "n/a" for side in (before, after)),
        )
        for key in dict.fromkeys([*after, *before])
    )
    return tuple(change for change in changes if change.before != change.after)


def _cell_change(cell: str, after: Predictions, before: Predictions) -> CellChange:
    """Answers are compared as words, so that another order of the same labels changes nothing."""
    both = _answers(before).add_suffix("_before").join(_answers(after).add_suffix("_after"), how="inner")
    flips = both[both["answer_before"] != both["answer_after"]]
    right_before, right_after = (
        both[f"answer_{side}"] == both[f"gold_{side}"] for side in ("before", "after")
    )
    figures = {}
    for side, predictions in (("before", before), ("after", after)):
        space = pd.Index(predictions.space.labels)
        gold, answer = (
            space.get_indexer(pd.Index(both[f"{column}_{side}"])) for column in ("gold", "answer")
        )
        table = confusion_table(gold, answer, len(space))
        figures[side] = (float(accuracy(table)), float(macro_f1(table)))
    return CellChange(
        cell=cell,
        n=len(both),
        accuracy_before=figures["before"][0],
        accuracy_after=figures["after"][0],
        macro_f1_before=figures["before"][1],
        macro_f1_after=figures["after"][1],
        flipped=len(flips),
        fixed=int((~right_before & right_after).sum()),
        broken=int((right_before & ~right_after).sum()),
        relabelled=int((both["gold_before"] != both["gold_after"]).sum()),
        examples=tuple(
            Flip(str(sample), str(row["gold_after"]), str(row["answer_before"]), str(row["answer_after"]))
            for sample, row in flips.head(EXAMPLES).iterrows()
        ),
    )


def _answers(predictions: Predictions) -> pd.DataFrame:
    """Gold label and answer in words per sample id; an outcome without a label stands in parentheses."""
    table = predictions.table
    answer = table["label"].where(table["outcome"] == "parsed", "(" + table["outcome"].astype(str) + ")")
    words: pd.DataFrame = pd.DataFrame(
        {"gold": table["gold"].to_numpy(object), "answer": answer.to_numpy(object)}
    )
    words.index = pd.Index(table["sample_id"].astype(str), name="sample_id")
    return words


def _verdict_lines(comparison: Comparison) -> str:
    if not comparison.verdicts:
        return "No verdict changed."
    rows = [
        f"| {markdown(change.claim)} | {markdown(change.cell)} | {change.before} | {change.after} "
        f"| {change.effect_before} | {change.effect_after} |"
        for change in comparison.verdicts
    ]
    head = ["| claim | cell | was | is | effect was | effect is |", "| --- | --- | --- | --- | --- | --- |"]
    return "\n".join(head + rows)


def _cell_lines(comparison: Comparison) -> str:
    if not comparison.moved:
        return comparison.unmoved
    rows = [
        f"| {markdown(cell.cell)} | {count(cell.n)} "
        f"| {_step(cell.accuracy_before, cell.accuracy_after, cell.n)} "
        f"| {_step(cell.macro_f1_before, cell.macro_f1_after, cell.n)} "
        f"| {count(cell.flipped)} | {count(cell.fixed)} | {count(cell.broken)} |"
        for cell in comparison.moved
    ]
    head = [
        "| cell | shared n | accuracy | macro-F1 | flipped | fixed | broken |",
        "| --- | ---: | --- | --- | ---: | ---: | ---: |",
    ]
    return "\n".join(head + rows) + f"\n\n{comparison.unmoved}"


def _flip_lines(comparison: Comparison) -> str:
    lines = [
        f"- {markdown(cell.cell)}: {markdown(flip.sample_id)} ({markdown(flip.gold)}): "
        f"{markdown(flip.before)} → {markdown(flip.after)}"
        for cell in comparison.cells
        for flip in cell.examples
    ]
    relabelled = [
        f"- {markdown(cell.cell)}: {count(cell.relabelled)} samples have another gold label than before."
        for cell in comparison.cells
        if cell.relabelled
    ]
    return "\n".join(["First flipped samples:", "", *lines, *relabelled]) if lines or relabelled else ""


def _step(before: float, after: float, n: int) -> str:
    return f"{number(before, n)} → {number(after, n)} ({number(after - before, n, signed=True)})"
