"""What can go wrong with a call, sorted by what helps: asking again, another question, or nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAIError

    from harness.models.endpoint.connection import Connection

# A server that wants to be left alone for longer gets a failure instead, which the next run asks again.
PATIENCE = 120.0

# All calls would end so: a wrong key, an unknown model or address, an empty account.
HOPELESS_STATUS = (401, 402, 404)
HOPELESS_CODES = ("model_not_found", "insufficient_quota")
FILTERED_CODES = ("content_filter", "content_policy_violation")


class Failed(Exception):
    """This call has failed, and would fail again; others may not."""


class Filtered(Failed):
    """A content filter stopped the question itself."""


class Passing(Failed):
    """This call has failed for a reason that passes.

    Attributes:
        after: seconds that the server asks to wait, or None.
    """

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Unreachable(Passing):
    """Nobody listens at that address, for now."""


class Hopeless(Exception):
    """Every call would fail like this one."""


def fault(error: OpenAIError, to: Connection) -> Failed | Hopeless:
    """What an error of the client means."""
    import openai

    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__ or error  # of httpx or httpx2, as the client's version has it
        kind = type(cause).__name__
        told = to.hide(str(cause) or kind)
        if kind in ("ConnectError", "ConnectTimeout"):
            return Unreachable(f"{to.place} cannot be reached ({told})")
        if isinstance(error, openai.APITimeoutError):
            return Passing(f"no reply within {to.timeout:g} s")
        return Passing(f"the connection was lost ({told})")
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, to)
    return Failed(to.hide(str(error)))


def _of_status(error: APIStatusError, to: Connection) -> Failed | Hopeless:
    status, reason = error.status_code, f"{error.status_code}: {to.hide(_told(error.body))}"
    if status == 401:
        fix = (
            f"Set a valid key in {to.key_env}"
            if to.key_env
            else "Name the variable of its key in api_key_env"
        )
        return Hopeless(f"{to.place} does not accept the key (401). {fix}.")
    if error.code in HOPELESS_CODES or status in HOPELESS_STATUS:
        return Hopeless(f"{to.place} refuses every call ({reason}). Correct model, base_url or account.")
    if error.code in FILTERED_CODES:
        return Filtered(reason)
    if status in (408, 409, 429) or status >= 500:
        after = retry_after(error.response.headers, time.time())
        if after is not None and after > PATIENCE:
            return Failed(f"{reason} (asks to wait {after:.0f} s)")
        return Passing(reason, after)
    return Failed(reason)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a server asks to wait, given in milliseconds, in seconds or as an HTTP date.

    Args:
        headers: of the response.
        now: seconds since the epoch.

    Returns:
        At least 0, or None where nothing is asked or it cannot be read.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        return max(seconds, 0.0) if seconds == seconds else None
    date = parsedate_tz(headers.get("retry-after", ""))
    return None if date is None else max(mktime_tz(date) - now, 0.0)


def _told(body: Any) -> str:
    """The message in the body of an error, wherever servers put it."""
    if isinstance(body, list) and body:  # Gemini
        body = body[0]
    if isinstance(body, dict):
        body = body.get("error", body)
    if isinstance(body, dict):
        body = next((body[name] for name in ("message", "detail") if body.get(name)), body)
    return str(body or "no reason given")
