"""Every claim on controls whose effect is known exactly; `benchmarks/calibration.py` does it at length."""

import numpy as np
import pytest
from scipy.stats import binom

from fixtures.calibration import DESIGNS, SHARES, SPACE, WILLIAMS, Design
from fixtures.controls import CONSTANT, PERFECT, RANDOM, Respondent
from harness.claims import Context, get_claim
from harness.claims.mean_effect import mean_effect
from harness.prompts import Prompt

RUNS = 25
MOST_ALARMS = binom.ppf(0.999, RUNS, 0.06)  # where alpha and one point more are allowed

PROMPTS = {
    "label_order_bias": WILLIAMS,
    "neutral_collapse": (Prompt(), Prompt(form="six"), Prompt(form="two-stage")),
    "no_label_degradation": (Prompt(), Prompt(labels="absent")),
    "persona_shifts_sentiment": tuple(Prompt(persona=p) for p in ("none", "positive", "negative")),
    "reasoning_helps": (Prompt(), Prompt(reasoning="chain-of-thought")),
}


def judged(claim, who, prompts=(), n=1000, **context):
    gold = np.random.default_rng(0).choice(len(SPACE), n, p=SHARES)
    sides = [who.answer(prompt, gold, SPACE) for prompt in prompts or PROMPTS[claim]]
    return get_claim(claim).judge(*sides, context=Context(cell="x", replicates=99, **context))


@pytest.mark.parametrize("name", DESIGNS)
def test_an_effect_at_the_threshold_is_rarely_called_either_way(name):
    design: Design = DESIGNS[name]
    found = design.outcomes(design.threshold, n=300, runs=RUNS)
    assert found["supported"] + found["refuted"] <= MOST_ALARMS / RUNS


@pytest.mark.parametrize("name", [name for name, design in DESIGNS.items() if design.threshold])
def test_no_effect_at_all_is_not_supported(name):
    assert DESIGNS[name].outcomes(0.0, n=300, runs=5)["supported"] == 0


@pytest.mark.parametrize("name", DESIGNS)
def test_a_large_effect_is_found(name):
    """25 points, or a perfect correlation: 300 images show it nearly always, whatever the claim."""
    assert DESIGNS[name].outcomes(DESIGNS[name].large, n=300, runs=5)["supported"] == 1


@pytest.mark.parametrize("accuracy", [0.5, 1.0])
@pytest.mark.parametrize("claim", [claim for claim in PROMPTS if claim != "reasoning_helps"])
def test_a_model_that_does_not_see_the_difference_is_cleared(claim, accuracy):
    """Such as a contrastive model: blind to order and persona, and as often neutral as faces are."""
    verdict = judged(claim, Respondent(accuracy=accuracy))
    assert verdict.outcome == "refuted"
    assert verdict.effect.high < verdict.threshold


def test_what_has_no_smallest_effect_cannot_be_cleared_of_it():
    verdict = judged("reasoning_helps", PERFECT)
    assert (verdict.outcome, verdict.effect.value, verdict.n_needed) == ("inconclusive", 0, None)


def test_reasoning_that_hurts_is_refuted():
    verdict = judged("reasoning_helps", Respondent(accuracy=0.7, noise=0.2, reasoning_gain=-0.15))
    assert verdict.outcome == "refuted"
    assert "points fewer" in verdict.reason


@pytest.mark.parametrize("claim", PROMPTS)
def test_guessing_is_not_mistaken_for_any_defect(claim):
    prompts = PROMPTS[claim]
    if claim == "label_order_bias":
        prompts = [Prompt(order=p.order, repeat=repeat) for p in WILLIAMS[:4] for repeat in (0, 1)]
    assert judged(claim, RANDOM, prompts).outcome != "supported"


def test_who_always_says_neutral_collapses_and_has_no_other_defect():
    assert judged("neutral_collapse", CONSTANT).outcome == "supported"
    assert {judged(claim, CONSTANT).outcome for claim in PROMPTS if claim != "neutral_collapse"} == {
        "refuted",
        "inconclusive",
    }


@pytest.mark.parametrize("claim", PROMPTS)
def test_barred_evidence_decides_nothing(claim):
    verdict = judged(claim, CONSTANT, barred="it leaked")
    assert (verdict.outcome, verdict.reason, verdict.n_needed) == (
        "inconclusive",
        "No verdict: it leaked.",
        None,
    )


@pytest.mark.parametrize("groups", [None, 5], ids=["alone", "in fives"])
def test_the_number_of_samples_needed_is_enough(groups):
    """Power at n_needed is about 0.8, for values -1, 0 and 1 about a threshold of 0.02."""
    context = Context(cell="x")

    def sample(n, seed):
        size = groups or 1
        values = np.random.default_rng(seed).choice([-1, 0, 1], -(-n // size), p=[0.1, 0.7, 0.2])
        keys = np.repeat(np.arange(len(values)), size)[:n].astype(str).tolist()
        return mean_effect(
            "e", np.repeat(values, size)[:n], -1, 1, groups=keys, threshold=0.02, context=context
        )

    pilot = sample(20_000, 0)
    n = round(pilot.n_needed * ((pilot.effect.value - 0.02) / 0.08) ** 2)
    found = sum(sample(n, seed).p_value < 0.05 for seed in range(1, 101))
    assert 68 <= found <= 92
    assert sample(n, 1).detectable_effect == pytest.approx(0.1, rel=0.1)


def test_the_same_answers_get_the_same_verdict_and_groups_get_a_wider_one():
    design = DESIGNS["persona_shifts_sentiment"]
    gold, groups = np.repeat(np.arange(7), 60), np.repeat(np.arange(105), 4).astype(str).tolist()
    who = Respondent(accuracy=0.6, persona_shift=0.1, noise=0.3)
    judge = get_claim(design.claim).judge

    def verdict(**more):
        sides = [who.answer(Prompt(persona=p), gold, SPACE, **more) for p in ("positive", "negative")]
        return judge(*sides, context=Context(cell="x"))

    assert verdict() == verdict()
    alone, grouped = verdict(), verdict(groups=groups)
    assert "over 105 groups" in grouped.method
    assert grouped.effect.high - grouped.effect.low > 1.6 * (alone.effect.high - alone.effect.low)
    assert grouped.detectable_effect > alone.detectable_effect
