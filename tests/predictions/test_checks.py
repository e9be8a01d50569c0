"""Answers are held against what the trainer recorded on the card."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.datasets import Dataset, Sample
from harness.errors import ModelError
from harness.labels import label_space
from harness.predictions import Cell, Predictions, join
from harness.predictions.checks import check_against_card
from harness.tasks import Choice

SPACE = label_space("fer2013")
LABELS = SPACE.labels
# As uneven as FER-2013's PrivateTest, a quarter of its size; a network answers each class mostly right and
# goes wrong to its neighbour and to neutral.
COUNTS = (122, 14, 132, 220, 148, 104, 157)
CARD = "fer2013:private"


def gold() -> np.ndarray:
    return np.repeat(np.arange(7), COUNTS)


def answers_of_a_network() -> np.ndarray:
    truth, turn = gold(), np.arange(len(gold())) % 10
    return np.where(turn < 6, truth, np.where(turn < 8, (truth + 1) % 7, 6))


def predictions(answered: np.ndarray, labels: tuple[str, ...] = LABELS) -> Predictions:
    """Output `answered[i]` of a network for sample i, under a card with the order `labels`."""
    samples = tuple(Sample(str(i), LABELS[g]) for i, g in enumerate(gold()))
    dataset = Dataset(
        "fer2013",
        "private",
        Choice(SPACE),
        samples,
        lambda i: np.full((1, 2), int(i), np.uint16).view(np.uint8),
    )
    rows = pd.DataFrame(
        {
            "outcome": "parsed",
            "label": [labels[a] for a in answered],
            "raw_text": None,
            "reason": None,
            "latency_s": np.nan,
            "pixel_digest": "",
        }
    )
    return join(Cell("cnn", "fer2013", "private"), dataset, rows, labels)


RIGHT = int((answers_of_a_network() == gold()).sum())
N = len(gold())


def test_answers_as_recorded_pass():
    said = check_against_card(predictions(answers_of_a_network()), {CARD: (RIGHT, N)})
    assert said == f"answers as its card records: {RIGHT:,} of {N:,} right"


@pytest.mark.parametrize("off", [5, 8])
def test_a_few_flips_of_other_kernels_pass(off):
    for recorded in (RIGHT + off, RIGHT - off):
        said = check_against_card(predictions(answers_of_a_network()), {CARD: (recorded, N)})
        assert said == f"answers as its card records: {RIGHT:,} of {N:,} right; recorded: {recorded:,}"


@pytest.mark.parametrize("correct", [{}, {"fer2013:public": (1, N)}, {CARD: (1, N - 1)}])
def test_a_record_of_other_samples_is_not_compared(correct):
    assert check_against_card(predictions(answers_of_a_network()), correct) == ""


@pytest.mark.parametrize("pair", [(0, 2), (3, 6), (5, 6), (1, 2), (4, 5)])
def test_two_swapped_labels_are_named(pair):
    a, b = pair
    order = list(LABELS)
    order[a], order[b] = order[b], order[a]
    answered = predictions(answers_of_a_network(), tuple(order))
    with pytest.raises(ModelError, match="label order is wrong") as caught:
        check_against_card(answered, {CARD: (RIGHT, N)})
    message = str(caught.value)
    measured = int((answered.answers == gold()).sum())
    assert f"cnn gets {measured} of {N} right on fer2013:private, its card records {RIGHT}. " in message
    swaps = set(re.findall(r"(\w+) is (\w+)(?=[,.])", message.partition("answered ")[2]))
    assert swaps == {(LABELS[a], LABELS[b]), (LABELS[b], LABELS[a])}


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(7)))
def test_the_message_undoes_any_wrong_order(order):
    assume(order != list(range(7)))
    network = answers_of_a_network()
    wrong = tuple(LABELS[i] for i in order)
    with pytest.raises(ModelError, match="label order is wrong") as caught:
        check_against_card(predictions(network, wrong), {CARD: (RIGHT, N)})
    swaps = dict(re.findall(r"(\w+) is (\w+)(?=[,.])", str(caught.value).partition("answered ")[2]))
    assert [swaps.get(label, label) for label in wrong] == list(LABELS)


def test_other_causes_are_not_blamed_on_the_labels():
    constant = np.full(N, 3)
    with pytest.raises(ModelError, match="Its weights, its preprocessing or the dataset are not those"):
        check_against_card(predictions(constant), {CARD: (RIGHT, N)})
