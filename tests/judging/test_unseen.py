"""Verdicts must hold on what no side has seen in training."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from evaluating import claim_tests, evaluate, judged, project
from tiny_suite import SUITE, picture, write_suite

from harness.claims import Verdict
from harness.engine import Bench, Evidence, Report
from harness.predictions import Cell
from harness.settings import Settings
from harness.suite import Suite


class TestCopiesOfTrainingImages:
    @pytest.fixture
    def judge(self, tmp_path: Path):
        """The verdict on good against outside; each call is a new run."""
        start = partial(project, tmp_path)

        def judge(text: str = SUITE) -> Verdict:
            suite, settings = start(text)
            return judged(suite, settings, claim_tests(suite, "cnn_beats_vlm"))["good-vs-outside"]

        return judge

    def trained_on(self, source: str) -> str:
        return SUITE.replace("every = 10\n", f"every = 10\ntrained_on = '{source}'\n")

    def test_a_verdict_must_hold_without_them(self, judge, tmp_path):
        write_suite(tmp_path)
        picture(0, 30).save(tmp_path / "data" / "tiny" / "train" / "angry" / "copy.png")
        picture(1, 31).save(tmp_path / "data" / "tiny" / "train" / "happy" / "copy.png")
        clean, found = judge(), judge(self.trained_on("tiny:train"))
        # Of 90, good gets 81 right and outside 45; of the two copies, one each.
        assert found.effect == clean.effect
        assert found.effect.value == pytest.approx(36 / 90)
        unseen = next(effect for effect in found.secondary if "unseen" in effect.name)
        assert unseen.value == pytest.approx((80 - 44) / 88)
        assert any("2 samples are exact copies of training images" in note for note in found.notes)
        assert found.p_value >= clean.p_value
        assert found.outcome == "supported"

    def test_a_model_tested_on_what_it_was_trained_on_decides_nothing(self, judge):
        found = judge(self.trained_on("tiny:test"))
        assert found.outcome == "inconclusive"
        assert "trained" in found.barred

    @pytest.mark.parametrize("source", ["tiny:train", "elsewhere:train", "tiny:trainval", "tiny"])
    def test_no_copies_or_unknown_training_data_change_nothing(self, judge, source):
        assert judge(self.trained_on(source)) == judge()

    def test_absent_training_data_change_nothing(self, judge):
        secret = "[datasets.secret]\nadapter = 'images'\nspace = ['a', 'b']\n"
        assert judge(self.trained_on("secret:train") + secret) == judge()

    def test_two_splits_of_one_training_set_are_told_apart(self, tmp_path):
        """They have one stamp, and what is kept of one must not be read for the other."""
        for split, seen in (("train", 0), ("test", 90)):
            bench = Bench(*project(tmp_path, self.trained_on(f"tiny:{split}")))
            found = Evidence(bench, Report()).seen_in_training(Cell("good", "tiny", "test"))
            assert found.sum() == seen


@pytest.fixture
def leaky(tmp_path):
    """A model that knows its training images by heart and guesses the rest; half of the test leaks."""
    import timm
    import torch
    from PIL import Image
    from safetensors.torch import save_file

    from harness.models import Card

    rng = np.random.default_rng(0)
    for split, count in (("train", 40), ("test", 80)):
        for label in ("dark", "light"):
            folder = tmp_path / "data/tones" / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                # The first 40 of the test are the training images, which their brightness gives away.
                known = number < 40
                local = np.random.default_rng([number, label == "light"]) if known else rng
                level = (40 if label == "dark" else 210) if known else 128
                pixels = np.clip(local.normal(level, 20, (16, 16)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{split}-{label}-{number}.png")
    network = timm.create_model("test_resnet", num_classes=2, in_chans=1)
    torch.manual_seed(0)
    save_file(network.state_dict(), tmp_path / "data/m.safetensors")
    card = Card(
        architecture="test_resnet",
        labels=("dark", "light"),
        in_chans=1,
        input_size=(16, 16),
        mean=(0.5,),
        std=(0.25,),
        trained_on="tones:train",
    )
    card.write(tmp_path / "data/m.json")
    (tmp_path / "suite.toml").write_text(
        """
        [profiles.default]
        datasets = ["tones:test"]
        [datasets.tones]
        adapter = "images"
        space = ["dark", "light"]
        [models.cnn]
        adapter = "timm"
        checkpoint = "m.safetensors"
        [models.vlm]
        adapter = "predictions_csv"
        path = "vlm.csv"
        family = "vlm"
        [claims.cnn_beats_vlm]
        """
    )
    return tmp_path


def test_what_the_model_has_seen_is_left_out_of_the_second_judgement(leaky):
    suite = Suite.read(leaky / "suite.toml")
    settings = Settings(data_root=leaky / "data", store=leaky / "store", device="cpu")
    bench, cnn = Bench(suite, settings), Cell("cnn", "tones", "test")
    dataset = bench.dataset("tones", "test")
    seen = Evidence(bench, Report()).seen_in_training(cnn)
    assert seen.sum() == 80
    # The other side is wrong exactly on the leaked samples and as good as the model on the rest.
    labels = dataset.space.labels
    answers = [labels[1 - g] if s else labels[g] for g, s in zip(dataset.gold, seen, strict=True)]
    ids = [sample.id for sample in dataset.samples]
    pd.DataFrame({"sample_id": ids, "label": answers}).to_csv(leaky / "data/vlm.csv", index=False)
    (test,) = claim_tests(suite, "cnn_beats_vlm")
    evaluation = evaluate(suite, settings, claims=[test])
    verdict = evaluation.verdict(test)
    assert verdict.secondary[-1].name.endswith("unseen samples")
    on_unseen = evaluation.evidence.predictions(cnn).subset(~seen)
    expected = float((on_unseen.answers == on_unseen.gold).mean() - 1)
    assert verdict.secondary[-1].value == pytest.approx(expected)
    assert "80 samples are exact copies" in " ".join(verdict.notes)
