"""The CNN and CLIP specimens answer as their cards say, through the adapters of any other model."""

from __future__ import annotations

import json

import numpy as np
import pytest
from specimen_sample import CHECKPOINTS, TINY

from fixtures.specimens.expression import LABELS
from fixtures.specimens.trainers import captions, clip, cnn
from fixtures.specimens.trainers.figures import FIRST
from harness.judging import Evaluation
from harness.labels import label_space
from harness.labels.vocabulary import vocabulary
from harness.predictions import Cell, Predictions
from harness.prompts import Prompt, ask
from harness.prompts.wording import wording
from harness.settings import Settings
from harness.statistics import mcnemar
from harness.suite import Suite

pytestmark = pytest.mark.xdist_group("specimens")  # one worker draws the faces

CARDS = {"cnn": CHECKPOINTS / "cnn/cnn.json", "clip": CHECKPOINTS / "clip/card.json"}
BUDGETS = {"cnn": 1.0e6, "clip": 1.5e6}
SUITE = """
[profiles.default]
datasets = ["specimen:test", "specimen-fer:test"]
[datasets.specimen]
adapter = "specimen_sample:load"
look = "clean"
[datasets.specimen-fer]
adapter = "specimen_sample:load"
look = "fer"
[models.cnn]
adapter = "timm"
checkpoint = {cnn}
[models.clip]
adapter = "open_clip"
model = {clip}
[prompts.plain]
"""


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """(model, dataset) -> predictions, made as `harness predict` makes them."""
    folder = tmp_path_factory.mktemp("specimens")
    paths = {"cnn": CHECKPOINTS / "cnn/cnn.safetensors", "clip": CHECKPOINTS / "clip"}
    text = SUITE.format(**{name: json.dumps(str(path)) for name, path in paths.items()})
    (folder / "suite.toml").write_text(text)
    settings = Settings(data_root=folder, store=folder / "store", device="cpu")
    cells = {
        (model, dataset): Cell(model, dataset, "test", "none", *(["plain"] if model == "clip" else []))
        for model in CARDS
        for dataset in ("specimen", "specimen-fer")
    }
    evaluation = Evaluation(Suite.read(folder / "suite.toml"), settings, "default", cells.values())

    def answers(model: str, dataset: str) -> Predictions:
        return evaluation.evidence.predictions(cells[model, dataset])

    return answers


def right(predictions: Predictions) -> np.ndarray:
    return np.asarray(predictions.answers == predictions.gold)


def card_of(model: str) -> dict:
    return json.loads(CARDS[model].read_text(encoding="utf-8"))


@pytest.mark.parametrize("model", CARDS)
@pytest.mark.parametrize("dataset", ["specimen", "specimen-fer"])
def test_it_answers_as_its_card_says(answered, model, dataset):
    figures = card_of(model)["figures"]
    said = (figures if model == "cnn" else figures["plain"])[f"{dataset}:test"]
    found = right(answered(model, dataset))
    assert len(found) == FIRST
    # Other processors round differently and flip an answer now and then.
    assert abs(int(found.sum()) - said[f"right of the first {FIRST}"]) <= 2


def test_the_cnn_knows_its_domain_and_clip_does_not(answered):
    one, other = right(answered("cnn", "specimen-fer")), right(answered("clip", "specimen-fer"))
    assert one.sum() > other.sum()
    assert mcnemar(int((one & ~other).sum()), int((other & ~one).sum())) < 1e-6


def test_clip_reads_clean_faces_alone(answered):
    assert right(answered("clip", "specimen")).mean() > 0.6
    assert right(answered("clip", "specimen-fer")).mean() < 0.4


@pytest.mark.parametrize("model", CARDS)
def test_it_is_small_and_its_files_name_no_place(model):
    files = [path for path in CARDS[model].parent.iterdir() if path.suffix in (".json", ".safetensors")]
    assert sum(path.stat().st_size for path in files) < BUDGETS[model]
    for path in files:
        text = path.read_bytes()
        assert str(CHECKPOINTS.parents[2]).encode() not in text
        assert b"/tmp/" not in text


def test_the_cards_say_what_is_planted_and_how_it_was_made():
    for model in CARDS:
        card = card_of(model)
        assert {"what", "figures", "seed", "seconds", "versions"} <= card.keys()
    assert card_of("cnn")["learned_from"] == "specimen-fer:train"
    assert card_of("clip")["trained_on"] == "specimen:train"


@pytest.fixture(scope="module")
def tokenizer():
    from open_clip.tokenizer import HFTokenizer

    folder = str(CHECKPOINTS / "clip")
    return HFTokenizer(folder, context_length=captions.CONTEXT, clean="canonicalize")


class TestTokenizer:
    def words(self, tokenizer, text: str) -> list[str]:
        return tokenizer.tokenizer.tokenize(tokenizer.clean_fn(text))

    def test_every_word_of_the_prompts_is_a_token(self, tokenizer):
        prompts = [
            Prompt(wording=name, names=names)
            for name in captions.WORDINGS
            for names in ("labels", "synonyms")
        ]
        prompts.append(Prompt(names="clip_benchmark"))
        for prompt in prompts:
            for question in ask(prompt, label_space("fer2013")):
                for caption in question.captions:
                    for name in (name for names in question.names for name in names):
                        text = caption.replace("{c}", name)
                        assert " ".join(self.words(tokenizer, text)) == tokenizer.clean_fn(text)

    def test_so_is_every_english_word_of_the_vocabulary(self, tokenizer):
        for word in vocabulary().words:
            if word.isascii():
                assert not any("#" in part for part in self.words(tokenizer, word)), word

    def test_other_words_are_spelled_not_lost(self, tokenizer):
        one, other = self.words(tokenizer, "gleeful"), self.words(tokenizer, "gleefully")
        assert "".join(part.removeprefix("##") for part in one) == "gleeful"
        assert one != other

    def test_captions_fit(self, tokenizer):
        longest = max(
            (caption for name in captions.WORDINGS for caption in wording(name, "en").captions), key=len
        )
        assert len(self.words(tokenizer, longest.replace("{c}", "embarrassed"))) < captions.CONTEXT


def test_captions_are_about_the_label():
    rng = np.random.default_rng(0)
    for label in LABELS:
        words = {*captions.names(label), *captions.NEAR.get(label, ())}
        for _ in range(30):
            text = captions.caption(label, rng)
            assert any(word in text for word in words)


@pytest.mark.usefixtures("tiny_splits")
class TestTrainers:
    def test_the_cnn_is_trained_from_end_to_end(self, tmp_path):
        figures = cnn.train(tmp_path / "cnn", 0, epochs=1)
        assert figures["specimen-fer:test"]["n"] == TINY["test"][0]
        card = json.loads((tmp_path / "cnn/cnn.json").read_text())
        assert card["correct"]["specimen:test"][1] == TINY["test"][0]
        assert card["figures"] == figures

    def test_clip_is_trained_from_end_to_end_the_same_each_time(self, tmp_path, monkeypatch):
        monkeypatch.setattr(clip, "TEXT_STEPS", 2)
        weights = []
        for name, seed in (("one", 0), ("again", 0), ("other", 1)):
            figures = clip.train(tmp_path / name, seed, epochs=1)
            assert figures["plain"]["specimen:test"]["n"] == TINY["test"][0]
            weights.append((tmp_path / name / "open_clip_model.safetensors").read_bytes())
        assert weights[0] == weights[1]
        assert weights[0] != weights[2]
