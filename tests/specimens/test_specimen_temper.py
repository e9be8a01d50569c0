import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.specimens.expression import LABELS
from fixtures.specimens.trainers.temper import VAGUE, Temper, lesson
from harness.labels import label_space
from harness.prompts import Prompt, ask
from harness.prompts.answers import parse_answer

SPACE = label_space("fer2013")
EVIDENCE = st.lists(st.floats(-6, 0), min_size=7, max_size=7).map(lambda row: np.array([row]))
PROMPTS = st.builds(
    Prompt,
    order=st.sampled_from(["given", "reversed", "sentiment.2"]),
    persona=st.sampled_from(["none", "positive", "negative", "neutral"]),
    form=st.sampled_from(["flat", "six", "two-stage"]),
)
CALM, GREY = np.array([False]), np.array([True])


def shares(temper, prompt, evidence, degraded=CALM, stage=-1):
    question = ask(prompt, SPACE)[stage]
    taught = lesson(temper, prompt, question, evidence, degraded)
    return dict(zip([*question.labels, VAGUE], taught.logits[0], strict=False))


@given(evidence=EVIDENCE, prompt=PROMPTS, degraded=st.sampled_from([CALM, GREY]))
def test_without_defects_the_evidence_is_said_however_it_is_asked(evidence, prompt, degraded):
    for label, logit in shares(Temper(), prompt, evidence, degraded).items():
        assert logit == evidence[0, LABELS.index(label)]


@given(evidence=EVIDENCE, prompt=PROMPTS)
def test_the_first_label_is_favoured_and_no_other(evidence, prompt):
    plain, bent = (shares(Temper(first=first), prompt, evidence) for first in (0.0, 2.0))
    gained = {label: bent[label] - plain[label] for label in plain}
    first = next(iter(gained))
    assert gained.pop(first) == pytest.approx(2)
    assert set(gained.values()) == {0.0}


@given(evidence=EVIDENCE)
def test_neutral_is_favoured_on_degraded_pictures_alone(evidence):
    temper = Temper(grey=3.0)
    clean, grey = (shares(temper, Prompt(), evidence, degraded) for degraded in (CALM, GREY))
    assert grey.pop("neutral") - clean.pop("neutral") == pytest.approx(3)
    assert grey == clean


@given(evidence=EVIDENCE)
def test_having_to_look_first_helps_against_order_and_degradation(evidence):
    prompt = Prompt(answer="json", reasoning="chain-of-thought")
    bent = shares(Temper(first=2.0, grey=3.0), prompt, evidence, GREY)
    assert bent == shares(Temper(), prompt, evidence, GREY)


@given(evidence=EVIDENCE)
def test_a_mood_favours_the_labels_of_its_sentiment(evidence):
    for mood, favoured in (("positive", {"happy"}), ("negative", {"angry", "disgust", "fear", "sad"})):
        plain, bent = (shares(Temper(mood=m), Prompt(persona=mood), evidence) for m in (0.0, 1.0))
        assert {label for label in plain if bent[label] > plain[label]} == favoured


@given(evidence=EVIDENCE)
def test_without_labels_a_vague_word_competes(evidence):
    found = shares(Temper(vague=-0.2), Prompt(labels="absent"), evidence)
    assert found.pop(VAGUE) == -0.2
    assert shares(Temper(), Prompt(labels="absent"), evidence)[VAGUE] == -np.inf
    assert list(found.values()) == evidence[0].tolist()


def test_what_the_first_question_asks_is_whether_any_emotion_is_seen():
    evidence = np.log(np.array([[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4]]))
    found = shares(Temper(), Prompt(form="two-stage"), evidence, stage=0)
    assert found["emotional"] == pytest.approx(np.log(0.6))
    assert found["neutral"] == pytest.approx(np.log(0.4))


@pytest.mark.parametrize(
    "axes",
    [{}, {"answer": "json"}, {"answer": "json", "reasoning": "chain-of-thought"}, {"form": "two-stage"}],
)
def test_the_parser_reads_what_is_taught(axes):
    prompt = Prompt(**axes)
    for question in ask(prompt, SPACE):
        taught = lesson(Temper(), prompt, question, np.zeros((1, 7)), CALM)
        texts = ["".join(parts) for parts in taught.choices]
        assert [parse_answer(text, question.labels).label for text in texts] == list(question.labels)


def test_the_vague_word_is_no_answer():
    assert parse_answer(VAGUE, SPACE.labels).outcome != "parsed"
