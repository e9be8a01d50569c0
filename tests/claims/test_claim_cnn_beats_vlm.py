"""The claim on controls: respondents whose accuracy was planted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.claims import Context, get_claim, settle
from harness.errors import DataError
from harness.labels import label_space
from harness.models.base import Published
from harness.predictions import Cell, Predictions
from harness.statistics import mcnemar
from harness.tasks import Choice

SPACE = label_space("fer2013")
JUDGE = get_claim("cnn_beats_vlm").judge
FAST = Context(cell="control", replicates=1000)


def gold_labels(n, rng):
    return rng.choice(len(SPACE), size=n, p=[0.13, 0.02, 0.14, 0.25, 0.17, 0.12, 0.17])


def respondent(name, gold, accuracy, rng, *, groups=None, invalid=0.0):
    """Right with the given probability, otherwise a uniformly drawn other label; some answers invalid."""
    wrong = (gold + rng.integers(1, len(SPACE), len(gold))) % len(SPACE)
    answers = np.where(rng.random(len(gold)) < accuracy, gold, wrong)
    outcome = np.where(rng.random(len(gold)) < invalid, "refusal", "parsed")
    table = pd.DataFrame(
        {
            "sample_id": [str(i) for i in range(len(gold))],
            "group": [str(i) for i in range(len(gold))] if groups is None else groups,
            "gold": [SPACE.labels[g] for g in gold],
            "outcome": outcome,
            "label": [
                SPACE.labels[a] if o == "parsed" else None for a, o in zip(answers, outcome, strict=True)
            ],
            "raw_text": None,
            "reason": None,
            "latency_s": 0.0,
            "pixel_digest": "",
        }
    )
    return Predictions(Cell(name, "control", "test"), Choice(SPACE), table)


def published(accuracy, n=7178, **more):
    return Published(
        model="vlm@paper",
        system="vlm",
        family="vlm",
        dataset="control",
        split="test",
        n=n,
        metrics={"accuracy": accuracy, **more},
        source="paper",
    )


@pytest.mark.parametrize(("cnn", "vlm", "outcome"), [(0.7, 0.6, "supported"), (0.6, 0.7, "refuted")])
def test_a_planted_difference_is_found_paired(cnn, vlm, outcome):
    rng = np.random.default_rng(0)
    gold = gold_labels(3589, rng)
    verdict = JUDGE(respondent("cnn", gold, cnn, rng), respondent("vlm", gold, vlm, rng), FAST)
    assert verdict.outcome == outcome
    assert verdict.paired
    assert verdict.effect.low < cnn - vlm < verdict.effect.high
    assert verdict.secondary[0].name == "macro-F1 difference"
    assert verdict.secondary[0].low < verdict.secondary[0].value < verdict.secondary[0].high


@pytest.mark.parametrize(("accuracy", "outcome"), [(0.45, "supported"), (0.75, "refuted")])
def test_a_planted_difference_is_found_unpaired(accuracy, outcome):
    rng = np.random.default_rng(1)
    gold = gold_labels(3589, rng)
    verdict = JUDGE(respondent("cnn", gold, 0.6, rng), published(accuracy), FAST)
    assert verdict.outcome == outcome
    assert not verdict.paired
    assert any("Unpaired" in note for note in verdict.notes)
    assert any("publishes no macro-F1" in note for note in verdict.notes)


def test_macro_f1_is_compared_where_it_is_published():
    rng = np.random.default_rng(1)
    verdict = JUDGE(respondent("cnn", gold_labels(999, rng), 0.6, rng), published(0.4, macro_f1=0.35), FAST)
    assert verdict.secondary[0].value > 0.1
    assert verdict.secondary[0].low is None


def test_the_paired_p_value_is_mcnemars():
    rng = np.random.default_rng(2)
    gold = gold_labels(800, rng)
    cnn, vlm = respondent("cnn", gold, 0.62, rng), respondent("vlm", gold, 0.6, rng)
    only_cnn = int(((cnn.answers == gold) & (vlm.answers != gold)).sum())
    only_vlm = int(((vlm.answers == gold) & (cnn.answers != gold)).sum())
    assert JUDGE(cnn, vlm, FAST).p_value == mcnemar(only_cnn, only_vlm)


@pytest.mark.parametrize("kind", ["paired", "grouped", "published"])
def test_no_difference_is_rarely_called_one(kind):
    """False alarms stay at alpha: 250 runs of equal respondents; 5 % + 3 standard errors = 9.1 %."""
    alarms = 0
    for seed in range(250):
        rng = np.random.default_rng(seed)
        if kind == "grouped":
            # Ten frames a subject: each subject is easy or hard for a system as a whole.
            subjects = np.repeat(np.arange(40), 10)
            gold = gold_labels(400, rng)
            sides = [grouped_respondent(name, gold, subjects, rng) for name in ("cnn", "vlm")]
        else:
            gold = gold_labels(400, rng)
            sides = [respondent(name, gold, 0.6, rng) for name in ("cnn", "vlm")]
        if kind == "published":
            right = int((sides[1].answers == gold).sum())
            sides[1] = published(right / 400, n=400)
        alarms += JUDGE(*sides, replace(FAST, replicates=300)).outcome != "inconclusive"
    assert alarms / 250 <= 0.091


def grouped_respondent(name, gold, subjects, rng):
    ease = rng.choice([0.25, 0.95], size=subjects.max() + 1)
    return respondent(name, gold, ease[subjects], rng, groups=[str(s) for s in subjects])


def test_groups_widen_the_interval():
    rng = np.random.default_rng(3)
    subjects = np.repeat(np.arange(40), 10)
    gold = gold_labels(400, rng)
    cnn, vlm = (grouped_respondent(name, gold, subjects, rng) for name in ("cnn", "vlm"))
    alone = [
        Predictions(side.cell, Choice(SPACE), side.table.assign(group=side.table["sample_id"]))
        for side in (cnn, vlm)
    ]

    def width(verdict):
        return verdict.effect.high - verdict.effect.low

    assert width(JUDGE(cnn, vlm, FAST)) > 1.5 * width(JUDGE(*alone, FAST))
    assert width(JUDGE(cnn, published(0.5), FAST)) > 1.3 * width(JUDGE(alone[0], published(0.5), FAST))


def test_invalid_answers_count_as_wrong_and_are_said():
    rng = np.random.default_rng(4)
    gold = gold_labels(2000, rng)
    cnn, vlm = respondent("cnn", gold, 0.6, rng), respondent("vlm", gold, 0.7, rng, invalid=0.4)
    verdict = JUDGE(cnn, vlm, FAST)
    assert verdict.outcome == "supported"
    assert any("VLM:" in note and "no valid answer" in note for note in verdict.notes)


def test_too_few_samples_are_inconclusive_with_the_number_that_would_do():
    rng = np.random.default_rng(5)
    gold = gold_labels(150, rng)
    verdict = JUDGE(respondent("cnn", gold, 0.62, rng), respondent("vlm", gold, 0.6, rng), FAST)
    assert verdict.outcome == "inconclusive"
    assert verdict.n_needed > 150
    assert abs(verdict.effect.value) < verdict.detectable_effect


def test_the_number_needed_is_enough():
    """Power at n_needed is about 0.8, by simulation."""
    rng = np.random.default_rng(6)
    gold = gold_labels(20_000, rng)
    pilot = JUDGE(respondent("cnn", gold, 0.65, rng), respondent("vlm", gold, 0.6, rng), FAST)
    # The pilot's number is for the effect it saw; the planted one is 5 points.
    n = round(pilot.n_needed * (pilot.effect.value / 0.05) ** 2)
    found = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        gold = gold_labels(n, rng)
        sides = respondent("cnn", gold, 0.65, rng), respondent("vlm", gold, 0.6, rng)
        found += JUDGE(*sides, replace(FAST, replicates=300)).outcome == "supported"
    assert 0.68 <= found / 200 <= 0.92


def test_equal_answers_have_no_effect_and_no_number_that_would_do():
    rng = np.random.default_rng(7)
    cnn = respondent("cnn", gold_labels(300, rng), 0.6, rng)
    verdict = JUDGE(cnn, Predictions(replace(cnn.cell, model="vlm"), Choice(SPACE), cnn.table), FAST)
    assert (verdict.outcome, verdict.effect.value, verdict.n_needed) == ("inconclusive", 0, None)


def test_barred_evidence_decides_nothing():
    rng = np.random.default_rng(8)
    cnn = respondent("cnn", gold_labels(3000, rng), 0.9, rng)
    verdict = JUDGE(cnn, published(0.1), replace(FAST, barred="vlm@paper: impossible"))
    assert verdict.outcome == "inconclusive"
    assert verdict.reason == "No verdict: vlm@paper: impossible."
    assert settle(verdict, [], 1).outcome == "inconclusive"


def test_a_gain_on_frequent_labels_only_is_said():
    """The CNN always says happy when it is happy and is lost elsewhere; the VLM knows the rare labels."""
    rng = np.random.default_rng(9)
    happy = SPACE.index("happy")
    gold = np.where(rng.random(4000) < 0.8, happy, gold_labels(4000, rng))
    cnn = respondent("cnn", gold, np.where(gold == happy, 0.99, 0.02), rng)
    vlm = respondent("vlm", gold, np.where(gold == happy, 0.8, 0.7), rng)
    verdict = JUDGE(cnn, vlm, FAST)
    assert verdict.outcome == "supported"
    assert any("Macro-F1 says the opposite" in note for note in verdict.notes)


def test_other_samples_are_refused():
    rng = np.random.default_rng(10)
    gold = gold_labels(100, rng)
    cnn, vlm = respondent("cnn", gold, 0.6, rng), respondent("vlm", gold, 0.6, rng)
    shuffled = Predictions(vlm.cell, Choice(SPACE), vlm.table.iloc[::-1].reset_index(drop=True))
    with pytest.raises(DataError, match="not over the same samples"):
        JUDGE(cnn, shuffled, FAST)


def test_a_publication_without_accuracy_is_refused():
    rng = np.random.default_rng(11)
    number = replace(published(0.5), metrics={"balanced_accuracy": 0.4})
    with pytest.raises(DataError, match="publishes no accuracy"):
        JUDGE(respondent("cnn", gold_labels(100, rng), 0.6, rng), number, FAST)


def test_the_same_seed_gives_the_same_verdict():
    rng = np.random.default_rng(12)
    gold = gold_labels(500, rng)
    sides = respondent("cnn", gold, 0.65, rng), respondent("vlm", gold, 0.6, rng)
    assert JUDGE(*sides, FAST) == JUDGE(*sides, FAST)
    assert JUDGE(*sides, FAST).effect != JUDGE(*sides, replace(FAST, seed=1)).effect
