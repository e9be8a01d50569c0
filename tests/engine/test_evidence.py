"""What a run has found out: every sample has its answer, and what is absent is said."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from evaluating import answers, evaluate, project
from tiny_suite import LABELS, NO_CLIP, SUITE, Reader, write_answers, write_images, write_suite

from harness.datasets import load_dataset
from harness.engine import Bench, Evidence, Report
from harness.errors import DataError, ModelError, StoreError, Unavailable, UsageError
from harness.predictions import Cell, Predictions

GOOD = Cell("good", "tiny", "test")
TRAIN = Cell("good", "tiny", "train")
OUTSIDE = Cell("outside", "tiny", "test")
PUBLISHED = """model,family,dataset:split,restoration,n,metric,value,source,note
clip,vlm,tiny:test,none,90,accuracy,0.5000,paper,
"""


@pytest.fixture
def start(tmp_path: Path):
    """A run of the tiny suite; each call is a new one."""
    return partial(project, tmp_path)


class TestPredictions:
    def test_every_sample_has_the_answer_of_the_model(self, start):
        predictions = answers(*start(), GOOD)
        serials = np.array([int(name[-7:-4]) for name in predictions.table["sample_id"]])
        assert len(predictions) == 90
        assert np.array_equal(predictions.answers, (serials + (serials % 10 == 0)) % 3)
        assert np.array_equal(predictions.gold, serials % 3)
        assert predictions.probabilities is not None
        assert np.array_equal(predictions.probabilities.argmax(1), predictions.answers)

    def test_a_model_is_loaded_once_for_all_its_cells(self, start):
        cells = [
            GOOD,
            OUTSIDE,
            TRAIN,
            Cell("good", "tiny", "test", "gfpgan"),
            Cell("middling", "tiny", "test"),
        ]
        evidence = evaluate(*start(), cells).evidence
        assert [len(evidence.predictions(cell)) for cell in (GOOD, TRAIN)] == [90, 30]
        assert evidence.report.loads["answer"] == {"good": 1, "middling": 1}
        assert Reader.loads == {"10": 1, "3": 1}

    def test_a_second_run_loads_nothing_and_answers_the_same(self, start):
        first = answers(*start(), GOOD)
        again = evaluate(*start(), [GOOD]).evidence
        assert again.predictions(GOOD).table.equals(first.table)
        assert again.report.loads["answer"] == {}
        assert Reader.loads == {"10": 1}

    def test_a_new_image_is_the_only_one_computed(self, start, tmp_path):
        answers(*start(), GOOD)
        write_images(tmp_path / "data" / "tiny", "test", [90, 91])
        done = []
        again = evaluate(*start(), [GOOD], progress=lambda *made: done.append(made))
        assert len(again.evidence.predictions(GOOD)) == 92
        assert done == [("good", 2, 2)]

    def test_an_unreadable_image_is_no_answer_of_any_model(self, start, tmp_path):
        write_suite(tmp_path)
        allowing = SUITE.replace('adapter = "images"', 'adapter = "images"\nmax_missing = 0.02')
        broken = tmp_path / "data" / "tiny" / "test" / "happy" / "001.png"
        broken.write_bytes(broken.read_bytes()[:30])
        sides = [answers(*start(allowing), cell) for cell in (GOOD, OUTSIDE)]
        for predictions in sides:
            assert len(predictions) == 89
            assert (predictions.answers >= 0).all()
            assert list(predictions.unreadable) == ["test/happy/001.png"]
            assert "001.png: cannot be decoded" in predictions.problems[0]
        assert list(sides[0].table["sample_id"]) == list(sides[1].table["sample_id"])

    def test_a_limit_takes_the_same_stratified_samples_each_time(self, start, tmp_path):
        limited = answers(*start(limit=9), GOOD)
        assert np.bincount(limited.gold).tolist() == [3, 3, 3]
        assert answers(*start(limit=9), GOOD).table.equals(limited.table)
        other = answers(*start(limit=9, seed=1), GOOD)
        assert list(other.table["sample_id"]) != list(limited.table["sample_id"])
        chosen = Bench(*start()).dataset("tiny", "test").limit(9, seed=1)
        assert list(other.table["sample_id"]) == [sample.id for sample in chosen.samples]
        assert set(limited.table["sample_id"]) <= set(answers(*start(), GOOD).table["sample_id"])

    def test_a_table_model_needs_no_store(self, start, tmp_path):
        predictions = answers(*start(), OUTSIDE)
        assert (predictions.answers == predictions.gold).sum() == 45
        assert not (tmp_path / "store").exists()

    def test_another_dtype_is_another_respondent(self, start):
        answers(*start(), GOOD)
        answers(*start(dtype="bfloat16"), GOOD)
        assert Reader.loads == {"10": 2}

    def test_they_depend_neither_on_batch_size_nor_on_what_else_is_planned(self, start, tmp_path):
        whole = answers(*start(batch_size=64), GOOD)
        shutil.rmtree(tmp_path / "store")
        suite, settings = start(batch_size=7)
        small = evaluate(suite, settings, [TRAIN, GOOD]).evidence.predictions(GOOD)
        columns = ["sample_id", "outcome", "label", *(f"score_{label}" for label in LABELS)]
        assert small.table[columns].equals(whole.table[columns])
        assert len(load_dataset(suite.datasets["tiny"], "tiny", "test", tmp_path / "data")) == 90

    def test_a_csv_that_covers_other_samples_skips_nothing_silently(self, start, tmp_path):
        write_suite(tmp_path)
        write_answers(tmp_path / "outside.csv", "train", range(90, 120), every=2)
        with pytest.raises(DataError, match=r"No sample_id of .*outside\.csv is in tiny:test"):
            answers(*start(), OUTSIDE)


def test_published_numbers_stand_for_predictions(start, tmp_path):
    (tmp_path / "published.csv").write_text(PUBLISHED)
    evidence = evaluate(*start("published = 'published.csv'\n" + SUITE), [GOOD]).evidence
    number = evidence.of(Cell("clip@paper", "tiny", "test"))
    assert not isinstance(number, Predictions)
    assert number.metrics["accuracy"] == 0.5
    assert isinstance(evidence.of(GOOD), Predictions)


class TestWhatIsAbsent:
    def test_data(self, start, tmp_path):
        suite, settings = start()
        shutil.rmtree(tmp_path / "data")
        with pytest.raises(Unavailable, match=r"tiny is not here: looked for .*data/tiny.*HARNESS_DATA"):
            answers(suite, settings, GOOD)

    def test_models(self, start):
        more = "[models.net]\nadapter = 'timm'\ncheckpoint = 'net.safetensors'\n"
        suite, settings = start(SUITE + NO_CLIP + more)
        with pytest.raises(Unavailable, match=r"absent\.safetensors"):
            answers(suite, settings, Cell("clip", "tiny", "test"))
        with pytest.raises(Unavailable, match=r"net\.safetensors is not in"):
            answers(suite, settings, Cell("net", "tiny", "test"))

    def test_restorations(self, start):
        with pytest.raises(Unavailable, match="Restoration gfpgan has no entry in the suite"):
            answers(*start(), Cell("good", "tiny", "test", "gfpgan"))

    def test_an_absent_split_leaves_the_others(self, start):
        absent = Cell("good", "tiny", "validation")
        evidence = evaluate(*start(), [absent, GOOD]).evidence
        assert len(evidence.predictions(GOOD)) == 90
        with pytest.raises(UsageError, match="Unknown split tiny:validation"):
            evidence.predictions(absent)

    def test_answers_that_nobody_computed_are_no_fault_of_the_model(self, start):
        evidence = Evidence(Bench(*start()), Report())
        with pytest.raises(StoreError, match=r"90 of 90 answers of test:reader have not been .*Run again"):
            evidence.predictions(GOOD)
        assert Reader.loads == {}


class TestCard:
    """A label order that disagrees with what the card records is found by measuring."""

    CARD = "[models.carded]\nadapter = 'reader'\nevery = 10\ncorrect = { 'tiny:test' = [81, 90] }\n"
    SWAPPED = CARD + "labels = ['angry', 'sad', 'happy']\n"
    CARDED = Cell("carded", "tiny", "test")

    def test_answers_as_recorded_pass(self, start):
        carded = answers(*start(SUITE + self.CARD), self.CARDED)
        assert (carded.answers == carded.gold).sum() == 81
        assert carded.card == "answers as its card records: 81 of 90 right"

    def test_swapped_labels_are_named(self, start):
        for _ in range(2):  # computed now, read from the store next time
            with pytest.raises(
                ModelError, match="carded gets .* its card records 81.*order is wrong"
            ) as caught:
                answers(*start(SUITE + self.SWAPPED), self.CARDED)
            assert "happy is sad" in str(caught.value)
            assert "sad is happy" in str(caught.value)
            assert "angry is" not in str(caught.value)
        assert Reader.loads == {"10": 1}

    def test_a_limited_run_is_not_held_against_the_whole_split(self, start):
        limited = answers(*start(SUITE + self.SWAPPED, limit=30), self.CARDED)
        assert (len(limited), limited.card) == (30, "")
