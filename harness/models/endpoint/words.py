"""From the bytes of a server to values that can be kept: no key in them, no half of a character."""

from __future__ import annotations

import json
import re
from typing import Any

from harness.models.endpoint.faults import Unread, Useless

# A shorter "key" is a placeholder for servers that want none, and may be a word that models answer with.
SHORTEST_SECRET = 8

# What the lines of server-sent events begin with.
_EVENTS = ("data:", "event:", "id:", "retry:", ": ")
_HALF_PAIRS = re.compile("[\ud800-\udfff]")


def read_json(body: bytes, key: str) -> Any:
    """What a body says, see `clean`. Its content type is not asked: several servers send JSON as text.

    Raises:
        Unread: it is not JSON, or nested too deeply to be an answer.
        Useless: it is a stream of events.
    """
    text = body.decode("utf-8-sig", "replace")
    try:
        return clean(json.loads(text), key)
    except (RecursionError, ValueError) as error:
        if text.lstrip().startswith(_EVENTS):
            raise Useless(
                "the server streams its reply (server-sent events), which was not asked for: switch "
                "streaming off there or in the gateway before it"
            ) from None
        raise Unread(f"the reply is not JSON ({error}): {text!r:.200}") from None


def clean(value: Any, key: str) -> Any:
    """What a server said, with its key masked wherever it repeats it, and halves of characters replaced.

    Everything that is kept, shown or raised goes through here first: replies when they are read, errors
    before they become a reason.

    Args:
        value: a text, or JSON values.
        key: the key, "" for none.
    """
    if isinstance(value, str):
        masked = re.sub(re.escape(key), "***", value, flags=re.I) if len(key) >= SHORTEST_SECRET else value
        return _HALF_PAIRS.sub("\ufffd", masked)
    if isinstance(value, list):
        return [clean(one, key) for one in value]
    if isinstance(value, dict):
        return {clean(name, key): clean(one, key) for name, one in value.items()}
    return value
