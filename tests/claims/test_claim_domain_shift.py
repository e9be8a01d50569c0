"""Shift and loss over treatments: an order that was planted, its opposite, and none."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from restored_controls import answered, conditions, gold_labels, shifted
from scipy.stats import binom, spearmanr

from harness.claims import Context, get_claim
from harness.claims.domain_shift_explains import order_p, resampled_p, spearman
from harness.errors import DataError

JUDGE = get_claim("domain_shift_explains").judge
N = 400
GOLD = gold_labels(N)
CONTEXT = Context(cell="control", replicates=200)
STEPS = (0.05, 0.12, 0.19, 0.26, 0.33, 0.4)


def judged(losses, shifts=STEPS, *, gold=GOLD, seed=0, **context):
    embeddings = shifted(len(gold), shifts, seed=seed)
    sides = conditions(gold, losses, seed=seed)
    return JUDGE(*sides, context=replace(CONTEXT, embeddings=embeddings, **context))


def test_losses_in_the_order_of_shifts_are_explained():
    verdict = judged(STEPS)
    assert verdict.outcome == "supported"
    assert verdict.effect.value == 1
    assert verdict.p_value <= 0.05
    names = [effect.name for effect in verdict.secondary]
    assert names[:2] == ["MMD^2 x 1,000, t1", "loss of accuracy, t1"]
    shifts = [effect.value for effect in verdict.secondary[::2]]
    assert shifts == sorted(shifts)
    assert [effect.value for effect in verdict.secondary[1::2]] == pytest.approx(STEPS, abs=1 / N)
    assert sum("told apart with an AUC" in note for note in verdict.notes) == 6


@pytest.mark.parametrize("losses", [STEPS[::-1], (0.19, 0.05, 0.33, 0.12, 0.4, 0.26)[::-1]])
def test_another_order_is_refuted(losses):
    verdict = judged(losses)
    assert verdict.outcome == "refuted"
    assert verdict.effect.high < verdict.threshold


def test_losses_that_cannot_be_told_apart_decide_nothing():
    assert judged([0.2, 0.2, 0.2, 0.2, 0.2, 0.21]).outcome == "inconclusive"


def test_five_treatments_could_agree_by_accident():
    """One order in 60 is as good or as bad: no family of four tests could reject on it."""
    verdict = judged(STEPS[:5], STEPS[:5])
    assert verdict.p_value == pytest.approx(2 / 120)
    assert judged(STEPS[:5], STEPS[:5], alpha=0.01).outcome == "inconclusive"


def test_unrelated_losses_are_supported_in_at_most_alpha():
    rng, runs = np.random.default_rng(5), 40
    found = [
        judged(rng.permutation(STEPS), gold=GOLD[:120], seed=run, replicates=99).outcome
        for run in range(runs)
    ]
    assert found.count("supported") <= binom.ppf(0.999, runs, 0.05)


def test_pictures_of_a_group_are_drawn_together():
    gold = np.repeat(gold_labels(40), 10)
    groups = [str(index // 10) for index in range(N)]
    losses = (0.12, 0.05, 0.19, 0.26, 0.33, 0.4)
    sides = conditions(gold, losses)
    rng = np.random.default_rng(0)
    hit = [rng.permutation(40) for _ in losses]
    grouped = [
        answered(
            side.cell.restoration,
            gold,
            np.where(np.isin(np.arange(N) // 10, chosen), (gold + 1) % 7, gold),
            groups=groups,
        )
        for side, chosen in zip(
            sides, [[], *(h[: round(40 * x)] for h, x in zip(hit, losses, strict=True))], strict=True
        )
    ]
    alone = [replace(side, table=side.table.assign(group=side.table["sample_id"])) for side in grouped]
    context = replace(CONTEXT, embeddings=shifted(N, STEPS))
    wide, narrow = (JUDGE(*evidence, context=context).effect for evidence in (grouped, alone))
    assert wide.value == narrow.value
    assert wide.high - wide.low > narrow.high - narrow.low


def test_pictures_without_embeddings_are_left_out_of_the_shift_alone():
    embeddings = shifted(N, STEPS)
    embeddings.rows["t3"][:50] = np.nan
    verdict = JUDGE(*conditions(GOLD, STEPS), context=replace(CONTEXT, embeddings=embeddings))
    assert (verdict.outcome, verdict.n) == ("supported", N)
    assert any("on 350 pictures" in note for note in verdict.notes)


def test_a_model_that_is_its_own_encoder_is_named():
    sides = conditions(GOLD, STEPS)
    own = [replace(side, cell=replace(side.cell, model="encoder")) for side in sides]
    context = replace(CONTEXT, embeddings=shifted(N, STEPS))
    assert any("its own encoder" in note for note in JUDGE(*own, context=context).notes)
    assert not any("its own encoder" in note for note in JUDGE(*sides, context=context).notes)


def test_barred_evidence_decides_nothing():
    verdict = judged(STEPS, barred="it leaked")
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "No verdict: it leaked.")


class TestRefusals:
    def test_fewer_than_five_treatments(self):
        with pytest.raises(DataError, match="has 4 treatments of its pictures. Name at least 5") as caught:
            judged(STEPS[:4], STEPS[:4])
        assert "\n" not in str(caught.value)

    def test_no_embeddings(self):
        with pytest.raises(DataError, match="has no embeddings. Name an encoder"):
            JUDGE(*conditions(GOLD, STEPS), context=CONTEXT)

    def test_a_treatment_without_embeddings(self):
        embeddings = shifted(N, STEPS[:5])
        with pytest.raises(DataError, match="no embeddings of t6"):
            JUDGE(*conditions(GOLD, STEPS), context=replace(CONTEXT, embeddings=embeddings))

    def test_hardly_any_embeddings(self):
        embeddings = shifted(N, STEPS)
        embeddings.rows["t1"][5:] = np.nan
        with pytest.raises(DataError, match="5 of 400 samples have embeddings"):
            JUDGE(*conditions(GOLD, STEPS), context=replace(CONTEXT, embeddings=embeddings))

    def test_other_samples(self):
        plain, *treated = conditions(GOLD, STEPS)
        context = replace(CONTEXT, embeddings=shifted(N, STEPS))
        with pytest.raises(DataError, match="not over the same samples"):
            JUDGE(plain, *treated[:5], treated[5].subset(np.arange(N) < 300), context=context)


VALUES = st.lists(st.integers(-5, 5), min_size=5, max_size=7)


@settings(max_examples=15)
@given(VALUES, st.randoms())
def test_the_correlation_is_scipys_and_its_p_value_counts_orders(a, random):
    b = random.sample(a, len(a))
    if len(set(a)) == 1:
        assert spearman(np.array([a], float).T, np.array([b], float).T) == 0
        return
    x, y = np.array(a, float), np.array(b, float)
    expected = spearmanr(a, b).statistic
    assert spearman(x[:, None], y[:, None])[0] == pytest.approx(expected)
    if len(a) == 5:
        others = [abs(spearmanr(a, order).statistic) for order in permutations(b)]
        assert order_p(x, y) == pytest.approx(np.mean(np.array(others) >= abs(expected) - 1e-9))


def test_many_treatments_are_ordered_at_random_rather_than_in_all_ways():
    x = np.arange(12.0)
    assert order_p(x, x) == 1 / 10_000
    assert 0.2 < order_p(x, np.array([5.0, 1, 9, 3, 7, 0, 11, 2, 8, 4, 10, 6])) < 0.9


def test_the_p_value_of_resamples_is_where_they_fall():
    drawn = np.array([0.9, *np.linspace(0, 1, 99)])
    assert resampled_p(drawn, 0.5) == 1
    assert resampled_p(drawn, 2.0) == pytest.approx(0.02)
    assert resampled_p(drawn, -1.0) == pytest.approx(0.02)
