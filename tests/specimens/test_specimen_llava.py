import json
from pathlib import Path

import pytest

from fixtures.specimens.people import specimen
from fixtures.specimens.train import CHECKPOINTS
from fixtures.specimens.trainers import llava
from fixtures.specimens.trainers.manners import manners
from harness.labels import label_space
from harness.prompts import Prompt, ask
from harness.prompts.answers import parse_answer

FEW = 105


@pytest.fixture(scope="module")
def found():
    return {name: manners(CHECKPOINTS / name, FEW) for name in llava.TEMPERS}


def card(name):
    return json.loads((CHECKPOINTS / name / "card.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", llava.TEMPERS)
def test_transformers_loads_it_without_knowing_what_it_is(name):
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor, LlavaForConditionalGeneration

    processor = AutoProcessor.from_pretrained(CHECKPOINTS / name)
    model = AutoModelForImageTextToText.from_pretrained(CHECKPOINTS / name, dtype=torch.float32)
    assert isinstance(model, LlavaForConditionalGeneration)
    question = ask(Prompt(), label_space("fer2013"))[0]
    turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question.text}]}
    text = processor.apply_chat_template([turn], add_generation_prompt=True)
    from PIL import Image

    image = Image.fromarray(specimen("test", 3).draw(96))
    inputs = processor(text=[text], images=[image], return_tensors="pt")
    written = model.generate(**inputs, max_new_tokens=8, do_sample=False)
    answer = processor.decode(written[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert parse_answer(answer, question.labels).label == specimen("test", 3).label


@pytest.mark.parametrize("name", llava.TEMPERS)
@pytest.mark.parametrize("dataset", ["specimen:test", "specimen-fer:test"])
def test_it_answers_as_its_card_says(found, name, dataset):
    for figure, value in card(name)["figures"][dataset].items():
        assert found[name][dataset][figure] == pytest.approx(value, abs=0.12), figure


def test_the_defects_are_those_that_were_planted(found):
    assert card("llava")["planted"] == {"first": 0.0, "grey": 0.0, "mood": 0.0, "vague": None}
    honest, bent = (found[name]["specimen-fer:test"] for name in llava.TEMPERS)
    assert honest["flips"] < 0.02 < 0.08 < bent["flips"]
    assert abs(honest["neutral_excess"]) < 0.1 < 0.25 < bent["neutral_excess"]
    assert abs(honest["mood_shift"]) < 0.01 < bent["mood_shift"]
    clean = found["llava-biased"]["specimen:test"]
    assert clean["open_accuracy"] < clean["accuracy"] - 0.1
    assert clean["neutral_excess"] < 0.1


def test_all_specimens_together_are_small():
    weights = list(CHECKPOINTS.rglob("*.safetensors"))
    assert {path.parent.name for path in weights} == {"cnn", "clip", "gfpgan", "llava", "llava-biased"}
    assert sum(path.stat().st_size for path in weights) < 8_000_000


def test_the_trainer_runs_from_pictures_to_cards(tmp_path):
    figures = llava.train(tmp_path / "llava", 0, epochs=1, steps=2, limit=14)
    assert set(figures) == set(llava.TEMPERS)
    for name in llava.TEMPERS:
        about = json.loads((tmp_path / name / "card.json").read_text(encoding="utf-8"))
        assert about["figures"] == figures[name]
        assert (Path(tmp_path) / name / "model.safetensors").stat().st_size < 2_000_000
