"""The parser reads real-looking answers as a careful person would."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from harness.predictions import OUTCOMES
from harness.prompts import Answer, Outcome, parse_answer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CORPUS = tomllib.loads(Path(__file__).with_name("answers.toml").read_text(encoding="utf-8"))
GROUPS = CORPUS["groups"]


def cases(group: str) -> list[tuple[str, list[str], list[str] | None, str]]:
    """(text, labels, options, expected) of one group."""
    entry = GROUPS[group]
    return [
        (text, CORPUS["labels"][space[0] if space else entry["labels"]], entry.get("options"), expected)
        for text, expected, *space in entry["cases"]
    ]


def said(answer: Answer) -> str:
    """The label, or the outcome where there is none."""
    return answer.outcome if answer.label is None else answer.label


def different(group: str, change) -> list[tuple[str, str, str]]:
    """(text, expected, got) wherever `change(text, labels, options)` is read otherwise than expected."""
    wrong = []
    for text, labels, options, expected in cases(group):
        text, labels, options = change(text, labels, options)
        got = said(parse_answer(text, labels, options=options))
        if got != expected:
            wrong.append((text, expected, got))
    return wrong


def test_the_corpus_is_large_and_holds_every_outcome():
    expected = [expected for group in GROUPS for *_, expected in cases(group)]
    assert len(expected) >= 300
    assert len({(text, *labels) for group in GROUPS for text, labels, *_ in cases(group)}) >= 300
    assert set(expected) > set(OUTCOMES) - {"parsed", "failed"}


def test_outcomes_are_those_of_predictions():
    assert get_args(Outcome) == OUTCOMES


@pytest.mark.parametrize("group", GROUPS)
def test_answers_are_read_as_written(group):
    assert different(group, lambda *case: case) == []


@pytest.mark.parametrize("group", GROUPS)
def test_case_does_not_matter(group):
    for change in (str.upper, str.lower, str.swapcase):
        assert different(group, lambda text, *rest, change=change: (change(text), *rest)) == []


@pytest.mark.parametrize("group", GROUPS)
def test_space_around_an_answer_does_not_matter(group):
    assert different(group, lambda text, *rest: (f" \n\t{text}\n\u3000\r\n", *rest)) == []


@pytest.mark.parametrize("group", GROUPS)
def test_the_order_of_labels_does_not_matter(group):
    shuffle = random.Random(0).sample
    assert different(group, lambda text, labels, o: (text, shuffle(labels, len(labels)), o)) == []
    assert different(group, lambda text, labels, o: (text, labels[::-1], o)) == []


@pytest.mark.parametrize("group", GROUPS)
def test_finished_thoughts_do_not_matter(group):
    think = '<think>Joy or fear? Anger: (A). {"label": "awe"}</think>\n'
    # Not before a text that closes thoughts which it never opened.
    assert [
        wrong
        for wrong in different(group, lambda text, *rest: (think + text, *rest))
        if "</think>" not in wrong[0][len(think) :]
    ] == []


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_no_text_is_a_failure(missing):
    assert parse_answer(missing, ["happy", "sad"]) == Answer("failed", None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("She looks joyful. Answer: Happiness", ("happiness",)),
        ("Sad. The sadness shows in her eyes.", ("sad",)),
        ("The sadness is plain, she is sad and tired.", ("sadness", "sad")),
        ("Not happy but bored.", ("bored",)),
        ("bored, tired", ("bored", "tired")),
        ("Quiet ennui", ("ennui",)),
        ("Quiet weltschmerz", ("quiet weltschmerz",)),
        ("The brows suggest sadness.\nEmotion: weltschmerz", ("weltschmerz",)),
        ('{"emotion": "hygge"}', ("hygge",)),
        ("not hygge", ()),
        ("hygge or weltschmerz", ()),
        ("Answer: unclear", ()),
        ("happy or sad", ()),
        ("I can't tell", ()),
        ("There is a table in the room.", ()),
    ],
)
def test_the_words_of_an_answer_are_kept(text, words):
    assert parse_answer(text, ["happy", "sad"]).words == words
