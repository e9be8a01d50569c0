"""From a question to the text that a local model reads, by its own chat template."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from harness.errors import ModelError
from harness.prompts.question import Question

_MARK = "\u2039answer\u203a"


class Chat:
    """The chat template of one processor.

    Args:
        processor: a transformers processor.
        name: the model, for messages.
    """

    def __init__(self, processor: Any, name: str) -> None:
        self._processor = processor
        self._name = name
        self._turns = lru_cache(maxsize=4096)(self._both_turns)

    def prompt(self, question: Question) -> str:
        """What the model reads before it answers: the turns so far, and the beginning of its own.

        A template that takes no system message gets it as the first paragraph of the user's text.
        `prefill` belongs to questions whose answers are scored.

        Raises:
            ModelError: the processor has no chat template, or it drops the question.
        """
        text, joint = self._turns(question.system, question.text)
        return text + (joint + question.prefill if question.score and question.prefill else "")

    def continuations(self, question: Question) -> list[str]:
        """For each answer the text that follows `prompt`: the answer, after the template's own space.

        Whether a turn reads `ASSISTANT: happy` or `assistant\\nhappy` is for the template to say; scoring
        ` happy` where the model was trained on `happy`, or the reverse, would measure that instead.
        """
        joint = "" if question.prefill else self._turns(question.system, question.text)[1]
        return [joint + answer for answer in question.answers]

    def _both_turns(self, system: str, text: str) -> tuple[str, str]:
        messages, prompt = self._accepted(system, text)
        answer = {"role": "assistant", "content": [{"type": "text", "text": _MARK}]}
        answered = self._render([*messages, answer], add_generation_prompt=False) or ""
        joint = answered[len(prompt) :].partition(_MARK)[0] if answered.startswith(prompt) else None
        if joint is None or joint.strip():  # the template writes past answers otherwise than new ones
            joint = "" if prompt[-1:].isspace() else " "
        return prompt, joint

    def _accepted(self, system: str, text: str) -> tuple[list[dict[str, Any]], str]:
        def user(words: str) -> dict[str, Any]:
            return {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": words}]}

        forms: list[list[dict[str, Any]]] = [[user(text)]]
        if system:
            parts = [{"type": "text", "text": system}]
            forms = [
                [{"role": "system", "content": parts}, user(text)],
                [{"role": "system", "content": system}, user(text)],
                [user(f"{system}\n\n{text}")],
            ]
        for messages in forms:
            prompt = self._render(messages, add_generation_prompt=True)
            if prompt and _says(prompt, system, text, messages):
                return messages, prompt
        raise ModelError(
            f"The processor of {self._name} has no chat template that takes an image and a text. "
            "Save it with a chat_template."
        )

    def _render(self, messages: list[dict[str, Any]], *, add_generation_prompt: bool) -> str | None:
        from jinja2 import TemplateError

        try:
            rendered = self._processor.apply_chat_template(
                messages, add_generation_prompt=add_generation_prompt, tokenize=False
            )
        except (TemplateError, TypeError, ValueError):  # ValueError: there is no template
            return None
        return str(rendered)


def _says(prompt: str, system: str, text: str, messages: list[dict[str, Any]]) -> bool:
    # A template made for plain strings prints a list of parts as Python does.
    whole = text.strip() in prompt and system.strip() in prompt
    return whole and not any(
        str(message["content"]) in prompt for message in messages if message["content"] != system
    )
