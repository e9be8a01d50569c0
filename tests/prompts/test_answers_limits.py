"""Size, odd label sets and wrong arguments."""

from __future__ import annotations

import doctest
import random
import signal
import sys

import pytest

from harness.errors import UsageError
from harness.prompts import parse_answer
from harness.prompts.answers import parser

FER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

UNITS = [
    "happy ", "not ", "no\n", "happy is not ", "sad or ", "i am so ", "anger: no ", "not\nx ",
    "hard to tell if ", "a) ", "怒り", "怒りではなく", "如", "、", "{", '{"a":', '{"emotion":"happy",',
    '["', "'", "{x:", "\\boxed{", '{"emotion":"\\', "[", "(", "user: ", "</think>", "!", "1.", "answer is ",
    "emotion: ", "\n", "happy?", "Explanation:\n", "answer: happy\n",
]  # fmt: skip
# What regular expressions and string searches run over.
RUNS = [
    "~", "!", "a-", "--", "<|a", "{ ", "[ ", '"', "'", '{"a":"\\', "1,", "1.", "```", "e.g.", "user:",
    "system\n", "<", "http://", "\\boxed ", " ", "\n", "\u0301\u0316",
]  # fmt: skip


def steps(text: str) -> int:
    """Calls of Python and C functions, and resumptions of generators, while parsing `text`."""
    count = 0

    def tally(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(tally)
    try:
        parse_answer(text, FER, options=FER)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("unit", UNITS)
def test_work_grows_no_faster_than_the_text(unit):
    steps(unit)  # fills the caches
    short, long = steps(unit * 50), steps(unit * 400)
    assert long <= 8 * short + 500


@pytest.fixture
def no_hanging():
    """Fails a test that takes 100 times what it should: work in a regular expression is no step to count."""

    def give_up(_signal: int, _frame: object) -> None:
        raise TimeoutError("parsing takes time quadratic in the length of the text")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs POSIX signals")
@pytest.mark.parametrize("unit", RUNS)
@pytest.mark.usefixtures("no_hanging")
def test_a_long_run_of_anything_is_read(unit):
    assert parse_answer(unit * (100_000 // len(unit)), FER).outcome == "unparsable"


def test_an_answer_is_found_behind_a_megabyte():
    letters = random.Random(0).choices("abcdefghijklmnopqrstuvwxyz", k=1_000_000)
    noise = "\n".join("".join(letters[start : start + 40]) for start in range(0, len(letters), 40))
    assert parse_answer(noise + "\nAnswer: sad", FER).label == "sad"


@pytest.mark.parametrize("seed", range(5))
def test_ten_kilobytes_of_noise_answer_nothing(seed):
    noise = "".join(map(chr, random.Random(seed).choices([*range(0x300), *range(0x3000, 0x3100)], k=10_000)))
    assert parse_answer(noise, FER).outcome == "unparsable"
    printable = "".join(map(chr, random.Random(seed).choices(range(32, 127), k=10_000)))
    assert parse_answer(printable, FER).label is None


@pytest.mark.parametrize(
    ("labels", "text", "label"),
    [
        (("happy", "very happy"), "Very happy", "very happy"),
        (("happy", "very happy"), "happy", "happy"),
        (("Thumbs up", "thumbs-down"), "THUMBS_UP", "Thumbs up"),
        (("Thumbs up", "thumbs-down"), "Answer: thumbs down.", "thumbs-down"),
        (("yes", "no"), "No.", "no"),
        (("yes", "no"), "Answer: yes", "yes"),
        (("positive", "negative", "neutral"), "The sentiment is negative.", "negative"),
        (("not a face", "happy"), "not a face", "not a face"),
        (("Bored", "happy"), "The person looks bored.", "Bored"),
        (("happy",), "Happy!", "happy"),
        (("ＨＡＰＰＹ", "sad"), "happy", "ＨＡＰＰＹ"),
        (("joy", "happy"), "joy", "joy"),
        (("joy", "happy"), "happiness", None),
        (("joy", "happy"), "Joy and happiness", None),
    ],
)
def test_any_labels_may_be_asked_for(labels, text, label):
    assert parse_answer(text, labels).label == label


@pytest.mark.parametrize(
    "labels", [(), ("",), ("happy", " "), ("sad", "sad"), ("sad", "Sad"), ("a_b", "A b")]
)
def test_labels_that_no_answer_can_tell_apart_are_an_error(labels):
    with pytest.raises(UsageError, match="Give"):
        parse_answer("sad", labels)


@pytest.mark.parametrize("options", [("happy", "bored"), ("Happy",), ("happy", "happy")])
def test_options_that_are_not_the_labels_are_an_error(options):
    with pytest.raises(UsageError, match="Give"):
        parse_answer("A", ("happy", "sad"), options=options)


def test_docstring_examples():
    result = doctest.testmod(parser)
    assert result.attempted
    assert not result.failed
