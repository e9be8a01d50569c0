"""Restoration on controls: gains that were planted, over each control, of one model and of two."""

from dataclasses import replace

import numpy as np
import pytest
from restored_controls import SPACE, answered, base_answers, gold_labels, mended

from harness.claims import Context, get_claim, settle
from harness.claims.mean_effect import mean_effect
from harness.claims.weakest import weakest
from harness.errors import DataError
from harness.statistics import mcnemar

HELPS = get_claim("restoration_helps").judge
MORE = get_claim("restoration_helps_vlms_more").judge
FAST = Context(cell="control", replicates=200)
GOLD = gold_labels(1500)
PLAIN = base_answers(GOLD)


def sides(over_bicubic=0.0, over_none=0.0, *, accuracy=0.6, model="model", groups=None, names=("gfpgan",)):
    """Answers under a restoration, bicubic and none that differ in accuracy by just so much."""
    restored = base_answers(GOLD, accuracy)
    return [
        answered(name, GOLD, mended(restored, GOLD, -loss, seed), model=model, groups=groups)
        for seed, (name, loss) in enumerate(
            [(names[0], 0.0), ("bicubic", over_bicubic), ("none", over_none)], start=1
        )
    ]


def named(verdict):
    return {effect.name: effect for effect in verdict.secondary}


class TestHelps:
    def test_a_gain_over_both_controls_is_supported_and_the_least_is_shown(self):
        verdict = HELPS(*sides(0.08, 0.2), context=FAST)
        assert verdict.outcome == "supported"
        assert (verdict.effect.name, round(verdict.effect.value, 3)) == ("gain over bicubic", 0.08)
        assert named(verdict)["gain over none"].value == pytest.approx(0.2)

    @pytest.mark.parametrize("gains", [(0.0, 0.1), (0.1, 0.0), (-0.1, 0.1), (0.1, -0.1), (-0.1, -0.1)])
    def test_what_beats_one_control_alone_is_refuted(self, gains):
        verdict = HELPS(*sides(*gains), context=FAST)
        assert verdict.outcome == "refuted"
        assert verdict.effect.value == pytest.approx(min(gains))
        assert verdict.effect.high < verdict.threshold

    def test_a_gain_near_what_counts_is_open_and_says_how_many_samples_it_takes(self):
        verdict = HELPS(*sides(0.012, 0.1), context=FAST)
        assert verdict.outcome == "inconclusive"
        assert verdict.n_needed > len(GOLD)

    def test_one_control_is_enough_for_an_interpolation(self):
        verdict = HELPS(*sides(0.1)[:2], context=FAST)
        assert verdict.outcome == "supported"
        assert "least" not in verdict.method

    def test_the_background_holds_the_ablation_and_mcnemars_test(self):
        treated, bicubic, none = arms = sides(0.08, 0.2)
        verdict = HELPS(*arms, context=FAST)
        for side in arms:
            shown = named(verdict)[f"accuracy, {side.cell.restoration}"]
            assert shown.value == pytest.approx((side.answers == GOLD).mean())
            assert shown.low < shown.value < shown.high
        for control in (bicubic, none):
            right, before = treated.answers == GOLD, control.answers == GOLD
            p_value = mcnemar(int((right & ~before).sum()), int((before & ~right).sum()))
            expected = f"Any difference from {control.cell.restoration}: p = {p_value:.3g} (exact McNemar"
            assert any(note.startswith(expected) for note in verdict.notes)

    def test_a_gain_on_frequent_labels_alone_is_named(self):
        happy, disgust = SPACE.index("happy"), SPACE.index("disgust")
        often = (happy == GOLD) & (np.arange(1500) % 5 < 2)
        verdict = HELPS(
            answered("gfpgan", GOLD, np.where(disgust == GOLD, happy, GOLD)),
            answered("none", GOLD, np.where(often, SPACE.index("neutral"), GOLD)),
            context=FAST,
        )
        assert verdict.outcome == "supported"
        assert any("Macro-F1 says the opposite" in note for note in verdict.notes)
        assert not any("Macro-F1" in note for note in HELPS(*sides(0.1, 0.1), context=FAST).notes)

    def test_refusals_are_wrong_and_said(self):
        treated, *controls = sides(0.0, 0.0)
        silent = answered("gfpgan", GOLD, np.where(np.arange(1500) < 300, -1, treated.answers))
        verdict = HELPS(silent, *controls, context=FAST)
        assert verdict.outcome == "refuted"
        assert any(note.startswith("Restoration gfpgan: 20.0%") for note in verdict.notes)

    def test_dependent_samples_widen_the_interval(self):
        groups = [str(index // 10) for index in range(1500)]
        alone, grouped = (HELPS(*sides(0.08, 0.2, groups=keys), context=FAST) for keys in (None, groups))
        assert "over 150 groups" in grouped.method
        assert grouped.p_value > alone.p_value

    def test_barred_evidence_decides_nothing(self):
        verdict = HELPS(*sides(0.1, 0.1), context=replace(FAST, barred="it leaked"))
        assert (verdict.outcome, verdict.reason) == ("inconclusive", "No verdict: it leaked.")

    def test_other_samples_are_refused(self):
        treated, bicubic, none = sides()
        with pytest.raises(DataError, match="not over the same samples"):
            HELPS(treated, bicubic, none.subset(np.arange(1500) < 1400), context=FAST)

    def test_a_family_is_settled_together(self):
        verdicts = [HELPS(*sides(0.06, 0.1), context=FAST) for _ in range(3)]
        assert {verdict.outcome for verdict in verdicts} == {"supported"}
        settled = [settle(v, [other for other in verdicts if other is not v], 3) for v in verdicts]
        assert all(v.p_adjusted == pytest.approx(3 * v.p_value) for v in settled)


class TestWeakest:
    def found(self, *means, threshold=0.01):
        rng = np.random.default_rng(0)
        values = [np.where(rng.random(800) < 0.5 + mean / 2, 1.0, -1.0) for mean in means]
        keys = [str(index) for index in range(800)]
        return [
            mean_effect(str(m), v, -1, 1, groups=keys, threshold=threshold, context=FAST)
            for m, v in zip(means, values, strict=True)
        ]

    @pytest.mark.parametrize("means", [(0.4, 0.2), (0.1, 0.3), (-0.2, 0.3), (-0.1, -0.3), (0.2,)])
    def test_test_and_interval_agree(self, means):
        found = self.found(*means)
        least = weakest(found, 0.01)
        assert least.effect.value == min(one.effect.value for one in found)
        assert (least.effect.low > 0.01) == all(one.effect.low > 0.01 for one in found)
        assert (least.effect.high < 0.01) == any(one.effect.high < 0.01 for one in found)
        decided = least.effect.low > 0.01 or least.effect.high < 0.01
        assert (least.p_value < 0.05) == decided

    def test_all_must_be_large_and_one_small_one_is_enough(self):
        assert weakest(self.found(0.4, 0.2), 0.01).p_value == max(f.p_value for f in self.found(0.4, 0.2))
        assert weakest(self.found(-0.4, 0.2), 0.01).p_value == self.found(-0.4, 0.2)[0].p_value

    def test_one_alone_is_itself(self):
        (one,) = self.found(0.2)
        assert weakest([one], 0.01) == one


class TestHelpsVlmsMore:
    def test_the_larger_gain_is_found_on_the_same_samples(self):
        vlm, cnn = sides(0.15, 0.2, model="vlm"), sides(0.02, 0.02, model="cnn")
        verdict = MORE(*vlm, *cnn, context=FAST)
        assert verdict.outcome == "supported"
        assert verdict.effect.name == "gain over bicubic, VLM - CNN"
        assert verdict.effect.value == pytest.approx(0.13)
        assert named(verdict)["gain over none, VLM - CNN"].value == pytest.approx(0.18)
        assert named(verdict)["accuracy of the CNN, none"].value == pytest.approx(
            (cnn[2].answers == GOLD).mean()
        )

    def test_the_smaller_gain_is_refuted_and_the_roles_matter(self):
        vlm, cnn = sides(0.02, 0.02, model="vlm"), sides(0.15, 0.2, model="cnn")
        assert MORE(*vlm, *cnn, context=FAST).outcome == "refuted"
        assert MORE(*cnn, *vlm, context=FAST).outcome == "supported"

    def test_two_models_that_gain_alike_on_the_same_pictures_are_told_from_a_difference(self):
        verdict = MORE(*sides(0.1, 0.1, model="vlm"), *sides(0.1, 0.1, model="cnn"), context=FAST)
        assert (verdict.outcome, verdict.effect.value) == ("refuted", 0.0)

    def test_a_single_control(self):
        verdict = MORE(*sides(0.15)[:2], *sides(0.0)[:2], context=FAST)
        assert verdict.outcome == "supported"

    @pytest.mark.parametrize("cut", [1, 5])
    def test_unequal_restorations_are_refused(self, cut):
        with pytest.raises(DataError, match="not the same restorations of both models"):
            MORE(*[*sides(), *sides()][:cut], context=FAST)
        with pytest.raises(DataError, match="not the same restorations of both models"):
            MORE(*sides(), *sides(names=("codeformer",)), context=FAST)
