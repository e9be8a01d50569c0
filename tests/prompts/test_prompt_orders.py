"""Orders of labels: single ones, and designs whose members balance each other."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations
from math import factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.labels import LabelSpace, affect, label_space, label_spaces
from harness.prompts import DESIGNS, Prompt, design_size, label_order

FER = label_space("fer2013")
MIKELS = label_space("mikels8")
FOUR = ("anger", "happiness", "sadness", "neutral")


def orders(design: str, space: LabelSpace, **axes) -> list[tuple[str, ...]]:
    return [
        label_order(Prompt(order=f"{design}.{member}", **axes), space)
        for member in range(1, DESIGNS[design] + 1)
    ]


def space_of(size: int) -> LabelSpace:
    return LabelSpace.of("made", tuple(f"mood {i}" for i in range(size)))


# Designs


@pytest.mark.parametrize("size", range(3, 11))
def test_williams_designs_balance_places_and_neighbours(size):
    rows = orders(f"williams-{size}", space_of(size))
    assert len(set(rows)) == len(rows) == (2 * size if size % 2 else size)
    assert all(set(row) == set(rows[0]) and len(row) == size for row in rows)
    places = Counter((label, place) for row in rows for place, label in enumerate(row))
    neighbours = Counter(pair for row in rows for pair in pairwise(row))
    assert len(places) == size**2
    assert len(neighbours) == size * (size - 1)
    assert set(places.values()) == {len(rows) // size}
    assert set(neighbours.values()) == {len(rows) // size}


@pytest.mark.parametrize(("design", "space"), [("williams-7", FER), ("williams-8", MIKELS)])
def test_williams_designs_of_real_label_spaces(design, space):
    rows = orders(design, space)
    assert len(rows) == {7: 14, 8: 8}[len(space)]
    assert all(sorted(row) == sorted(space.labels) for row in rows)


def test_all_permutations_of_four_labels_once_each_the_given_one_first():
    rows = orders("permutations-4", FER, subset=FOUR)
    assert rows[0] == ("angry", "happy", "sad", "neutral")
    assert len(rows) == 24
    assert set(rows) == set(permutations(rows[0]))


@given(st.sampled_from(label_spaces()).map(label_space), st.data())
def test_the_sentiment_design_crosses_the_place_of_the_positive_labels_with_grouping(space, data):
    subset = data.draw(st.lists(st.sampled_from(space.concepts), min_size=3, unique=True))
    try:
        rows = orders("sentiment", space, subset=tuple(subset))
    except UsageError:
        counts = Counter(affect().sentiment(concept) for concept in subset)
        assert min(counts["positive"], counts["negative"]) < 2
        return
    sentiment = {
        label: affect().sentiment(concept)
        for label, concept in zip(space.labels, space.concepts, strict=True)
    }

    def mean_place(row: tuple[str, ...], wanted: str) -> float:
        places = [place for place, label in enumerate(row) if sentiment[label] == wanted]
        return sum(places) / len(places)

    def together(row: tuple[str, ...]) -> int:
        return sum(sentiment[a] == sentiment[b] != "neither" for a, b in pairwise(row))

    for positive_first, negative_first in (rows[:2], rows[2:]):
        assert mean_place(positive_first, "positive") < mean_place(negative_first, "positive")
        assert sentiment[positive_first[0]] == "positive"
        assert sentiment[negative_first[0]] == "negative"
    for grouped, interleaved in (rows[::2], rows[1::2]):
        assert together(grouped) > together(interleaved)
    for label in (label for label in rows[0] if sentiment[label] == "neither"):
        assert rows[0].index(label) == rows[1].index(label)
        assert abs(rows[2].index(label) - rows[3].index(label)) <= 1
    for row in rows:
        assert sorted(row) == sorted(rows[0])


def test_the_sentiment_design_of_mikels_eight_and_of_fer():
    assert orders("sentiment", MIKELS) == [
        ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness"),
        ("anger", "disgust", "fear", "sadness", "amusement", "awe", "contentment", "excitement"),
        ("amusement", "anger", "awe", "disgust", "contentment", "fear", "excitement", "sadness"),
        ("anger", "amusement", "disgust", "awe", "fear", "contentment", "sadness", "excitement"),
    ]
    assert orders("sentiment", FER) == [
        ("happy", "angry", "disgust", "fear", "sad", "surprise", "neutral"),
        ("angry", "disgust", "fear", "sad", "happy", "surprise", "neutral"),
        ("happy", "angry", "surprise", "disgust", "neutral", "fear", "sad"),
        ("angry", "happy", "disgust", "surprise", "fear", "neutral", "sad"),
    ]


def test_design_sizes():
    designs = ["sentiment", "permutations-4", "williams-7", "williams-8"]
    assert [design_size(design) for design in designs] == [4, factorial(4), 14, 8]
    assert [design_size(single) for single in ("given", "reversed", "williams-7.3", "nonsense")] == [None] * 4


# Single orders


@given(st.sampled_from(label_spaces()).map(label_space))
def test_given_and_reversed_are_those_of_the_space(space):
    assert label_order(Prompt(), space) == space.labels
    assert label_order(Prompt(order="reversed"), space) == space.labels[::-1]


def test_a_subset_keeps_the_order_of_the_space():
    assert label_order(Prompt(subset=("sadness", "anger")), FER) == ("angry", "sad")


@pytest.mark.parametrize("form", ["six", "two-stage"])
def test_six_labels_and_second_questions_leave_out_neutral(form):
    six = ("Anger", "Disgust", "Fear", "Happy", "Sad", "Surprise")
    assert label_order(Prompt(form=form), label_space("caer")) == six


# Errors


@pytest.mark.parametrize(
    ("axes", "space", "says"),
    [
        ({"order": "williams-7.1"}, MIKELS, "does not fit the 8 labels amusement, .* Use williams-8,"),
        ({"order": "williams-7.1", "form": "six"}, FER, "6 labels .* Use williams-6,"),
        ({"order": "permutations-4.1"}, FER, "7 labels .* Use williams-7, or narrow them by `subset`"),
        ({"order": "williams-8.1", "subset": FOUR}, FER, "Use permutations-4 or williams-4"),
        ({"order": "williams-7"}, FER, "a design of 14. Use williams-7.1 to williams-7.14"),
        ({"order": "williams-7.0"}, FER, "a design of 14"),
        ({"order": "williams-7.15"}, FER, "a design of 14"),
        ({"order": "williams-7.x"}, FER, "a design of 14"),
        ({"order": "sentiment.01"}, FER, "a design of 4"),
        (
            {"order": "shuffled"},
            FER,
            "Unknown label order 'shuffled'. Use given, reversed, or one",
        ),
        ({"order": "given.1"}, FER, "Unknown label order"),
        ({"order": "sentiment.1", "subset": FOUR[:3]}, FER, "not four for anger, happiness, sadness"),
        (
            {"order": "sentiment.1"},
            LabelSpace.of("made", ("sad", "bored")),
            "does not list the concept 'bored'",
        ),
        ({"subset": ("awe", "fear")}, FER, "fer2013 has no concept 'awe' .* Use some of anger, disgust"),
        ({"subset": ("fear",)}, FER, "must leave two labels to choose from, but leaves fear"),
        ({"subset": ("fear", "neutral"), "form": "six"}, FER, "two labels to choose from, but leaves fear"),
        ({"subset": ("neutral",), "form": "six"}, FER, "two labels to choose from, but leaves none"),
        ({"form": "six"}, MIKELS, "Form six sets the neutral label apart"),
        (
            {"form": "two-stage", "subset": ("fear", "anger")},
            FER,
            "Form two-stage sets the neutral",
        ),
    ],
)
def test_what_does_not_fit_says_what_does(axes, space, says):
    with pytest.raises(UsageError, match=says):
        label_order(Prompt(**axes), space)
