"""Letters scored from the first token's log-probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fault_server import answer, grey, model_at, question, refusal, script
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.asked import Asked
from harness.engine.respondents.generative import GenerativeRespondent
from harness.errors import HarnessWarning, ModelError, Unavailable, UsageError
from harness.models.base import Generative
from harness.models.endpoint import Budget
from harness.models.endpoint.letters import letter_scores
from harness.stimuli import Picture
from harness.store.answers import Store

LABELS = ("happy", "sad", "neutral")
LETTERS = {"answers": ("A", "B", "C"), "options": LABELS, "score": True}


def load(server, folder, **options):
    return model_at(server, folder, logprobs=True, **options).load("cpu", "float32")


def log(*probabilities):
    return [math.log(p) for p in probabilities]


def test_the_probabilities_of_the_letters_come_back(server, tmp_path):
    model = load(server, tmp_path)
    assert isinstance(model, Generative)
    by_text = {"one": log(0.7, 0.2, 0.1), "two": log(0.1, 0.3, 0.6)}
    server.plan = lambda seen: answer("A", top=list(zip("ABC", by_text[seen.text], strict=True)))
    scores = model.score(grey(3), [question("one", **LETTERS), question("two", **LETTERS)])
    for of_question, expected in zip(scores, by_text.values(), strict=True):
        assert (of_question.shape, of_question.dtype) == ((3, 3), np.float32)
        np.testing.assert_allclose(of_question, [expected] * 3, rtol=1e-6)
    body = server.seen[0].body
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)


def test_no_images_have_no_scores(server, tmp_path):
    assert load(server, tmp_path).score([], [question(**LETTERS)])[0].shape == (0, 3)


def test_spellings_of_a_letter_count_together():
    top = list(zip(["A", " A", "a", "▁A", "B", "The"], log(0.3, 0.1, 0.05, 0.05, 0.2, 0.3), strict=True))
    np.testing.assert_allclose(np.exp(letter_scores(top, ("A", "B"))), [0.5, 0.2], rtol=1e-6)


def test_a_letter_that_is_not_listed_gets_the_smaller_of_two_bounds():
    top = list(zip("AB", log(0.6, 0.3), strict=True))
    left = np.exp(letter_scores(top, ("A", "B", "C", "D")))
    np.testing.assert_allclose(left, [0.6, 0.3, 0.05, 0.05], rtol=1e-5)  # they share what is left over
    top = list(zip("ABx", log(0.6, 0.02, 0.01), strict=True))
    least = np.exp(letter_scores(top, ("A", "B", "C")))
    np.testing.assert_allclose(least, [0.6, 0.02, 0.01], rtol=1e-5)  # a listed token would be likelier


def test_no_order_is_made_up_where_no_letter_is_listed():
    assert np.isnan(letter_scores([("The", -0.1), ("I", -3.0)], ("A", "B"))).all()
    assert np.isnan(letter_scores([], ("A", "B"))).all()


@given(
    st.lists(st.floats(1e-9, 1), min_size=1, max_size=20),
    st.permutations("ABCDEFGHIJKLMNOPQRST"),
    st.floats(0, 1),
    st.integers(2, 8),
)
def test_scores_are_finite_ranked_and_sum_to_at_most_one(weights, tokens, share, n):
    probabilities = [max(share, 1e-6) * w / sum(weights) for w in sorted(weights, reverse=True)]
    top = [(token, math.log(p)) for token, p in zip(tokens, probabilities, strict=False)]
    answers = tuple("ABCDEFGH"[:n])
    scores = letter_scores(top, answers)
    listed = dict(top)
    if not listed.keys() & set(answers):
        assert np.isnan(scores).all()
        return
    assert np.isfinite(scores).all()
    assert np.exp(scores.astype(np.float64)).sum() <= 1 + 1e-5
    found = [score for answer_, score in zip(answers, scores, strict=True) if answer_ in listed]
    rest = [score for answer_, score in zip(answers, scores, strict=True) if answer_ not in listed]
    np.testing.assert_allclose(found, [listed[a] for a in answers if a in listed], rtol=1e-5, atol=1e-6)
    assert not rest or max(rest) <= min(found) + 1e-5


def test_impossible_log_probabilities_are_left_out():
    top = [("A", -0.5), ("B", -math.inf), ("C", math.nan), ("D", -9999.0)]
    scores = letter_scores(top, ("A", "B", "C", "D"))
    assert np.isfinite(scores).all()
    assert scores.argmax() == 0


@pytest.mark.parametrize(
    "options",
    [
        {"answers": LABELS},
        {"answers": ("A", "B", "BC")},
        {"answers": ("A", "B", "b")},
        {**LETTERS, "prefill": '{"emotion": "'},
    ],
    ids=str,
)
def test_what_one_token_cannot_tell_is_refused(server, tmp_path, options):
    with pytest.raises(UsageError, match="Ask with answer = 'letter', or with mode = 'generate'"):
        load(server, tmp_path).score(grey(1), [question(**LETTERS), question(**options)])
    assert not server.seen


def test_a_server_without_log_probabilities_is_found_out_at_once(server, tmp_path):
    model = load(server, tmp_path, concurrency=2)
    with pytest.raises(
        ModelError, match="gives no log-probabilities. Remove logprobs = true from the entry of m"
    ):
        model.score(grey(40), [question(**LETTERS)])
    assert len(server.seen) <= 2


def test_a_reply_that_ends_at_once_does_not_speak_for_the_server(server, tmp_path):
    server.plan = lambda seen: answer("") if len(server.seen) == 1 else answer("A", top=[("A", -0.1)])
    with pytest.warns(
        HarnessWarning, match="m goes .* no score for 1 of 2 questions: .* none of the letters, but ''"
    ):
        scores = load(server, tmp_path, concurrency=1).score(grey(2), [question(**LETTERS)])[0]
    assert np.isnan(scores[0]).all()
    assert np.isfinite(scores[1]).all()


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (refusal(500), "500: status 500"),
        (refusal(400), "400: status 400"),
        (refusal(400, code="content_filter"), "a content filter stopped it"),
        (answer("The", top=[("The", -0.1)]), "the first token is none of the letters, but 'The'"),
    ],
)
def test_a_failed_call_has_no_score_and_says_why(server, tmp_path, act, why):
    good = answer("B", top=list(zip("ABC", log(0.1, 0.8, 0.1), strict=True)))
    server.plan = lambda seen: act if seen.text == "bad" else good
    asked = [question("good", **LETTERS), question("bad", **LETTERS)]
    with pytest.warns(HarnessWarning, match=f"m goes .* no score for 2 of 4 questions: {why}"):
        right, wrong = load(server, tmp_path, retries=1).score(grey(2), asked)
    assert np.isnan(wrong).all()
    assert right.argmax(1).tolist() == [1, 1]


def test_scores_draw_on_the_budget(server, tmp_path):
    server.plan = script(answer("A", top=[("A", -0.1)], usage=(1, 0)))
    model = model_at(server, tmp_path, logprobs=True, price=[1e6, 0], concurrency=1)
    model.budget = Budget(2)
    loaded = model.load("cpu", "float32")
    with pytest.warns(HarnessWarning, match="no score for 3 of 5 questions: the budget ended"):
        scores = loaded.score(grey(5), [question(**LETTERS)])[0]
    assert np.isfinite(scores[:2]).all()
    assert np.isnan(scores[2:]).all()
    with pytest.raises(Unavailable, match="has spent what --max-cost allows"):
        loaded.score(grey(1), [question(**LETTERS)])
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "logprob", [1000, 1000.0, math.nan, math.inf, 0.5, "high", None, -(10**25), True], ids=str
)
def test_an_impossible_log_probability_costs_one_score(server, tmp_path, logprob):
    images = grey(3)
    good = answer("B", top=list(zip("ABC", log(0.1, 0.8, 0.1), strict=True)))
    odd = answer("A", top=[("A", logprob), ("B", -1.0)])
    server.plan = lambda seen: odd if (seen.pixels[..., 0] == images[1]).all() else good
    with pytest.warns(HarnessWarning, match="no score for 1 of 3 .* gives 'A' the log-prob"):
        (scores,), (replies,) = load(server, tmp_path).score_replies(images, [question(**LETTERS)])
    assert np.isnan(scores[1]).all()
    assert np.isfinite(scores[[0, 2]]).all()
    assert [bool(reply.error) for reply in replies] == [False, True, False]
    assert all(reply.tokens_in == 100 for reply in replies)
    assert len(server.seen) == 3


def test_a_certain_token_may_be_rounded_above_certainty(server, tmp_path):
    server.plan = script(answer("A", top=[("A", 1e-6), ("B", -math.inf), ("C", -9999)]))
    (scores,) = load(server, tmp_path).score(grey(1), [question(**LETTERS)])
    assert np.isfinite(scores).all()
    assert scores.argmax() == 0


def test_rows_of_scores_tell_what_replies_tell(server, tmp_path):
    """Each image meets another end: only a call that failed is asked again by the next run."""
    acts = {
        "scored": answer("B", top=list(zip("ABC", log(0.1, 0.8, 0.1), strict=True)), usage=(7, 1)),
        "words": answer("The", top=[("The", -0.1)], usage=(7, 1)),
        "filtered": answer(None, "content_filter", top=[("The", -0.1)], usage=(7, 1)),
        "broken": answer("B", "abort", usage=(7, 1)),
        "refused": refusal(400),
    }
    images = dict(zip(acts, map(Picture, grey(5)), strict=True))
    server.plan = lambda seen: next(
        acts[name] for name, image in images.items() if (seen.pixels[..., 0] == image.pixels).all()
    )
    model = model_at(server, tmp_path, logprobs=True, price=[1e6, 1e6])
    respondent = GenerativeRespondent(model, "cpu", "float32", Store(tmp_path / "store"))
    loaded, asked = model.load("cpu", "float32"), [Asked(model.identity("", ""), question(**LETTERS))]
    with pytest.warns(HarnessWarning, match="no score for 4 of 5"):
        (table,) = respondent.forward(loaded, respondent.prepare(loaded, images, asked), images, asked)
    rows = table.to_pandas().set_index("pixel_digest")
    assert list(rows["outcome"]) == ["parsed", "unparsable", "refusal", "failed", "failed"]
    assert list(rows["label"].fillna("")) == ["sad", "", "", "", ""]
    assert list(rows["cost"].fillna(0)) == [8, 8, 8, 8, 0]
    assert list(rows["reason"].fillna("")) == [
        "",
        "the first token is none of the letters",
        "stopped by a content filter",
        "the server broke the reply off ('abort'): after 'B'",
        "400: status 400",
    ]
    assert rows.loc["words", "raw_text"] == "The"
