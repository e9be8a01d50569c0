"""Claims about restoration through suite, store and judging, with models that read pixels."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from evaluating import claim_tests, evaluate, project
from PIL import Image
from tiny_suite import SUITE, picture, write_suite

from harness.claims import Verdict
from harness.errors import ModelError, Unavailable, UsageError
from harness.identity import Identity
from harness.judging import Evaluation
from harness.models.registry import ADAPTERS

RESTORED = """
[profiles.restored]
datasets = ["tiny:test"]
models = ["good", "middling", "eye"]
restorations = ["none", "nearest", "bicubic", "lanczos", "nearest-2", "nearest-3"]
[restorations.nearest-2]
adapter = "nearest"
size = 2
[restorations.nearest-3]
adapter = "nearest"
size = 3
[claims.restoration_helps]
[claims.restoration_drift]
[claims.restoration_helps_vlms_more]
[claims.domain_shift_explains]
[models.eye]
adapter = "eye"
capability = "contrastive"
"""


class Eye:
    """A contrastive model whose embeddings are four sums over the picture; counts its loads and pictures."""

    capability = "contrastive"
    labels = ()
    trained_on = None
    correct: ClassVar[dict] = {}
    logit_scale = 10.0
    loads: ClassVar[Counter[str]] = Counter()

    def __init__(self, *, context, capability: str, blind: bool = False) -> None:
        del context, capability
        self.blind = blind

    def identity(self, device: str, dtype: str) -> Identity:
        return Identity(model="test:eye", weights=str(self.blind), dtype=dtype, device=device)

    def load(self, device: str, dtype: str) -> Eye:
        self.loads["loads"] += 1
        return self

    def embed_images(self, images) -> np.ndarray:
        self.loads["images"] += len(images)
        rows = [[1.0, i[0, 0], i[0, 1], i.astype(float).mean() + i.shape[0] / 100] for i in images]
        found = np.array(rows, np.float32)
        return found * np.nan if self.blind else found / np.linalg.norm(found, axis=1, keepdims=True)

    def embed_texts(self, texts) -> np.ndarray:
        found = np.array([[1.0, len(text), 0.0, 1.0] for text in texts], np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def _adapters(monkeypatch):
    monkeypatch.setitem(ADAPTERS, "eye", "test_restoration_claims:Eye")
    monkeypatch.setattr(Eye, "loads", Counter())


@pytest.fixture
def run(tmp_path: Path):
    """A run of some tests; each call is a new one."""

    def run(claim: str, text: str = SUITE + RESTORED, encoder: str = "", **globs: str) -> Evaluation:
        suite, settings = project(tmp_path, text, replicates=200)
        if encoder:
            suite = replace(suite, claims={**suite.claims, claim: {"encoder": encoder}})
        tests = claim_tests(suite, claim, "restored", **globs)
        return evaluate(suite, settings, claims=tests, profile="restored")

    return run


def verdicts(evaluation: Evaluation) -> dict[str, Verdict]:
    tests = [test for family in evaluation.families.values() for test in family]
    return {str(test): evaluation.verdict(test) for test in tests}


@pytest.fixture
def judged(run):
    """The verdicts of a run of some tests."""
    return lambda *args, **options: verdicts(run(*args, **options))


def named(verdict: Verdict) -> dict[str, float]:
    return {effect.name: effect.value for effect in verdict.secondary}


class TestWhatRestoringDoesToAReader:
    """Enlarged to the nearest pixel, an image says its label where its number was: see `Reader.classify`.

    `good` is wrong about every tenth number. Of 90 images it gets 81 right; enlarged, the 30 angry ones
    have the number 0 and become happy.
    """

    def test_a_restoration_that_misleads_is_refuted(self, judged):
        (verdict,) = judged("restoration_helps", restoration="nearest", model="good").values()
        assert verdict.outcome == "refuted"
        assert verdict.effect.value == pytest.approx((60 - 81) / 90)
        shown = named(verdict)
        assert (shown["accuracy, nearest"], shown["accuracy, none"]) == pytest.approx((60 / 90, 81 / 90))

    def test_a_restoration_that_changes_decisions_is_supported_with_the_labels_that_move(self, judged):
        (verdict,) = judged("restoration_drift", restoration="nearest", model="good").values()
        # 27 angry ones become happy; happy and sad ones with every tenth number are set right.
        assert verdict.outcome == "supported"
        assert verdict.effect.value == pytest.approx((27 + 6) / 90)
        assert named(verdict)["mended, wrong to right"] == pytest.approx(6 / 90)
        assert any("angry to happy 27 times" in note for note in verdict.notes)

    def test_a_difference_between_two_models_is_a_test_of_both(self, judged):
        found = judged("restoration_helps_vlms_more", restoration="nearest")
        assert set(found) == {f"tiny:test/nearest-vs-none/plain/eye-vs-{cnn}" for cnn in ("good", "middling")}
        assert {verdict.family_size for verdict in found.values()} == {2 * 5}

    def test_tests_of_one_claim_are_a_family_whatever_is_selected(self, judged):
        found = judged("restoration_helps", model="good")
        assert len(found) == 5
        assert {verdict.family_size for verdict in found.values()} == {5 * len(("good", "middling", "eye"))}


class TestEmbeddings:
    # Of none, nearest, bicubic and lanczos 90 each; shrunk to 3 pixels only the label is left, to 2 nothing.
    PICTURES = 4 * 90 + 3 + 1

    def test_drift_shows_how_far_a_contrastive_model_sees_pictures_move(self, judged):
        (verdict,) = judged("restoration_drift", restoration="nearest", model="good").values()
        before = np.array([[1.0, i % 3, i, (i % 3 + i) / 16 + 0.04] for i in range(90)])
        # Enlarged 56 times: of 16 pixels the first says the label, the second the number.
        after = np.array([[1.0, i % 3, i % 3, (i % 3 + i) / 16 + 2.24] for i in range(90)])
        cosines = (before * after).sum(1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
        assert named(verdict)["mean cosine distance, nearest"] == pytest.approx(
            (1 - cosines).mean(), abs=1e-6
        )
        assert any("embeddings of eye" in note for note in verdict.notes)

    def test_shift_is_judged_over_all_restorations_of_the_profile(self, judged):
        (verdict,) = judged("domain_shift_explains", model="good").values()
        assert verdict.n == 90
        assert sum(name.startswith("MMD^2") for name in named(verdict)) == 5
        assert named(verdict)["loss of accuracy, nearest"] == pytest.approx((81 - 60) / 90)

    def test_they_are_made_once_and_kept(self, run):
        first = verdicts(run("restoration_drift", model="good"))
        assert Eye.loads == {"loads": 1, "images": self.PICTURES}
        again = run("restoration_drift", model="good")
        assert verdicts(again) == first
        assert Eye.loads["images"] == self.PICTURES
        assert again.evidence.report.loads == {"restore": {}, "answer": {}}

    def test_those_of_a_model_that_is_asked_anyway_are_its_own(self, run):
        evaluation = run("restoration_drift", model="eye")
        assert Eye.loads == {"loads": 1, "images": self.PICTURES}
        assert evaluation.evidence.report.loads["answer"] == {"eye": 1}

    def test_without_an_encoder_drift_says_so_and_shift_is_unavailable(self, judged):
        text = SUITE + RESTORED.partition("[models.eye]")[0].replace(', "eye"', "")
        (verdict,) = judged("restoration_drift", text, restoration="nearest", model="good").values()
        assert any("No embeddings: Claim restoration_drift has no encoder" in note for note in verdict.notes)
        with pytest.raises(Unavailable, match="Claim domain_shift_explains has no encoder. Write encoder ="):
            judged("domain_shift_explains", text, model="good")

    @pytest.mark.parametrize(
        ("encoder", "error", "message"),
        [
            ("nobody", UsageError, "The encoder nobody is no model of .*suite.toml. Name one of its models"),
            ("outside", UsageError, "outside gives no embeddings. Name a contrastive model or a network"),
            ("blind", ModelError, "test:eye fails on every image of a batch: the model gave an embedding"),
        ],
    )
    @pytest.mark.parametrize("claim", ["domain_shift_explains", "restoration_drift"])
    def test_a_model_that_cannot_embed_is_named(self, judged, claim, encoder, error, message):
        text = (
            SUITE + RESTORED + '[models.blind]\nadapter = "eye"\ncapability = "contrastive"\nblind = true\n'
        )
        with pytest.raises(error, match=message) as caught:
            judged(claim, text, encoder, model="good")
        assert "\n" not in str(caught.value)

    def test_a_picture_that_cannot_be_restored_has_no_embedding(self, judged, tmp_path):
        write_suite(tmp_path, SUITE + RESTORED)
        pixels = np.zeros((2, 600_000), np.uint8)  # too long to be enlarged
        pixels[0, :2] = 1, 1
        Image.fromarray(pixels).save(tmp_path / "data" / "tiny" / "test" / "happy" / "001.png")
        (verdict,) = judged("domain_shift_explains", model="good").values()
        assert any("on 89 pictures" in note for note in verdict.notes)
        assert verdict.n == 90


class TestTrainingImages:
    """Copies of training images are told by the pixels as published, and left out with their embeddings."""

    def trained(self) -> str:
        return (SUITE + RESTORED).replace("every = 10\n", "every = 10\ntrained_on = 'tiny:train'\n")

    def test_a_verdict_must_hold_without_them(self, judged, tmp_path):
        write_suite(tmp_path, self.trained())
        for serial in range(6):
            label = ("angry", "happy", "sad")[serial % 3]
            picture(serial % 3, serial).save(
                tmp_path / "data" / "tiny" / "train" / label / f"copy{serial}.png"
            )
        for claim in ("restoration_helps", "restoration_drift"):
            (verdict,) = judged(claim, self.trained(), restoration="nearest", model="good").values()
            assert any("6 samples are exact copies of training images" in note for note in verdict.notes)
        (verdict,) = judged("domain_shift_explains", self.trained(), model="good").values()
        assert any("6 samples are exact copies" in note for note in verdict.notes)
