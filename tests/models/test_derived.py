"""Models that follow from the answers of others: what they answer, and when they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.errors import DataError, Unavailable, UsageError
from harness.labels import LabelSpace
from harness.models import build_model
from harness.models.derived import derived_identity
from harness.predictions import Cell, Predictions
from harness.predictions.deriving import derive
from harness.prompts import Prompt, label_order
from harness.suite import Suite
from harness.suite.parents import parent_cells, with_parents
from harness.tasks import Choice

LABELS = ("angry", "happy", "sad")
TASK = Choice(LabelSpace.of("three", LABELS))
CELL = Cell("derived", "tiny", "test")
UNITED = {"latency_s": 0.5, "pixel_digest": "", "raw_text": None, "reason": None}


def answering(answers: str, scores=None, name="parent", **more) -> Predictions:
    """Answers by the first letter of their label, `-` for none; gold is sad."""
    labels = [next((label for label in LABELS if label[0] == letter), None) for letter in answers]
    rows = {
        "sample_id": [str(i) for i in range(len(labels))],
        "group": "g",
        "gold": "sad",
        "outcome": ["unparsable" if label is None else "parsed" for label in labels],
        "label": labels,
        **UNITED,
        **more,
    }
    table = pd.DataFrame(rows)
    if scores is not None:
        table[[f"score_{label}" for label in LABELS]] = np.array(scores, float)
    return Predictions(replace(CELL, model=name), TASK, table)


def derived(context, adapter, parents, **options) -> Predictions:
    return derive(CELL, build_model("derived", {"adapter": adapter, **options}, context), parents)


def letters(predictions: Predictions) -> str:
    return "".join("-" if answer < 0 else LABELS[answer][0] for answer in predictions.answers)


class TestVotes:
    def test_most_of_the_valid_votes_win_and_earlier_parents_part_ties(self, context):
        found = derived(context, "vote", [answering("sahsa-"), answering("sha-h-"), answering("hshh--")])
        #                                               s s h | a h s | h a h | s - h | a h - | - - -
        assert letters(found) == "sahsa-"
        assert found.table["outcome"].tolist() == ["parsed"] * 5 + ["unparsable"]
        assert found.probabilities[0] == pytest.approx([0, 1 / 3, 2 / 3], abs=1e-5)

    def test_what_a_parent_failed_on_is_missing_where_nothing_follows(self, context):
        broken = answering("--", outcome=["failed", "refusal"])
        found = derived(context, "vote", [broken, answering("--")])
        assert found.table["outcome"].tolist() == ["failed", "unparsable"]

    def test_what_it_took_is_what_its_parents_took(self, context):
        parents = [answering("s", tokens_in=9), answering("s")]
        row = derived(context, "vote", parents).table.iloc[0]
        assert (row["latency_s"], row["tokens_in"]) == (1.0, 9)

    def test_people_who_saw_some_of_the_samples_are_a_panel(self, context):
        rows = [("1", "ann", "sad"), ("0", "ann", "happy"), ("0", "bob", "sad"), ("0", "cem", "sad")]
        table = pd.DataFrame(rows, columns=["sample_id", "rater", "label"])
        people = table.assign(gold="sad", group="g", outcome="parsed", **UNITED)
        found = derived(context, "panel", [Predictions(CELL, TASK, people)])
        assert (found.table["sample_id"].tolist(), letters(found)) == (["1", "0"], "ss")
        assert found.one_answer_each


class TestFusion:
    A, B = [[0.6, 0.4, 0.0], [np.nan] * 3], [[0.0, 0.5, 0.5], [0.1, 0.2, 0.7]]

    def parents(self) -> list[Predictions]:
        return [answering("a-", self.A), answering("hs", self.B)]

    def test_equal_weights_are_the_mean_of_what_there_is(self, context):
        found = derived(context, "fusion", self.parents())
        assert found.probabilities == pytest.approx(np.array([[0.3, 0.45, 0.25], [0.1, 0.2, 0.7]]))
        assert letters(found) == "hs"

    def test_weights_count(self, context):
        found = derived(context, "fusion", self.parents(), weights=[3, 1])
        assert found.probabilities[0] == pytest.approx([0.45, 0.425, 0.125])
        assert letters(derived(context, "fusion", self.parents(), weights=[1, 0])) == "a-"

    def test_labels_alone_cannot_be_fused(self, context):
        with pytest.raises(Unavailable, match="no probabilities of its labels. Use adapter vote"):
            derived(context, "fusion", [self.parents()[0], answering("ss")])

    @pytest.mark.parametrize("weights", [[-1, 2], [0, 0], []])
    def test_weights_that_mean_nothing_are_refused(self, context, weights):
        with pytest.raises(UsageError, match="`weights` to be 0 or more"):
            derived(context, "fusion", self.parents(), weights=weights)

    def test_each_parent_has_a_weight(self, context):
        with pytest.raises(UsageError, match="3 weights for 2 parents"):
            derived(context, "fusion", self.parents(), weights=[1, 1, 1])


class TestOrders:
    """A respondent who knows each answer, and weighs a label by the position at which it is shown."""

    PRIOR = np.array([0.5, 0.3, 0.2])

    def asked(self, *, scored: bool) -> list[Predictions]:
        known = np.random.default_rng(0).dirichlet(np.ones(3), 300)
        parents = []
        for number in range(6):
            prompt = Prompt(order=f"permutations-3.{number + 1}")
            shown = [LABELS.index(label) for label in label_order(prompt, TASK.space)]
            scores = known * self.PRIOR[np.argsort(shown)]
            scores /= scores.sum(axis=1, keepdims=True)
            answers = "".join(LABELS[best][0] for best in scores.argmax(axis=1))
            gold = [LABELS[best] for best in known.argmax(axis=1)]
            side = answering(answers, scores if scored else None, gold=gold)
            parents.append(replace(side, prompt=prompt))
        return parents

    @pytest.mark.parametrize(
        ("adapter", "scored", "least"),
        [("permutation_vote", False, 0.795), ("permutation_vote", True, 0.98), ("pride", True, 0.98)],
    )
    def test_what_order_bias_costs_is_gained_back(self, context, adapter, scored, least):
        parents = self.asked(scored=scored)
        alone, debiased = [side.credit.mean() for side in parents], derived(context, adapter, parents)
        assert max(alone) < 0.795
        assert debiased.credit.mean() > least

    def test_pride_needs_scores(self, context):
        with pytest.raises(Unavailable, match="no probabilities of its labels. Ask it with mode = 'score'"):
            derived(context, "pride", self.asked(scored=False))

    def test_pride_needs_orders_that_balance_each_other(self, context):
        with pytest.raises(Unavailable, match="Use all permutations or a Williams design"):
            derived(context, "pride", self.asked(scored=True)[:2])

    def test_pride_needs_prompts(self, context):
        with pytest.raises(Unavailable, match="no order of labels, as it reads no prompt"):
            derived(context, "pride", [answering("s", [[0, 0, 1]])])


def test_parents_are_about_the_same_samples(context):
    with pytest.raises(DataError, match="the parents of derived, are not about the same samples"):
        derived(context, "vote", [answering("ss"), answering("s")])


def test_a_model_of_others_that_gives_another_shape_is_named():
    class Short:
        capability, version, options = "derived", 1, {}

        def combine(self, parents):
            return np.zeros((1, 3))

    with pytest.raises(DataError, match=r"gave scores of shape \(1, 3\) for 2 samples and 3 labels"):
        derive(CELL, Short(), [answering("ss")])


def test_all_that_changes_an_answer_changes_the_identity(context):
    fusion = build_model("f", {"adapter": "fusion", "weights": [1, 2]}, context)
    other = build_model("f", {"adapter": "fusion", "weights": [2, 1]}, context)
    newer = build_model("f", {"adapter": "fusion", "weights": [1, 2]}, context)
    newer.version = 2
    keys = [
        derived_identity(*about).digest()
        for about in [
            ("fusion", fusion, ["a", "b"]),
            ("fusion", other, ["a", "b"]),
            ("fusion", newer, ["a", "b"]),
            ("vote", fusion, ["a", "b"]),
            ("fusion", fusion, ["b", "a"]),
            ("fusion", fusion, ["a", "c"]),
        ]
    ]
    assert len(set(keys)) == len(keys)
    assert derived_identity("fusion", fusion, ["a", "b"]).digest() == keys[0]


SUITE = """
[profiles.default]
datasets = ["tiny:test"]
[datasets.tiny]
adapter = "images"
[prompts.orders]
order = "permutations-3"
[models.cnn]
adapter = "timm"
[models.clip]
adapter = "open_clip"
[models.both]
adapter = "fusion"
parents = ["cnn", "clip/plain"]
[models.voted]
adapter = "permutation_vote"
parents = ["clip/orders"]
[models.all]
adapter = "vote"
parents = ["both", "voted"]
"""


class TestInASuite:
    def read(self, tmp_path, text=SUITE) -> Suite:
        (tmp_path / "suite.toml").write_text(text)
        return Suite.read(tmp_path / "suite.toml")

    def test_parents_are_cells_on_the_same_pixels(self, tmp_path):
        suite = self.read(tmp_path)
        cell = Cell("both", "tiny", "test", "bicubic")
        assert [str(one) for one in parent_cells(suite, cell)] == [
            "tiny:test/bicubic/cnn",
            "tiny:test/bicubic/plain/clip",
        ]
        assert len(parent_cells(suite, Cell("voted", "tiny", "test"))) == 6
        order = [one.model for one in with_parents(suite, [Cell("all", "tiny", "test")])]
        assert order == ["cnn", "clip", "both", *["clip"] * 6, "voted", "all"]
        assert (suite.family("both"), suite.family("voted")) == ("ensemble", "vlm")

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ('adapter = "vote"', r"\[models.x\] of .* lacks parents"),
            ('adapter = "timm"\nparents = ["cnn"]', r"\[models.x\] of .* has parents, and is not derived"),
            ('adapter = "vote"\nparents = ["cmn"]', r"the parent 'cmn', which is no model.* Nearest: cnn"),
            ('adapter = "vote"\nparents = ["clip"]', "'clip', which reads prompts. Write clip/PROMPT"),
            ('adapter = "vote"\nparents = ["clip/x"]', "'clip/x', which reads prompts. Write clip/PROMPT"),
            ('adapter = "vote"\nparents = ["cnn/plain"]', "'cnn/plain', which reads no prompt. Write cnn"),
            ('adapter = "vote"\nparents = ["x"]', "derives x from itself: x <- x. Leave one"),
            (
                'adapter = "vote"\nparents = ["y"]\n[models.y]\nadapter = "vote"\nparents = ["x"]',
                "derives x from itself: x <- y <- x",
            ),
        ],
    )
    def test_parents_that_cannot_be_are_named(self, tmp_path, entry, message):
        with pytest.raises(UsageError, match=message):
            self.read(tmp_path, f"{SUITE}[models.x]\n{entry}\n")
