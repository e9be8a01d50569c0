"""What a sweep costs: passes of the language model and tokens read by it, counted, not timed.

Answers alone do not tell: the plain forward pass gives the same ones, an order of magnitude later.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_vlms import pictures, save_llava, save_llava_next, save_qwen2_vl
from vlm_questions import LABELS, ask, load

from harness.models.generative import LoadedVlm
from harness.models.generative.pictures import rgb
from harness.models.trie import shared_length
from harness.prompts import Question

SPECIMEN = Path(__file__).parents[2] / "fixtures/specimens/checkpoints/llava"
(PICTURE,) = pictures((48, 48))
ORDERS = [tuple(random.Random(seed).sample(LABELS, len(LABELS))) for seed in range(24)]


@pytest.fixture(
    params=["specimen", save_llava, save_llava_next, save_qwen2_vl],
    ids=lambda one: str(getattr(one, "__name__", one)),
)
def model(request, tmp_path) -> LoadedVlm:
    return load(SPECIMEN if request.param == "specimen" else request.param(tmp_path / "model"))


@contextmanager
def counted(model: LoadedVlm) -> Iterator[list[int]]:
    """The tokens that each pass of the language model reads."""
    read: list[int] = []

    def count(module, inputs, named):
        rows, tokens, _ = named["inputs_embeds"].shape
        read.append(rows * tokens)

    with model.model.model.language_model.register_forward_pre_hook(count, with_kwargs=True):
        yield read


def tokens(model: LoadedVlm, question: Question) -> tuple[list[int], list[list[int]]]:
    """Token ids of a prompt about a picture, and of the prompt with each answer, by the processor alone."""
    prompt = model.chat.prompt(question)
    texts = [prompt, *(prompt + answer for answer in model.chat.continuations(question))]
    alone, *answered = (model.encoder.inputs(text, rgb(PICTURE))["input_ids"][0].tolist() for text in texts)
    return alone, answered


def spare(tokens: int) -> int:
    """Tokens that nothing sees make their number a multiple of eight."""
    return -tokens % 8


def test_24_orders_of_7_answers_are_two_passes_over_each_distinct_token_once(model):
    questions = [ask(order) for order in ORDERS]
    with counted(model) as first:
        model.score([PICTURE], questions)
    assert len(first) == 2 + 2 * 7  # two prompts are held against the plain forward pass
    with counted(model) as read:
        model.score([PICTURE], questions)

    wholes = [whole for question in questions for whole in tokens(model, question)[1]]
    shared = shared_length(*wholes)
    # The last token of an answer is scored, not read.
    distinct = {tuple(whole[:end]) for whole in wholes for end in range(shared + 1, len(whole))}
    assert read == [shared, len(distinct) + spare(shared + len(distinct))]
    assert sum(read) < sum(map(len, wholes)) / 10


def test_what_24_prompts_share_is_read_once_before_they_are_answered(model):
    questions = [ask(order, score=False, max_tokens=4) for order in ORDERS]
    model.generate([PICTURE], questions[:1])  # which holds the sweep against the plain forward pass
    with counted(model) as read:
        replies = [reply for (reply,) in model.generate([PICTURE], questions)]

    prompts = [tokens(model, question)[0] for question in questions]
    shared = shared_length(*prompts)
    distinct = {tuple(prompt[:end]) for prompt in prompts for end in range(shared + 1, len(prompt) + 1)}
    written = [reply.tokens_out for reply in replies if reply is not None and reply.tokens_out is not None]
    # The rest of the prompts gives the first tokens, and a pass over these the next, while there are any.
    steps = [sum(count > step for count in written) for step in range(1, max(written))]
    assert read == [shared, len(distinct) + spare(shared + len(distinct)), *steps]
    assert len(read) <= 2 + 3
