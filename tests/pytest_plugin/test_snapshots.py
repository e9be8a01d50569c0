"""The parts of a snapshot: how answers are kept, what counts as moved, how flips are told."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.labels import LabelSpace
from harness.predictions import Cell, Predictions
from harness.pytest_plugin.snapshots import (
    FLIPS_SHOWN,
    MetricSnapshot,
    answer_string,
    flipped_samples,
    moved_metrics,
    stored_answers,
)
from harness.reporting.metric_table import markdown_table, metric_table
from harness.tasks import Choice

SPACE = LabelSpace.of("tiny", ("angry", "happy", "sad"))


def predictions(gold, answers):
    """Predictions with these labels by index; -1 is no answer."""
    names = [None if answer < 0 else SPACE.labels[answer] for answer in answers]
    table = pd.DataFrame(
        {
            "sample_id": [f"{i}.png" for i in range(len(gold))],
            "group": [str(i) for i in range(len(gold))],
            "gold": [SPACE.labels[label] for label in gold],
            "outcome": ["unparsable" if name is None else "parsed" for name in names],
            "label": pd.Series(names, dtype=object),
            "raw_text": None,
            "reason": None,
            "latency_s": 0.0,
            "pixel_digest": [str(i) for i in range(len(gold))],
        }
    )
    return Predictions(Cell("model", "tiny", "test"), Choice(SPACE), table)


def moved(gold, before, after):
    """Names of the rows that moved between two sets of answers."""
    tables = [markdown_table(metric_table(predictions(gold, answers))) for answers in (before, after)]
    return {line.partition(":")[0] for line in moved_metrics(*tables)}


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 2)), min_size=1, max_size=250))
def test_a_snapshot_gives_its_answers_back_and_matches_itself(samples):
    found = predictions(*zip(*samples, strict=True))
    written = MetricSnapshot().serialize(found)
    assert stored_answers(written) == answer_string(found)
    assert list(moved_metrics(written, written)) == []
    assert list(flipped_samples(found, stored_answers(written))) == [f"0 of {len(samples)} samples flipped"]


# Two labels with 400 samples and one with 50; four of five are right.
GOLD = np.repeat([0, 1, 2], [400, 50, 400])
ANSWERS = np.where(np.arange(len(GOLD)) % 5 == 0, (GOLD + 1) % 3, GOLD)


def flipped(label, count, to):
    """The answers, of which the first right ones to a label have become wrong."""
    answers = ANSWERS.copy()
    answers[np.flatnonzero((label == GOLD) & (label == ANSWERS))[:count]] = to
    return answers


def test_two_flips_in_a_small_class_are_forgiven_a_third_is_not():
    assert moved(GOLD, ANSWERS, flipped(1, 2, to=0)) == set()
    assert "recall happy" in moved(GOLD, ANSWERS, flipped(1, 3, to=0))


def test_less_than_a_hundredth_of_a_large_class_is_forgiven_more_is_not():
    assert moved(GOLD, ANSWERS, flipped(0, 3, to=2)) == set()
    rows = moved(GOLD, ANSWERS, flipped(0, 20, to=2))
    assert {"accuracy", "macro_f1", "recall angry", "f1 angry", "precision sad"} <= rows


def test_a_label_that_is_answered_for_the_first_time_moves_its_precision():
    never = np.where(ANSWERS == 1, 0, ANSWERS)
    once = never.copy()
    once[400] = 1
    assert "precision happy" in moved(GOLD, never, once)


def test_other_samples_or_other_metrics_are_told():
    one_silent = flipped(0, 1, to=-1)
    assert moved(GOLD, ANSWERS, one_silent) == {"accuracy_of_answered"}
    assert moved(GOLD, one_silent, ANSWERS) == {"accuracy_of_answered"}
    header = (
        "| metric | label | value | low | high | n | method |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    )
    row = "| accuracy |  | 0.80 | 0.70 | 0.90 | {} | Wilson |"
    assert list(moved_metrics(header + row.format("3,589"), header + row.format("3,588"))) == [
        "accuracy: n 3,589 -> 3,588"
    ]


def test_flips_are_named_with_gold_and_both_answers_up_to_a_limit():
    gold = np.zeros(FLIPS_SHOWN + 10, int)
    found = predictions(gold, np.where(np.arange(len(gold)) == 1, -1, 2))
    summary, first, second, *rest = flipped_samples(found, "0" * len(gold))
    assert summary == f"{len(gold)} of {len(gold)} samples flipped"
    assert first == "  0.png (gold angry): angry -> sad"
    assert second == "  1.png (gold angry): angry -> no answer"
    assert len(rest) == FLIPS_SHOWN - 2
    assert list(flipped_samples(found, "000")) == ["3 samples became 30; answers cannot be compared"]
