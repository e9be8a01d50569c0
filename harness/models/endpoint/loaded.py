"""An endpoint behind `Generative`: many questions about many images, a few requests at a time."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessWarning, ModelError, Unavailable
from harness.models.endpoint.account import Account
from harness.models.endpoint.budget import Budget
from harness.models.endpoint.calls import Closed, call
from harness.models.endpoint.connection import Connection
from harness.models.endpoint.faults import Failed, Filtered, Hopeless
from harness.models.endpoint.letters import check_letters, letter_scores
from harness.models.endpoint.pace import Pace
from harness.models.endpoint.prices import Price
from harness.models.endpoint.reply import Received
from harness.models.endpoint.request import Form, data_url
from harness.prompts.question import Question, Reply
from harness.tools.slow_paths import note

if TYPE_CHECKING:
    from openai import AsyncOpenAI

Images: TypeAlias = Sequence[NDArray[np.uint8]]


class LoadedEndpoint:
    """Asks an endpoint; see `Generative`.

    A call that finally fails is a reply with its reason. Once a fault shows that no call can succeed,
    nothing more is asked: what was answered is returned, the rest has failed, and the next questions raise.

    Args:
        form: how requests are written.
        connection: where they go.
        price: what tokens cost, or None where it is not known.
        budget: what may be spent.
    """

    def __init__(self, form: Form, connection: Connection, price: Price | None, budget: Budget) -> None:
        self.form, self.connection, self.budget = form, connection, budget
        self.account = Account(price, budget, connection.place, form.max_tokens_field)
        self.pace = Pace()
        self.shows_logprobs = self.warned = False

    def generate(self, images: Images, questions: Sequence[Question]) -> list[list[Reply | None]]:
        """For each question N replies; None where the budget ended before the question was asked.

        Raises:
            ModelError: no call can succeed, and none did.
        """
        received = self._ask(images, questions, scoring=False)
        replies = [[one.reply if one else None for one in of_question] for of_question in received]
        self._warn_of_waste([reply for of_question in replies for reply in of_question if reply])
        return replies

    def _warn_of_waste(self, replies: Sequence[Reply]) -> None:
        """Says so where the first replies are all cut off: the others will be, and cost as much."""
        if self.warned or len(replies) < 2:
            return
        self.warned = True  # later ones are counted under the table
        if all(reply.finish == "length" for reply in replies):
            why = "thinks longer than it may" if any(reply.thought for reply in replies) else "is cut off"
            message = (
                f"{self.form.model} {why}: none of the first {len(replies)} replies was finished. Stop it "
                "with Ctrl-C and raise max_tokens of the prompt, or switch thinking off in the entry's extra."
            )
            warnings.warn(HarnessWarning(message), stacklevel=3)

    def score(self, images: Images, questions: Sequence[Question]) -> list[NDArray[np.float32]]:
        """For each question the log-probabilities (N, K) of its letters, see `letter_scores`.

        Rows are nan, and a note says why, where a call failed, was not made because the budget ended,
        or showed none of the letters.

        Raises:
            UsageError: an answer is not a single letter.
            ModelError: no call can succeed, or the server gives no log-probabilities.
            Unavailable: the budget had ended before.
        """
        if self.budget.exhausted:
            raise Unavailable(f"{self.form.model} has spent what --max-cost allows. Raise it to go on.")
        return self.score_replies(images, questions)[0]

    def score_replies(
        self, images: Images, questions: Sequence[Question]
    ) -> tuple[list[NDArray[np.float32]], list[list[Reply | None]]]:
        """`score`, and the replies that the scores come from; None where the budget had ended."""
        for question in questions:
            check_letters(question)
        received = self._ask(images, questions, scoring=True)
        scores = [
            np.array([_row(one, question) for one in of_question]).reshape(-1, len(question.answers))
            for question, of_question in zip(questions, received, strict=True)
        ]
        _note_gaps(self.form.model, [one for of_question in received for one in of_question], scores)
        return scores, [[one.reply if one else None for one in row] for row in received]

    def _ask(
        self, images: Images, questions: Sequence[Question], *, scoring: bool
    ) -> list[list[Received | None]]:
        if self.account.hopeless:
            raise ModelError(self.account.hopeless)
        received = asyncio.run(self._ask_all(images, questions, scoring))
        if not self.account.hopeless:
            return received
        if all(one is None or one.reply.text is None for row in received for one in row):
            raise ModelError(self.account.hopeless)
        lost = Received(Reply(text=None, error=self.account.hopeless))
        return [[lost if one is None else one for one in row] for row in received]

    async def _ask_all(
        self, images: Images, questions: Sequence[Question], scoring: bool
    ) -> list[list[Received | None]]:
        """Asks image by image, so that a provider's cache of the image serves all its questions."""
        received: list[list[Received | None]] = [[None] * len(images) for _ in questions]
        pairs = iter(
            [(image, question) for image in range(len(images)) for question in range(len(questions))]
        )
        encoded = cache(lambda index: data_url(images[index]))

        async def work(client: AsyncOpenAI) -> None:
            for image, question in pairs:  # one iterator for all workers: each pair is asked once
                if self.account.closed:
                    return
                body = self.form.body(questions[question], encoded(image), scoring=scoring)
                received[question][image] = await self._receive(client, body, scoring)

        async with self.connection.client() as client:
            workers = min(self.connection.concurrency, len(images) * len(questions))
            await asyncio.gather(*(work(client) for _ in range(workers)))
        return received

    async def _receive(self, client: AsyncOpenAI, body: dict[str, Any], scoring: bool) -> Received | None:
        started = time.perf_counter()
        try:
            received = await call(client, self.connection, body, self.pace, self.account)
        except Closed:
            return None
        except Hopeless as error:
            self.account.hopeless = str(error)
            return None
        except Filtered:
            latency = time.perf_counter() - started
            return Received(Reply(text="", finish="content_filter", latency_s=latency))
        except Failed as error:
            return Received(Reply(text=None, error=str(error), latency_s=time.perf_counter() - started))
        except Exception as error:  # whatever it is, it must not cost the replies that others have paid for
            reason = self.connection.hide(f"{type(error).__name__}: {error}")
            return Received(Reply(text=None, error=reason, latency_s=time.perf_counter() - started))
        self.shows_logprobs |= bool(received.top)
        if scoring and not self.shows_logprobs and received.reply.text:
            self.account.hopeless = (
                f"{self.connection.place} gives no log-probabilities. Remove logprobs = true from the entry "
                f"of {self.form.model}."
            )
            return None
        return received


def _row(received: Received | None, question: Question) -> NDArray[np.float32]:
    top = received.top if received is not None else ()
    return letter_scores(top, question.answers)


def _note_gaps(
    model: str, received: Sequence[Received | None], scores: Sequence[NDArray[np.float32]]
) -> None:
    """Says how many rows are nan, and why the first of them is."""
    gaps = np.concatenate([np.isnan(of_question[:, 0]) for of_question in scores])
    if not gaps.any():
        return
    first = received[int(gaps.argmax())]
    if first is None:
        why = "the budget ended"
    elif first.reply.finish == "content_filter":
        why = "a content filter stopped it"
    else:
        why = first.reply.error or f"the first token is none of the letters, but {first.reply.text!r}"
    note(model, "some of its scores", "error", f"no score for {gaps.sum()} of {len(gaps)} questions: {why}")
