"""One call: a request, and as many repetitions as its faults deserve."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.models.endpoint.account import Account
from harness.models.endpoint.arrival import http_library
from harness.models.endpoint.connection import Connection
from harness.models.endpoint.faults import (
    Failed,
    Hopeless,
    Passing,
    Unreachable,
    Unread,
    Useless,
    fault,
    is_error,
    refused,
)
from harness.models.endpoint.pace import Pace
from harness.models.endpoint.reply import Received, read_reply, read_usage
from harness.models.endpoint.words import read_json

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from tenacity import RetryCallState

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0


class Closed(Exception):
    """Nothing more is to be asked: the budget has ended, or no call can succeed."""


async def call(
    client: AsyncOpenAI, to: Connection, body: dict[str, Any], pace: Pace, account: Account
) -> Received:
    """Asks until something comes, or a fault that does not pass.

    Raises:
        Failed: this call has no reply.
        Hopeless: no call would have one.
        Closed: it was not made.
    """
    from tenacity import AsyncRetrying, retry_if_exception_type

    def enough(state: RetryCallState) -> bool:
        most = min(to.retries, 1) if isinstance(_error(state), Unread) else to.retries
        return state.attempt_number > most or account.closed

    def wait(state: RetryCallState) -> float:
        error = _error(state)
        seconds = pause(state.attempt_number, error.after)
        if not error.everyone:
            return seconds
        pace.hold(seconds)  # the next attempt waits for its turn, as all others do
        return 0.0

    async def attempt() -> Received:
        await pace.turn()
        if account.closed:
            raise Closed
        received = await _once(client, to, body, account)
        pace.served()
        return received

    again = AsyncRetrying(retry=retry_if_exception_type(Passing), stop=enough, wait=wait, reraise=True)
    try:
        received: Received = await again(attempt)
    except Unreachable as error:
        raise Hopeless(f"{error}. {to.fix}") from None
    return received


def _error(state: RetryCallState) -> Passing:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, Passing)
    return error


def pause(attempt: int, after: float | None) -> float:
    """Seconds until the next attempt.

    Twice as long after each attempt, up to a cap, and anything between half of that and all of it, so that
    calls which failed together do not return together; never sooner than the server asked for.

    Args:
        attempt: how many attempts were made.
        after: seconds that the server asks to wait, or None.
    """
    longest: float = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
    return (after or 0.0) + longest * random.uniform(0.5, 1)


async def _once(client: AsyncOpenAI, to: Connection, body: dict[str, Any], account: Account) -> Received:
    import openai

    started = time.perf_counter()
    try:
        # The client's own timeout starts anew with every byte; a server that drips would never end it.
        asked = client.post("/chat/completions", cast_to=http_library().Response, body=body)
        response = await asyncio.wait_for(asked, to.timeout)
        data = read_json(response.content, to.secret)
        if is_error(data):
            raise refused(data, response.status_code, response.headers, to)
        usage = read_usage(data)
    except asyncio.TimeoutError:
        raise Passing(f"no reply within {to.timeout:g} s") from None
    except (openai.OpenAIError, Failed) as error:
        found = fault(error, to)
        if isinstance(found, (Useless, Unread)):  # something came, and somebody may have to pay for it
            account.book(None, body)
        raise found from None
    cost = account.book(usage, body)
    received = read_reply(data, usage)
    reply = replace(
        received.reply,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        cost=cost,
        latency_s=time.perf_counter() - started,
    )
    return replace(received, reply=reply)
