"""How much is read at once follows the model, the tokens and the memory that is free."""

from __future__ import annotations

import pytest
import torch
from tiny_vlms import pictures, save_llava
from vlm_questions import LABELS, ask, load

from harness.models.generative import LoadedVlm, room
from harness.models.generative.pictures import rgb
from harness.models.generative.prefix import Prefix


@pytest.fixture(scope="module")
def llava(tmp_path_factory) -> LoadedVlm:
    return load(save_llava(tmp_path_factory.mktemp("saved") / "llava"))


@pytest.fixture
def free(monkeypatch):
    def holds(number: int) -> None:
        monkeypatch.setattr(room, "_free_bytes", lambda model: number)

    return holds


def test_what_a_token_keeps_is_what_its_cache_holds(llava):
    inputs = llava.encoder.inputs(llava.chat.prompt(ask()), rgb(pictures((48, 48))[0]))
    with torch.inference_mode():
        prefix = Prefix.of(llava.model, inputs, 0)
    held = sum(one.nbytes for layer in prefix.cache.layers for one in (layer.keys, layer.values))
    assert room._bytes(llava.model)[0] == held / prefix.length


def test_more_memory_holds_more_images_up_to_what_a_pass_is_good_for(llava, free):
    known = []
    for number in (0, 10**6, 10**7, 10**8, 10**12):
        free(number)
        known.append(room.room(llava.model, 100, 50, 20))
    images = [count for count, _ in known]
    assert images == sorted(images)
    assert images[0] == 1 < images[2]
    assert known[0] == (1, 1)
    assert known[-1] == (room.PASS_ELSEWHERE // 100, 50)


def test_tokens_are_divided_only_where_one_image_is_too_much(llava, free):
    kept, passing, logits = room._bytes(llava.model)
    free(150 * kept + 100 * passing + 20 * logits)
    assert room.room(llava.model, 100, 50, 20) == (1, 50)
    free(149 * kept + 100 * passing + 20 * logits)
    images, nodes = room.room(llava.model, 100, 50, 20)
    assert images == 1
    assert 1 <= nodes < 50


def test_longer_answers_leave_room_for_fewer_images(llava, free):
    free(10**7)
    short, long = (room.room(llava.model, 100, 50, 20, written)[0] for written in (10, 2000))
    assert 1 <= long < short


@pytest.mark.parametrize("number", [0, 300_000, 10**6])
def test_little_memory_changes_no_answer(llava, free, number):
    images = pictures((48, 48), (48, 48), (40, 60))
    scored = [ask(), ask(LABELS[::-1]), ask(LABELS[2:])]
    asked = [ask(labels, score=False, max_tokens=5) for labels in (LABELS, LABELS[::-1], LABELS[2:])]
    scores, replies = llava.score(images, scored), llava.generate(images, asked)
    free(number)
    for ours, expected in zip(llava.score(images, scored), scores, strict=True):
        assert abs(ours - expected).max() < 1e-4
    texts = [[reply.text for reply in row] for row in replies]
    assert [[reply.text for reply in row] for row in llava.generate(images, asked)] == texts
