"""From what a server sent to a reply: its text and how it ended, or why there is none."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from harness.models.endpoint.faults import Unread, error_text
from harness.prompts.question import Finish, Reply

# How servers spell it, letters only: OpenAI, Anthropic, Gemini, Mistral, Ollama, llama.cpp, LM Studio, TGI,
# SGLang, Together, Bedrock, GLM, DeepSeek. `toolcalls` is what `transformers serve` makes of a text that
# looks like a call; no reason at all is that of servers which give none.
FINISHES: dict[Finish, str] = {
    "stop": " none stop eos eostoken eosfound eog endturn endofturn end done complete completed finish"
    " finished stopsequence stopstring stopstringfound stoptoken toolcalls tooluse functioncall",
    "length": "length maxtokens maxlength maxoutputtokens maxcompletiontokens modellength limit tokenlimit"
    " contextlength contextlengthreached maxpredictedtokensreached modelcontextwindowexceeded incomplete",
    "content_filter": "contentfilter contentfiltered contentmoderation safety imagesafety refusal blocked"
    " blocklist prohibitedcontent recitation spii sensitive guardrailintervened",
}
BROKEN_OFF = {
    *[
        "error",
        "abort",
        "aborted",
        "cancelled",
        "canceled",
        "timeout",
        "networkerror",
        "load",
        "unload",
        "malformedfunctioncall",
    ],
    "insufficientsystemresource",  # DeepSeek
}
THOUGHTS = ("reasoning", "reasoning_content", "thinking", "reasoning_details")
# No model reads or writes so much at a time; what a server counts beyond it is no count.
MOST_TOKENS = 10**7

_MESSAGES = ("message", "delta")
_FINISH = {word: finish for finish, words in FINISHES.items() for word in words.split(" ")}


@dataclass(frozen=True)
class Usage:
    """What a server counts for one reply; it is read before the reply is judged.

    Attributes:
        tokens_in: tokens of the request, None where they are not counted.
        tokens_out: tokens of the reply, thoughts included.
        thoughts: whether some of them are thoughts.
        odd: what stands there instead of a count, or "".
    """

    tokens_in: int | None = None
    tokens_out: int | None = None
    thoughts: bool = False
    odd: str = ""


@dataclass(frozen=True)
class Received:
    """A reply, and what only scoring reads.

    Attributes:
        reply: the reply; what it took and cost is not in it yet.
        top: the first token's likeliest values with their log-probabilities, () where the server gives none.
    """

    reply: Reply
    top: tuple[tuple[str, float], ...] = ()


def read_usage(data: Any) -> Usage:
    """What a reply says about its tokens.

    Args:
        data: the parsed JSON.

    Raises:
        Unread: it is no chat completion, and counts no tokens.
    """
    usage = data.get("usage") if isinstance(data, dict) else None
    if usage is None and _choice(data) is None:
        raise Unread(f"the server sent no chat completion: {data!r}")
    if not isinstance(usage, dict):
        return Usage(odd="" if usage is None else f"its usage as {usage!r:.60}")
    told = [
        _first(usage, "prompt_tokens", "input_tokens"),
        _first(usage, "completion_tokens", "output_tokens"),
    ]
    tokens_in, tokens_out = (one if _is_count(one) else None for one in told)
    odd = [f"{one!r:.60} tokens" for one in told if one is not None and not _is_count(one)]
    hidden, total = 0, usage.get("total_tokens")
    if tokens_in is not None and tokens_out is not None and _is_count(total):
        hidden = max(total - tokens_in - tokens_out, 0)  # thoughts of Gemini and Grok, which are billed
        tokens_out += hidden
    details = usage.get("completion_tokens_details")
    named = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return Usage(tokens_in, tokens_out, bool(hidden or (_is_count(named) and named)), " and ".join(odd))


def read_reply(data: Any, usage: Usage) -> Received:
    """Reads a chat completion. Whatever came is judged once: it was paid for, with or without an answer.

    Args:
        data: the parsed JSON.
        usage: see `read_usage`.
    """
    choice = _choice(data)
    if choice is None:
        return Received(Reply(text=None, error=f"a reply without a message came: {data!r:.200}"))
    message = _message(choice)
    text = _text(message.get("content")) or _text(message.get("refusal"))
    word, finish = _ending(choice)
    if _letters(word) in BROKEN_OFF:
        said = error_text(choice["error"]) if choice.get("error") else f"after {text!r:.100}"
        error = f"the server broke the reply off ({word!r}): {said:.200}"
        return Received(Reply(text=None, error=error))
    thought = usage.thoughts or any(message.get(name) for name in THOUGHTS) or _holds_thoughts(message)
    remarks = (
        f"the server counts {usage.odd}" if usage.odd else "",
        f"it ended for a reason unknown to the harness: {word!r:.60}" if finish is None else "",
        "characters of it came damaged" if "\ufffd" in text else "",
        "" if text.strip() else _why_empty(message, thought),
    )
    top, flaw = _top(choice)
    reply = Reply(
        text=None if flaw else text,
        finish=finish or "stop",
        error=flaw,
        remark="; ".join(filter(None, remarks)),
        thought=thought,
    )
    return Received(reply, top)


def _choice(data: Any) -> dict[str, Any] | None:
    """What a completion holds: a message, or at least why there is none (a filter may leave only that)."""
    try:
        choice = data["choices"][0]
    except (IndexError, KeyError, TypeError):
        return None
    there = isinstance(choice, dict) and any(map(choice.get, (*_MESSAGES, "text", "finish_reason")))
    return choice if there else None


def _message(choice: dict[str, Any]) -> dict[str, Any]:
    """The message; some gateways send the delta of a stream instead, or the text of the older protocol."""
    told = [choice[name] for name in _MESSAGES if isinstance(choice.get(name), dict)]
    return told[0] if told else {"content": choice.get("text")}


def _first(usage: dict[str, Any], *names: str) -> Any:
    return next((usage[name] for name in names if usage.get(name) is not None), None)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST_TOKENS


def _text(content: Any) -> str:
    """The text of a message: a string, or the parts of it that are neither thoughts nor calls."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        kind = str(content.get("type", "text"))
        written = next((content[name] for name in ("text", "refusal", "content") if content.get(name)), "")
        return "" if _is_thought(kind) else _text(written)
    return "".join(map(_text, content)) if isinstance(content, list) else ""


def _is_thought(kind: str) -> bool:
    return kind in ("thinking", "reasoning", "redacted_thinking", "thought")


def _holds_thoughts(message: dict[str, Any]) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(
        isinstance(part, dict) and _is_thought(str(part.get("type"))) for part in content
    )


def _ending(choice: dict[str, Any]) -> tuple[str, Finish | None]:
    """Why a reply ended, as the server says it and as the harness knows it; None for an unknown reason."""
    reason = choice.get("finish_reason")
    if isinstance(reason, dict):  # SGLang
        reason = reason.get("type")
    word = "" if reason is None else str(reason).strip()
    letters = _letters(word) if word else ""
    if letters.startswith("contentfilter"):  # Gemini: "content_filter: PROHIBITED_CONTENT"
        return word, "content_filter"
    return word, _FINISH.get(letters)


def _letters(word: str) -> str:
    return re.sub("[^a-z]", "", word.casefold()).removeprefix("finishreason") or word


def _why_empty(message: dict[str, Any], thought: bool) -> str:
    if thought:
        return "thoughts came and no answer; switch thinking off"
    return "a tool call came and no answer" if message.get("tool_calls") else "the reply is empty"


def _top(choice: dict[str, Any]) -> tuple[tuple[tuple[str, float], ...], str]:
    """The first token's likeliest values, or what is wrong with one of them."""
    try:
        told = [
            (str(one["token"]), one["logprob"]) for one in choice["logprobs"]["content"][0]["top_logprobs"]
        ]
    except (IndexError, KeyError, TypeError):
        return (), ""
    listed = tuple((token, _logprob(value)) for token, value in told)
    for (token, value), (_, logprob) in zip(told, listed, strict=True):
        if math.isnan(logprob):
            return (), f"the server gives {token!r:.20} the log-probability {value!r:.40}, which is none"
    return listed, ""


def _logprob(value: Any) -> float:
    """A log-probability; nan for what is none. Rounding may lift a certain token a little above 0."""
    if type(value) is int:
        value = float(value) if abs(value) < MOST_TOKENS else math.nan
    return value if type(value) is float and value <= 0.01 else math.nan
