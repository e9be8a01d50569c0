"""What a model costs, reply by reply, and whether it may be asked further."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.models.endpoint.budget import Budget
from harness.models.endpoint.prices import Price
from harness.models.endpoint.reply import Usage


class Account:
    """Books each reply as it comes, before anybody looks whether it is of use.

    Args:
        price: what tokens cost, or None where it is not known.
        budget: what may be spent.
        place: host of the server, for the message.
        limit_field: the request's field that limits a reply.

    Attributes:
        hopeless: why no call can succeed, once that is known; "" before.
    """

    def __init__(self, price: Price | None, budget: Budget, place: str, limit_field: str) -> None:
        self.price, self.budget, self.place, self.limit_field = price, budget, place, limit_field
        self.hopeless = ""
        self._counts = False

    @property
    def closed(self) -> bool:
        """Whether no new request may start."""
        return bool(self.hopeless) or self.budget.exhausted

    def book(self, usage: Usage | None, body: Mapping[str, Any]) -> float | None:
        """Books one reply.

        A reply that says nothing credible about its tokens draws on the budget with what it costs at most.

        Args:
            usage: what it counts; None where it could not be read.
            body: the request.

        Returns:
            What it cost; None where that is not known.
        """
        cost = self.price.cost(usage.tokens_in, usage.tokens_out) if self.price and usage else None
        if cost is not None:
            self._counts = True
            self.budget.spend(cost)
        elif self.budget.limit is not None:
            self.budget.spend(self._at_most(body))
            if usage is not None and not usage.odd and not self._counts:
                self.hopeless = (
                    f"{self.place} does not say how many tokens it counts, so that --max-cost cannot be "
                    "kept. Run without it."
                )
        return cost

    def _at_most(self, body: Mapping[str, Any]) -> float:
        """A token is a byte at least, of the request's text and of its encoded image."""
        tokens_out = int(body.get(self.limit_field) or 0)
        return (self.price.cost(len(json.dumps(body)), tokens_out) or 0.0) if self.price else 0.0
