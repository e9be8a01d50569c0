"""One call: a request, and as many repetitions as its faults deserve."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

from harness.models.endpoint.connection import Connection
from harness.models.endpoint.faults import Hopeless, Passing, Unreachable, fault
from harness.models.endpoint.reply import Received, read_reply

if TYPE_CHECKING:
    from openai import AsyncOpenAI

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0


async def call(client: AsyncOpenAI, to: Connection, body: dict[str, Any]) -> Received:
    """Asks until there is a reply, or a fault that does not pass.

    Raises:
        Failed: this call has no reply.
        Hopeless: no call would have one.
    """
    from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return pause(state.attempt_number, error.after if isinstance(error, Passing) else None)

    again = AsyncRetrying(
        retry=retry_if_exception_type(Passing),
        stop=stop_after_attempt(to.retries + 1),
        wait=wait,
        reraise=True,
    )
    try:
        received: Received = await again(_once, client, to, body)
    except Unreachable as error:
        raise Hopeless(f"{error}. Start the server or correct base_url.") from None
    return received


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


async def _once(client: AsyncOpenAI, to: Connection, body: dict[str, Any]) -> Received:
    import openai

    started = time.perf_counter()
    try:
        # The client's own timeout starts anew with every byte; a server that drips would never end it.
        data = await asyncio.wait_for(client.post("/chat/completions", cast_to=object, body=body), to.timeout)
        return read_reply(data, time.perf_counter() - started)
    except asyncio.TimeoutError:
        raise Passing(f"no reply within {to.timeout:g} s") from None
    except openai.OpenAIError as error:
        raise fault(error, to) from None
    except ValueError as error:
        raise Passing(f"the reply is not JSON ({to.hide(str(error))})") from None
    except Passing as error:
        raise Passing(to.hide(str(error))) from None
