"""A rendered question, and a model's reply to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Finish = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question about one image, in one turn; the image stands before the text.

    Attributes:
        system: the system message, "" for none.
        text: the user's text.
        labels: the labels in the order in which they are shown, as the label space spells them; where
            `shown` is false, those that the answer is held against.
        answers: what a model says for each of `labels` (`"happy"`, `"B"`); scored in mode `score`.
        prefill: beginning of the model's turn that all answers share where they are scored, such as
            `{"emotion": "`.
        shown: whether the text names the labels.
        options: `labels` where they are shown with letters, else ().
        score: whether answers are scored; otherwise a reply is written.
        normalise: whether log-likelihoods are divided by the answer's number of tokens.
        json: whether the reply is to be a JSON object.
        max_tokens: limit of a written reply.
        repeat: how many times the same question was asked before.
        captions: templates for contrastive models; `{c}` stands for a class name.
        names: class names for contrastive models, several of one class being an ensemble: per label, or where
            `shown` is false per emotion of the vocabulary, whose first name is then the answer.
    """

    text: str
    labels: tuple[str, ...]
    answers: tuple[str, ...]
    system: str = ""
    prefill: str = ""
    shown: bool = True
    options: tuple[str, ...] = ()
    score: bool = False
    normalise: bool = False
    json: bool = False
    max_tokens: int = 64
    repeat: int = 0
    captions: tuple[str, ...] = ()
    names: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back for one question about one image.

    Attributes:
        text: what the model wrote, or None when the call failed.
        finish: why it stopped: by itself, at `max_tokens`, or by a content filter.
        error: why the call failed, or "".
        remark: what is odd about a reply that came, or "".
        thought: whether the model thought before it answered; thoughts are no text.
        tokens_in: tokens of the request, as the model counts them.
        tokens_out: tokens of the reply.
        cost: what the reply cost in US dollars; None where no price is known.
        latency_s: seconds that this reply took.
    """

    text: str | None
    finish: Finish = "stop"
    error: str = ""
    remark: str = ""
    thought: bool = False
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    latency_s: float = 0.0
