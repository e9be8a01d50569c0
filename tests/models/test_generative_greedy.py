"""Written answers are those of `model.generate`, token for token."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import wraps

import numpy as np
import pytest
import torch
from tiny_vlms import pictures, save_llava, save_llava_next, save_qwen2_vl
from vlm_questions import LABELS, ask, load

from harness.errors import HarnessWarning, ModelError
from harness.models.generative import LoadedVlm, buffers
from harness.models.generative.pictures import Picture, rgb
from harness.models.generative.prefix import Prefix
from harness.prompts import Question, Reply

pytestmark = pytest.mark.filterwarnings("error::harness.errors.HarnessWarning")

IMAGES = pictures((48, 48), (90, 40, 3), (48, 48, 3))
QUESTIONS = [
    ask(score=False, max_tokens=10),
    ask(LABELS[::-1], score=False, max_tokens=6),
    ask(score=False, max_tokens=10, system="You are in a bad mood."),
    ask(score=False, max_tokens=1, text="この顔の感情は？"),
]


@pytest.fixture(params=[save_llava, save_llava_next, save_qwen2_vl], ids=["llava", "llava_next", "qwen2_vl"])
def model(request, tmp_path) -> LoadedVlm:
    return load(request.param(tmp_path / "model"))


@pytest.fixture
def llava(tmp_path) -> LoadedVlm:
    return load(save_llava(tmp_path / "model"))


def by_transformers(model: LoadedVlm, question: Question, image: np.ndarray) -> tuple[str, int, int]:
    """Text, tokens read and tokens written."""
    processor = model.encoder.processor
    inputs = processor(text=[model.chat.prompt(question)], images=[rgb(image)], return_tensors="pt")
    with torch.no_grad():
        output = model.model.generate(**inputs, do_sample=False, max_new_tokens=question.max_tokens)
    read = inputs["input_ids"].shape[1]
    written = output[0, read:]
    return processor.tokenizer.decode(written, skip_special_tokens=True), read, len(written)


def summary(reply: Reply | None) -> tuple[str | None, int | None, int | None]:
    assert reply is not None
    return reply.text, reply.tokens_in, reply.tokens_out


def test_texts_and_counts_are_those_of_generate(model):
    replies = model.generate(IMAGES, QUESTIONS)
    assert [len(row) for row in replies] == [3] * 4
    for question, row in zip(QUESTIONS, replies, strict=True):
        assert [summary(reply) for reply in row] == [by_transformers(model, question, i) for i in IMAGES]
    assert len({reply.text for row in replies[:3] for reply in row}) > 3


def test_an_end_token_stops_one_row_and_not_its_neighbours(llava):
    images = pictures(*[(48, 48)] * 6)
    question = ask(score=False, max_tokens=8)
    (free,) = llava.generate(images, [question])
    # Whatever the first image's third token is, the checkpoint shall now end its answers with it.
    inputs = llava.encoder.inputs(llava.chat.prompt(question), rgb(images[0]))
    with torch.no_grad():
        end = llava.model.generate(**inputs, do_sample=False, max_new_tokens=8)[
            0, inputs["input_ids"].shape[1] + 2
        ]
    llava.model.generation_config.eos_token_id = [llava.model.generation_config.eos_token_id, end.item()]
    stopping = LoadedVlm(llava.model, llava.encoder.processor, "llava")
    (stopped,) = stopping.generate(images, [question])
    assert [summary(reply) for reply in stopped] == [by_transformers(llava, question, i) for i in images]
    assert stopped[0].finish == "stop"
    assert stopped[0].tokens_out <= 3
    assert "length" in {reply.finish for reply in stopped}
    assert free[0].tokens_out > 3


def test_the_image_is_read_once_for_all_questions(model, monkeypatch):
    model.generate(IMAGES[:1], QUESTIONS[:1])
    encoded = []
    vision = model.model.model.get_image_features
    monkeypatch.setattr(
        model.model.model, "get_image_features", lambda *a, **k: encoded.append(1) or vision(*a, **k)
    )
    model.generate(IMAGES[:1], [QUESTIONS[0], QUESTIONS[1], QUESTIONS[3]])
    assert len(encoded) == 1


def test_a_prefill_belongs_to_questions_that_are_scored(llava):
    written, scored = (replace(QUESTIONS[0], prefill='{"emotion": "', score=score) for score in (False, True))
    assert llava.chat.prompt(written) == llava.chat.prompt(QUESTIONS[0])
    assert llava.chat.prompt(scored) == llava.chat.prompt(QUESTIONS[0]) + ' {"emotion": "'


def test_a_repetition_penalty_of_the_checkpoint_does_not_change_answers(llava):
    (expected,) = llava.generate(IMAGES, QUESTIONS[:1])
    llava.model.generation_config.repetition_penalty = 5.0
    (ours,) = llava.generate(IMAGES, QUESTIONS[:1])
    assert [reply.text for reply in ours] == [reply.text for reply in expected]
    alone = llava._writer.alone(Picture(IMAGES[0]), llava.chat.prompt(QUESTIONS[0]), 10)
    assert alone.text == expected[0].text


def test_a_cache_that_gives_other_answers_is_left_to_transformers(llava, monkeypatch):
    expected = llava.generate(IMAGES, QUESTIONS)
    fresh = LoadedVlm(llava.model, llava.encoder.processor, "llava")

    read = Prefix.read
    monkeypatch.setattr(Prefix, "read", lambda *args: read(*args).flip(-1))
    with pytest.warns(HarnessWarning, match="llava goes without sweep of written answers .unfit.") as caught:
        replies = fresh.generate(IMAGES, QUESTIONS)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fresh.generate(IMAGES[:1], QUESTIONS[:1])
    for ours, theirs in zip(replies, expected, strict=True):
        assert [replace(r, latency_s=0) for r in ours] == [replace(r, latency_s=0) for r in theirs]


def test_a_cache_that_raises_is_an_error_and_not_a_reason_to_be_slow(llava, monkeypatch):
    def broken(*_):
        raise NotImplementedError("this cache cannot grow")

    monkeypatch.setattr(Prefix, "read", broken)
    with pytest.raises(ModelError, match="The sweep of written answers of .* is broken .*cannot grow"):
        llava.generate(IMAGES, QUESTIONS)


def test_a_state_that_changes_in_place_is_not_shared(llava, monkeypatch):
    class Recurrent:
        layers = (object(),)

    monkeypatch.setattr(buffers, "DynamicCache", lambda config: Recurrent)
    with pytest.warns(HarnessWarning, match="its cache has layers of type object"):
        (replies,) = llava.generate(IMAGES[:1], QUESTIONS[:1])
    assert summary(replies[0]) == by_transformers(llava, QUESTIONS[0], IMAGES[0])


def test_a_model_that_keeps_its_own_cache_is_left_to_transformers(llava, monkeypatch):
    forward = llava.model.forward

    @wraps(forward)
    def headstrong(cache=None, past_key_values=None, **inputs):
        return forward(**inputs)

    monkeypatch.setattr(llava.model, "forward", headstrong)
    with pytest.warns(HarnessWarning, match="it keeps a cache of its own"):
        assert llava.generate(IMAGES[:1], QUESTIONS[:1])
