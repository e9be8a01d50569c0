"""From what a server sent to a reply; what is not one is a fault, never an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.models.endpoint.faults import Passing
from harness.prompts.question import Finish, Reply

# `tool_calls`: what `transformers serve` makes of a text that looks like one. A missing reason is that of
# servers which give none.
FINISHES: dict[str | None, Finish] = {
    None: "stop",
    "stop": "stop",
    "tool_calls": "stop",
    "length": "length",
    "content_filter": "content_filter",
}


@dataclass(frozen=True)
class Received:
    """A reply, and what only scoring reads.

    Attributes:
        reply: the reply; its cost is not known yet.
        top: the first token's likeliest values with their log-probabilities, () where the server gives none.
    """

    reply: Reply
    top: tuple[tuple[str, float], ...] = ()


def read_reply(data: Any, latency: float) -> Received:
    """Reads a chat completion.

    Args:
        data: the parsed JSON.
        latency: seconds that it took.

    Raises:
        Passing: it is not a chat completion with a text; the same request may well get one.
    """
    try:
        choice = data["choices"][0]
        message, finish = choice["message"], FINISHES.get(choice.get("finish_reason"))
        text = message.get("content") or message.get("refusal") or ""
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise Passing(f"the server sent no chat completion: {data!r}") from error
    if finish is None or not isinstance(text, str):
        raise Passing(f"the server sent a reply that is none: {choice!r}")
    reply = Reply(
        text=text,
        finish=finish,
        tokens_in=_tokens(data, "prompt_tokens"),
        tokens_out=_tokens(data, "completion_tokens"),
        latency_s=latency,
    )
    return Received(reply, _top(choice))


def _tokens(data: dict[str, Any], field: str) -> int | None:
    usage = data.get("usage")
    count = usage.get(field) if isinstance(usage, dict) else None
    return count if type(count) is int and count >= 0 else None


def _top(choice: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    try:
        listed = choice["logprobs"]["content"][0]["top_logprobs"]
        return tuple((str(one["token"]), float(one["logprob"])) for one in listed)
    except (IndexError, KeyError, TypeError, ValueError):
        return ()
