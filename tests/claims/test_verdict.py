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

NUMBERS = st.floats(allow_nan=False)
EFFECTS = st.builds(Effect, st.text(), NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS)
VERDICTS = st.builds(
    Verdict,
    claim=st.text(),
    cell=st.text(),
    outcome=st.sampled_from(["supported", "refuted", "inconclusive"]),
    effect=EFFECTS,
    p_value=st.none() | NUMBERS,
    alpha=NUMBERS,
    n=st.integers(0),
    n_needed=st.none() | st.integers(0),
    detectable_effect=st.none() | NUMBERS,
    paired=st.booleans(),
    method=st.text(),
    reason=st.text(),
    secondary=st.lists(EFFECTS).map(tuple),
    notes=st.lists(st.text()).map(tuple),
)


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


def test_each_verdict_is_settled_at_its_own_threshold():
    small = replace(verdict(0.001, 0.03, low=0.01, high=0.04), threshold=0.05)
    other = replace(small, threshold=0.0)
    assert [v.outcome for v in settled([small, other])] == ["refuted", "supported"]
    assert small.as_dict()["threshold"] == 0.05


def test_an_effect_at_the_threshold_needs_no_number_of_samples():
    context = Context(cell="x")
    at = Effect("d", 0.05, 0.0, 0.1)
    assert context.testable(at)
    assert not context.testable(at, 0.05)
    assert not replace(context, barred="impossible").testable(at)


def test_barred_evidence_is_inconclusive():
    assert decide(Effect("d", 0.1, 0.01, 0.2), 0.001, 0.05, "impossible") == "inconclusive"


def settled(family):
    """All of a family that ran as a whole."""
    return [settle(v, [*family[:i], *family[i + 1 :]], len(family)) for i, v in enumerate(family)]


P = st.floats(0, 1)
FEW = settings(max_examples=20)  # multipletests collects garbage each time


@FEW
@given(st.lists(P, min_size=1, max_size=30))
def test_families_are_adjusted_as_statsmodels_does(p_values):
    found = settled([verdict(p) for p in p_values])
    _, adjusted, *_ = multipletests(p_values, alpha=0.05, method="holm")
    assert [v.p_adjusted for v in found] == pytest.approx(list(adjusted))
    assert [v.outcome == "supported" for v in found] == [p < 0.05 for p in adjusted]
    assert {v.family_size for v in found} == {len(p_values)}
    assert not any(v.barred for v in found)


def test_a_verdict_that_the_family_takes_back_says_so():
    first, *_ = settled([verdict(0.04), verdict(0.5), verdict(0.6)])
    assert first.outcome == "inconclusive"
    assert first.reason == "It is so. After Holm's adjustment over 3 tests p = 0.12: inconclusive."


class TestMembersWithoutP:
    """A family is as large as it was planned, so that no data make it smaller."""

    @pytest.mark.parametrize("silent", [verdict(1e-9, barred="impossible"), verdict(None)])
    def test_they_count_as_if_they_had_found_nothing(self, silent):
        first, second = settled([verdict(0.04), silent])
        assert (first.outcome, first.family_size) == ("inconclusive", 2)
        assert first.p_adjusted == pytest.approx(multipletests([0.04, 1.0], method="holm")[1][0])
        assert (second.outcome, second.p_adjusted, second.family_size) == ("inconclusive", None, 2)
        assert second.reason == "It is so."

    def test_one_that_is_barred_keeps_its_own_reason(self):
        barred = settle(verdict(1e-9, barred="impossible"), [], 3)
        assert (barred.barred, barred.p_adjusted) == ("impossible", None)


class TestPartsOfAFamily:
    @given(ran=st.lists(P, min_size=1, max_size=6), absent=st.lists(P | st.none(), max_size=6))
    def test_an_outcome_is_never_another_than_that_of_the_whole_family(self, ran, absent):
        own, *others = [verdict(p) for p in ran]
        size = len(ran) + len(absent)
        part = settle(own, others, size)
        whole = settle(own, [*others, *map(verdict, absent)], size)
        assert (whole.barred, whole.family_size) == ("", part.family_size)
        assert part.p_adjusted >= whole.p_adjusted
        if part.barred:
            assert part.outcome == "inconclusive"
        else:
            assert part.outcome == whole.outcome

    @given(ran=st.lists(P, min_size=1, max_size=6), absent=st.integers(1, 6))
    def test_none_is_held_back_that_every_completion_agrees_on(self, ran, absent):
        own, *others = [verdict(p) for p in ran]
        part = settle(own, others, len(ran) + absent)
        ends = {settle(own, [*others, *[verdict(p)] * absent], len(ran) + absent).outcome for p in (0.0, 1.0)}
        assert bool(part.barred) == (len(ends) == 2)

    def test_one_that_is_not_settled_says_what_is_missing(self):
        part = settle(verdict(0.02), [verdict(0.2)], 4)
        assert (part.outcome, part.family_size) == ("inconclusive", 4)
        assert part.barred == "not settled: 2 of 4 members of its family ran"
        assert part.reason == (
            "It is so. This is not settled: 2 of 4 members of its family ran, and p adjusted lies between "
            "0.04 and 0.08: run the whole profile, with all of its models here."
        )


@given(VERDICTS)
def test_a_verdict_survives_json(given_verdict):
    assert Verdict.from_dict(json.loads(json.dumps(given_verdict.as_dict()))) == given_verdict


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
