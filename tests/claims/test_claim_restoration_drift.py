"""Drift on controls: decisions that were changed by plan, and embeddings that were moved by plan."""

from dataclasses import replace

import numpy as np
import pytest
from restored_controls import SPACE, answered, asked_again, base_answers, gold_labels

from harness.claims import Context, Embeddings, get_claim
from harness.claims.movement import expression_part
from harness.errors import DataError

JUDGE = get_claim("restoration_drift").judge
CONTEXT = Context(cell="control")
GOLD = gold_labels(1000)
PLAIN = base_answers(GOLD)


def changed(share, name="gfpgan", groups=None):
    """The answers with the first of every so many replaced by the next label."""
    answers = PLAIN.copy()
    answers[: round(share * 1000)] = (answers[: round(share * 1000)] + 1) % len(SPACE)
    return answered(name, GOLD, answers, groups=groups)


def plain(groups=None):
    return answered("none", GOLD, PLAIN, groups=groups)


def named(verdict):
    return {effect.name: effect for effect in verdict.secondary}


@pytest.mark.parametrize(
    ("share", "outcome"), [(0.0, "refuted"), (0.02, "refuted"), (0.05, "inconclusive"), (0.1, "supported")]
)
def test_the_share_of_changed_decisions_decides(share, outcome):
    verdict = JUDGE(changed(share), plain(), context=CONTEXT)
    assert (verdict.outcome, round(verdict.effect.value, 3)) == (outcome, share)


def test_changed_decisions_are_sorted_by_what_they_come_to():
    treated = changed(0.3)
    found = named(JUDGE(treated, plain(), context=CONTEXT))
    before, after = PLAIN == GOLD, treated.answers == GOLD
    kinds = [
        found[name].value
        for name in ("mended, wrong to right", "broken, right to wrong", "changed from wrong to wrong")
    ]
    assert kinds[:2] == pytest.approx([(after & ~before).mean(), (before & ~after).mean()])
    assert sum(kinds) == pytest.approx(0.3)


def test_the_labels_that_move_most_are_named():
    answers = np.where((PLAIN == 0) & (np.arange(1000) % 2 == 0), 3, PLAIN)
    moved = int(((PLAIN == 0) & (np.arange(1000) % 2 == 0)).sum())
    verdict = JUDGE(answered("gfpgan", GOLD, answers), plain(), context=CONTEXT)
    expected = f"{SPACE.labels[0]} to {SPACE.labels[3]} {moved} times"
    assert any(expected in note for note in verdict.notes)


def test_an_answer_that_becomes_invalid_has_changed_and_one_that_stays_so_has_not():
    silent = np.where(np.arange(1000) < 200, -1, PLAIN)
    without = answered("none", GOLD, silent)
    assert JUDGE(answered("gfpgan", GOLD, silent), without, context=CONTEXT).effect.value == 0
    verdict = JUDGE(answered("gfpgan", GOLD, silent), plain(), context=CONTEXT)
    assert verdict.effect.value == pytest.approx(0.2)
    assert any("to no answer" in note for note in verdict.notes)


def test_other_restorations_are_shown_and_do_not_decide():
    companions = [changed(0.04, "bicubic"), changed(0.2, "gfpgan-grey")]
    verdict = JUDGE(changed(0.1), *companions, plain(), context=CONTEXT)
    assert verdict.effect.value == pytest.approx(0.1)
    found = named(verdict)
    assert found["decisions that differ between bicubic and gfpgan"].value == pytest.approx(0.06)
    assert found["decisions that differ between gfpgan-grey and gfpgan"].value == pytest.approx(0.1)
    assert "accuracy, gfpgan-grey" in found


def test_a_model_that_changes_its_mind_by_itself_decides_nothing():
    verdict = JUDGE(asked_again(changed(0.3), repeatable=False), plain(), context=CONTEXT)
    assert verdict.outcome == "inconclusive"
    assert "may answer the same picture differently" in verdict.reason


def test_dependent_samples_widen_the_interval():
    groups = [str(index // 10) for index in range(1000)]
    alone = JUDGE(changed(0.1), plain(), context=CONTEXT)
    grouped = JUDGE(changed(0.1, groups=groups), plain(groups), context=CONTEXT)
    assert grouped.effect.high - grouped.effect.low > 2 * (alone.effect.high - alone.effect.low)


def test_a_restoration_alone_and_other_samples_are_refused():
    with pytest.raises(DataError, match="one restoration alone"):
        JUDGE(changed(0.1), context=CONTEXT)
    with pytest.raises(DataError, match="not over the same samples"):
        JUDGE(changed(0.1), plain().subset(np.arange(1000) < 900), context=CONTEXT)


class TestMovement:
    """Embeddings in which dimensions 0 to 6 say the label and the other 13 whose face it is."""

    LABEL = 2 * np.eye(20)[GOLD]
    FACES = np.concatenate([np.zeros((1000, 7)), np.random.default_rng(0).normal(size=(1000, 13))], axis=1)

    def shown(self, end, **rows):
        start = self.LABEL + self.FACES
        embeddings = Embeddings("clip", {"none": start, "gfpgan": end, **rows})
        return JUDGE(changed(0.1), plain(), context=replace(CONTEXT, embeddings=embeddings))

    def test_nothing_moves(self):
        found = named(self.shown(self.LABEL + self.FACES))
        assert found["mean cosine distance, gfpgan"].value == pytest.approx(0, abs=1e-12)
        assert found["still nearest to their own original, gfpgan"].value == 1
        assert "movement along the labels' directions, gfpgan" not in found

    def test_another_expression_on_the_same_face(self):
        found = named(self.shown(2 * np.eye(20)[(GOLD + 1) % 7] + self.FACES))
        assert found["movement along the labels' directions, gfpgan"].value > 0.95
        assert found["mean cosine distance, gfpgan"].low > 0.1

    def test_another_face_with_the_same_expression(self):
        found = named(self.shown(self.LABEL + np.roll(self.FACES, 1, axis=0)))
        assert found["movement along the labels' directions, gfpgan"].value < 0.1
        assert found["still nearest to their own original, gfpgan"].value < 0.05

    def test_the_distance_is_the_textbooks(self):
        start, end = self.LABEL + self.FACES, self.LABEL + 0.5 * self.FACES
        lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
        expected = (1 - (start * end).sum(axis=1) / lengths).mean()
        assert named(self.shown(end))["mean cosine distance, gfpgan"].value == pytest.approx(expected)

    def test_pictures_without_an_embedding_are_left_out(self):
        end = self.LABEL + np.roll(self.FACES, 1, axis=0)
        end[:10] = np.nan
        some = named(self.shown(end))["mean cosine distance, gfpgan"].value
        assert np.isfinite(some)
        assert "mean cosine distance, gfpgan" not in named(self.shown(end * np.nan))

    def test_the_encoder_is_named_and_without_one_nothing_is_said(self):
        assert any("embeddings of clip" in note for note in self.shown(self.LABEL).notes)
        verdict = JUDGE(changed(0.1), plain(), context=CONTEXT)
        assert not any("embeddings" in note for note in verdict.notes)
        assert not any("cosine" in name for name in named(verdict))

    def test_a_restoration_without_embeddings_is_named(self):
        embeddings = Embeddings("clip", {"none": self.LABEL})
        with pytest.raises(DataError, match="no embeddings of gfpgan, only of none"):
            JUDGE(changed(0.1), plain(), context=replace(CONTEXT, embeddings=embeddings))

    def test_blind_movement_has_its_share_of_the_labels_directions(self):
        rng = np.random.default_rng(1)
        start = self.LABEL + self.FACES
        part = expression_part(start, start + rng.normal(size=start.shape), GOLD)
        assert part == pytest.approx(6 / 20, abs=0.02)
