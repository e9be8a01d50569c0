"""How long a server asks to be left alone, wherever it says so."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import mktime_tz, parsedate_tz
from typing import Any

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PIECE = re.compile(
    r"[\s,]*(?:and\s+)?(\d+(?:\.\d+)?)\s*"
    r"(ms|millis\w*|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)(?![a-z])",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"(?:(?:re-?|)try(?:ing)?(?: again| your request)?|wait)"
    r"(?: in| after| for)?(?: about| approximately| at least)?(?= ?\d)",
    re.IGNORECASE,
)
_FIELDS = ("retryDelay", "retry_after", "retryAfter", "retry_after_seconds", "estimated_time")
# Google's, where a gateway has put the whole error into the message of its own.
_QUOTED = re.compile(r'"retryDelay"\s*:\s*"')
# `x-ratelimit-reset` holds seconds from now, seconds since the epoch, or milliseconds since it.
_EPOCH, _EPOCH_MS = 1e8, 1e11


def told_wait(headers: Mapping[str, str], body: Any, now: float) -> float | None:
    """Seconds that a server asks to wait.

    Looked for in this order: the header `Retry-After` in its forms; fields of the error's body, such as
    Google's `retryDelay`; the words of the message ("try again in 6m0s"); the headers that say when a limit
    is lifted.

    Args:
        headers: of the response.
        body: of the response, parsed.
        now: seconds since the epoch.

    Returns:
        At least 0, inf for what is beyond the calendar; None where nothing is asked or it cannot be read.
    """
    places = (_retry_after(headers, now), _of_fields(body), _of_words(body), _lifted(headers, now))
    return next((max(seconds, 0.0) for seconds in places if seconds is not None), None)


def duration(text: Any) -> float | None:
    """Seconds at the beginning of a text as servers write them; None where there are none.

    >>> [duration(text) for text in ("17s", "6m0s", "250ms.", "1.5", 2, "2 minutes and 3 seconds", "soon")]
    [17.0, 360.0, 0.25, 1.5, 2.0, 123.0, None]
    """
    try:
        number = float(text)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isnan(number):
        return number
    total, position = None, 0
    while isinstance(text, str) and (piece := _PIECE.match(text, position)):
        unit = piece[2].casefold()
        seconds = _UNITS["ms" if unit.startswith(("ms", "milli")) else unit[0]]
        total, position = (total or 0.0) + float(piece[1]) * seconds, piece.end()
    return total


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    milliseconds = duration(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after", "")
    seconds = duration(said)
    return _until(said, now) if seconds is None else seconds


def _until(date: str, now: float) -> float | None:
    parsed = parsedate_tz(date)
    if parsed is None:
        return None
    try:
        return mktime_tz(parsed) - now
    except (OverflowError, ValueError):  # the calendar ends with the year 9999
        return math.inf if parsed[0] > 9999 else None


def _of_fields(body: Any) -> float | None:
    found = (duration(value) for name, value in _fields(body) if name in _FIELDS)
    return next((seconds for seconds in found if seconds is not None), None)


def _of_words(body: Any) -> float | None:
    for _, value in _fields(body):
        text = value if isinstance(value, str) else ""
        for said in (*_QUOTED.finditer(text), *_TOLD.finditer(text)):
            seconds = duration(text[said.end() :])
            if seconds is not None:
                return seconds
    return None


def _lifted(headers: Mapping[str, str], now: float) -> float | None:
    """When a limit is lifted: that of what is used up, else the soonest, since asking again tells more."""
    used_up: list[float] = []
    others: list[float] = []
    for name, said in headers.items():
        if re.search("ratelimit.*reset", name, re.IGNORECASE):
            seconds = _from_now(said, now)
            if seconds is not None:
                remaining = headers.get(re.sub("reset", "remaining", name, flags=re.IGNORECASE), "")
                (used_up if duration(remaining) == 0 else others).append(seconds)
    return max(used_up) if used_up else min(others, default=None)


def _from_now(said: str, now: float) -> float | None:
    seconds = duration(said)
    if seconds is not None:
        return seconds if seconds < _EPOCH else seconds / (1000 if seconds > _EPOCH_MS else 1) - now
    try:
        return datetime.fromisoformat(said.replace("Z", "+00:00")).timestamp() - now
    except (OverflowError, ValueError):
        return None


def _fields(body: Any, name: str = "", depth: int = 6) -> Iterator[tuple[str, Any]]:
    """Names and values in a body, however they are nested."""
    yield name, body
    if depth and isinstance(body, list):
        for one in body[:50]:
            yield from _fields(one, name, depth - 1)
    elif depth and isinstance(body, dict):
        for key, value in body.items():
            yield from _fields(value, str(key), depth - 1)
