"""One model or restorer on one device: a batch of pictures in, tables of rows out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from harness.engine.asked import Asked, Images
from harness.engine.held import Held
from harness.engine.respondents import Respondent, respondent
from harness.engine.respondents.base import Key
from harness.engine.respondents.restorer import restored_rows
from harness.identity import Identity
from harness.models import Context as Files
from harness.models import RunnableModel, build_model
from harness.models.endpoint.budget import Budget
from harness.restoration import Restorer, build_restorer
from harness.store.answers import Store


@dataclass
class ModelWorker:
    """A model that answers. Plain data until it is first asked, so that it pickles; then it is loaded.

    Attributes:
        name: of the model in the suite, for messages.
        identity: under which its answers are stored, so that its files must be those.
        entry: its entry.
        files: where its files are looked for.
        device: torch device.
        dtype: torch dtype by name.
        store: root of the prediction store, for what has been kept of the model's texts.
        budget: what it may spend, for models behind an API.
    """

    name: str
    identity: Identity
    entry: Mapping[str, Any]
    files: Files
    device: str
    dtype: str
    store: Path
    budget: Budget = field(default_factory=lambda: Budget(None))

    def __getstate__(self) -> dict[str, Any]:
        unpicklable = ("_model", "_respondent", "held")
        return {name: value for name, value in self.__dict__.items() if name not in unpicklable}

    @cached_property
    def _model(self) -> RunnableModel:
        model = build_model(self.name, self.entry, self.files)
        assert isinstance(model, RunnableModel)
        if hasattr(model, "budget"):
            model.budget = self.budget
        return model

    @cached_property
    def _respondent(self) -> Respondent:
        return respondent(self._model, self.device, self.dtype, Store(self.store))

    @cached_property
    def held(self) -> Held[Any]:
        """The loaded model, held to the files that its identity names."""
        model, how = self._model, (self.device, self.dtype)
        return Held(self.identity, partial(model.identity, *how), partial(model.load, *how))

    def load(self) -> None:
        """Loads the model, if it is not loaded yet."""
        _ = self.held

    def batch_size(self, most: int) -> int:
        """The pictures that it takes at a time."""
        return min(most, *(getattr(one, "batch_size", most) for one in (self._model, self.held.loaded)))

    def lacks(self, asked: Sequence[Asked]) -> list[Asked]:
        """The questions for which the store lacks more than rows; known without the loaded model."""
        return self._respondent.lacks(asked)

    def texts(self, asked: Sequence[Asked]) -> list[tuple[Key, NDArray[Any]]]:
        """Arrays that the store lacks besides rows, by their keys; see `Respondent.texts`.

        Raises:
            ModelError: see `forward`.
        """
        lacking = self.lacks(asked)
        return self.held.kept(lambda loaded: self._respondent.texts(loaded, lacking)) if lacking else []

    def prepare(self, images: Images, asked: Sequence[Asked]) -> Any:
        """See `Steps.prepare`."""
        return self._respondent.prepare(self.held.loaded, images, asked)

    def forward(self, ready: Any, images: Images, asked: Sequence[Asked]) -> Any:
        """See `Steps.forward`.

        Raises:
            ModelError: its files are no longer those of the identity under which rows would be stored.
        """
        return self.held.kept(lambda loaded: self._respondent.forward(loaded, ready, images, asked))

    def tables(self, found: Any, images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """See `Steps.tables`."""
        return self._respondent.tables(found, images, asked)


@dataclass
class RestorerWorker:
    """A restorer, in the shape of a model: what it is asked is always the same.

    Attributes:
        name: of the restoration.
        identity: see `ModelWorker`.
        entries: [restorations] of the suite.
        files: where its weights are looked for.
        device: torch device.
    """

    name: str
    identity: Identity
    entries: Mapping[str, Mapping[str, Any]]
    files: Files
    device: str

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_restorer", "held")}

    @cached_property
    def _restorer(self) -> Restorer:
        return build_restorer(self.name, self.entries, self.files)

    @cached_property
    def held(self) -> Held[Any]:
        """The loaded restorer, held to the files that its identity names."""
        identify = partial(self._restorer.identity, self.device)
        return Held(self.identity, identify, partial(self._restorer.load, self.device))

    def load(self) -> None:
        """Loads the restorer, if it is not loaded yet."""
        _ = self.held

    def batch_size(self, most: int) -> int:
        """The pictures that it takes at a time."""
        return min(most, getattr(self.held.loaded, "batch_size", most))

    def lacks(self, asked: Sequence[Asked]) -> list[Asked]:
        """Nothing."""
        del asked
        return []

    def texts(self, asked: Sequence[Asked]) -> list[tuple[Key, NDArray[Any]]]:
        """Nothing."""
        del asked
        return []

    def prepare(self, images: Images, asked: Sequence[Asked]) -> None:
        """Nothing."""

    def forward(self, ready: None, images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """Rows with restored pixels, keyed by the digest of the pixels as published."""
        del ready, asked
        return self.held.kept(lambda loaded: restored_rows(self.device, loaded, images))

    def tables(self, found: list[pa.Table], images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """The rows as they are."""
        del images, asked
        return found


Worker = ModelWorker | RestorerWorker
