"""Deciding single verdicts and settling families of them."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.claims import Context, Effect, Verdict, decide, get_claim, settle
from harness.errors import Unavailable, UsageError
from harness.labels import LabelSpace
from harness.predictions import Cell, Predictions
from harness.tasks import Choice, Votes


def verdict(p_value, value=0.1, *, barred="", low=None, high=None):
    effect = Effect(
        "difference", value, value - 0.05 if low is None else low, value + 0.05 if high is None else high
    )
    return Verdict(
        claim="c",
        cell="x",
        outcome=decide(effect, p_value, 0.05, barred),
        effect=effect,
        p_value=p_value,
        alpha=0.05,
        n=100,
        n_needed=None,
        detectable_effect=None,
        paired=True,
        method="test",
        reason="It is so.",
        barred=barred,
    )


@pytest.mark.parametrize(
    ("low", "high", "p_value", "outcome"),
    [
        (0.01, 0.2, 0.01, "supported"),
        (-0.2, -0.01, 0.01, "refuted"),
        (-0.1, 0.2, 0.01, "inconclusive"),
        (0.01, 0.2, 0.06, "inconclusive"),
        (0.01, 0.2, 0.05, "inconclusive"),
        (0.0, 0.2, 0.01, "inconclusive"),
        (0.01, 0.2, None, "inconclusive"),
        (None, None, 0.01, "inconclusive"),
    ],
)
def test_test_and_interval_must_agree(low, high, p_value, outcome):
    assert decide(Effect("d", 0.1, low, high), p_value, 0.05) == outcome


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.06, 0.2, "supported"),
        (0.04, 0.2, "inconclusive"),
        (0.05, 0.2, "inconclusive"),
        (0.01, 0.04, "refuted"),
        (-0.2, -0.1, "refuted"),
        (0.01, 0.05, "inconclusive"),
    ],
)
def test_an_effect_counts_from_its_threshold_on(low, high, outcome):
    assert decide(Effect("d", (low + high) / 2, low, high), 0.001, 0.05, threshold=0.05) == outcome


def test_a_family_is_settled_at_each_verdicts_own_threshold():
    small = replace(verdict(0.001, 0.03, low=0.01, high=0.04), threshold=0.05)
    assert [v.outcome for v in settle([small, replace(small, threshold=0.0)])] == ["refuted", "supported"]
    assert small.as_dict()["threshold"] == 0.05


def test_an_effect_at_the_threshold_needs_no_number_of_samples():
    context = Context(cell="x")
    at = Effect("d", 0.05, 0.0, 0.1)
    assert context.testable(at)
    assert not context.testable(at, 0.05)
    assert not replace(context, barred="impossible").testable(at)


def test_barred_evidence_is_inconclusive():
    assert decide(Effect("d", 0.1, 0.01, 0.2), 0.001, 0.05, "impossible") == "inconclusive"


@settings(max_examples=20)  # multipletests collects garbage each time
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_families_are_adjusted_as_statsmodels_does(p_values):
    settled = settle([verdict(p) for p in p_values])
    _, adjusted, *_ = multipletests(p_values, alpha=0.05, method="holm")
    assert [v.p_adjusted for v in settled] == pytest.approx(list(adjusted))
    assert [v.outcome == "supported" for v in settled] == [p < 0.05 for p in adjusted]
    assert {v.family_size for v in settled} == {len(p_values)}


def test_a_verdict_that_the_family_takes_back_says_so():
    first, *_ = settle([verdict(0.04), verdict(0.5), verdict(0.6)])
    assert first.outcome == "inconclusive"
    assert first.reason == "It is so. After Holm's adjustment over 3 tests p = 0.12: inconclusive."


def test_barred_verdicts_take_no_part_in_the_family():
    first, second = settle([verdict(0.04), verdict(1e-9, barred="impossible")])
    assert (first.outcome, first.family_size) == ("supported", 1)
    assert (second.outcome, second.p_adjusted) == ("inconclusive", None)


def test_an_empty_family_settles():
    assert settle([]) == []


def test_plain_form_is_json_with_the_keys_of_claims_json():
    plain = json.loads(json.dumps(verdict(0.01).as_dict()))
    assert plain["verdict"] == "supported"
    assert plain["effect"] == {"name": "difference", "value": 0.1, "low": 0.05, "high": pytest.approx(0.15)}


def test_unknown_claims_are_named():
    with pytest.raises(UsageError, match="cnn_beats_vlm"):
        get_claim("cats_beat_dogs")


class TestWhatAClaimIsAbout:
    SPACE = LabelSpace.of("two", ("happy", "sad"))

    def predictions(self, task, raters=("",)) -> Predictions:
        rows = [(str(i), rater, "happy", "parsed", "happy") for i in range(2) for rater in raters]
        table = pd.DataFrame(rows, columns=["sample_id", "rater", "gold", "outcome", "label"])
        return Predictions(Cell("panel", "faces", "test"), task, table)

    def test_labels_of_which_one_is_right(self):
        get_claim("cnn_beats_vlm").check([self.predictions(Choice(self.SPACE))])
        with pytest.raises(Unavailable, match="is about choice, and faces:test asks for votes"):
            get_claim("cnn_beats_vlm").check([self.predictions(Votes(self.SPACE))])

    def test_one_answer_per_sample(self):
        with pytest.raises(Unavailable, match=r"one answer per sample, and panel gives several\. Derive"):
            get_claim("cnn_beats_vlm").check([self.predictions(Choice(self.SPACE), ("ann", "bob"))])
