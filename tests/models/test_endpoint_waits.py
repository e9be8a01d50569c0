"""How long a server asks to wait, wherever it says so, and that all requests then wait."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time

import pytest
from fault_server import answer, grey, model_at, question, refusal
from hypothesis import given
from hypothesis import strategies as st

from harness.models.endpoint import calls
from harness.models.endpoint.pace import Pace
from harness.models.endpoint.waits import told_wait

NOW = 1_000.0
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}
GEMINI = [{"error": {"code": 429, "message": "quota", "details": [{"@type": "QuotaFailure"}, RETRY_INFO]}}]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "17s"}, 17),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "1"}, 1),
        ({"retry-after": "Thu, 01 Jan 1970 00:16:50 GMT"}, 10),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"retry-after": "Fri, 31 Dec 99999 23:59:59 GMT"}, math.inf),
        ({"retry-after": "1e999"}, math.inf),
        # OpenAI and Groq: what is used up counts; the other limit may be lifted hours later.
        ({"x-ratelimit-reset-requests": "8.64s"}, 8.64),
        (
            {
                "x-ratelimit-remaining-requests": "14000",
                "x-ratelimit-reset-requests": "7h12m0s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "1m30s",
            },
            90,
        ),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 1),
        ({"retry-after": "2", "x-ratelimit-reset-tokens": "6m0s"}, 2),
        ({"anthropic-ratelimit-requests-reset": "1970-01-01T00:16:45Z"}, 5),
    ],
    ids=str,
)
def test_headers_are_read(headers, seconds):
    assert told_wait(headers, None, NOW) == seconds


def test_moments_since_the_epoch_are_told_from_durations():
    assert told_wait({"x-ratelimit-reset": "1741305600000"}, None, 1741305590.0) == pytest.approx(10)
    assert told_wait({"x-ratelimit-reset": "1741305600"}, None, 1741305590.0) == pytest.approx(10)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (GEMINI, 17),
        ([{"error": {"message": "You exceeded your quota.\nPlease retry in 17.3s."}}], 17.3),
        ({"error": {"message": json.dumps(GEMINI)}}, 17),  # a gateway quotes it
        ({"message": "Rate limit reached. Please try again in 6m0s. Visit https://x"}, 360),
        ({"message": "Limit 3, Used 3. Please try again in 250ms."}, 0.25),
        ({"message": "Please retry after 26 seconds. Contact us"}, 26),
        ({"message": "Please wait 2 minutes and 3 seconds"}, 123),
        ({"error": "Model m is currently loading", "estimated_time": 20.5}, 20.5),
        ({"error": {"message": "busy", "metadata": {"retry_after_seconds": 4}}}, 4),
        ({"message": "retry in 3 days"}, 259200),
        ({"message": "try again in a while"}, None),
        ({"message": "I saw 5 s of it"}, None),
        ({"retryDelay": {"seconds": 3}}, None),
        ("Too many requests, retry in 5s", 5),
        (None, None),
    ],
    ids=str,
)
def test_bodies_are_read(body, seconds):
    assert told_wait({}, body, NOW) == seconds


JSON = st.recursive(
    st.none() | st.floats() | st.integers() | st.text() | st.just("retry in 5s"),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["retryDelay", "error", "x"]), inner),
    max_leaves=5,
)


@given(st.text() | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ .{0,4}|\d{1,400}[smh]?"), JSON)
def test_nothing_is_too_odd(header, body):
    for name in ("retry-after", "retry-after-ms", "x-ratelimit-reset-requests"):
        seconds = told_wait({name: header}, body, NOW)
        assert seconds is None or seconds >= 0


class Quota:
    """Serves so many requests per window, and says in Gemini's way when the next one begins."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.window = limit, window
        self.starts = self.served = self.refused = 0
        self.ends = 0.0

    def __call__(self, seen):
        if seen.at >= self.ends:
            self.ends, self.starts = seen.at + self.window, 0
        self.starts += 1
        if self.starts <= self.limit:
            self.served += 1
            return answer()
        self.refused += 1
        delay = {**RETRY_INFO, "retryDelay": f"{self.ends - time.time():.3f}s"}
        body = [{"error": {"code": 429, "message": "quota", "details": [delay]}}]
        return lambda handler, seen: handler.reply(429, body)


def test_all_requests_wait_when_one_is_told_to(server, tmp_path):
    """Each by itself, they are refused again and again, some more often than there are retries."""
    server.plan = quota = Quota(limit=4, window=0.4)
    model = model_at(server, tmp_path, concurrency=8, retries=4).load("cpu", "float32")
    replies = model.generate(grey(24), [question()])[0]
    assert [reply.error for reply in replies] == [""] * 24
    assert quota.served == 24
    assert quota.refused <= 16


def test_a_request_that_was_not_refused_waits_too(server, tmp_path):
    """The first is told to wait; the second is answered after that, and its worker goes on to the third."""
    told = threading.Event()

    def refuse(handler, seen):
        refusal(429, {"Retry-After": "0.5"})(handler, seen)
        told.set()

    def plan(seen):
        if len(server.seen) == 1:
            return refuse
        told.wait(timeout=30)
        time.sleep(0.1)  # until the refusal has been read
        return answer()

    server.plan = plan
    loaded = model_at(server, tmp_path, concurrency=2).load("cpu", "float32")
    replies = loaded.generate(grey(4), [question()])[0]
    assert [reply.text for reply in replies] == ["happy"] * 4
    first, _, *others = sorted(seen.at for seen in server.seen)
    assert len(others) == 3
    assert min(others) >= first + 0.5


def test_one_request_that_always_fails_slows_nobody(server, tmp_path, monkeypatch):
    monkeypatch.setattr(calls, "FIRST_PAUSE", 0.3)
    server.plan = lambda seen: refusal(500) if seen.text == "bad" else answer()
    model = model_at(server, tmp_path, concurrency=2).load("cpu", "float32")
    good, bad = model.generate(grey(4), [question("good"), question("bad")])
    assert [reply.text for reply in good] == ["happy"] * 4
    assert [reply.error for reply in bad] == ["500: status 500"] * 4
    assert model.pace._free <= time.monotonic()


@pytest.mark.parametrize("after", ["Fri, 31 Dec 99999 23:59:59 GMT", "1e999", "999999999999"])
def test_a_server_that_wants_years_costs_one_failure(server, tmp_path, after):
    odd = []

    def plan(seen):
        odd.append(seen.png)
        return refusal(429, {"Retry-After": after}) if seen.png == odd[0] else answer()

    server.plan = plan
    replies = (
        model_at(server, tmp_path, concurrency=2).load("cpu", "float32").generate(grey(6), [question()])[0]
    )
    (error,) = [reply.error for reply in replies if reply.error]
    assert error == "429: status 429 (asks to wait for years; 120 s is the most)"
    assert len(server.seen) == 6


def test_repetitions_end_when_no_call_can_succeed(server, tmp_path, monkeypatch):
    """One call finds the key refused while another waits for its next attempt."""
    monkeypatch.setattr(calls, "FIRST_PAUSE", 0.4)
    server.plan = lambda seen: refusal(500) if seen.text == "first" else refusal(401)
    model = model_at(server, tmp_path, concurrency=2, retries=6).load("cpu", "float32")
    with pytest.raises(Exception, match="does not accept the key"):
        model.generate(grey(1), [question("first"), question("second")])
    assert len(server.seen) <= 2


def test_the_others_wait_even_where_nothing_is_repeated(server, tmp_path):
    server.plan = lambda seen: refusal(429, {"Retry-After": "0.4"}) if len(server.seen) == 1 else answer()
    loaded = model_at(server, tmp_path, concurrency=1, retries=0).load("cpu", "float32")
    replies = loaded.generate(grey(2), [question()])[0]
    assert [reply.error for reply in replies] == ["429: status 429", ""]
    assert server.seen[1].at >= server.seen[0].at + 0.4


class Minutes:
    """A clock that stands still unless somebody sleeps, and a server with a quota per minute by it."""

    def __init__(self, quota: int, latency: float) -> None:
        self.quota, self.latency = quota, latency
        self.now = self.ends = 0.0
        self.starts = self.refused = self.served = 0
        self.pace = Pace(lambda: self.now, self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def ask(self) -> None:
        """One request, repeated until it is served."""
        while True:
            await self.pace.turn()
            self.now += self.latency
            if self.now >= self.ends:
                self.ends, self.starts = self.now + 60, 0
            self.starts += 1
            if self.starts <= self.quota:
                self.served += 1
                self.pace.served()
                return
            self.refused += 1
            self.pace.hold(self.ends - self.now)


@pytest.mark.parametrize(("quota", "latency"), [(10, 0.5), (2, 0.5), (60, 0.1), (100, 0.01)])
def test_a_quota_per_minute_is_found_and_kept(quota, latency):
    minutes = Minutes(quota, latency)

    async def run() -> None:
        for _ in range(11 * quota):
            await minutes.ask()

    asyncio.run(run())
    assert minutes.refused <= 12  # one a minute at most: each is what tells how fast to go
    assert minutes.now <= 1.5 * 60 * 11


def test_an_hour_without_work_sets_no_pace():
    minutes = Minutes(quota=100, latency=0.01)

    async def run() -> None:
        await minutes.ask()
        minutes.now += 3600
        minutes.pace.hold(2)
        started = minutes.now
        for _ in range(20):
            await minutes.ask()
        assert minutes.now - started < 60

    asyncio.run(run())
