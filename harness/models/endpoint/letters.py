"""Scoring where a server shows only the likeliest first tokens: answers of one letter."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.prompts.question import Question

# Space, and how two families of tokenizers spell it in the tokens that some servers pass on.
SPACES = " \n▁Ġ"


def check_letters(question: Question) -> None:
    """Checks that a question can be scored from its first token.

    Raises:
        UsageError: an answer is longer than a letter, two are the same, or the model's turn is begun for it.
    """
    answers = [answer.strip().casefold() for answer in question.answers]
    distinct = len(set(answers)) == len(answers)
    if not distinct or question.prefill or any(len(answer) != 1 for answer in answers):
        raise UsageError(
            f"An endpoint shows the first token's log-probabilities only, which cannot score "
            f"{question.answers[0]!r}. Ask with answer = 'letter', or with mode = 'generate'."
        )


def letter_scores(top: Sequence[tuple[str, float]], answers: Sequence[str]) -> NDArray[np.float32]:
    """Log-probabilities of answers of one letter from the first token's likeliest values.

    A letter's tokens with and without a space before it, large and small, count together. What is not
    listed has at most the probability of the least one listed, and shares with the other answers not
    listed what the list leaves over: the smaller of the two bounds stands for it. It never outranks
    what is listed, and the scores never sum to more than one.

    Args:
        top: tokens and their log-probabilities.
        answers: K distinct letters.

    Returns:
        (K,), all finite; or all nan where not one of the answers is listed, since an order among them
        would be made up.
    """
    listed = [(token, logprob) for token, logprob in top if math.isfinite(logprob)]
    by_letter: dict[str, list[float]] = {}
    for token, logprob in listed:
        by_letter.setdefault(token.strip(SPACES).casefold(), []).append(logprob)
    found = [by_letter.get(answer.strip().casefold()) for answer in answers]
    missing = sum(logprobs is None for logprobs in found)
    if missing == len(answers):
        return np.full(len(answers), np.nan, np.float32)
    least = min(logprob for _, logprob in listed)
    left = max(1 - sum(math.exp(logprob) for _, logprob in listed), 1e-12)  # rounding may leave nothing
    bound = min(least, math.log(left / max(missing, 1)))
    scores = [bound if logprobs is None else np.logaddexp.reduce(logprobs) for logprobs in found]
    return np.array(scores, np.float32)
