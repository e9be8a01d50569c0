"""The adapter: what a suite entry says about an endpoint, checked without a network."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from harness.errors import Unavailable, UsageError
from harness.identity import Identity
from harness.models.base import Capability, Context
from harness.models.endpoint.budget import Budget
from harness.models.endpoint.connection import Connection
from harness.models.endpoint.letters import check_letters
from harness.models.endpoint.loaded import LoadedEndpoint
from harness.models.endpoint.prices import Price, find_price
from harness.models.endpoint.request import PLACEHOLDER, Form
from harness.models.network import require
from harness.prompts.question import Question

# Raised whenever the same input comes out different; tests/golden holds outputs against it.
VERSION = 1
OPENAI = "https://api.openai.com/v1"


class EndpointModel:
    """A model that some server answers for.

    The key is read from the environment and goes to the host of its own entry only: a `base_url` without
    `api_key_env` is sent none, not even `OPENAI_API_KEY`.

    Args:
        context: `prices.toml` is looked for beside its suite.
        model: the model's name, as the server knows it.
        base_url: address of the API; None for OpenAI.
        api_key_env: environment variable that holds the key; None for `OPENAI_API_KEY` at OpenAI and for
            no key elsewhere.
        revision: what the server serves where its model name does not say so, such as the weights' commit
            behind a vLLM server; stored answers are told apart by it.
        logprobs: whether the server gives log-probabilities; questions with letter answers are then scored.
        json_mode: whether the server can be held to JSON where a question wants it.
        detail: OpenAI's image detail (`low`, `high`); "" leaves it to the server.
        max_tokens_field: name of the field that limits a reply; newer models want `max_completion_tokens`.
        extra: more fields of the request, such as `seed`, or another `temperature`.
        price: US dollars per million tokens of input and of output, instead of that of `prices.toml`;
            [0, 0] for a machine of one's own.
        concurrency: requests in flight at a time.
        timeout: seconds until a request counts as lost.
        retries: how often a call that failed for a passing reason is repeated.
        deterministic: whether the same question always gets the same answer. Temperature 0 alone does not
            make it so: hosted models batch requests of strangers together.

    Attributes:
        budget: what all models of a run may cost together; whoever runs them sets it before `load`.
        note: one line about what the endpoint can be asked and what that costs.

    Raises:
        Unavailable: a package is absent.
        UsageError: an option is wrong.
    """

    capability: Capability = "generative"
    labels: tuple[str, ...] = ()
    trained_on: str | None = None

    def __init__(
        self,
        *,
        context: Context,
        model: str,
        base_url: str | None = None,
        api_key_env: str | None = None,
        revision: str = "",
        logprobs: bool = False,
        json_mode: bool = False,
        detail: str = "",
        max_tokens_field: str = "max_tokens",
        extra: Mapping[str, Any] | None = None,
        price: Sequence[float] | None = None,
        concurrency: int = 8,
        timeout: float = 120,
        retries: int = 6,
        deterministic: bool = False,
    ) -> None:
        if concurrency < 1 or timeout <= 0 or retries < 0:
            raise UsageError(
                f"Model {model} has concurrency = {concurrency}, timeout = {timeout}, retries = {retries}. "
                "Write at least 1, more than 0 and at least 0."
            )
        self.model, self.revision, self.price = model, revision, _price(model, price, context)
        self.form = Form(
            model=model,
            json_mode=json_mode,
            detail=detail,
            max_tokens_field=max_tokens_field,
            extra=dict(extra or {}),
        )
        self.connection = Connection(
            base_url=base_url or OPENAI,
            place=_place(model, base_url or OPENAI),
            key_env=_key_env(model, base_url, api_key_env),
            concurrency=concurrency,
            timeout=timeout,
            retries=retries,
        )
        self.modes: tuple[str, ...] = ("generate", "score") if logprobs else ("generate",)
        self.deterministic = deterministic
        self.batch_size = concurrency  # a killed run loses one batch of replies that were paid for
        self.correct: Mapping[str, tuple[int, int]] = {}
        self.budget: Budget | None = None
        require("openai", "tenacity", extra="api")

    @property
    def note(self) -> str:
        """One line about what the endpoint can be asked and what that costs."""
        asked = (
            "writes answers and scores letters"
            if "score" in self.modes
            else "answers by generate only; no log-probabilities"
        )
        where = f"{self.connection.place}{self.connection.by_way_of}"
        return f"{self.model} at {where}: {asked}; {self.price or 'no price known'}"

    def identity(self, device: str, dtype: str) -> Identity:
        """See `RunnableModel.identity`. Nothing is computed here, so device and dtype have no part in it.

        Neither have versions of packages: they carry the request and cannot change the answer, and an update
        of the client must not make anybody pay for the same answers twice.
        """
        del device, dtype
        return Identity(
            model=f"openai:{self.connection.place}:{self.model}",
            weights="",
            revision=self.revision,
            adapter=str(VERSION),
            processor={"image": "png", **self.form.as_dict()},
            dtype="",
            device="",
        )

    def template(self) -> str:
        """Digest of how requests are written."""
        said = json.dumps([VERSION, self.form.as_dict()], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    def render(self, question: Question) -> str:
        """The messages as canonical JSON, the image as a placeholder."""
        return self.form.rendered(question)

    def request(self, question: Question) -> dict[str, Any]:
        """Where a question is sent, and the body of the request, the image as a placeholder; no key in it."""
        body = self.form.body(question, PLACEHOLDER, scoring=question.score)
        return {"url": f"{self.connection.base_url.rstrip('/')}/chat/completions", "body": body}

    def check_score(self, question: Question) -> None:
        """Checks that a question can be scored from the first token's log-probabilities.

        Raises:
            Unavailable: it cannot; the message says how to ask instead.
        """
        try:
            check_letters(question)
        except UsageError as error:
            raise Unavailable(str(error)) from error

    def probe(self) -> None:
        """Looks whether it could be asked now; answers that are in the store need neither key nor server.

        Raises:
            Unavailable: the key is absent, or nobody listens on this machine's port or the proxy's.
        """
        self.connection.key()
        self.connection.probe()

    def load(self, device: str, dtype: str) -> LoadedEndpoint:
        """Nothing is loaded; the first question opens a connection.

        Raises:
            Unavailable: see `probe`.
            UsageError: there is a budget, and no price that it could be held against.
        """
        del device, dtype
        self.probe()
        limited = self.budget is not None and self.budget.limit is not None
        if limited and self.price is None:
            raise UsageError(
                f"--max-cost cannot be kept for {self.model}, whose price is not known. Add it to "
                "prices.toml, or write price = [0, 0] into its entry if nobody bills it."
            )
        return LoadedEndpoint(self.form, self.connection, self.price, self.budget or Budget(None))


def _price(model: str, price: Sequence[float] | None, context: Context) -> Price | None:
    if price is None:
        return find_price(model, context.suite_folder / "prices.toml")
    if len(price) != 2 or min(price) < 0:
        raise UsageError(
            f"Model {model} has price = {list(price)}. Write two prices, input and output, in US dollars per "
            "million tokens."
        )
    return Price(price[0], price[1])


def _place(model: str, base_url: str) -> str:
    """Host, port and path of an address: what of it may be stored and printed."""
    try:
        parts = urlsplit(base_url)
    except ValueError:  # brackets that hold no address
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise UsageError(
            f"The base_url of model {model} is not an http address, or holds a user or a query. Write "
            "http://HOST:PORT/v1, and the key into an environment variable."
        )
    return f"{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _key_env(model: str, base_url: str | None, name: str | None) -> str | None:
    # What stands there instead is not printed: it may be the key itself.
    if name is not None and not re.fullmatch("[A-Z][A-Z0-9_]*", name):
        raise UsageError(
            f"The api_key_env of model {model} is not the name of a variable. Write a name in capitals, such "
            "as OPENAI_API_KEY, and the key into that variable."
        )
    return name or ("OPENAI_API_KEY" if base_url is None else None)
