"""One run: what is absent is said, models load once, predictions are complete, families settle together."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_suite import LABELS, NO_CLIP, SUITE, Reader, picture, write_answers, write_images, write_suite

from harness.claims import Verdict
from harness.datasets import load_dataset
from harness.errors import DataError, ModelError, Unavailable, UsageError
from harness.models.registry import ADAPTERS
from harness.predictions import Cell, Predictions
from harness.predictor import Predictor
from harness.recorder import new_run_folder
from harness.session import Session
from harness.settings import Settings, default_data_root, default_store, pick_device
from harness.suite import ClaimCell, Filters, Suite

GOOD = Cell("good", "tiny", "test")
TRAIN = Cell("good", "tiny", "train")
OUTSIDE = Cell("outside", "tiny", "test")

PUBLISHED = """model,family,dataset:split,restoration,n,metric,value,source,note
clip,vlm,tiny:test,none,90,accuracy,0.5000,paper,
silent,vlm,tiny:test,none,90,macro_f1,0.5000,paper,
odd,vlm,tiny:test,none,90,accuracy,0.5050,paper,
"""


@pytest.fixture(autouse=True)
def _reader(monkeypatch):
    monkeypatch.setitem(ADAPTERS, "reader", "tiny_suite:Reader")
    monkeypatch.setattr(Reader, "loads", type(Reader.loads)())


@pytest.fixture
def start(tmp_path: Path):
    """A session on the tiny suite; each call is a new process as far as the session can tell."""

    def start(text: str = SUITE, **settings) -> Session:
        if not (tmp_path / "suite.toml").exists():
            write_suite(tmp_path, text)
        (tmp_path / "suite.toml").write_text(text)
        (tmp_path / "published.csv").write_text(PUBLISHED)
        values = {"device": "cpu", "replicates": 500, "batch_size": 16, **settings}
        settings = Settings(data_root=tmp_path / "data", store=tmp_path / "store", **values)
        return Session(Predictor(Suite.read(tmp_path / "suite.toml"), settings))

    return start


def claim_cells(session: Session, **globs: str) -> list[ClaimCell]:
    filters = Filters(**{name: (glob,) for name, glob in globs.items()})
    return session.suite.claim_cells("cnn_beats_vlm", session.suite.profile("default"), filters)


def judged(session: Session, cells: list[ClaimCell]) -> dict[str, Verdict]:
    session.plan([], cells)
    return {"-vs-".join(side.model for side in cell.cells): session.verdict(cell) for cell in cells}


def test_a_second_run_remembers_its_verdicts(start, monkeypatch):
    first = start()
    before = judged(first, claim_cells(first))
    monkeypatch.setattr("harness.session.judge_unseen", None)
    second = start()
    assert judged(second, claim_cells(second)) == before
    other = start(seed=1)
    with pytest.raises(TypeError):  # it would judge
        judged(other, claim_cells(other))


class TestPredictions:
    def test_every_sample_has_the_answer_of_the_model(self, start):
        session = start()
        predictions = session.predictions(GOOD)
        serials = np.array([int(name[-7:-4]) for name in predictions.table["sample_id"]])
        assert len(predictions) == 90
        assert np.array_equal(predictions.answers, (serials + (serials % 10 == 0)) % 3)
        assert np.array_equal(predictions.gold, serials % 3)
        assert predictions.probabilities is not None
        assert np.array_equal(predictions.probabilities.argmax(1), predictions.answers)

    def test_a_model_is_loaded_once_for_all_its_planned_cells(self, start):
        session = start()
        session.plan([GOOD, OUTSIDE, TRAIN, Cell("good", "tiny", "test", "gfpgan")])
        session.predictions(GOOD)
        session.predictions(TRAIN)
        assert (session.predictor.loads, Reader.loads) == ({"good": 1}, {"10": 1})
        session.predictions(Cell("middling", "tiny", "test"))
        assert session.predictor.loads == {"good": 1, "middling": 1}

    def test_a_second_run_loads_nothing_and_answers_the_same(self, start):
        first = start().predictions(GOOD)
        again = start()
        assert again.predictions(GOOD).table.equals(first.table)
        assert again.predictor.loads == {}
        assert Reader.loads == {"10": 1}

    def test_a_new_image_is_the_only_one_computed(self, start, tmp_path):
        session = start()
        session.predictions(GOOD)
        write_images(tmp_path / "data" / "tiny", "test", [90, 91])
        done = []
        again = start()
        again.predictor.progress = lambda cell, batch, total: done.append((str(cell), batch, total))
        assert len(again.predictions(GOOD)) == 92
        assert done == [("tiny:test/none/good", 2, 2)]

    def test_an_unreadable_image_is_no_answer_of_any_model(self, start, tmp_path):
        write_suite(tmp_path)
        allowing = SUITE.replace('adapter = "images"', 'adapter = "images"\nmax_missing = 0.02')
        broken = tmp_path / "data" / "tiny" / "test" / "happy" / "001.png"
        broken.write_bytes(broken.read_bytes()[:30])
        sides = [start(allowing).predictions(cell) for cell in (GOOD, OUTSIDE)]
        for predictions in sides:
            assert len(predictions) == 89
            assert (predictions.answers >= 0).all()
            assert list(predictions.unreadable) == ["test/happy/001.png"]
            assert "001.png: cannot be decoded" in predictions.problems[0]
        assert list(sides[0].table["sample_id"]) == list(sides[1].table["sample_id"])

    def test_a_limit_takes_the_same_stratified_samples_each_time(self, start):
        limited = start(limit=9).predictions(GOOD)
        assert np.bincount(limited.gold).tolist() == [3, 3, 3]
        assert start(limit=9).predictions(GOOD).table.equals(limited.table)
        other = start(limit=9, seed=1).predictions(GOOD)
        assert list(other.table["sample_id"]) != list(limited.table["sample_id"])
        chosen = start().dataset("tiny", "test").limit(9, seed=1)
        assert list(other.table["sample_id"]) == [sample.id for sample in chosen.samples]
        assert set(limited.table["sample_id"]) <= set(start().predictions(GOOD).table["sample_id"])

    def test_a_table_model_needs_no_store(self, start, tmp_path):
        predictions = start().predictions(OUTSIDE)
        assert (predictions.answers == predictions.gold).sum() == 45
        assert not (tmp_path / "store").exists()

    def test_another_dtype_is_another_respondent(self, start):
        start().predictions(GOOD)
        start(dtype="bfloat16").predictions(GOOD)
        assert Reader.loads == {"10": 2}


class TestWhatIsAbsent:
    def test_data(self, start, tmp_path):
        session = start()
        shutil.rmtree(tmp_path / "data")
        with pytest.raises(Unavailable, match=r"tiny is not here: looked for .*data/tiny.*HARNESS_DATA"):
            session.predictions(GOOD)

    def test_models(self, start):
        session = start(SUITE + NO_CLIP + "[models.net]\n"
                        "adapter = 'timm'\ncheckpoint = 'net.safetensors'\n")  # fmt: skip
        with pytest.raises(Unavailable, match=r"absent\.safetensors"):
            session.predictions(Cell("clip", "tiny", "test"))
        with pytest.raises(Unavailable, match=r"net\.safetensors is not in"):
            session.predictions(Cell("net", "tiny", "test"))

    def test_restorations(self, start):
        with pytest.raises(Unavailable, match="Restoration gfpgan has no entry in the suite"):
            start().predictions(Cell("good", "tiny", "test", "gfpgan"))

    def test_an_absent_split_of_the_plan_leaves_the_others(self, start):
        session = start()
        session.plan([Cell("good", "tiny", "validation"), GOOD])
        assert len(session.predictions(GOOD)) == 90
        with pytest.raises(UsageError, match="Unknown split tiny:validation"):
            session.predictions(Cell("good", "tiny", "validation"))

    def test_a_cell_that_cannot_be_judged_leaves_its_family(self, start):
        torn = "[models.torn]\nadapter = 'reader'\nevery = 7\nfails = true\n"
        session = start(SUITE + NO_CLIP + torn)
        cells = {tuple(side.model for side in cell.cells): cell for cell in claim_cells(session)}
        assert len(cells) == 6
        session.plan([], cells.values())
        with pytest.raises(Unavailable, match=r"absent\.safetensors"):
            session.verdict(cells["good", "clip"])
        with pytest.raises(ModelError, match=r"reader\.safetensors is corrupt"):
            session.verdict(cells["torn", "outside"])
        assert session.verdict(cells["good", "outside"]).family_size == 2

    def test_a_publication_without_accuracy_leaves_its_family(self, start):
        session = start("published = 'published.csv'\n" + SUITE)
        cells = {tuple(side.model for side in cell.cells): cell for cell in claim_cells(session)}
        session.plan([], cells.values())
        with pytest.raises(DataError, match="silent@paper publishes no accuracy"):
            session.verdict(cells["good", "silent@paper"])
        assert session.verdict(cells["good", "outside"]).outcome == "supported"


class TestCard:
    """A label order that disagrees with what the card records is found by measuring."""

    CARD = "[models.carded]\nadapter = 'reader'\nevery = 10\ncorrect = { 'tiny:test' = [81, 90] }\n"
    SWAPPED = CARD + "labels = ['angry', 'sad', 'happy']\n"

    def test_answers_as_recorded_pass(self, start):
        carded = start(SUITE + self.CARD).predictions(Cell("carded", "tiny", "test"))
        assert (carded.answers == carded.gold).sum() == 81
        assert carded.card == "answers as its card records: 81 of 90 right"

    def test_swapped_labels_are_named(self, start):
        session = start(SUITE + self.SWAPPED)
        for _ in range(2):  # computed now, read from the store next time
            with pytest.raises(
                ModelError, match="carded gets .* its card records 81.*order is wrong"
            ) as caught:
                session.predictions(Cell("carded", "tiny", "test"))
            assert "happy is sad" in str(caught.value)
            assert "sad is happy" in str(caught.value)
            assert "angry is" not in str(caught.value)

    def test_a_limited_run_is_not_held_against_the_whole_split(self, start):
        limited = start(SUITE + self.SWAPPED, limit=30).predictions(Cell("carded", "tiny", "test"))
        assert (len(limited), limited.card) == (30, "")


class TestFamilies:
    def test_p_values_are_adjusted_by_holm_over_the_family(self, start):
        from statsmodels.stats.multitest import multipletests

        session = start("published = 'published.csv'\n" + SUITE)
        cells = [cell for cell in claim_cells(session) if "silent" not in str(cell)]
        verdicts = judged(session, cells)
        assert verdicts.keys() == {
            f"{cnn}-vs-{vlm}"
            for cnn in ("good", "middling")
            for vlm in ("outside", "clip@paper", "odd@paper")
        }
        counted = [verdict for verdict in verdicts.values() if not verdict.barred]
        assert len(counted) == 4
        adjusted = multipletests([verdict.p_value for verdict in counted], method="holm")[1]
        np.testing.assert_allclose([verdict.p_adjusted for verdict in counted], adjusted)
        assert {verdict.family_size for verdict in counted} == {4}
        assert verdicts["good-vs-outside"].paired
        assert not verdicts["good-vs-clip@paper"].paired
        assert verdicts["good-vs-outside"].outcome == "supported"

    def test_an_impossible_publication_decides_nothing(self, start):
        session = start("published = 'published.csv'\n" + SUITE)
        verdict = judged(session, claim_cells(session, model="odd*"))["good-vs-odd@paper"]
        assert verdict.outcome == "inconclusive"
        assert verdict.p_adjusted is None
        assert "odd@paper: accuracy 50.50% is not a possible fraction of n = 90" in verdict.reason

    def test_a_noise_ceiling_of_the_suite_bars_what_lies_above(self, start):
        session = start("published = 'published.csv'\n" + SUITE + '[noise_ceilings]\n"tiny:test" = 0.3\n')
        verdict = judged(session, claim_cells(session, model="clip*"))["good-vs-clip@paper"]
        assert "above the label-noise ceiling of 30.0%" in verdict.barred

    def test_a_larger_family_detects_only_larger_effects(self, start):
        session = start()
        cells = claim_cells(session)
        both = judged(session, cells)["good-vs-outside"]
        alone = judged(start(), cells[:1])["good-vs-outside"]
        assert (both.family_size, alone.family_size) == (2, 1)
        assert both.detectable_effect > alone.detectable_effect
        assert both.n_needed > alone.n_needed

    def test_the_level_is_that_of_the_settings(self, start):
        session = start(alpha=0.01)
        assert {verdict.alpha for verdict in judged(session, claim_cells(session)).values()} == {0.01}


class TestTrainingImages:
    """Test images that a model has seen in training."""

    def verdict(self, session: Session) -> Verdict:
        return judged(session, claim_cells(session))["good-vs-outside"]

    def trained_on(self, source: str) -> str:
        return SUITE.replace("every = 10\n", f"every = 10\ntrained_on = '{source}'\n")

    def test_a_verdict_must_hold_without_them(self, start, tmp_path):
        write_suite(tmp_path)
        picture(0, 30).save(tmp_path / "data" / "tiny" / "train" / "angry" / "copy.png")
        picture(1, 31).save(tmp_path / "data" / "tiny" / "train" / "happy" / "copy.png")
        clean = self.verdict(start())
        verdict = self.verdict(start(self.trained_on("tiny:train")))
        # Of 90, good gets 81 right and outside 45; of the two copies, one each.
        assert verdict.effect == clean.effect
        assert verdict.effect.value == pytest.approx(36 / 90)
        unseen = next(effect for effect in verdict.secondary if "unseen" in effect.name)
        assert unseen.value == pytest.approx((80 - 44) / 88)
        assert any("2 samples are exact copies of training images" in note for note in verdict.notes)
        assert verdict.p_value >= clean.p_value
        assert verdict.outcome == "supported"

    def test_a_model_tested_on_what_it_was_trained_on_decides_nothing(self, start):
        verdict = self.verdict(start(self.trained_on("tiny:test")))
        assert verdict.outcome == "inconclusive"
        assert "trained" in verdict.barred

    @pytest.mark.parametrize("source", ["tiny:train", "elsewhere:train", "tiny:trainval", "tiny"])
    def test_no_copies_or_unknown_training_data_change_nothing(self, start, source):
        assert self.verdict(start(self.trained_on(source))) == self.verdict(start())

    def test_absent_training_data_change_nothing(self, start):
        text = self.trained_on("secret:train") + "[datasets.secret]\nadapter = 'images'\nspace = ['a', 'b']\n"
        assert self.verdict(start(text)) == self.verdict(start())


class TestSettings:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"alpha": 0.0}, "--alpha to be between 0 and 1, but got 0.0"),
            ({"alpha": 1.0}, "--alpha"),
            ({"batch_size": 0}, "--batch-size and --limit to be at least 1"),
            ({"limit": 0}, "--batch-size and --limit"),
        ],
    )
    def test_impossible_values_are_refused(self, tmp_path, values, message):
        with pytest.raises(UsageError, match=message):
            Settings(data_root=tmp_path, store=tmp_path, **values)

    def test_places_come_from_the_environment(self, monkeypatch, tmp_path):
        monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "d"))
        monkeypatch.setenv("HARNESS_STORE", str(tmp_path / "s"))
        assert (default_data_root(), default_store()) == (tmp_path / "d", tmp_path / "s")
        monkeypatch.delenv("HARNESS_DATA")
        monkeypatch.setenv("HARNESS_STORE", "")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert default_data_root() == tmp_path / ".cache/emotion-harness/data"
        assert default_store() == tmp_path / ".cache/emotion-harness/store"

    def test_a_device_that_is_named_is_taken_and_auto_finds_one(self):
        assert pick_device("cuda:1") == "cuda:1"
        assert pick_device("auto") in ("cpu", "cuda", "mps")


def test_evidence_is_published_numbers_or_predictions(start):
    session = start("published = 'published.csv'\n" + SUITE)
    number = session.evidence(Cell("clip@paper", "tiny", "test"))
    assert not isinstance(number, Predictions)
    assert number.metrics["accuracy"] == 0.5
    assert isinstance(session.evidence(GOOD), Predictions)


def test_answers_do_not_depend_on_batch_size_or_plan(start, tmp_path):
    whole = start(batch_size=64).predictions(GOOD)
    shutil.rmtree(tmp_path / "store")
    small = start(batch_size=7)
    small.plan([TRAIN, GOOD])
    columns = ["sample_id", "outcome", "label", *(f"score_{label}" for label in LABELS)]
    assert small.predictions(GOOD).table[columns].equals(whole.table[columns])
    entry = small.suite.datasets["tiny"]
    assert len(load_dataset(entry, "tiny", "test", tmp_path / "data")) == 90


def test_a_csv_that_covers_other_samples_skips_nothing_silently(start, tmp_path):
    write_suite(tmp_path)
    write_answers(tmp_path / "outside.csv", "train", range(90, 120), every=2)
    with pytest.raises(DataError, match=r"No sample_id of .*outside\.csv is in tiny:test"):
        start().predictions(OUTSIDE)


class TestRunsOnOneStore:
    def test_two_runs_of_one_second_and_path_are_two_runs(self, tmp_path):
        folders = [new_run_folder(tmp_path / f"machine{i}" / "reports") for i in range(20)]
        assert len({folder.name for folder in folders}) == 20

    def test_what_another_run_has_marked_as_tried_is_computed_if_it_is_not_there(self, start, tmp_path):
        """A job of a matrix had the same path, and other cells."""
        for cell in (TRAIN, GOOD):
            predictor = start().predictor
            other = Predictor(predictor.suite, predictor.settings, run=str(tmp_path / "reports/run"))
            assert (other.predictions(cell).table["outcome"] == "parsed").all()

    def test_images_that_broke_a_model_are_tried_once_per_run_by_one_process_too(self, start, monkeypatch):
        tried = []

        def classify(self, images):
            tried.extend(int(image[0, 1]) for image in images)
            if any(image[0, 1] == 7 for image in images):
                raise ValueError("too much for me")
            return np.eye(3, dtype=np.float32)[[0] * len(images)]

        monkeypatch.setattr(Reader, "classify", classify)
        for expected in (2, 4):  # each run asks with a batch, then one by one
            predictor = start().predictor
            predictor.planned = [GOOD, TRAIN]
            for _ in range(3):
                predictor.predictions.cache_clear()
                assert (predictor.predictions(GOOD).table["outcome"] == "failed").sum() == 1
            assert tried.count(7) == expected
