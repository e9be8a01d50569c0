from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import f1_score

from harness.errors import UsageError
from harness.labels import LabelSpace
from harness.predictions.table import Predictions
from harness.reporting.baseline import CellChange, Comparison, Flip, compare_runs
from harness.tasks import Choice

Cells = dict[str, Predictions]
NewRun = Callable[..., Path]


@pytest.fixture
def cell(small_cells: Cells) -> Predictions:
    return small_cells["fer2013:private/none/resnet50"]


def edited(predictions: Predictions, edits: dict[int, dict[str, Any]]) -> Predictions:
    table = predictions.table.copy()
    for row, values in edits.items():
        table.loc[row, list(values)] = list(values.values())
    return replace(predictions, table=table)


def compared(new_run: NewRun, before: Predictions, after: Predictions) -> CellChange:
    runs = [new_run(name, {"c": one}, []) for name, one in (("after", after), ("before", before))]
    (change,) = compare_runs(*runs).cells
    return change


def test_a_run_equals_itself(new_run: NewRun, small_cells: Cells, claims: list[Any]) -> None:
    run = new_run("same", small_cells, claims)
    comparison = compare_runs(run, run)
    assert (comparison.verdicts, comparison.moved, comparison.added, comparison.removed) == ((), (), (), ())
    assert "No verdict changed." in comparison.to_markdown()
    assert "Of 6 cells in both runs, 6 answer every sample alike." in comparison.to_markdown()


def test_flips_are_counted_named_and_weighed(new_run: NewRun, cell: Predictions) -> None:
    golds = cell.table["gold"]
    right = cell.table.index[(cell.table["label"] == golds) & (golds != "sad")][:2]
    wrong = cell.table.index[(cell.table["label"] != golds) & (cell.table["label"] != "sad")][0]
    after = edited(
        cell,
        {
            right[0]: {"label": "sad"},
            right[1]: {"outcome": "refusal", "label": None},
            wrong: {"label": golds[wrong]},
        },
    )
    change = compared(new_run, cell, after)
    assert (change.flipped, change.fixed, change.broken, change.relabelled) == (3, 1, 2, 0)
    assert change.accuracy_after - change.accuracy_before == pytest.approx(-1 / len(cell))
    answers = after.table["label"].where(after.table["outcome"] == "parsed", "none").astype(str)
    expected = f1_score(golds.astype(str), answers, labels=list(cell.space.labels), average="macro")
    assert change.macro_f1_after == pytest.approx(expected)
    sample = cell.table["sample_id"]
    assert Flip(sample[right[1]], golds[right[1]], golds[right[1]], "(refusal)") in change.examples
    assert Flip(sample[wrong], golds[wrong], cell.table["label"][wrong], golds[wrong]) in change.examples


def test_only_shared_samples_are_compared_whatever_their_order(new_run: NewRun, cell: Predictions) -> None:
    fewer = replace(cell, table=cell.table.iloc[:100].sample(frac=1, random_state=0))
    change = compared(new_run, cell, fewer)
    assert (change.n, change.flipped) == (100, 0)
    assert change.accuracy_before == change.accuracy_after


def test_another_order_of_the_same_labels_changes_nothing(new_run: NewRun, cell: Predictions) -> None:
    backwards = LabelSpace("backwards", cell.space.labels[::-1], cell.space.concepts[::-1])
    change = compared(new_run, cell, replace(cell, task=Choice(backwards)))
    assert change.flipped == 0
    assert change.macro_f1_before == pytest.approx(change.macro_f1_after)


def test_changed_gold_labels_are_told_apart_from_changed_answers(new_run: NewRun, cell: Predictions) -> None:
    relabelled = edited(cell, {0: {"gold": "fear" if cell.table["gold"][0] != "fear" else "sad"}})
    comparison = compare_runs(new_run("after", {"c": relabelled}, []), new_run("before", {"c": cell}, []))
    (change,) = comparison.moved
    assert (change.flipped, change.relabelled) == (0, 1)
    assert "1 samples have another gold label" in comparison.to_markdown()


def test_changed_new_and_lost_verdicts_are_listed(new_run: NewRun, claim: Callable[..., Any]) -> None:
    before = [
        claim("kept", "supported", 0.2),
        claim("turned", "supported", 0.2),
        claim("lost", "refuted", -0.2),
    ]
    after = [
        claim("kept", "supported", 0.3),
        claim("turned", "refuted", -0.1),
        claim("new", "inconclusive", 0.0),
    ]
    comparison = compare_runs(new_run("after", {}, after), new_run("before", {}, before))
    assert [(change.cell, change.before, change.after) for change in comparison.verdicts] == [
        ("turned", "supported", "refuted"),
        ("new", "absent", "inconclusive"),
        ("lost", "refuted", "absent"),
    ]
    assert "| turned | supported | refuted | +0.200 [+0.179, +0.221] | -0.100" in comparison.to_markdown()


def test_cells_of_one_run_only_are_named(new_run: NewRun, small_cells: Cells) -> None:
    names = list(small_cells)
    before = new_run("before", {name: small_cells[name] for name in names[:2]}, [])
    comparison = compare_runs(new_run("after", {name: small_cells[name] for name in names[1:3]}, []), before)
    assert (comparison.added, comparison.removed) == ((names[2],), (names[0],))


def test_markdown_of_a_comparison_holds_no_foreign_markup(
    new_run: NewRun, cell: Predictions, hostile: str
) -> None:
    attacked = edited(cell, {0: {"sample_id": hostile}})
    other = edited(attacked, {0: {"label": "sad" if cell.table["label"][0] != "sad" else "fear"}})
    comparison: Comparison = compare_runs(
        new_run("after", {"c": other}, []), new_run("before", {"c": attacked}, [])
    )
    text = comparison.to_markdown()
    assert "evil.example" in text
    assert "<script" not in text
    assert "](javascript" not in text.replace("\\]", "")


def test_a_folder_that_is_no_run_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not the folder of a run"):
        compare_runs(tmp_path, tmp_path)
