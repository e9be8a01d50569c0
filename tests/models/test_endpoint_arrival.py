"""How replies enter: bounded, unpacked, and without the key, wherever the server puts it."""

from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from fault_server import answer, completion, grey, model_at, question, refusal
from hypothesis import given
from hypothesis import strategies as st

from harness.models.endpoint.arrival import LARGEST
from harness.models.endpoint.budget import Budget
from harness.models.endpoint.words import clean

SECRET = "sk-proj-4f0ZenE7vErPr1nT/tH1s+='"
WHOLE = json.dumps(completion("happy")).encode()


def packed(body: bytes, packing: str):
    return lambda handler, seen: handler.send(200, body, {"Content-Encoding": packing})


def bomb(megabytes: int) -> bytes:
    """Spaces, a thousand to the byte."""
    pack = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    first, block = (pack.compress(b" " * 2**20) + pack.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + block * (megabytes - 1)


def generate(server, folder: Path, images, **options):
    return model_at(server, folder, **options).load("cpu", "float32").generate(images, [question()])[0]


@pytest.mark.parametrize(
    ("body", "packing"),
    [
        (gzip.compress(WHOLE), "gzip"),
        (gzip.compress(WHOLE), "GZIP"),
        (zlib.compress(WHOLE), "deflate"),
        (WHOLE, "identity"),
        (b"\xef\xbb\xbf" + WHOLE, ""),
    ],
    ids=["gzip", "GZIP", "deflate", "identity", "byte-order mark"],
)
def test_a_reply_is_unpacked(server, tmp_path, body, packing):
    server.plan = lambda seen: packed(body, packing)
    (reply,) = generate(server, tmp_path, grey(1))
    assert (reply.text, reply.error, len(server.seen)) == ("happy", "", 1)
    headers = {name.casefold(): value for name, value in server.seen[0].headers.items()}
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("body", "packing", "error"),
    [
        (WHOLE, "br", "the reply is packed as 'br', which was not asked for"),
        (WHOLE, "gzip", "the reply cannot be unpacked"),
    ],
)
def test_a_reply_that_cannot_be_unpacked_is_asked_for_once_more(server, tmp_path, body, packing, error):
    server.plan = lambda seen: packed(body, packing)
    (reply,) = generate(server, tmp_path, grey(1), retries=6)
    assert reply.error.startswith(error)
    assert len(server.seen) == 2


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_reply_that_is_too_large_is_one_failure(server, tmp_path, status):
    images = grey(4)
    large = json.dumps({"error": {"message": "x" * LARGEST}}).encode()

    def plan(seen):
        odd = (seen.pixels[..., 0] == images[1]).all()
        return (lambda handler, seen: handler.send(status, large, {})) if odd else answer()

    server.plan = plan
    replies = generate(server, tmp_path, images, retries=3)
    assert [reply.text for reply in replies] == ["happy", None, "happy", "happy"]
    assert replies[1].error == "the reply is larger than 8 MB"
    assert len(server.seen) == 4


STREAM = b'data: {"choices": [{"delta": {"content": "happy"}}]}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize("lead", [b"", b"\n", b": keep-alive\n\n", b"event: message\n"])
def test_a_stream_of_events_is_named_is_not_asked_for_again_and_draws_on_the_budget(server, tmp_path, lead):
    server.plan = lambda seen: lambda handler, seen: handler.send(200, lead + STREAM, {})
    model = model_at(server, tmp_path, retries=3, price=[1.0, 1.0])
    model.budget = Budget(10.0)
    ((reply,),) = model.load("cpu", "float32").generate(grey(1), [question()])
    assert reply.text is None
    assert "streams its reply (server-sent events)" in reply.error
    assert "switch streaming off" in reply.error
    assert len(server.seen) == 1
    assert model.budget.spent > 0


ASK = """
import resource, sys
from pathlib import Path
from fault_server import grey, question
from harness.models import Context
from harness.models.endpoint import EndpointModel
model = EndpointModel(context=Context(Path(), Path()), model="m", base_url=sys.argv[1]).load("cpu", "float32")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
first = model.generate(grey(1), [question("small")])[0][0]
before = peak()
print(first.text, model.generate(grey(1), [question("large")])[0][0].error, peak() - before, sep="|")
"""


def test_a_small_reply_that_unpacks_to_a_gigabyte_takes_no_memory(server):
    large = bomb(1024)
    assert len(large) < 2 * 2**20
    server.plan = lambda seen: packed(large, "gzip") if seen.text == "large" else answer()
    asked = subprocess.run(
        [sys.executable, "-c", ASK, server.base_url],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    text, error, megabytes = asked.stdout.strip().split("|")
    assert (text, error) == ("happy", "the reply is larger than 8 MB")
    assert int(megabytes) < 64


ECHOES = {
    "text": completion(f"happy {SECRET}"),
    "upper": completion(f"happy {SECRET.upper()}"),
    "parts": completion([{"type": "text", "text": SECRET}]),
    "finish": completion("happy", SECRET),
    "broken": {"choices": [{"message": {"content": SECRET}, "finish_reason": "abort"}]},
    "no message": {"usage": {"prompt_tokens": 1}, "choices": SECRET, SECRET: SECRET},
    "count": completion(usage=(SECRET, 1)),
    "top": completion("A", top=[(SECRET, -0.1)]),
    "none": {"choice": SECRET},
    "word": SECRET,
    "error": {"error": {"message": f"key {SECRET}"}},
}


@pytest.mark.parametrize("name", ECHOES)
@pytest.mark.parametrize("form", ["plain", "escaped", "slashes", "cut"])
def test_the_key_is_masked_wherever_it_is_echoed(
    server, tmp_path, monkeypatch, caplog, capfd, recwarn, name, form
):
    monkeypatch.setenv("FAULT_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    body = json.dumps(ECHOES[name])
    if form == "escaped":
        body = body.replace(SECRET, "".join(f"\\u{ord(letter):04x}" for letter in SECRET))
    elif form == "slashes":
        body = body.replace(SECRET, SECRET.replace("/", "\\/"))
    elif form == "cut":
        body = body[:-1]
    headers = {"X-Echo": SECRET, "X-Request-Id": SECRET}
    server.plan = lambda seen: lambda handler, seen: handler.send(200, body.encode(), headers)
    options = {"api_key_env": "FAULT_KEY", "retries": 1, "logprobs": True}
    loaded = model_at(server, tmp_path, **options).load("cpu", "float32")
    letters = {"answers": ("A", "B", "C"), "options": ("happy", "sad", "neutral"), "score": True}
    said = [repr(loaded.generate(grey(1), [question()]))]
    try:
        said.append(repr(loaded.score_replies(grey(1), [question(**letters)])))
    except Exception as error:
        said.append(repr(error))
    said += [str(warning.message) for warning in recwarn]
    kept = "".join((*said, caplog.text, *capfd.readouterr())).casefold()
    assert "X-Echo" in caplog.text  # the log does hold the response's headers
    for form_of_it in (SECRET, repr(SECRET)[1:-1], SECRET.replace("/", "\\/")):
        assert form_of_it.casefold() not in kept


@pytest.mark.parametrize("status", [400, 429, 500])
def test_the_key_is_masked_in_errors_of_all_shapes(server, tmp_path, monkeypatch, status):
    monkeypatch.setenv("FAULT_KEY", SECRET)
    shapes = [
        {"error": {"message": f'"{SECRET}"'}},
        [{"error": {"details": [SECRET]}}],
        {"detail": {"x": SECRET}},
    ]
    for shape in shapes:
        server.plan = lambda seen, shape=shape: lambda handler, seen: handler.reply(status, shape)
        (reply,) = generate(server, tmp_path, grey(1), api_key_env="FAULT_KEY", retries=0)
        assert "***" in reply.error
        assert SECRET not in reply.error.replace("\\", "")


def test_a_placeholder_for_a_key_changes_no_answer(server, tmp_path, monkeypatch):
    """Servers that want no key are often given a word, and a word may be an answer."""
    monkeypatch.setenv("FAULT_KEY", "happy")
    (reply,) = generate(server, tmp_path, grey(1), api_key_env="FAULT_KEY")
    assert reply.text == "happy"


def test_an_error_that_repeats_the_key_is_one_line(server, tmp_path, monkeypatch):
    monkeypatch.setenv("FAULT_KEY", SECRET)
    server.plan = lambda seen: refusal(400, message=f"key\n{SECRET}\nis odd")
    (reply,) = generate(server, tmp_path, grey(1), api_key_env="FAULT_KEY")
    assert reply.error == "400: key *** is odd"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.text().map(lambda text: text + SECRET + text),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just(SECRET), inner),
    max_leaves=8,
)


@given(JSON)
def test_what_is_clean_can_be_kept(value):
    kept = json.dumps(clean(value, SECRET), ensure_ascii=False)
    kept.encode()
    assert SECRET not in kept
