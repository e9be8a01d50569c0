"""Controls do what they say: what is planted comes out, by simulation, and nothing else changes."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from fixtures.calibration import SHARES, SPACE, WILLIAMS, first_label_differs
from fixtures.controls import CONSTANT, PERFECT, RANDOM, Respondent, attraction_for
from harness.metrics import mapped_answers, permutation_vote
from harness.prompts import Prompt, label_order

N = 6000
GOLD = np.random.default_rng(0).choice(len(SPACE), N, p=SHARES)
NEUTRAL = SPACE.index("neutral")
PLAIN, OPEN = Prompt(), Prompt(labels="absent")


def answers(who, prompt=PLAIN, **more):
    return who.answer(prompt, GOLD, SPACE, **more).answers


def close(found, expected, n=N):
    """Within four standard errors of a share of n."""
    return abs(found - expected) <= 4 * np.sqrt(max(expected * (1 - expected), 0.01) / n)


@pytest.mark.parametrize("accuracy", [0.0, 0.3, 1.0])
def test_accuracy_is_planted_and_errors_are_spread_evenly(accuracy):
    given = answers(Respondent(accuracy=accuracy))
    assert close((given == GOLD).mean(), accuracy)
    steps = np.bincount((given - GOLD) % 7, minlength=7)[1:]
    assert all(close(step / N, (1 - accuracy) / 6) for step in steps)


def test_chance_is_one_in_as_many_as_are_offered():
    assert close((answers(Respondent(accuracy=None)) == GOLD).mean(), 1 / 7)
    six = answers(Respondent(accuracy=None), Prompt(form="six"))
    emotional = GOLD != NEUTRAL
    assert close((six == GOLD)[emotional].mean(), 1 / 6, emotional.sum())
    assert not (six == NEUTRAL).any()


def test_noise_moves_answers_but_no_share_of_them():
    who = Respondent(accuracy=0.6, noise=0.5)
    one, other = (answers(who, Prompt(order=order)) for order in ("given", "reversed"))
    assert all(close((given == GOLD).mean(), 0.6) for given in (one, other))
    alike = 0.6**2 + 0.4**2 / 6  # of two draws
    assert close((one == other).mean(), 0.25 + 0.75 * alike)


@pytest.mark.parametrize("repeatable", [True, False])
def test_only_who_is_not_repeatable_answers_differently_when_asked_again(repeatable):
    who = Respondent(accuracy=0.6, noise=0.5, repeatable=repeatable)
    asked = [who.answer(Prompt(repeat=repeat), GOLD, SPACE) for repeat in (0, 1)]
    assert np.array_equal(asked[0].answers, asked[1].answers) == repeatable == asked[0].repeatable


@pytest.mark.parametrize("prompts", [WILLIAMS, WILLIAMS[:2]], ids=["seven", "two"])
def test_order_bias_flips_its_share_of_the_pairs_of_orders(prompts):
    asked = [answers(Respondent(accuracy=0.6, order_bias=0.3), prompt) for prompt in prompts]
    flips = np.mean([(a != b).mean() for a, b in combinations(asked, 2)])
    assert close(flips, 0.3 * first_label_differs(prompts))
    first = SPACE.index(label_order(prompts[1], SPACE)[0])
    unbiased = answers(Respondent(accuracy=0.6), prompts[1])
    assert set(asked[1][asked[1] != unbiased]) == {first}


def test_order_bias_needs_labels_to_be_shown():
    biased = Respondent(accuracy=0.6, order_bias=0.5)
    assert np.array_equal(answers(biased, OPEN), answers(replace(biased, order_bias=0.0), OPEN))


@pytest.mark.parametrize("excess", [0.0, 0.1, 0.4])
def test_neutral_answers_exceed_neutral_images_by_what_was_asked_for(excess):
    share = (GOLD == NEUTRAL).mean()
    who = Respondent(accuracy=0.6, neutral_attraction=attraction_for(excess, 0.6, share, 7))
    assert close((answers(who) == NEUTRAL).mean(), share + excess)
    assert close((answers(who, Prompt(form="two-stage")) == NEUTRAL).mean(), share + excess)
    assert not (answers(who, Prompt(form="six")) == NEUTRAL).any()


def test_a_persona_shifts_sentiment_by_its_share():
    sign = np.array([-1, -1, -1, 1, -1, 0, 0])
    who = Respondent(accuracy=0.6, noise=0.2, persona_shift=0.25)
    good, bad, none, calm = (
        sign[answers(who, Prompt(persona=persona))] for persona in ("positive", "negative", "none", "neutral")
    )
    assert abs((good - bad).mean() / 2 - 0.25) < 4 / np.sqrt(N)
    assert abs((none - calm).mean()) < 4 / np.sqrt(N)


@pytest.mark.parametrize("gain", [-0.2, 0.2])
def test_reasoning_changes_accuracy_by_its_gain(gain):
    who = Respondent(accuracy=0.6, reasoning_gain=gain)
    assert close((answers(who, Prompt(reasoning="caption")) == GOLD).mean(), 0.6 + gain)
    assert close((answers(who) == GOLD).mean(), 0.6)


def test_without_labels_the_dependent_share_is_lost():
    who = Respondent(accuracy=0.6, label_dependence=0.25)
    open_answers = who.answer(OPEN, GOLD, SPACE)
    mapped = mapped_answers(open_answers.answers, open_answers.probabilities, 0.3)
    assert close((mapped == GOLD).mean(), 0.6 * 0.75)
    assert close((mapped == -1).mean(), 0.25)
    assert set(open_answers.table["outcome"]) == {"parsed", "out_of_vocabulary"}
    assert close((answers(who) == GOLD).mean(), 0.6)


@pytest.mark.parametrize("tau", [0.6, 0.7, 0.8])
def test_finer_words_are_mapped_up_to_their_tau(tau):
    open_answers = Respondent(accuracy=0.6, fine_grained=0.5).answer(OPEN, GOLD, SPACE)
    mapped = mapped_answers(open_answers.answers, open_answers.probabilities, tau)
    assert close((mapped == GOLD).mean(), 0.6 * (1 - 0.5 * (tau - 0.6) / 0.2))
    assert close((open_answers.answers < 0).mean(), 0.5)


def test_refusals_are_read_as_refusals():
    outcomes = Respondent(refusal_rate=0.2).answer(PLAIN, GOLD, SPACE).table["outcome"]
    assert close((outcomes == "refusal").mean(), 0.2)
    assert set(outcomes) == {"parsed", "refusal"}


@pytest.mark.parametrize(("form", "sentence"), [("label", "Looking"), ("json", "```"), ("letter", "The")])
def test_words_and_sentences_are_read_as_what_is_meant(form, sentence):
    given = Respondent(accuracy=0.6, verbosity=0.5).answer(Prompt(answer=form), GOLD, SPACE)
    assert close(given.table["raw_text"].str.startswith(sentence).mean(), 0.5)
    assert np.array_equal(given.answers, answers(Respondent(accuracy=0.6)))


def test_scores_agree_with_answers_and_votes_undo_their_order_bias():
    who, unbiased = Respondent(accuracy=0.6, order_bias=0.3), Respondent(accuracy=0.6)
    scored = [who.answer(replace(prompt, mode="score"), GOLD, SPACE) for prompt in WILLIAMS]
    for prompt, given in zip(WILLIAMS, scored, strict=True):
        assert np.array_equal(given.answers, answers(who, prompt))
        assert np.allclose(given.probabilities.sum(axis=1), 1)
    assert abs(sum(scored[0].content_free.values()) - 1) < 1e-9
    assert max(scored[0].content_free, key=scored[0].content_free.get) == label_order(WILLIAMS[0], SPACE)[0]
    voted = permutation_vote(np.stack([given.probabilities for given in scored], axis=1)).argmax(axis=1)
    assert np.array_equal(voted, answers(unbiased))


def test_images_of_a_group_share_their_fate():
    gold, groups = np.repeat(GOLD[:500], 4), np.repeat(np.arange(500), 4).astype(str).tolist()
    who = Respondent(accuracy=0.6, order_bias=0.2, noise=0.3)
    given = who.answer(PLAIN, gold, SPACE, groups=groups).answers.reshape(500, 4)
    assert (given == given[:, :1]).all()
    assert who.answer(PLAIN, gold, SPACE, groups=groups).groups == groups


def test_one_seed_is_one_respondent():
    who = Respondent(accuracy=0.6, noise=0.3)
    assert np.array_equal(answers(who, seed=4), answers(who, seed=4))
    assert not np.array_equal(answers(who, seed=4), answers(who, seed=5))


def test_the_presets_are_what_they_are_called():
    assert np.array_equal(answers(PERFECT), GOLD)
    assert (answers(CONSTANT) == NEUTRAL).all()
    asked = [answers(RANDOM, Prompt(repeat=repeat)) for repeat in (0, 1)]
    assert close((asked[0] == asked[1]).mean(), 1 / 7)
    assert close((asked[0] == GOLD).mean(), 1 / 7)
