"""Verdicts that rest on samples seen in training do not stand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.claims import Effect, Verdict, decide, settle
from harness.claims.leakage import hold_on_unseen
from harness.predictor import Predictor
from harness.session import Session
from harness.settings import Settings
from harness.suite import Filters, Suite


def verdict(value, p_value, n=1000, needed=500):
    effect = Effect("difference", value, value - 0.02, value + 0.02)
    return Verdict(
        claim="c",
        cell="x",
        outcome=decide(effect, p_value, 0.05),
        effect=effect,
        p_value=p_value,
        alpha=0.05,
        n=n,
        n_needed=needed,
        detectable_effect=0.03,
        paired=True,
        method="test",
        reason="It is so.",
    )


def test_a_verdict_that_holds_on_unseen_samples_stands_with_the_larger_p_value():
    held = hold_on_unseen(verdict(0.10, 0.001), verdict(0.08, 0.004, n=900), 100)
    assert (held.outcome, held.p_value, held.n) == ("supported", 0.004, 1000)
    assert held.effect.value == 0.10
    assert held.secondary[-1] == Effect("difference, unseen samples", 0.08, 0.06, 0.1)
    assert held.reason == "It is so."


def test_a_verdict_that_falls_on_unseen_samples_says_so():
    held = hold_on_unseen(verdict(0.05, 0.001), verdict(0.01, 0.4, n=900, needed=9000), 100)
    assert (held.outcome, held.n_needed) == ("inconclusive", 9000)
    assert held.reason == "It is so. That does not hold on the 900 unseen."
    assert "100 samples are exact copies" in held.notes[-1]


def test_effects_of_opposite_sign_bar_each_other_in_the_family_too():
    held = hold_on_unseen(verdict(0.05, 0.001), verdict(-0.05, 0.001, n=900), 100)
    assert held.outcome == "inconclusive"
    assert settle([held])[0].outcome == "inconclusive"
    assert "+0.050 on all samples and -0.050 on unseen ones" in held.barred


def test_sides_are_those_of_the_threshold():
    """0.10 and 0.02 are both positive, but only one of them is an effect that counts."""
    everything = replace(verdict(0.10, 0.001), threshold=0.05)
    held = hold_on_unseen(everything, replace(verdict(0.02, 0.001, n=900), threshold=0.05), 100)
    assert (held.outcome, held.threshold) == ("inconclusive", 0.05)
    assert "+0.100 on all samples and +0.020 on unseen ones" in held.barred
    below = replace(verdict(0.02, 0.001), threshold=0.05)
    assert hold_on_unseen(below, replace(verdict(-0.02, 0.001), threshold=0.05), 100).outcome == "refuted"


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


def test_a_session_judges_without_what_the_model_has_seen(leaky):
    suite = Suite.read(leaky / "suite.toml")
    settings = Settings(data_root=leaky / "data", store=leaky / "store", device="cpu")
    session = Session(Predictor(suite, settings))
    dataset = session.dataset("tones", "test")
    seen = session.seen("tones", "test", "tones:train")
    assert seen.sum() == 80
    # The other side is wrong exactly on the leaked samples and as good as the model on the rest.
    (cell,) = suite.claim_cells("cnn_beats_vlm", suite.profile("default"), Filters())
    (cnn,) = suite.cells(suite.profile("default"), Filters(model=("cnn",)))
    labels = dataset.space.labels
    answers = [labels[1 - g] if s else labels[g] for g, s in zip(dataset.gold, seen, strict=True)]
    ids = [sample.id for sample in dataset.samples]
    pd.DataFrame({"sample_id": ids, "label": answers}).to_csv(leaky / "data/vlm.csv", index=False)
    session.plan([cnn], [cell])
    verdict = session.verdict(cell)
    assert verdict.secondary[-1].name.endswith("unseen samples")
    on_unseen = session.predictions(cnn).subset(~seen)
    expected = float((on_unseen.answers == on_unseen.gold).mean() - 1)
    assert verdict.secondary[-1].value == pytest.approx(expected)
    assert "80 samples are exact copies" in " ".join(verdict.notes)
