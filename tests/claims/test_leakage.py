"""Verdicts that rest on samples seen in training do not stand."""

from dataclasses import replace

from harness.claims import Effect, Verdict, decide, settle
from harness.claims.leakage import hold_on_unseen


def verdict(value, p_value, n=1000, needed=500):
    effect = Effect("difference", value, value - 0.02, value + 0.02)
    return Verdict(
        claim="c",
        cell="x",
        outcome=decide(effect, p_value, 0.05),
        effect=effect,
        p_value=p_value,
        alpha=0.05,
        n=n,
        n_needed=needed,
        detectable_effect=0.03,
        paired=True,
        method="test",
        reason="It is so.",
    )


def test_a_verdict_that_holds_on_unseen_samples_stands_with_the_larger_p_value():
    held = hold_on_unseen(verdict(0.10, 0.001), verdict(0.08, 0.004, n=900), 100)
    assert (held.outcome, held.p_value, held.n) == ("supported", 0.004, 1000)
    assert held.effect.value == 0.10
    assert held.secondary[-1] == Effect("difference, unseen samples", 0.08, 0.06, 0.1)
    assert held.reason == "It is so."


def test_a_verdict_that_falls_on_unseen_samples_says_so():
    held = hold_on_unseen(verdict(0.05, 0.001), verdict(0.01, 0.4, n=900, needed=9000), 100)
    assert (held.outcome, held.n_needed) == ("inconclusive", 9000)
    assert held.reason == "It is so. That does not hold on the 900 unseen."
    assert "100 samples are exact copies" in held.notes[-1]


def test_effects_of_opposite_sign_bar_each_other_in_the_family_too():
    held = hold_on_unseen(verdict(0.05, 0.001), verdict(-0.05, 0.001, n=900), 100)
    assert held.outcome == "inconclusive"
    assert settle(held, [], 1).outcome == "inconclusive"
    assert "+0.050 on all samples and -0.050 on unseen ones" in held.barred


def test_sides_are_those_of_the_threshold():
    """0.10 and 0.02 are both positive, but only one of them is an effect that counts."""
    everything = replace(verdict(0.10, 0.001), threshold=0.05)
    held = hold_on_unseen(everything, replace(verdict(0.02, 0.001, n=900), threshold=0.05), 100)
    assert (held.outcome, held.threshold) == ("inconclusive", 0.05)
    assert "+0.100 on all samples and +0.020 on unseen ones" in held.barred
    below = replace(verdict(0.02, 0.001), threshold=0.05)
    assert hold_on_unseen(below, replace(verdict(-0.02, 0.001), threshold=0.05), 100).outcome == "refuted"
