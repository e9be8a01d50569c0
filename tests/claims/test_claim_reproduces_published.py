"""Our number against a publication of the same system, on respondents of known accuracy."""

import numpy as np
import pytest

from fixtures.controls import Respondent
from harness.claims import Context, get_claim
from harness.errors import DataError
from harness.labels import label_space
from harness.models.base import Published
from harness.prompts import Prompt

SPACE = label_space("fer2013")
JUDGE = get_claim("reproduces_published").judge


def published(n: int, **metrics: float) -> Published:
    return Published(
        model="vlm@paper",
        system="vlm",
        family="vlm",
        dataset="control",
        split="test",
        n=n,
        metrics=metrics,
        source="paper",
    )


def judged(n: int, ours: float, theirs: float, *, of: int | None = None, seed: int = 0):
    gold = np.random.default_rng(seed).integers(0, len(SPACE), n)
    predictions = Respondent(accuracy=ours).answer(Prompt(), gold, SPACE, seed=seed)
    return JUDGE(predictions, published(of or n, accuracy=theirs), context=Context(cell="c", replicates=500))


def test_the_same_accuracy_on_a_whole_test_set_is_reproduced():
    verdict = judged(20_000, 0.4, 0.4)
    assert verdict.outcome == "supported"
    assert 0 < verdict.effect.low < verdict.effect.value <= 0.02
    assert "which is inside that interval" in verdict.reason


@pytest.mark.parametrize("theirs", [0.3, 0.5])
def test_another_accuracy_is_not_reproduced(theirs):
    verdict = judged(7178, 0.4, theirs)
    assert verdict.outcome == "refuted"
    assert "outside" in verdict.reason


def test_few_images_cannot_tell_and_say_how_many_could():
    verdict = judged(200, 0.4, 0.4)
    assert verdict.outcome == "inconclusive"
    assert verdict.n_needed > 200


def test_a_difference_at_the_margin_is_called_the_same_in_at_most_alpha_of_the_runs():
    outcomes = [judged(4000, 0.42, 0.40, seed=seed).outcome for seed in range(200)]
    assert outcomes.count("supported") <= 0.05 * 200 + 3 * (0.05 * 0.95 * 200) ** 0.5


def test_a_publication_of_other_images_is_barred():
    verdict = judged(7178, 0.4, 0.4, of=3589)
    assert (verdict.outcome, verdict.n_needed) == ("inconclusive", None)
    assert "the publication is of 3,589 images and ours of 7,178" in verdict.reason


def test_a_publication_without_accuracy_is_refused():
    predictions = Respondent().answer(Prompt(), np.zeros(5, int), SPACE)
    with pytest.raises(DataError, match="publishes no accuracy"):
        JUDGE(predictions, published(5, macro_f1=0.4), context=Context(cell="c"))
