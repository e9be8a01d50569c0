"""What the store keeps of a model, read as answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.engine.respondents.generative import _reply_rows
from harness.engine.respondents.reading import combined, parsed, placed, scored, with_all_scores
from harness.labels import label_space
from harness.prompts import Prompt, Reply, ask

SPACE = label_space("caer")


def replied(*replies: Reply) -> pd.DataFrame:
    images = {str(i): np.zeros((2, 2), np.uint8) for i in range(len(replies))}
    return _reply_rows(images, replies).to_pandas()


def question(**axes):
    return ask(Prompt(**axes), SPACE)[-1]


class TestReplies:
    def test_each_outcome_is_kept_apart(self):
        rows = replied(
            Reply(text="Happy"),
            Reply(text="I cannot tell."),
            Reply(text="melancholic"),
            Reply(text="Happy or Sad"),
            Reply(text=None, error="503 Service Unavailable"),
        )
        read = parsed(rows, question())
        assert list(read["outcome"]) == ["parsed", "refusal", "out_of_vocabulary", "unparsable", "failed"]
        assert read["label"][0] == "Happy"
        assert read["label"][1:].isna().all()
        assert read["reason"][4] == "503 Service Unavailable"

    def test_a_reply_that_was_cut_off_is_no_answer(self):
        read = parsed(replied(Reply(text="Happy", finish="length")), question())
        assert (read["outcome"][0], read["label"][0]) == ("unparsable", None)
        assert "cut off at 64 tokens" in read["reason"][0]

    def test_thoughts_that_were_cut_off_say_what_to_do(self):
        read = parsed(replied(Reply(text="", finish="length", thought=True)), question())
        assert read["reason"][0] == (
            "cut off at 64 tokens while it thought; raise max_tokens of the prompt or switch thinking off"
        )

    def test_an_empty_reply_says_why(self):
        replies = (Reply(text="", remark="thoughts came and no answer"), Reply(text=" \n"))
        read = parsed(replied(*replies), question())
        assert list(read["outcome"]) == ["unparsable"] * 2
        assert list(read["reason"]) == ["thoughts came and no answer", "the reply is empty"]

    def test_a_remark_takes_nothing_from_an_answer(self):
        read = parsed(replied(Reply(text="Happy", remark="it ended oddly")), question())
        assert (read["outcome"][0], read["label"][0], read["reason"][0]) == ("parsed", "Happy", None)
        assert read["remark"][0] == "it ended oddly"

    def test_rows_of_an_older_store_are_read_alike(self):
        rows = replied(Reply(text="Happy"), Reply(text="Hap", finish="length"), Reply(text=""))
        older = rows.drop(columns=["remark", "thought"])
        pd.testing.assert_frame_equal(
            parsed(older, question())[["outcome", "label"]], parsed(rows, question())[["outcome", "label"]]
        )

    def test_a_content_filter_is_a_refusal(self):
        read = parsed(replied(Reply(text="", finish="content_filter")), question())
        assert (read["outcome"][0], read["reason"][0]) == ("refusal", "stopped by a content filter")

    def test_letters_are_read_in_the_order_shown(self):
        asked = question(answer="letter", order="reversed")
        read = parsed(replied(Reply(text="(A)"), Reply(text="G")), asked)
        assert list(read["label"]) == [SPACE.labels[-1], SPACE.labels[0]]

    def test_use_is_kept(self):
        row = replied(Reply(text="Sad", tokens_in=300, tokens_out=2, cost=0.001)).iloc[0]
        assert (row["tokens_in"], row["tokens_out"], row["cost"]) == (300, 2, 0.001)

    def test_what_was_not_asked_has_no_row(self):
        images = {"a": np.zeros((2, 2), np.uint8), "b": np.zeros((2, 2), np.uint8)}
        rows = _reply_rows(images, [Reply(text="Sad"), None])
        assert rows.column("pixel_digest").to_pylist() == ["a"]


class TestTwoStages:
    def read(self, first: list[str], second: list[str], **axes) -> pd.DataFrame:
        questions = ask(Prompt(form="two-stage", **axes), SPACE)
        stages = [
            parsed(replied(*(Reply(text=text) for text in texts)), asked)
            for texts, asked in zip((first, second), questions, strict=True)
        ]
        return combined(stages, questions, SPACE)[0]

    @pytest.mark.parametrize("axes", [{}, {"order": "reversed"}])
    def test_neutral_where_the_first_says_so_else_what_the_second_says(self, axes):
        rows = self.read(["neutral", "emotional", "emotional"], ["Sad", "Sad", "I cannot tell."], **axes)
        assert list(rows["label"][:2]) == ["Neutral", "Sad"]
        assert list(rows["outcome"]) == ["parsed", "parsed", "refusal"]

    def test_japanese(self):
        rows = self.read(["中立", "感情的"], ["悲しみ", "悲しみ"], language="ja")
        assert list(rows["label"]) == ["Neutral", "Sad"]

    def test_a_first_stage_without_an_answer_has_none_in_all(self):
        rows = self.read(["I'm sorry, I can't help with that."], ["Sad"])
        assert (rows["outcome"][0], rows["label"][0]) == ("refusal", None)

    def test_both_texts_are_kept(self):
        assert self.read(["emotional"], ["Sad"])["raw_text"][0] == "1: emotional\n2: Sad"

    def test_scores_multiply(self):
        questions = ask(Prompt(form="two-stage", mode="score"), SPACE)
        rows = pd.DataFrame({"outcome": ["parsed"], "label": [None], "raw_text": [None], "reason": [None]})
        rows["latency_s"] = 1.0
        first = scored(rows, np.array([[0.25, 0.75]]), ("neutral", "emotional"))
        second = scored(rows, np.array([[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]]), questions[1].labels)
        together = combined([first, second], questions, SPACE)[0]
        scores = {label: together[f"score_{label}"][0] for label in SPACE.labels}
        assert sum(scores.values()) == pytest.approx(1)
        assert scores["Neutral"] == 0.25
        assert together["label"][0] == questions[1].labels[0]


def test_labels_that_were_not_asked_for_have_no_probability():
    asked = question(form="six", mode="score")
    rows = scored(
        pd.DataFrame({"outcome": ["parsed", "failed"], "label": [None, None]}),
        np.array([[1, 0, 0, 0, 0, 0], [np.nan] * 6]),
        asked.labels,
    )
    full = with_all_scores(rows, asked, SPACE)
    assert full["score_Neutral"][0] == 0
    assert np.isnan(full["score_Neutral"][1])


class TestOpenAnswers:
    def test_words_and_synonyms_are_labels_and_others_have_only_similarities(self, store):
        texts = ["joyful", "furious", "not happy", "I cannot say.", "weltschmerz"]
        rows = parsed(replied(*(Reply(text=text) for text in texts)), question(labels="absent"))
        read = placed(rows, SPACE, store)
        assert read["label"][0] == "Happy"
        similarity = read[[f"score_{label}" for label in SPACE.labels]].to_numpy()
        assert SPACE.labels[similarity[1].argmax()] == "Anger"
        assert read["outcome"][3] == "refusal"
        assert np.isnan(similarity[2:4]).all()
        assert read["outcome"][4] == "out_of_vocabulary"  # an emotion that no list has
        assert np.isfinite(similarity[4]).all()

    def test_a_reply_that_was_cut_off_names_nothing(self, store):
        rows = parsed(replied(Reply(text="joyful", finish="length")), question(labels="absent"))
        read = placed(rows, SPACE, store)
        assert (read["outcome"][0], read["label"][0]) == ("unparsable", None)
        assert np.isnan(read["score_Happy"][0])

    def test_the_second_time_the_encoder_is_not_asked(self, store, monkeypatch):
        rows = parsed(replied(Reply(text="furious")), question(labels="absent"))
        first = placed(rows, SPACE, store)
        monkeypatch.setattr("harness.engine.respondents.reading.similarities", None)
        assert placed(rows, SPACE, store).equals(first)
