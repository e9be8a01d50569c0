"""The samples that the gallery shows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runs.choice import choose_samples

LABELS = ("angry", "fear", "neutral")
OUTCOMES = ("parsed", "refusal")


def table(golds: list[int], answers: list[int]) -> pd.DataFrame:
    """Samples s0, s1, ...; the answer 3 is no valid one, though its text names a label."""
    return pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(len(golds))],
            "gold": [LABELS[gold] for gold in golds],
            "outcome": [OUTCOMES[answer == 3] for answer in answers],
            "label": [LABELS[answer % 3] for answer in answers],
        }
    )


def cells_of(answers: pd.DataFrame) -> pd.Series:
    """The confusion cell of each sample."""
    said = answers["label"].where(answers["outcome"] == "parsed", "-")
    cells = answers["gold"] + ">" + said
    cells.index = answers["sample_id"]
    return cells


@st.composite
def grids(draw: st.DrawFn) -> list[pd.DataFrame]:
    """A few models' answers to the same samples."""
    n = draw(st.integers(1, 25))
    golds = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    rows = st.lists(st.integers(0, 3), min_size=n, max_size=n)
    return [table(golds, answers) for answers in draw(st.lists(rows, min_size=1, max_size=4))]


@given(grids(), st.integers(0, 30))
def test_it_takes_as_many_as_there_are_and_each_once(tables: list[pd.DataFrame], n: int) -> None:
    chosen = choose_samples(tables, n)
    assert len(chosen) == len(set(chosen)) == min(n, len(tables[0]))
    assert set(chosen) <= set(tables[0]["sample_id"])


@given(grids())
def test_every_label_comes_first_and_then_every_confusion_cell(tables: list[pd.DataFrame]) -> None:
    labels = set(tables[0]["gold"])
    gold = tables[0].set_index("sample_id")["gold"]
    assert set(gold[choose_samples(tables, len(labels))]) == labels
    cells = [cells_of(answers) for answers in tables]
    enough = len(labels) + sum(len(set(one)) for one in cells)
    chosen = choose_samples(tables, enough)
    assert all(set(one[chosen]) == set(one) for one in cells)


@given(grids(), st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_choice_hangs_on_no_order_and_grows(tables: list[pd.DataFrame], n: int, random) -> None:
    chosen = choose_samples(tables, n)
    assert choose_samples(tables, n + 5)[:n] == chosen
    order = list(range(len(tables[0])))
    random.shuffle(order)
    assert choose_samples([answers.iloc[order] for answers in tables], n) == chosen


def test_the_largest_cells_come_first() -> None:
    golds = [0] * 60 + [1] * 60
    answers = [0] * 60 + [1] * 30 + [2] * 20 + [0] * 9 + [3]
    chosen = choose_samples([table(golds, answers)], 4)
    assert set(cells_of(table(golds, answers))[chosen]) == {
        "angry>angry",
        "fear>fear",
        "fear>neutral",
        "fear>angry",
    }


def test_with_a_hundred_models_a_few_pictures_show_nearly_all_that_happens() -> None:
    random = np.random.default_rng(0)
    golds = random.integers(0, 3, 2_000).tolist()
    tables = [table(golds, np.where(random.random(2_000) < 0.5, golds, random.integers(0, 3, 2_000)).tolist())
              for _ in range(100)]  # fmt: skip
    chosen = choose_samples(tables, 40)
    behind = []
    for answers in tables:
        cells = cells_of(answers)
        sizes = Counter(cells)
        behind.append(sum(sizes[cell] for cell in set(cells[chosen])) / len(cells))
    assert np.mean(behind) > 0.99


def test_samples_that_a_prompt_leaves_out_are_found_through_the_others() -> None:
    whole = table([0, 1, 2, 2], [0, 1, 2, 1])
    part = whole[whole["gold"] != "neutral"]
    assert set(choose_samples([part, whole], 4)) == {"s0", "s1", "s2", "s3"}


@pytest.mark.parametrize("tables", [[], [table([], [])]])
def test_nothing_to_choose_from_is_no_choice(tables: list[pd.DataFrame]) -> None:
    assert choose_samples(tables, 5) == []
