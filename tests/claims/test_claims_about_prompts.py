"""The five claims about prompts, on controls: what each one alone promises."""

from dataclasses import replace

import numpy as np
import pytest

from fixtures.calibration import SHARES, SPACE, WILLIAMS
from fixtures.controls import CONSTANT, Respondent
from harness.claims import Context, get_claim
from harness.errors import DataError, UsageError
from harness.labels import LabelSpace, label_space
from harness.metrics import mapping_curve
from harness.prompts import Prompt
from harness.statistics import mcnemar

N = 800
GOLD = np.random.default_rng(0).choice(len(SPACE), N, p=SHARES)
NEUTRAL = SPACE.index("neutral")
SCORED = tuple(replace(prompt, mode="score") for prompt in WILLIAMS)
OPEN = Prompt(labels="absent")
PERSONAS = tuple(Prompt(persona=persona) for persona in ("none", "positive", "negative", "neutral"))


def asked(who, *prompts, gold=GOLD, space=SPACE, **more):
    return [who.answer(prompt, gold, space, **more) for prompt in prompts]


def judged(claim, sides, **more):
    return get_claim(claim).judge(*sides, context=Context(cell="x", replicates=99, **more))


def values(verdict):
    return {effect.name: effect.value for effect in verdict.secondary}


# label_order_bias


def test_noise_without_repeats_is_barred_and_with_repeats_told_from_the_order():
    noisy = Respondent(accuracy=0.6, noise=0.4, repeatable=False)
    once = judged("label_order_bias", asked(noisy, *WILLIAMS[:4]))
    assert once.outcome == "inconclusive"
    assert "repeats = 2" in once.barred
    assert once.effect.value > 0.3
    twice = [replace(prompt, repeat=repeat) for prompt in WILLIAMS[:4] for repeat in (0, 1)]
    assert judged("label_order_bias", asked(noisy, *twice)).outcome == "refuted"
    biased = judged("label_order_bias", asked(replace(noisy, order_bias=0.2), *twice))
    assert biased.outcome == "supported"
    assert "permutation" in biased.method
    assert biased.p_value == 0.01  # none of 99 permutations; the bounded mean alone says less than 1e-9


def test_an_order_of_two_names_is_asked_once():
    """`given` is `permutations-4.1` of four labels: the same rows of the store are no second ask."""
    four = {"subset": ("anger", "happiness", "sadness", "neutral")}
    gold = np.random.default_rng(0).choice([SPACE.index(x) for x in ("angry", "happy", "sad", "neutral")], N)
    noisy = Respondent(accuracy=0.6, noise=0.4, repeatable=False)
    prompts = [Prompt(order=name, **four) for name in ("given", "permutations-4.1", "permutations-4.2")]
    verdict = judged("label_order_bias", asked(noisy, *prompts, gold=gold))
    assert verdict.barred
    assert verdict.effect.value > 0
    with pytest.raises(UsageError, match="second label order"):
        judged("label_order_bias", asked(noisy, *prompts[:2], gold=gold))


def test_positions_are_pointed_at():
    verdict = judged("label_order_bias", asked(Respondent(accuracy=0.6, order_bias=0.3), *WILLIAMS))
    assert verdict.notes[0].startswith("Position 1 of 7 is picked most: by ")
    shown = values(verdict)
    assert shown["position-pick excess"] == pytest.approx(0.3 * 6 / 7, abs=0.03)
    assert (
        shown["accuracy, worst order"] < shown["accuracy, mean over orders"] < shown["accuracy, best order"]
    )
    assert shown["images with one answer in all asks"] == pytest.approx(0.7, abs=0.05)
    assert shown["flip rate"] == verdict.effect.value


def test_uneven_designs_are_noted():
    verdict = judged("label_order_bias", asked(Respondent(accuracy=0.6), *WILLIAMS[:3]))
    assert any("equally often" in note for note in verdict.notes)


def test_scores_allow_every_mitigation_and_a_vote_wins_back_what_the_order_took():
    who = Respondent(accuracy=0.6, order_bias=0.3)
    shown = values(judged("label_order_bias", asked(who, *SCORED)))
    plain = (who.answer(WILLIAMS[0], GOLD, SPACE).answers == GOLD).mean()
    honest = (Respondent(accuracy=0.6).answer(Prompt(), GOLD, SPACE).answers == GOLD).mean()
    assert shown["accuracy, first order"] == plain
    assert shown["accuracy, permutation vote"] == honest > plain + 0.05
    assert {f"accuracy, {name}" for name in ("PriDe", "batch calibration", "contextual calibration")} <= set(
        shown
    )
    without_blank = [replace(side, content_free={}) for side in asked(who, *SCORED[:3])]
    fewer = values(judged("label_order_bias", without_blank))
    assert not {"accuracy, PriDe", "accuracy, contextual calibration"} & set(fewer)  # unbalanced, no blank


def test_an_image_without_scores_is_wrong_after_every_mitigation():
    sides = asked(Respondent(), *SCORED, gold=np.zeros(50, np.int64))
    columns = [column for column in sides[0].table if column.startswith("score_")]
    for side in sides:
        side.table.loc[:9, columns] = np.nan
        side.table.loc[:9, "outcome"] = "failed"
    shown = values(judged("label_order_bias", sides))
    mitigated = ("permutation vote", "PriDe", "batch calibration", "contextual calibration")
    assert [shown[f"accuracy, {how}"] for how in ("first order", *mitigated[:2])] == [0.8, 0.8, 0.8]
    assert all(shown[f"accuracy, {how}"] <= 0.8 for how in mitigated)


def test_written_answers_are_put_to_the_vote():
    """Seven answers, each right by itself at 60 % and wrong in six ways, are right together nearly always."""
    shown = values(judged("label_order_bias", asked(Respondent(accuracy=0.6, noise=1.0), *WILLIAMS)))
    assert shown["accuracy, permutation vote"] > 0.9 > shown["accuracy, first order"]
    assert "accuracy, PriDe" not in shown


@pytest.mark.parametrize("form", ["six", "two-stage"])
def test_forms_without_neutral_and_images_without_any_answer_are_judged(form):
    who = Respondent(accuracy=0.6, order_bias=0.2, refusal_rate=0.3)
    orders = [Prompt(form=form, order=f"williams-6.{row}") for row in range(1, 7)]
    verdict = judged("label_order_bias", asked(who, *orders))
    assert verdict.effect.value == pytest.approx(0.7 * 0.2, abs=0.05)
    assert any(note.startswith("All orders: ") for note in verdict.notes)


# neutral_collapse


def test_the_smallest_excess_decides_and_says_which():
    who = Respondent(accuracy=0.9, neutral_attraction=0.3)
    shares = {"lenient": {"neutral": 0.38}, "strict": {"neutral": 0.1}}
    alone = judged("neutral_collapse", asked(who, Prompt()))
    assert alone.outcome == "supported"
    assert "over the labels of control" in alone.reason
    held = judged("neutral_collapse", asked(who, Prompt(), marginals=shares))
    assert held.outcome == "inconclusive"
    assert held.effect.name == "excess of neutral answers over the labels of lenient"
    answered = (who.answer(Prompt(), GOLD, SPACE).answers == NEUTRAL).mean()
    assert held.effect.value == pytest.approx(answered - 0.38)
    assert values(held)["excess of neutral answers over the labels of strict"] == pytest.approx(
        answered - 0.1
    )


def test_support_takes_the_largest_p_value_and_refutation_pays_for_having_picked():
    near = {"near": {"neutral": float((GOLD == NEUTRAL).mean()) - 0.002}}
    collapsed = Respondent(accuracy=0.9, neutral_attraction=0.18)
    own = judged("neutral_collapse", asked(collapsed, Prompt()))
    both = judged("neutral_collapse", asked(collapsed, Prompt(), marginals=near))
    # Answers follow the own labels but not the others' share, so the larger excess is the less sure one.
    assert both.effect == own.effect
    assert both.effect.value > both.threshold
    assert both.p_value > own.p_value
    low = {"low": {"neutral": 0.05}}
    fair = Respondent(accuracy=0.9, neutral_attraction=0.06)
    p_values = [judged("neutral_collapse", asked(fair, Prompt(), marginals=m)).p_value for m in ({}, low)]
    assert p_values[1] == pytest.approx(2 * p_values[0])


def test_who_cannot_see_is_told_from_who_says_neutral_when_in_doubt():
    blind = judged("neutral_collapse", asked(Respondent(accuracy=0.0, neutral_attraction=0.6), Prompt()))
    assert blind.notes[0].startswith("It cannot see")
    timid = judged("neutral_collapse", asked(Respondent(accuracy=1.0, neutral_attraction=0.6), Prompt()))
    assert timid.notes[0].startswith("It can see")
    assert judged("neutral_collapse", asked(Respondent(), Prompt())).notes == ()


def test_other_forms_stand_beside_the_flat_one():
    who = Respondent(accuracy=0.8, neutral_attraction=0.7)
    shown = values(judged("neutral_collapse", asked(who, Prompt(), Prompt(form="six"))))
    assert shown["effective classes, six"] > shown["effective classes, flat"] + 1
    assert shown["accuracy on emotional faces, six"] > shown["accuracy on emotional faces, flat"] + 0.4


def test_shares_of_a_whole_split_are_not_those_of_a_subset():
    four = Prompt(subset=("anger", "happiness", "sadness", "neutral"))
    gold = np.random.default_rng(0).choice([SPACE.index(x) for x in ("angry", "happy", "sad", "neutral")], N)
    verdict = judged(
        "neutral_collapse", asked(CONSTANT, four, gold=gold, marginals={"others": {"neutral": 0.99}})
    )
    assert verdict.outcome == "supported"


def test_samples_without_neutral_ones_have_no_ratio_but_a_verdict():
    gold = GOLD[GOLD != NEUTRAL]
    verdict = judged("neutral_collapse", asked(CONSTANT, Prompt(), gold=gold))
    assert verdict.effect.value == 1
    assert "over-prediction ratio of neutral" not in values(verdict)


def test_without_a_neutral_label_or_a_flat_form_there_is_no_verdict():
    mikels = label_space("mikels8")
    gold = np.zeros(5, np.int64)
    with pytest.raises(DataError, match="no neutral label"):
        judged("neutral_collapse", asked(Respondent(), Prompt(), gold=gold, space=mikels))
    with pytest.raises(DataError, match="no neutral label"):
        judged("neutral_collapse", asked(Respondent(), Prompt(subset=("anger", "fear")), gold=gold))
    with pytest.raises(DataError, match="no flat form"):
        judged("neutral_collapse", asked(Respondent(), Prompt(form="six")))


# no_label_degradation


def test_a_drop_that_hangs_on_the_mapping_decides_nothing():
    verdict = judged(
        "no_label_degradation", asked(Respondent(accuracy=0.8, fine_grained=0.3), Prompt(), OPEN)
    )
    assert verdict.outcome == "inconclusive"
    assert "at tau 0.6" in verdict.barred
    assert values(verdict)["loss of accuracy, tau 0.8"] > 0.1


def test_the_curve_is_that_of_the_metric():
    who = Respondent(accuracy=0.8, fine_grained=0.3, label_dependence=0.3)
    shown, absent = asked(who, Prompt(), OPEN)
    verdict = judged("no_label_degradation", (shown, absent))
    assert verdict.outcome == "supported"
    found = values(verdict) | {"loss of accuracy, tau 0.7": verdict.effect.value}
    taus = (0.6, 0.65, 0.7, 0.75, 0.8)
    curve = mapping_curve(GOLD, absent.answers, absent.probabilities, taus)
    for tau, accuracy in zip(taus, curve.accuracy, strict=True):
        assert found[f"loss of accuracy, tau {tau}"] == pytest.approx(
            (shown.answers == GOLD).mean() - accuracy
        )
    assert found["unmapped open answers"] == pytest.approx(curve.unmapped[2])
    assert found["finer than the labels"] == pytest.approx(0.7 * 0.3 / 2, abs=0.04)


def test_without_similarities_only_words_count():
    shown, absent = asked(Respondent(accuracy=0.8, fine_grained=0.3), Prompt(), OPEN)
    bare = replace(absent, table=absent.table.drop(columns=[c for c in absent.table if "score_" in c]))
    verdict = judged("no_label_degradation", (shown, bare))
    assert verdict.outcome == "supported"
    assert verdict.effect.value == pytest.approx(0.3 * 0.8, abs=0.05)
    assert "no similarities" in verdict.notes[0]


# persona_shifts_sentiment


def test_each_persona_is_held_against_none():
    verdict = judged(
        "persona_shifts_sentiment", asked(Respondent(accuracy=0.8, persona_shift=0.3), *PERSONAS)
    )
    assert verdict.outcome == "supported"
    shown = values(verdict)
    assert shown["shift of sentiment, positive persona - none"] > 0.05
    assert shown["shift of sentiment, negative persona - none"] < -0.05
    assert shown["accuracy difference, negative persona - none"] < -0.05
    assert shown["shift of sentiment, neutral persona - none"] == 0
    plain = judged("persona_shifts_sentiment", asked(Respondent(accuracy=0.8), *PERSONAS[1:3]))
    assert (plain.outcome, plain.secondary) == ("refuted", ())


def test_a_persona_that_turns_answers_around_is_refuted():
    """The mood of the model must colour its answers that way: the reverse is no support."""
    good, bad = asked(Respondent(accuracy=0.8, persona_shift=0.3), *PERSONAS[1:3])
    sides = (replace(good, prompt=bad.prompt), replace(bad, prompt=good.prompt))
    assert judged("persona_shifts_sentiment", sides).outcome == "refuted"


def test_surprise_neutral_and_no_answer_are_neither():
    space = LabelSpace.of("mine", ("happy", "sad", "surprise", "bored"))
    gold = np.array([0, 1, 2, 3] * 50)
    good, bad = asked(Respondent(), *PERSONAS[1:3], gold=gold, space=space)
    silent = replace(bad, table=bad.table.assign(outcome="refusal"))
    verdict = judged("persona_shifts_sentiment", (good, silent))
    assert verdict.effect.value == 0  # 50 happy, 50 sad against nothing
    assert any(note.startswith("Persona negative: 100.0%") for note in verdict.notes)


def test_a_mood_or_a_sentiment_that_is_missing_is_said():
    with pytest.raises(DataError, match="no negative persona"):
        judged("persona_shifts_sentiment", asked(Respondent(), *PERSONAS[:2]))
    space = LabelSpace.of("mine", ("happy", "neutral"))
    with pytest.raises(DataError, match="lacks positive or negative labels"):
        judged(
            "persona_shifts_sentiment",
            asked(Respondent(), *PERSONAS[1:3], gold=np.zeros(5, np.int64), space=space),
        )


# reasoning_helps


def test_reasoning_is_tested_by_mcnemar_and_names_its_kind():
    who = Respondent(accuracy=0.6, noise=0.2, reasoning_gain=0.08)
    plain, reasoned = asked(who, Prompt(), Prompt(reasoning="caption"))
    verdict = judged("reasoning_helps", (plain, reasoned))
    right = [side.answers == GOLD for side in (plain, reasoned)]
    assert verdict.p_value == mcnemar(int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum()))
    assert verdict.effect.value == pytest.approx(right[1].mean() - right[0].mean())
    assert verdict.reason.startswith("After caption the model gets")
    assert verdict.secondary[0].name == "macro-F1 difference"


def test_answers_that_are_cut_off_are_wrong_and_counted():
    plain, reasoned = asked(Respondent(accuracy=0.8), Prompt(), Prompt(reasoning="caption"))
    cut = np.arange(N) % 4 == 0
    outcome = np.where(cut, "unparsable", reasoned.table["outcome"])
    verdict = judged(
        "reasoning_helps", (plain, replace(reasoned, table=reasoned.table.assign(outcome=outcome)))
    )
    assert verdict.outcome == "refuted"
    assert "After caption: 25.0% of the samples have no valid answer and count as wrong." in verdict.notes


# all


@pytest.mark.parametrize(
    ("claim", "prompts"),
    [
        ("label_order_bias", WILLIAMS[:2]),
        ("neutral_collapse", (Prompt(), Prompt(form="six"))),
        ("no_label_degradation", (Prompt(), OPEN)),
        ("persona_shifts_sentiment", PERSONAS[1:3]),
        ("reasoning_helps", (Prompt(), Prompt(reasoning="caption"))),
    ],
)
def test_other_samples_and_answers_to_no_prompt_are_refused(claim, prompts):
    first, second = asked(Respondent(), *prompts)
    shuffled = replace(second, table=second.table.iloc[::-1].reset_index(drop=True))
    with pytest.raises(DataError, match="not over the same samples"):
        judged(claim, (first, shuffled))
    if claim != "no_label_degradation":
        with pytest.raises(DataError, match="answers no prompt"):
            judged(claim, (first, replace(second, prompt=None)))
    assert judged(claim, (first, second)).threshold == get_claim(claim).threshold
