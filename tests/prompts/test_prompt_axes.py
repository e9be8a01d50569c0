"""Prompts that cannot be asked say in one line why, and what to write instead."""

from __future__ import annotations

import doctest

import pytest

from harness.errors import UsageError
from harness.labels import label_space
from harness.prompts import Prompt, ask, orders, render

FER = label_space("fer2013")


@pytest.mark.parametrize(
    ("axes", "space", "says"),
    [
        ({"labels": "absent", "answer": "letter"}, FER, "Letters stand for labels, .* Use answer label"),
        ({"labels": "absent", "examples": True}, FER, "labels are absent. Use examples = false"),
        ({"labels": "absent", "form": "two-stage"}, FER, "Use labels = shown, or form flat"),
        ({"answer": "letter", "examples": True}, FER, "another label in each order"),
        ({"mode": "score", "labels": "absent"}, FER, "an open question has no list of answers to score"),
        ({"mode": "score", "answer": "free"}, FER, "a sentence in free words cannot be listed"),
        (
            {"mode": "score-normalised", "reasoning": "caption"},
            FER,
            "answers are scored at once",
        ),
        (
            {"answer": "letter"},
            label_space("ferplus"),
            "10 labels, .* end with H. Use answer label, or a subset",
        ),
        ({"max_tokens": 0}, FER, "max_tokens = 0. Give at least 1"),
        ({"captions": ("a {c}", "a face")}, FER, "'a face' of a prompt has no single place"),
        ({"captions": ("a {c} {c}",)}, FER, "Write {c} once"),
        (
            {"wording": "rude"},
            FER,
            "Unknown wording 'rude' .* Use one of caer-blog, .*, plain",
        ),
        ({"wording": "../common"}, FER, "Unknown wording"),
        ({"language": "ja"}, label_space("ferplus"), "no Japanese word for the label 'NF'"),
        ({"names": "clip_benchmark"}, label_space("ferplus8"), "no class name for 'contempt'"),
        ({"names": "clip_benchmark", "labels": "absent"}, FER, "no class name for 'contempt'"),
        ({"examples": True, "subset": ("fear", "neutral")}, FER, "fear, neutral has no positive one"),
        ({"examples": True, "subset": ("happiness", "neutral")}, FER, "happy, neutral has no negative one"),
    ],
)
def test_contradictions(axes, space, says):
    with pytest.raises(UsageError, match=says) as raised:
        ask(Prompt(**axes), space)
    assert "\n" not in str(raised.value)


def test_a_subset_mends_what_its_message_says_it_mends():
    ferplus = label_space("ferplus")
    faces = tuple(
        concept for concept in ferplus.concepts if concept not in ("not a face", "contempt", "unknown")
    )
    assert ask(Prompt(language="ja", names="clip_benchmark", subset=faces), ferplus)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"mood": "none"}, "unknown axis 'mood'"),
        ({"persona": "angry"}, "Write one of none, positive, negative, neutral"),
        ({"persona": ["none"]}, "Write one of none, positive, negative, neutral"),
        ({"order": 3}, "order = 3. Write a string"),
        ({"examples": 1}, "examples = 1. Write true or false"),
        ({"repeat": True}, "repeat = True. Write a whole number"),
        ({"max_tokens": "64"}, "max_tokens = '64'. Write a whole number"),
        ({"captions": "a {c}"}, "captions = 'a {c}'. Write a list of strings"),
        ({"subset": ["fear", 3]}, "Write a list of strings"),
    ],
)
def test_entries_of_a_suite_are_checked(entry, says):
    with pytest.raises(UsageError, match=f"Prompt mine of suite.toml has .*{says}"):
        Prompt.from_entry(entry, "Prompt mine of suite.toml")


def test_a_prompt_comes_back_from_its_plain_values():
    prompt = Prompt(order="williams-7.3", subset=("fear", "anger"), examples=True, max_tokens=9)
    assert Prompt.from_entry(prompt.as_dict(), "") == prompt
    assert Prompt.from_entry(Prompt().as_dict(), "") == Prompt()


@pytest.mark.parametrize("module", [orders, render])
def test_examples_of_the_documentation(module):
    assert doctest.testmod(module).failed == 0
