"""What a server is sent, and that every answer finds its question."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from fault_server import FaultServer, answer, completion, grey, model_at, question, raw
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.datasets import load_dataset
from harness.errors import ModelError
from harness.models.base import Generative
from harness.models.endpoint.faults import Unread
from harness.models.endpoint.reply import read_reply, read_usage
from harness.models.endpoint.request import data_url


@pytest.fixture
def server():
    with FaultServer() as server:
        yield server


def generate(server, tmp_path, images, questions, **options):
    return model_at(server, tmp_path, **options).load("cpu", "float32").generate(images, questions)


@pytest.mark.parametrize("shape", [(48, 48), (30, 51, 3), (1, 1), (1, 3, 3)])
def test_the_server_gets_every_pixel(server, tmp_path, shape):
    image = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    generate(server, tmp_path, [image], [question()])
    expected = image if image.ndim == 3 else np.stack([image] * 3, axis=2)
    np.testing.assert_array_equal(server.seen[0].pixels, expected)


def test_the_pixels_of_a_dataset_arrive_as_they_are(server, tmp_path, data_root: Path):
    dataset = load_dataset({"adapter": "fer2013"}, "fer2013", "private", data_root).limit(4)
    images = [dataset.pixels(index) for index in range(4)]
    generate(server, tmp_path, images, [question()], concurrency=1)
    for seen, image in zip(server.seen, images, strict=True):
        np.testing.assert_array_equal(seen.pixels, np.stack([image] * 3, axis=2))


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_any_grey_image_survives(image):
    import base64
    import io

    from PIL import Image

    png = base64.b64decode(data_url(image).removeprefix("data:image/png;base64,"))
    assert (np.asarray(Image.open(io.BytesIO(png))) == image[..., None]).all()


def test_a_request_holds_what_the_question_says(server, tmp_path):
    options = {"json_mode": True, "detail": "low", "extra": {"seed": 7, "chat_template_kwargs": {"x": 1}}}
    asked = question("Which one?", system="Be brief.", json=True, max_tokens=33)
    generate(server, tmp_path, grey(1), [asked], **options)
    body = server.seen[0].body
    image = body["messages"][1]["content"][0]["image_url"]
    assert image["detail"] == "low"
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": image},
                    {"type": "text", "text": "Which one?"},
                ],
            },
        ],
        "temperature": 0,
        "max_tokens": 33,
        "response_format": {"type": "json_object"},
        "seed": 7,
        "chat_template_kwargs": {"x": 1},
    }


def test_json_mode_takes_an_entry_and_a_question_that_want_it(server, tmp_path):
    for mode, wants in ((True, False), (False, True)):
        generate(server, tmp_path, grey(1), [question(json=wants)], json_mode=mode)
    assert not any("response_format" in seen.body for seen in server.seen)


def test_newer_models_take_another_field_and_temperature(server, tmp_path):
    options = {"max_tokens_field": "max_completion_tokens", "extra": {"temperature": 1}}
    generate(server, tmp_path, grey(1), [question(max_tokens=5)], **options)
    body = server.seen[0].body
    assert (body["max_completion_tokens"], body["temperature"], "max_tokens" in body) == (5, 1, False)


def test_each_answer_finds_its_question_and_image(server, tmp_path):
    """The answers come back in another order than the questions went out."""
    images, questions = grey(5), [question(f"Question {number}") for number in range(4)]

    def plan(seen):
        said = f"{seen.text}: {hashlib.sha256(seen.pixels[..., 0].tobytes()).hexdigest()}"
        return answer(said, usage=(len(seen.text), 1))

    def shuffled(seen):
        time.sleep(random.random() / 50)
        return plan(seen)

    server.plan = shuffled
    model = model_at(server, tmp_path, price=[1, 1]).load("cpu", "float32")
    assert isinstance(model, Generative)
    replies = model.generate(images, questions)
    digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    assert [[reply.text for reply in row] for row in replies] == [
        [f"{asked.text}: {digest}" for digest in digests] for asked in questions
    ]
    assert len(server.seen) == 20
    first = replies[0][0]
    assert (first.finish, first.error, first.tokens_in, first.tokens_out) == ("stop", "", 10, 1)
    assert first.cost == pytest.approx(11e-6)
    assert 0 < first.latency_s < 60


def test_all_questions_about_an_image_are_asked_before_the_next_image(server, tmp_path):
    generate(server, tmp_path, grey(2), [question("a"), question("b")], concurrency=1)
    images = [seen.png for seen in server.seen]
    assert [seen.text for seen in server.seen] == ["a", "b", "a", "b"]
    assert images[0] == images[1] != images[2] == images[3]


def test_as_many_requests_fly_as_the_entry_allows(server, tmp_path):
    together = threading.Barrier(4)

    def plan(seen):
        together.wait(timeout=30)  # breaks unless four are in flight
        return answer()

    server.plan = plan
    replies = generate(server, tmp_path, grey(12), [question()], concurrency=4)
    assert [reply.text for reply in replies[0]] == ["happy"] * 12
    assert server.peak == 4


def test_nothing_to_ask_asks_nothing(server, tmp_path):
    assert generate(server, tmp_path, [], [question()]) == [[]]
    assert generate(server, tmp_path, grey(1), []) == []
    assert not server.seen


@pytest.mark.parametrize(
    ("sent", "text", "finish"),
    [
        (completion("A b", "stop"), "A b", "stop"),
        (completion("cut o", "length"), "cut o", "length"),
        (completion(None, "length"), "", "length"),
        (completion("", "stop"), "", "stop"),
        (completion("happy", None), "happy", "stop"),
        (completion(None, "stop", refusal="I cannot tell."), "I cannot tell.", "stop"),
        (completion(None, "content_filter"), "", "content_filter"),
        (completion("hap", "content_filter"), "hap", "content_filter"),
    ],
)
def test_why_a_reply_ended_is_kept(server, tmp_path, sent, text, finish):
    import json

    server.plan = lambda seen: raw(json.dumps(sent).encode())
    reply = generate(server, tmp_path, grey(1), [question()])[0][0]
    assert (reply.text, reply.finish, reply.error) == (text, finish, "")


@pytest.mark.parametrize("usage", [None, (None, 3), (-1, 3), ("9", 3), (1.5, 3)])
def test_tokens_that_are_not_counted_are_not_invented(usage):
    data = completion(usage=usage)
    counted = read_usage(data)
    assert (counted.tokens_in, read_reply(data, counted).reply.text) == (None, "happy")


KEYS = st.sampled_from(
    ["choices", "message", "content", "finish_reason", "usage", "logprobs", "top_logprobs"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.just("stop"),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=6,
)


CHOICE = st.fixed_dictionaries(
    {"message": JSON | st.fixed_dictionaries({"content": JSON}), "finish_reason": JSON},
    optional={"logprobs": JSON | st.fixed_dictionaries({"content": JSON})},
)
COMPLETION = st.fixed_dictionaries(
    {"choices": st.lists(JSON | CHOICE, min_size=1, max_size=2), "usage": JSON}
)


@given(JSON | COMPLETION)
def test_whatever_a_server_sends_is_a_reply_with_a_text_or_a_fault(data):
    try:
        usage = read_usage(data)
    except Unread:
        return
    reply = read_reply(data, usage).reply
    assert (reply.text is None) == bool(reply.error)
    assert reply.finish in ("stop", "length", "content_filter")


@pytest.mark.parametrize("scoring", [False, True])
def test_what_is_shown_beforehand_is_what_is_sent(server, tmp_path, scoring):
    """`harness prompt` prints it: the body to the letter, but for the picture, and where it goes; no key."""
    asked = question(answers=("A", "B"), system="Be brief.", score=scoring)
    model = model_at(server, tmp_path, logprobs=True, detail="low", extra={"seed": 7})
    shown = model.request(asked)
    loaded = model.load("cpu", "float32")
    with suppress(ModelError):  # the server shows no log-probabilities; it has been asked for them
        (loaded.score if scoring else loaded.generate)(grey(1), [asked])
    (seen,) = server.seen
    seen.body["messages"][1]["content"][0]["image_url"]["url"] = "<image>"
    assert shown["body"] == seen.body
    assert shown["url"] == f"{server.base_url}/chat/completions"
