"""Families are those of the suite, and a verdict that hangs on members that did not run is not given."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from evaluating import claim_tests, evaluate, judged, models_of, project
from statsmodels.stats.multitest import multipletests
from tiny_suite import NO_CLIP, SUITE, write_suite

from harness.errors import DataError, ModelError, Unavailable
from harness.judging import family_of

CLAIM = "cnn_beats_vlm"
PUBLISHED = """model,family,dataset:split,restoration,n,metric,value,source,note
clip,vlm,tiny:test,none,90,accuracy,0.5000,paper,
silent,vlm,tiny:test,none,90,macro_f1,0.5000,paper,
odd,vlm,tiny:test,none,90,accuracy,0.5050,paper,
"""
WITH_PUBLISHED = "published = 'published.csv'\n" + SUITE
TORN = "[models.torn]\nadapter = 'reader'\nevery = 7\nfails = true\n"
OTHER = "[datasets.other]\nadapter = 'images'\nspace = ['angry', 'happy', 'sad']\n"


@pytest.fixture
def start(tmp_path: Path):
    """A run of the tiny suite with published numbers beside it; each call is a new one."""
    write_suite(tmp_path)
    (tmp_path / "published.csv").write_text(PUBLISHED)
    return partial(project, tmp_path)


def holm(p_values) -> np.ndarray:
    return multipletests(p_values, method="holm")[1]


class TestWhatAFamilyIs:
    def size(self, start, sources: list[str], dataset: str = "tiny") -> int:
        text = SUITE.replace('["tiny:test"]', str(sources).replace("'", '"')) + OTHER
        return len(family_of(start(text)[0], "default", CLAIM, dataset).members)

    def test_the_splits_of_a_data_set_are_judged_together(self, start):
        assert self.size(start, ["tiny:test", "tiny:train"]) == 2 * self.size(start, ["tiny:test"]) == 4

    def test_data_sets_are_families_of_their_own(self, start):
        sources = ["tiny:test", "other:test"]
        assert [self.size(start, sources, dataset) for dataset in ("tiny", "other")] == [2, 2]

    def test_impossible_publications_are_out_beforehand_and_silent_ones_are_not(self, start):
        suite, _ = start(WITH_PUBLISHED)
        members = {models_of(test) for test in family_of(suite, "default", CLAIM, "tiny").members}
        vlms = ("outside", "clip@paper", "silent@paper")
        assert members == {f"{cnn}-vs-{vlm}" for cnn in ("good", "middling") for vlm in vlms}

    def test_a_claim_that_the_profile_leaves_out_has_no_family(self, start):
        text = SUITE.replace('["tiny:test"]', '["tiny:test"]\nclaims = ["neutral_collapse"]')
        suite, _ = start(text + "[claims.neutral_collapse]\n")
        assert not family_of(suite, "default", CLAIM, "tiny").members


class TestWholeFamilies:
    def test_p_values_are_adjusted_by_holm_over_the_family(self, start):
        suite, settings = start(WITH_PUBLISHED)
        tests = [test for test in claim_tests(suite, CLAIM) if "silent" not in str(test)]
        verdicts = judged(suite, settings, tests)
        counted = [verdict for verdict in verdicts.values() if verdict.p_adjusted is not None]
        assert len(counted) == 4
        p_values = [verdict.p_value for verdict in counted]
        # The two against a publication without accuracy are members, too: at worst their p-values are 1.
        np.testing.assert_allclose([v.p_adjusted for v in counted], holm([*p_values, 1.0, 1.0])[:4])
        assert {verdict.family_size for verdict in counted} == {6}
        assert verdicts["good-vs-outside"].paired
        assert not verdicts["good-vs-clip@paper"].paired
        assert verdicts["good-vs-outside"].outcome == "supported"

    def test_an_impossible_publication_decides_nothing(self, start):
        suite, settings = start(WITH_PUBLISHED)
        verdict = judged(suite, settings, claim_tests(suite, CLAIM, model="odd*"))["good-vs-odd@paper"]
        assert verdict.outcome == "inconclusive"
        assert verdict.p_adjusted is None
        assert "odd@paper: accuracy 50.50% is not a possible fraction of n = 90" in verdict.reason

    def test_a_noise_ceiling_of_the_suite_bars_what_lies_above(self, start):
        suite, settings = start(WITH_PUBLISHED + '[noise_ceilings]\n"tiny:test" = 0.3\n')
        verdict = judged(suite, settings, claim_tests(suite, CLAIM, model="clip*"))["good-vs-clip@paper"]
        assert "above the label-noise ceiling of 30.0%" in verdict.barred

    def test_a_larger_family_detects_only_larger_effects(self, start):
        alone, *_ = judged(*(run := start()), claim_tests(run[0], CLAIM, model="good")).values()
        more = start(SUITE + "".join(f"[models.m{i}]\nadapter = 'reader'\nevery = {i}\n" for i in (4, 5)))
        among = judged(*more, claim_tests(more[0], CLAIM, model="good"))["good-vs-outside"]
        assert (alone.family_size, among.family_size) == (2, 4)
        assert among.detectable_effect > alone.detectable_effect
        assert among.n_needed > alone.n_needed

    def test_the_level_is_that_of_the_settings(self, start):
        suite, settings = start(alpha=0.01)
        verdicts = judged(suite, settings, claim_tests(suite, CLAIM))
        assert {verdict.alpha for verdict in verdicts.values()} == {0.01}


class TestWhatDidNotRun:
    """By themselves, good against outside has p < 1e-6, and middling against outside p = 0.03."""

    def test_what_cannot_be_judged_says_why_and_stays_a_member(self, start):
        suite, settings = start(SUITE + NO_CLIP + TORN)
        tests = {models_of(test): test for test in claim_tests(suite, CLAIM)}
        assert len(tests) == 6
        evaluation = evaluate(suite, settings, claims=tests.values())
        with pytest.raises(Unavailable, match=r"absent\.safetensors"):
            evaluation.verdict(tests["good-vs-clip"])
        with pytest.raises(ModelError, match=r"reader\.safetensors is corrupt"):
            evaluation.verdict(tests["torn-vs-outside"])
        good, middling = (evaluation.verdict(tests[f"{cnn}-vs-outside"]) for cnn in ("good", "middling"))
        assert (good.outcome, good.family_size) == ("supported", 6)
        np.testing.assert_allclose(
            [good.p_adjusted, middling.p_adjusted], holm([good.p_value, middling.p_value, 1, 1, 1, 1])[:2]
        )
        assert middling.outcome == "inconclusive"
        assert middling.barred == "not settled: 2 of 6 members of its family ran"
        assert "\n" not in middling.reason
        assert middling.reason.endswith("run the whole profile, with all of its models here.")

    def test_a_publication_without_accuracy_says_so_and_keeps_none_from_being_judged(self, start):
        suite, settings = start(WITH_PUBLISHED)
        tests = {models_of(test): test for test in claim_tests(suite, CLAIM)}
        evaluation = evaluate(suite, settings, claims=tests.values())
        with pytest.raises(DataError, match="silent@paper publishes no accuracy"):
            evaluation.verdict(tests["good-vs-silent@paper"])
        assert evaluation.verdict(tests["good-vs-outside"]).outcome == "supported"

    @pytest.mark.parametrize("text", [SUITE, WITH_PUBLISHED, SUITE + NO_CLIP])
    def test_no_selection_changes_a_verdict_it_is_the_same_or_is_not_settled(self, start, text):
        suite, settings = start(text)
        tests = [test for test in claim_tests(suite, CLAIM) if not {"clip", "silent"} & set(models(test))]
        whole, open_ = judged(suite, settings, tests), 0
        for count in range(1, len(tests)):
            for some in combinations(tests, count):
                for name, verdict in judged(suite, settings, some).items():
                    assert verdict.family_size == whole[name].family_size
                    unsettled = verdict.barred.startswith("not settled")
                    assert unsettled or verdict.outcome == whole[name].outcome, (name, some)
                    open_ += unsettled
        assert open_ > 0

    def test_the_whole_family_settles_what_a_part_of_it_could_not(self, start):
        suite, settings = start()
        (alone,) = judged(suite, settings, claim_tests(suite, CLAIM, model="middling")).values()
        assert alone.barred == "not settled: 1 of 2 members of its family ran"
        assert "p adjusted lies between 0.0" in alone.reason
        whole = judged(suite, settings, claim_tests(suite, CLAIM))["middling-vs-outside"]
        assert (whole.outcome, whole.barred) == ("supported", "")
        assert whole.p_adjusted == pytest.approx(whole.p_value)
        assert whole.p_value == alone.p_value


def models(test) -> list[str]:
    return [side.model.partition("@")[0] for side in test.cells]


def test_a_test_from_outside_of_the_profile_joins_the_others_and_leaves_them_as_they_are(start):
    text = SUITE + "[profiles.narrow]\ndatasets = ['tiny:test']\nmodels = ['good', 'outside']\n"
    suite, settings = start(text)
    tests = claim_tests(suite, CLAIM)
    (alone,) = judged(suite, settings, claim_tests(suite, CLAIM, "narrow"), "narrow").values()
    found = judged(suite, settings, tests, "narrow")
    assert found["good-vs-outside"] == alone
    assert (alone.family_size, found["middling-vs-outside"].family_size) == (1, 2)
    both = [found[f"{cnn}-vs-outside"].p_value for cnn in ("good", "middling")]
    assert found["middling-vs-outside"].p_adjusted == pytest.approx(holm(both)[1])
