"""The parser never raises, never guesses, and sees through what does not matter."""

from __future__ import annotations

import re
import sys
import unicodedata
from importlib.resources import files

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from harness.labels import label_space, label_spaces
from harness.labels.vocabulary import vocabulary
from harness.predictions import OUTCOMES
from harness.prompts import parse_answer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FER = label_space("fer2013").labels
WORDS = tomllib.loads(files("harness.prompts.answers").joinpath("words.toml").read_text(encoding="utf-8"))
GRAMMAR = sorted({phrase for phrases in WORDS["phrases"].values() for phrase in phrases})
STEMS = [stem for stems in WORDS["inflections"].values() for stem in stems]
NAMES = [*vocabulary().words, *STEMS]
MARKS = [
    "{", "}", "[", "]", "(", ")", '"', "'", ":", ",", ".", "!", "?", ";", "-", "—", "/", "|", "\n", "\n\n",
    " ", "\\", "**", "```", "```json\n", '{"prediction": "', '"}', '{"emotion":', "<think>", "</think>",
    "<answer>", "</answer>", "USER:", "ASSISTANT:", "[INST]", "[/INST]", "<|im_end|>", "\\boxed{", "A", "(B)",
    "C.", "1.", "- ", "、", "。", "「", "answer: ", "Emotion - ", "\x00", "\u200b", "\ud800",
    "\U0001f600", "\u0301", "\\u0061", "\\ud83d", "ﷺ", "İ", "ß",
]  # fmt: skip

spaces = st.sampled_from([label_space(name).labels for name in label_spaces()])


def texts(*more: list[str]) -> st.SearchStrategy[str]:
    """Scraps of answers, glued with and without spaces, and arbitrary text."""
    scraps = st.sampled_from([*GRAMMAR, *MARKS, *(scrap for scraps in more for scrap in scraps)])
    glued = st.tuples(st.lists(scraps | st.text(max_size=3), max_size=25), st.sampled_from(["", " "]))
    return st.text() | glued.map(lambda parts: parts[1].join(parts[0]))


def said(text: str | None, labels=FER, **options) -> str:
    answer = parse_answer(text, labels, **options)
    return answer.outcome if answer.label is None else answer.label


# Safety


@given(texts(NAMES), spaces, st.booleans())
@example('{"a":' * 5000, FER, True)
@example("[" * 20000, FER, True)
@example('{"emotion": 1' + "0" * 5000 + "}", FER, False)
def test_any_text_has_an_outcome_and_a_label_only_when_parsed(text, labels, lettered):
    answer = parse_answer(text, labels, options=labels if lettered else None)
    assert answer.outcome in OUTCOMES
    assert answer.outcome != "failed"
    assert (answer.label in labels) if answer.outcome == "parsed" else (answer.label is None)


@given(texts())
def test_what_names_no_label_never_parses(text):
    bare = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
    bare = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", bare)))
    assume(not any(re.sub(r"\W", "", name) in bare for name in NAMES))
    assert parse_answer(text, FER).label is None


@given(texts(NAMES), spaces, st.randoms(use_true_random=False))
def test_the_order_of_labels_never_matters(text, labels, shuffler):
    answer = parse_answer(text, labels)
    assert parse_answer(text, shuffler.sample(labels, len(labels))) == answer


@given(texts(NAMES))
def test_the_spelling_of_labels_never_matters(text):
    """Spaces of the same seven concepts, in other words and orders, read every text alike."""
    fer, folder, clip, caer, ekman = (
        label_space(name) for name in ("fer2013", "fer2013-folder", "clip_benchmark", "caer", "ekman7")
    )
    answer = parse_answer(text, fer.labels)
    for space in (folder, clip, caer, ekman):
        other = parse_answer(text, space.labels)
        assert other.outcome == answer.outcome
        if answer.label is not None:
            assert other.label == space.labels[space.concepts.index(fer.concepts[fer.index(answer.label)])]


# What changes nothing

ANSWERS = [
    "{}", "{}.", "Answer: {}", "Emotion - {}.", "The person looks {}.", "The answer is {}.",
    '{{"prediction": "{}"}}', "{{'Emotion': '{}',}}", "Final answer: {}", "<answer>{}</answer>",
    "Overall, the person is {}.", "I think it is {}", "Label = {}", "\\boxed{{{}}}", "not neutral but {}",
    "I'm sorry, she looks {}", "1. {}", "Emotion: {}\nConfidence: 0.9", "<think>hm</think>{}",
    "It is {}, not neutral.", "この人物の表情は{}です。", "答え：{}",
]  # fmt: skip
SURROUNDINGS = [
    "{}", " {} ", "\n\n{}\n", "**{}**", "*{}*", "`{}`", "```\n{}\n```", '"{}"', "'{}'", "“{}”", "> {}",
    "# {}", "- {}", "* {}", "「{}」", "<p>{}</p>", "{}</s>", "{}<|im_end|>", "ASSISTANT: {}",
    "\ufeff{}", "\u200b{}\u200b", "{} 🙂", "\x00{}",
]  # fmt: skip
spoken = st.sampled_from(["angry", "disgust", "fear", "happy", "sad", "surprise"])
answers = st.tuples(st.sampled_from(ANSWERS), spoken)
styles = st.sampled_from([str, str.upper, str.title, str.swapcase])


@given(answers, st.lists(st.sampled_from(SURROUNDINGS), max_size=3), styles)
def test_markdown_space_and_case_never_matter(answer, surroundings, style):
    template, label = answer
    text = style(template.format(label))
    for surrounding in surroundings:
        text = surrounding.format(text)
    assert said(text) == label


@given(answers, st.integers(2, 4))
def test_saying_it_again_changes_nothing(answer, times):
    template, label = answer
    assert said("\n".join([template.format(label)] * times)) == label


@given(answers)
def test_full_width_letters_are_letters(answer):
    template, label = answer
    assert said(template.format("".join(chr(ord(letter) + 0xFEE0) for letter in label))) == label


# What makes it another answer

COMPETITORS = [
    "{0} or {1}", "{0} and {1}", "{0}, {1}", "{0}/{1}", "{0} / {1}", "{0} {1}", "{0}. {1}", "{0}; {1}",
    "{0} ({1})", "{0} | {1}", "{0}\n{1}", "{0}\n\n{1}", "{0}\n- {1}", "{0}\nAnswer: {1}", "{0}\nEmotion: {1}",
    "{0} vs {1}", "{0} & {1}", '{0}\n{{"emotion": "{1}"}}', "{0}. Or {1}.", "{0} or maybe {1}",
    "{0}. Actually, {1}.", "{0}\nOn second thought, {1}.", "{0}. It could also be {1}.", "{0} but also {1}",
    "{0}\nThe person is {1}.", "{0}\n\\boxed{{{1}}}", "{0}\nWait, {1}", "{0}<answer>{1}</answer>",
    "{0} -> {1}", "{0} with some {1}", "{0}? {1}", "{0}, no, {1}", "{0}. No, {1}.", "{0}... {1}", "{0} — {1}",
    "{0}\nI would say {1}", "{0}\nAlternatively {1}", "{0}. However, {1} is possible.", "{0}+{1}",
    "{0}、{1}", "{0}か{1}", "{0}、または{1}", "{0} as well as {1}", "{0}\n## {1}",
    "{0}\nASSISTANT: {1}", "{0}\nFinal answer: {1}", "{0}. No wait, {1}.", "{0} or slightly {1}",
    "{0}. Sorry, {1}.", "{0} or, rather, {1}", "{0}; then again {1}",
]  # fmt: skip

DENIALS = [
    "not {}", "Not {}.", "isn't {}", "no {}", "{}: no", "not at all {}", "neither {} nor neutral",
    "We can dismiss {}.", "{} was ruled out.", "{} would typically show.", "{} is wrong",
    "I doubt it is {}", "{}? No.", "{}ではない", "~~{}~~", "Answer: not {}", "un-{}",
]  # fmt: skip


@pytest.mark.parametrize("competitor", COMPETITORS)
def test_a_competing_label_never_leaves_the_first(competitor):
    for template in ANSWERS:
        for label, rival in [("happy", "sad"), ("fear", "surprise"), ("sad", "angry"), ("disgust", "喜び")]:
            text = competitor.format(template.format(label), rival)
            assert said(text) != label, text


@given(spoken)
def test_a_denied_answer_is_none(label):
    for denial in DENIALS:
        assert parse_answer(denial.format(label), FER).outcome == "unparsable", denial


BLANKS = ["unclear", "N/A", "none of these", "?", "", "cannot be determined", "other", "null", "3"]


@given(spoken, st.sampled_from(BLANKS), st.sampled_from(["Answer: {}", "Emotion: {}", '{{"emotion": "{}"}}']))
def test_reasons_never_fill_an_empty_place(label, blank, place):
    for reason in ("The person looks {}.", "The brows suggest {}.", "Overall, she is {}."):
        assert said(f"{reason.format(label)}\n{place.format(blank)}") in ("unparsable", "refusal")


@given(st.permutations(FER))
def test_letters_follow_the_options_and_nothing_else(options):
    for letter, label in zip("ABCDEFG", options, strict=True):
        assert said(f"({letter})", options=options) == label
        assert said(f"{letter}) {label}", options=options) == label
        assert said(f"Answer: {letter.lower()}", options=options) == label
        assert said(f"({letter})") == "unparsable"
        rival = options[0] if label != options[0] else options[1]
        assert said(f"{letter}) {rival}", options=options) == "unparsable"
