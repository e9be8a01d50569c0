"""Rendered questions treat every label alike, and their answers are read back as its labels."""

from __future__ import annotations

import re
from itertools import product

import pytest
from drawn_prompts import ORDERS, any_prompts, asked, spaces
from hypothesis import event, given

from harness.errors import UsageError
from harness.labels import label_space
from harness.labels.vocabulary import concept_of, vocabulary
from harness.prompts import Prompt, Question, ask, label_order, parse_answer, wordings
from harness.prompts.prompt import CHOICES
from harness.prompts.wording import wording

FER = label_space("fer2013")
CAER = label_space("caer")
# The prompt of the Quixotiks blog, 2025-09-25.
BLOG = (
    "Please identify the facial expression of the person in the video by choosing one from the following "
    "list of emotions.\n"
    "If multiple people are shown, please select the expression of the person whose face is most clearly "
    "visible.\n"
    "Emotion List: Anger, Disgust, Fear, Happy, Neutral, Sad, Surprise\n"
    "The output should only be the label name (e.g., 'Happy', 'Sad'), without any additional explanations or "
    "punctuation."
)


def places(word: str, text: str) -> list[int]:
    """Where `text` names `word`: as a whole word where words are set apart by spaces."""
    pattern = rf"(?<!\w){re.escape(word)}(?!\w)" if word.isascii() else re.escape(word)
    return [match.start() for match in re.finditer(pattern, text, re.IGNORECASE)]


def words_of(question: Question, language: str) -> list[str]:
    """The words for the labels of a question, from the vocabulary alone."""
    if language == "en":
        return list(question.labels)
    spellings = vocabulary().words.items()
    return [
        next((w for w, concept in spellings if concept == concept_of(label) and not w.isascii()), label)
        for label in question.labels
    ]


def masked(question: Question, language: str) -> str:
    text = f"{question.system}\n{question.text}"
    for word in sorted(words_of(question, language), key=len, reverse=True):
        for place in reversed(places(word, text)):
            text = f"{text[:place]}■{text[place + len(word) :]}"
    return text


# Any prompt


@given(any_prompts, spaces)
def test_a_prompt_is_asked_or_its_error_says_why(prompt, space):
    try:
        questions = ask(prompt, space)
    except UsageError as error:
        event(str(error).split()[0])
    else:
        assert questions[-1].labels == label_order(prompt, space)


@given(asked())
def test_a_question_names_exactly_its_labels_once_each_in_their_order(drawn):
    prompt, space = drawn
    questions = ask(prompt, space)
    assert len(questions) == (2 if prompt.form == "two-stage" else 1)
    assert questions[-1].labels == label_order(prompt, space)
    for question in questions:
        words = words_of(question, prompt.language)
        text = f"{question.system}\n{question.text}"
        found = {word: places(word, text) for word in words}
        if not question.shown:
            assert not any(found.values())
        elif prompt.examples:
            assert all(found.values())
        else:
            assert sorted(found, key=found.__getitem__) == words
            assert {len(places) for places in found.values()} == {1}


@given(asked())
def test_every_answer_is_read_as_its_label(drawn):
    prompt, space = drawn
    cue = {"en": "What I see.\nAnswer: ", "ja": "見たこと。\n答え："}[prompt.language]
    for question in ask(prompt, space):
        for answer, label in zip(question.answers, question.labels, strict=True):
            written = [f'{question.prefill}{answer}"}}' if question.prefill else answer]
            if question.json:
                written.append(f'{{"reasoning": "...", "emotion": "{answer}"}}')
            if prompt.reasoning != "none":
                written.append(cue + answer)
            for text in written:
                read = parse_answer(text, question.labels, options=question.options or None)
                assert read.label == label, text


@given(asked())
def test_every_question_can_be_put_to_a_contrastive_model(drawn):
    prompt, space = drawn
    questions = ask(prompt, space)
    for question in questions:
        assert question.captions
        assert all(caption.count("{c}") == 1 for caption in question.captions)
        assert all(names and all(name.isascii() for name in names) for names in question.names)
    meant = [{concept_of(name) for name in names} for names in questions[-1].names]
    if questions[-1].shown:
        assert meant == [{space.concepts[space.index(label)]} for label in questions[-1].labels]
    else:
        assert len(meant) == len(set().union(*meant)) == 12


# Symmetry


@pytest.mark.parametrize("language", CHOICES["language"])
@pytest.mark.parametrize("name", wordings())
def test_every_label_gets_the_same_words(name, language):
    """For every combination of axes, orders differ in nothing but where each label stands."""
    asked = 0
    orders = ["given", "reversed", "sentiment.2"]
    varied = ("persona", "reasoning", "answer", "labels", "form")
    for *values, examples in product(*(CHOICES[axis] for axis in varied), (False, True)):
        prompt = {**dict(zip(varied, values, strict=True)), "wording": name, "language": language}
        try:
            sweep = [ask(Prompt(order=order, examples=examples, **prompt), CAER) for order in orders]
        except UsageError:
            continue
        asked += 1
        for questions in zip(*sweep, strict=True):
            texts = {masked(question, language) for question in questions}
            assert len(texts) == 1, texts
            named = texts.pop().count("■") - 2 * (examples and questions[0].labels == sweep[0][-1].labels)
            assert named == (len(questions[0].labels) if questions[0].shown else 0)
    # 4 personas x 4 reasonings x (3 forms x (4 answers + 3 with examples) + 2 forms x 3 answers when absent).
    assert asked == 4 * 4 * (3 * (4 + 3) + 2 * 3)


def test_no_text_names_an_emotion():
    """Not one of the labels, nor any other word for one: that would favour it."""
    for name, language in product(wordings(), CHOICES["language"]):
        for text in wording(name, language).texts.values():
            assert not [word for word in vocabulary().words if places(word, text)]


def test_examples_are_the_same_two_labels_in_every_order():
    named = {
        re.search(r"\(such as .*?\)", ask(Prompt(order=order, examples=True), FER)[0].text)[0]
        for order in ORDERS
        if order.startswith(("given", "reversed", "sentiment", "williams-7"))
    }
    assert named == {"(such as 'happy' or 'sad')"}
    mikels = ask(Prompt(examples=True, subset=("awe", "excitement", "fear")), label_space("mikels8"))
    assert "'awe' or 'fear'" in mikels[0].text


@pytest.mark.parametrize("answer", ["label", "json", "letter", "free"])
def test_all_orders_share_everything_before_the_list(answer):
    for name, reasoning in product(("plain", "evoked"), CHOICES["reasoning"]):
        prompt = {"wording": name, "reasoning": reasoning, "answer": answer}
        heads = set()
        for member in range(1, 15):
            (question,) = ask(Prompt(order=f"williams-7.{member}", **prompt), FER)
            start = question.text.rindex("Options:\n(A) " if answer == "letter" else "List: ")
            heads.add(question.text[:start])
            tail = question.text[start:].partition(":")[2]
            assert re.sub(r"[(][A-G][)]", "", tail).replace(",", "").split() == list(question.labels)
        assert len(heads) == 1


# Single prompts


def test_the_published_prompt_to_the_letter():
    (question,) = ask(Prompt(wording="caer-blog", examples=True), CAER)
    assert (question.system, question.text) == ("", BLOG)
    (question,) = ask(Prompt(wording="caer-blog-image", examples=True), CAER)
    assert question.text == BLOG.replace("video", "image")
    (question,) = ask(Prompt(wording="caer-blog"), CAER)
    assert question.text == BLOG.replace(" (e.g., 'Happy', 'Sad')", "")


def test_the_protocol_of_clip_benchmark():
    (question,) = ask(Prompt(names="clip_benchmark"), label_space("fer2013-folder"))
    assert question.names == tuple((label,) for label in label_space("clip_benchmark").labels)
    assert question.captions[0].format(c=question.names[1][0]) == "a photo of a disgusted looking face."
    assert len(question.captions) == 6


def test_names_and_captions_of_ones_own():
    (question,) = ask(Prompt(names="synonyms", captions=("{c}!",), language="ja"), FER)
    assert question.captions == ("{c}!",)
    assert question.names[2] == ("fear", "fearful", "afraid", "scared", "frightened")


def test_scores_are_those_of_answers_in_their_place():
    (question,) = ask(Prompt(mode="score-normalised", answer="json", order="reversed"), FER)
    assert (question.score, question.normalise, question.json) == (True, True, True)
    assert question.prefill == '{"emotion": "'
    assert question.answers == question.labels == FER.labels[::-1]
    (question,) = ask(Prompt(mode="score", answer="letter", order="reversed"), FER)
    assert (question.score, question.normalise, question.prefill) == (True, False, "")
    assert question.answers == tuple("ABCDEFG")
    assert question.options == FER.labels[::-1]
    (question,) = ask(Prompt(answer="json"), FER)
    assert (question.score, question.prefill) == (False, "")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_two_questions_tell_neutral_apart_and_both_are_reversed(language):
    first, second = ask(Prompt(form="two-stage", language=language), CAER)
    assert [concept_of(label) for label in first.labels][1] == "neutral"
    assert second.labels == ("Anger", "Disgust", "Fear", "Happy", "Sad", "Surprise")
    assert first.names == (("emotional",), ("neutral",))
    back, _ = ask(Prompt(form="two-stage", language=language, order="reversed"), CAER)
    assert (back.labels, back.names) == (first.labels[::-1], first.names[::-1])
    again, other = ask(Prompt(form="two-stage", language=language, order="williams-6.3"), CAER)
    assert again == first
    assert other.labels != second.labels


def test_longer_answers_get_more_room():
    limits = {}
    for reasoning, answer in product(CHOICES["reasoning"], CHOICES["answer"]):
        (question,) = ask(Prompt(reasoning=reasoning, answer=answer), FER)
        limits.setdefault(question.max_tokens, set()).add((reasoning == "none", answer == "free"))
    assert limits == {64: {(True, False)}, 128: {(True, True)}, 1024: {(False, False), (False, True)}}
    assert ask(Prompt(max_tokens=7, reasoning="caption"), FER)[0].max_tokens == 7


def test_asking_again_is_another_question_in_the_same_words():
    first, again = (ask(Prompt(repeat=n), FER)[0] for n in (0, 1))
    assert first != again
    assert first.text == again.text
