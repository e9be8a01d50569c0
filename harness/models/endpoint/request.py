"""From a question and an image to the body of a request."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.prompts.question import Question

# What a request for log-probabilities asks for: as many as OpenAI and vLLM give by default.
TOP = 20
PLACEHOLDER = "<image>"
OURS = ("model", "messages", "stream", "n")


@dataclass(frozen=True, kw_only=True)
class Form:
    """How requests to one endpoint are written.

    Attributes:
        model: the model's name, as the server knows it.
        json_mode: whether a question that wants JSON sets `response_format`.
        detail: OpenAI's image detail, or "".
        max_tokens_field: name of the field that limits a reply.
        extra: more fields.
    """

    model: str
    json_mode: bool
    detail: str
    max_tokens_field: str
    extra: Mapping[str, Any]

    def __post_init__(self) -> None:
        if taken := self.extra.keys() & {*OURS, self.max_tokens_field}:
            raise UsageError(
                f"The extra fields of model {self.model} name {', '.join(sorted(taken))}, which the harness "
                "sets itself. Leave them out."
            )
        try:
            json.dumps(self.extra)
        except TypeError as error:  # TOML has dates
            raise UsageError(
                f"The extra fields of model {self.model} are not JSON ({error}). Correct them."
            ) from error

    def as_dict(self) -> dict[str, Any]:
        """Everything that moves an answer, beside the question, as plain values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def body(self, question: Question, image: str, *, scoring: bool) -> dict[str, Any]:
        """The body of a request.

        Args:
            question: what is asked.
            image: the image's address.
            scoring: whether the first token's log-probabilities are wanted, instead of a written answer.
        """
        shown = {"logprobs": True, "top_logprobs": TOP} if scoring else {}
        return {
            "model": self.model,
            "messages": self._messages(question, image),
            "temperature": 0,
            self.max_tokens_field: 1 if scoring else question.max_tokens,
            **shown,
            **self._response_format(question),
            **self.extra,
        }

    def rendered(self, question: Question) -> str:
        """The messages as canonical JSON, the image as a placeholder."""
        read = {"messages": self._messages(question, PLACEHOLDER), **self._response_format(question)}
        return json.dumps(read, sort_keys=True, ensure_ascii=False)

    def _messages(self, question: Question, image: str) -> list[dict[str, Any]]:
        system = [{"role": "system", "content": question.system}] if question.system else []
        address = {"url": image, "detail": self.detail} if self.detail else {"url": image}
        content = [{"type": "image_url", "image_url": address}, {"type": "text", "text": question.text}]
        return [*system, {"role": "user", "content": content}]

    def _response_format(self, question: Question) -> dict[str, Any]:
        wanted = self.json_mode and question.json
        return {"response_format": {"type": "json_object"}} if wanted else {}


def data_url(image: NDArray[np.uint8]) -> str:
    """An image (H, W) or (H, W, 3) as a PNG in an address: every pixel, grey as three equal channels.

    Three channels, as local processors get them: how a server would read a grey PNG is its own affair.
    """
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).convert("RGB").save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
