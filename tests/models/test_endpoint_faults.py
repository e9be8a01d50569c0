"""A server that fails in every way it can: nothing is lost, nothing is invented."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from email.utils import formatdate
from http.client import HTTPException
from pathlib import Path

import pytest
from fault_server import (
    answer,
    completion,
    cut,
    drip,
    drop,
    grey,
    model_at,
    question,
    raw,
    refusal,
    reset,
    script,
    stall,
)
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ModelError
from harness.models.endpoint import Budget, calls
from harness.models.endpoint.loaded import LoadedEndpoint

WHOLE = json.dumps(completion("happy")).encode()


def load(server, folder: Path, **options):
    return model_at(server, folder, **options).load("cpu", "float32")


def unprobed(server, folder: Path, **options):
    model = model_at(server, folder, **options)
    return LoadedEndpoint(model.form, model.connection, model.price, Budget(None))


# name -> what the server does, what the failure says, and what of the entry must be impatient
PASSING = {
    "429": (refusal(429), "429: status 429", {}),
    "408": (refusal(408), "408: status 408", {}),
    "500": (refusal(500), "500: status 500", {}),
    "503": (refusal(503, message="over\nloaded"), "503: over loaded", {}),
    "529": (refusal(529), "529: status 529", {}),
    "reset": (reset, "the connection was lost", {}),
    "cut": (cut, "the connection was lost", {}),
    "drop": (drop, "the connection was lost", {}),
    "stall": (stall, "no reply within 1 s", {"timeout": 1}),
    "drip": (drip, "no reply within 1 s", {"timeout": 1}),
    "truncated": (raw(WHOLE[:40]), "the reply is not JSON", {}),
    "empty": (raw(b""), "the reply is not JSON", {}),
    "not utf-8": (raw(b'{"choices": "\xff\xfe\xff"}'), "the (reply|server)", {}),
    "page": (raw(b"<html>Bad gateway</html>", "text/html"), "not JSON.*'<html>", {}),
    "deep": (raw(b"[" * 100_000), "the reply is not JSON", {}),
    "number": (raw(b'{"choices": ' + b"9" * 5_000 + b"}"), "the reply is not JSON", {}),
    "no choices": (raw(b'{"choices": []}'), "no chat completion", {}),
    "error in 200": (raw(b'{"error": {"message": "overloaded"}}'), "overloaded", {}),
    "429 in 200": (raw(b'{"error": {"code": 429, "message": "slow down"}}'), "429: slow down", {}),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_is_asked_again(server, tmp_path, name):
    act, _, options = PASSING[name]
    server.plan = script(act, answer("happy"))
    retries = 6 if options else 1  # on a loaded machine even the good reply may come late
    reply = load(server, tmp_path, **{"retries": retries, **options}).generate(grey(1), [question()])[0][0]
    assert (reply.text, reply.error) == ("happy", "")
    assert server.seen[0].body == server.seen[1].body
    assert options or len(server.seen) == 2


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_stays_is_a_failure_with_its_reason(server, tmp_path, name):
    act, reason, options = PASSING[name]
    server.plan = script(act)
    options = {"retries": 1, **options}
    reply = load(server, tmp_path, **options).generate(grey(1), [question()])[0][0]
    assert reply.text is None
    assert (reply.tokens_in, reply.tokens_out, reply.cost) == (None, None, None)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(reply.error)
    assert "\n" not in reply.error
    assert options.get("timeout") or len(server.seen) == 2


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_a_question_that_is_refused_is_not_asked_again(server, tmp_path, status):
    server.plan = script(refusal(status, message="image too small"))
    reply = load(server, tmp_path).generate(grey(1), [question()])[0][0]
    assert (reply.text, reply.error) == (None, f"{status}: image too small")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "too small"}},
        {"detail": "too small"},
        {"error": "too small"},
        {"message": "too small"},
        [{"error": {"message": "too small", "code": 400}}],
    ],
    ids=json.dumps,
)
def test_the_reason_is_found_wherever_servers_put_it(server, tmp_path, body):
    server.plan = lambda seen: lambda handler, seen: handler.reply(400, body)
    assert load(server, tmp_path).generate(grey(1), [question()])[0][0].error == "400: too small"


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
def test_a_filter_on_the_question_is_an_answer_of_the_filter(server, tmp_path, code):
    server.plan = script(refusal(400, code=code))
    reply = load(server, tmp_path).generate(grey(1), [question()])[0][0]
    assert (reply.text, reply.finish, reply.error) == ("", "content_filter", "")
    assert len(server.seen) == 1


def test_one_failure_among_many_leaves_the_others_alone(server, tmp_path):
    """Each call gets another fault, at random places; each ends as it must."""
    acts = [act for act, _, options in PASSING.values() if not options]
    images = grey(len(acts) + 2)

    def number(seen):
        return next(i for i, image in enumerate(images) if (seen.pixels[..., 0] == image).all())

    def plan(seen):
        index = number(seen)
        if index < len(acts):
            return acts[index] if seen.attempt == 0 else answer(str(index))
        return (refusal(400), answer(str(index)))[index - len(acts)]

    server.plan = plan
    replies = load(server, tmp_path, concurrency=5).generate(images, [question()])[0]
    texts = [str(i) for i in range(len(acts))]
    assert [reply.text for reply in replies] == [*texts, None, str(len(acts) + 1)]
    assert [bool(reply.error) for reply in replies] == [*[False] * len(acts), True, False]


class TestHopeless:
    """A fault that every call would meet ends the asking at once, and loses nothing."""

    @pytest.mark.parametrize(
        ("act", "message"),
        [
            (refusal(401), r"127\.0\.0\.1:\d+/v1 does not accept the key \(401\)\. Name the variable"),
            (refusal(404, message="no model m"), r"refuses every call \(404: no model m\)\. Correct model"),
            (refusal(400, code="model_not_found"), r"refuses every call \(400: status 400\)"),
            (refusal(429, code="insufficient_quota"), r"refuses every call \(429: status 429\)"),
            (refusal(402), r"refuses every call \(402"),
        ],
    )
    def test_it_is_one_line_at_once(self, server, tmp_path, act, message):
        server.plan = script(act)
        with pytest.raises(ModelError, match=message):
            load(server, tmp_path, concurrency=2).generate(grey(50), [question()])
        assert len(server.seen) <= 2

    def test_a_wrong_key_names_its_variable(self, server, tmp_path, monkeypatch):
        monkeypatch.setenv("FAULT_KEY", "wrong")
        server.plan = script(refusal(401))
        with pytest.raises(ModelError, match="Set a valid key in FAULT_KEY"):
            load(server, tmp_path, api_key_env="FAULT_KEY").generate(grey(1), [question()])

    def test_what_was_answered_before_is_kept(self, server, tmp_path):
        server.plan = lambda seen: answer() if len(server.seen) <= 3 else refusal(401)
        model = load(server, tmp_path, concurrency=1)
        replies = model.generate(grey(6), [question()])[0]
        assert [reply.text for reply in replies] == ["happy"] * 3 + [None] * 3
        assert all("does not accept the key" in reply.error for reply in replies[3:])
        assert len(server.seen) == 4
        with pytest.raises(ModelError, match="does not accept the key"):
            model.generate(grey(1), [question()])
        assert len(server.seen) == 4

    def test_nobody_listens(self, server, tmp_path):
        with socket.socket() as taken:  # bound, so that nobody else takes the port; not listening
            taken.bind(("127.0.0.1", 0))
            self.check_unreachable(server, tmp_path, taken.getsockname()[1])

    def test_nobody_accepts(self, server, tmp_path):
        """The queue is full, so that connecting hangs, as it does with a host behind a firewall."""
        with socket.socket() as busy, ExitStack() as waiting:
            busy.bind(("127.0.0.1", 0))
            busy.listen(0)
            for _ in range(4):
                client = waiting.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(busy.getsockname())
            self.check_unreachable(server, tmp_path, busy.getsockname()[1])

    def check_unreachable(self, server, folder, port):
        """It was there when the model was loaded, and is gone when it is asked."""
        options = {"base_url": f"http://127.0.0.1:{port}/v1", "retries": 1, "timeout": 1}
        with pytest.raises(
            ModelError, match=r"cannot be reached \(.*\)\. Start the server or correct base_url"
        ):
            unprobed(server, folder, **options).generate(grey(20), [question()])
        assert not server.seen


class TestWaiting:
    """A server that says how long to wait is asked no sooner."""

    def test_it_is_honoured_in_both_forms(self, server, tmp_path):
        """Lower bounds only: a slow machine waits longer."""
        wait = {}

        def plan(seen):
            if seen.attempt:
                return answer()
            date = int(seen.at) + 2
            wait[seen.text] = seen.at + 1 if seen.text == "seconds" else date
            after = "1" if seen.text == "seconds" else formatdate(date, usegmt=True)
            return refusal(429, {"Retry-After": after})

        server.plan = plan
        replies = load(server, tmp_path).generate(grey(1), [question("seconds"), question("date")])
        assert [row[0].text for row in replies] == ["happy", "happy"]
        assert len(server.seen) == 4
        assert all(seen.at >= wait[seen.text] for seen in server.seen if seen.attempt)

    def test_a_server_that_wants_hours_gets_a_failure_instead(self, server, tmp_path):
        server.plan = script(refusal(429, {"Retry-After": "7200"}))
        reply = load(server, tmp_path).generate(grey(1), [question()])[0][0]
        assert reply.error == "429: status 429 (asks to wait 7200 s; 120 s is the most)"
        assert len(server.seen) == 1

    @given(st.integers(1, 40), st.none() | st.floats(0, 120))
    def test_pauses_grow_to_a_cap_and_vary(self, attempt, after):
        longest = min(calls.FIRST_PAUSE * 2 ** (attempt - 1), calls.LONGEST_PAUSE)
        pauses = {calls.pause(attempt, after) for _ in range(20)}
        assert len(pauses) > 1
        assert all((after or 0) + longest / 2 <= p <= (after or 0) + longest for p in pauses)


def test_the_fault_server_itself_is_sound(server, tmp_path):
    """Its faults are faults to another client too."""
    import urllib.request

    def ask(act):
        server.plan = script(act)
        request = urllib.request.Request(f"{server.base_url}/chat/completions", WHOLE)
        with urllib.request.urlopen(request, timeout=5) as response:
            return json.loads(response.read())

    assert ask(answer("sad"))["choices"][0]["message"]["content"] == "sad"
    for act in (reset, cut, drop, raw(WHOLE[:40]), refusal(503)):
        with pytest.raises((OSError, ValueError, HTTPException)):
            ask(act)
