"""What can go wrong with a call, sorted by what helps: asking again, another question, or nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.models.endpoint.waits import told_wait

if TYPE_CHECKING:
    from openai import OpenAIError

    from harness.models.endpoint.connection import Connection

# A server that wants to be left alone for longer gets a failure instead, which the next run asks again.
PATIENCE = 120.0
NEVER = 1e8

# All calls would end so: a wrong key, an unknown model or address, an empty account, a proxy's password.
HOPELESS_STATUS = (401, 402, 404, 407)
REDIRECTS = (301, 302, 303, 307, 308)
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
        everyone: whether the reason is not this request, so that all requests had better wait.
    """

    def __init__(self, reason: str, after: float | None = None, everyone: bool = False) -> None:
        super().__init__(reason)
        self.after, self.everyone = after, everyone or after is not None


class Useless(Failed):
    """Something came that nobody can use, and asking again would bring the same. It may have been billed."""


class Unread(Passing):
    """Something came that cannot be read. It may have been billed, so that it is asked once more only."""


class Unreachable(Passing):
    """Nobody listens at that address, for now."""


class Hopeless(Exception):
    """Every call would fail like this one."""


def fault(error: OpenAIError | Failed, to: Connection) -> Failed | Hopeless:
    """What an error of the client, or one met while a reply was read, means."""
    import openai

    met = error if isinstance(error, Failed) else error.__cause__  # older clients wrap it
    if isinstance(met, Failed):
        return Unread(to.hide(str(met))) if isinstance(met, Unread) else met
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__ or error  # of httpx or httpx2, as the client's version has it
        kind = type(cause).__name__
        told = to.hide(str(cause) or kind)
        if kind in ("ConnectError", "ConnectTimeout", "ProxyError"):
            return Unreachable(f"{to.place} cannot be reached{to.by_way_of} ({told})")
        if isinstance(error, openai.APITimeoutError):
            return Passing(f"no reply within {to.timeout:g} s")
        return Passing(f"the connection was lost ({told})")
    if isinstance(error, openai.APIStatusError):
        return refused(error.body, error.status_code, error.response.headers, to)
    return Failed(to.hide(str(error)))


def is_error(body: Any) -> bool:
    """Whether the body of a good response is an error, as gateways send it."""
    return (
        isinstance(body, dict) and bool(body.get("error")) and not (body.get("choices") or body.get("usage"))
    )


def refused(body: Any, status: int, headers: Mapping[str, str], to: Connection) -> Failed | Hopeless:
    """What a refusal means; where its status is that of a good response, its code stands in the body."""
    error = _error_in(body)
    code = error.get("code") if isinstance(error, dict) else None
    if status < 400 and isinstance(code, int):
        status = code
    reason = f"{status}: {to.hide(error_text(error))}"
    if status == 401:
        fix = (
            f"Set a valid key in {to.key_env}"
            if to.key_env
            else "Name the variable of its key in api_key_env"
        )
        return Hopeless(f"{to.place} does not accept the key (401). {fix}.")
    if status in REDIRECTS and "location" in headers:
        there = to.hide(headers["location"].partition("?")[0])
        return Hopeless(
            f"{to.place} sends requests on to {there} ({status}), which got none. Write that "
            "address into base_url if you trust it."
        )
    if code in HOPELESS_CODES or status in HOPELESS_STATUS:
        return Hopeless(f"{to.place} refuses every call ({reason}). Correct model, base_url or account.")
    if code in FILTERED_CODES:
        return Filtered(reason)
    if status < 400 or status in (408, 409, 429) or status >= 500:
        after = told_wait(headers, body, time.time())
        if after is not None and after > PATIENCE:
            asked = f"{after:.0f} s" if after < NEVER else "for years"
            return Failed(f"{reason} (asks to wait {asked}; {PATIENCE:.0f} s is the most)")
        return Passing(reason, after, everyone=status == 429)
    return Failed(reason)


def _error_in(body: Any) -> Any:
    if isinstance(body, list) and body:  # Gemini
        body = body[0]
    return body.get("error", body) if isinstance(body, dict) else body


def error_text(error: Any) -> str:
    """The message of an error, wherever servers put it."""
    if isinstance(error, dict):
        error = next((error[name] for name in ("message", "detail") if error.get(name)), error)
    return str(error or "no reason given")
