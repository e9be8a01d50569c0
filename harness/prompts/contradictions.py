"""Axes of a prompt that contradict each other."""

from __future__ import annotations

from harness.errors import UsageError

from .prompt import Prompt

# Letters of options. They end before I: a reply that is nothing but "I" may be a broken-off sentence.
LETTERS = "ABCDEFGH"


def require_consistent(prompt: Prompt, count: int) -> None:
    """Checks the axes of a prompt against each other and against the number of labels.

    Raises:
        UsageError: two of them contradict each other.
    """
    _require_labels(prompt)
    _require_scorable(prompt)
    if prompt.answer == "letter" and count > len(LETTERS):
        raise UsageError(
            f"There are {count} labels, and letters that are no word end with {LETTERS[-1]}. "
            "Use answer label, or a subset."
        )
    if prompt.max_tokens is not None and prompt.max_tokens < 1:
        raise UsageError(f"A prompt has max_tokens = {prompt.max_tokens}. Give at least 1.")
    for caption in prompt.captions:
        if caption.count("{c}") != 1:
            raise UsageError(
                f"Caption {caption!r} of a prompt has no single place for the class name. Write {{c}} once."
            )


def _require_labels(prompt: Prompt) -> None:
    """What takes labels does not go with labels that are absent."""
    if prompt.labels == "absent":
        if prompt.answer == "letter":
            raise UsageError("Letters stand for labels, but labels are absent. Use answer label.")
        if prompt.examples:
            raise UsageError("Examples name two labels, but labels are absent. Use examples = false.")
        if prompt.form == "two-stage":
            raise UsageError("The first of two questions shows its labels. Use labels = shown, or form flat.")
    elif prompt.examples and prompt.answer == "letter":
        raise UsageError(
            "The letter of an example stands for another label in each order. "
            "Use examples = false, or answer label."
        )


def _require_scorable(prompt: Prompt) -> None:
    """Log-likelihoods are those of known answers that follow the question at once."""
    if prompt.mode == "generate":
        return
    reasons = {
        "labels = absent": prompt.labels == "absent" and "an open question has no list of answers to score",
        "answer = free": prompt.answer == "free" and "a sentence in free words cannot be listed and scored",
        "a reasoning": prompt.reasoning != "none" and "answers are scored at once, before any reasoning",
    }
    for axis, reason in reasons.items():
        if reason:
            raise UsageError(f"Mode {prompt.mode} does not go with {axis}: {reason}. Use mode generate.")
