"""Embeddings of the pictures that a run judges, by a model of the suite; made once and kept in the store."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from harness.datasets import Dataset
from harness.errors import HarnessError, ModelError, UsageError
from harness.identity import source_version
from harness.models import RunnableModel
from harness.models.network import LoadedNetwork
from harness.predictions import NO_PROMPT, Cell
from harness.predictions.asked import Asked
from harness.predictions.held import Held
from harness.predictions.respondents import contrastive
from harness.predictions.runner import collect, compute, find_work
from harness.predictor import Predictor
from harness.settings import pick_device
from harness.slow_paths import noting
from harness.third_party import warnings_never_raise


@dataclass(frozen=True)
class Encoder:
    """A model of the suite as a fixed encoder.

    A contrastive model gives its image embeddings, the very ones that its answers come from; a network that
    was trained to classify gives what its last layer reads.

    Attributes:
        predictor: opens the pictures and the model.
        name: the model.
    """

    predictor: Predictor
    name: str

    def embed(self, source: str, restoration: str) -> NDArray[np.float32]:
        """The embeddings (N, D) of the pictures of a `dataset:split`; nan where a picture has none.

        Raises:
            Unavailable: the model, the pictures or the restorer are absent.
            UsageError: the suite has no such model, or it gives no embeddings.
            ModelError: no picture could be embedded.
        """
        with noting(self.name, self.predictor.slow_paths):
            return self._embedded(source, restoration)

    def _embedded(self, source: str, restoration: str) -> NDArray[np.float32]:
        dataset, asked = self._asked(source, restoration)
        store = self.predictor.store
        work = find_work(asked.identity, dataset, store)
        if work.missing:
            lock = store.lock_path(asked.identity)
            lock.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(lock):
                self._fill(source, restoration)
        rows = collect(work, asked.identity, store)
        there = (rows["outcome"] == "parsed").to_numpy()
        if not there.any():
            raise ModelError(f"{self.name} embeds no picture of {source}: {rows['reason'].iloc[0]}.")
        known = np.stack(rows.loc[there, "embedding"].tolist())
        embeddings = np.full((len(rows), known.shape[1]), np.nan, np.float32)
        embeddings[there] = known
        return embeddings

    def _asked(self, source: str, restoration: str) -> tuple[Dataset, Asked]:
        """The pictures, and under which identity the store keeps their embeddings."""
        if self.name not in self.predictor.suite.models:
            raise UsageError(
                f"The encoder {self.name} is no model of {self.predictor.suite.path}. Name one of its models."
            )
        model = self.predictor.model(self.name)
        if not isinstance(model, RunnableModel) or model.capability == "generative":
            raise UsageError(f"{self.name} gives no embeddings. Name a contrastive model or a network.")
        name, _, split = source.partition(":")
        cell = Cell(self.name, name, split, restoration, NO_PROMPT)
        dataset, asked = next(iter(self.predictor.needs(cell)))
        if model.capability == "contrastive":
            return dataset, asked[0]
        code = source_version(sys.modules[__name__])
        decoding = {"output": "what the last layer reads", "code": code}
        return dataset, Asked(replace(asked[0].identity, decoding=decoding), asked[0].question)

    @warnings_never_raise()
    def _fill(self, source: str, restoration: str) -> None:
        """Loads the model once for all planned restorations of these pictures."""
        predictor, settings = self.predictor, self.predictor.settings
        planned = (cell.restoration for cell in predictor.planned if cell.source == source)
        todo = []
        for one in dict.fromkeys([restoration, *planned]):
            try:
                dataset, asked = self._asked(source, one)
            except HarnessError:  # a restorer that is absent; the test that needs it says so
                if one == restoration:
                    raise
                continue
            if (work := find_work(asked.identity, dataset, predictor.store)).missing:
                todo.append((asked, work, dataset))
        if not todo:  # another process was faster
            return
        device, model = pick_device(settings.device), predictor.model(self.name)
        assert isinstance(model, RunnableModel)
        held = Held(
            predictor.respondent(self.name).identity,
            partial(model.identity, device, settings.dtype),
            partial(_embedder, model, device, settings.dtype),
        )
        predictor.loads[self.name] += 1
        respondent = contrastive.ContrastiveRespondent(model, device, settings.dtype, predictor.store)
        respond = held.answering(respondent.respond)
        for asked, work, dataset in todo:
            compute([(asked, work)], dataset, respond, predictor.store, batch_size=settings.batch_size)


def _embedder(model: RunnableModel, device: str, dtype: str) -> Any:
    loaded: Any = model.load(device, dtype)
    return loaded if hasattr(loaded, "embed_images") else LastLayer(loaded)


@dataclass(frozen=True)
class LastLayer:
    """A network that was trained to classify, as an encoder."""

    loaded: LoadedNetwork

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """What the last linear layer reads, (N, D).

        Raises:
            UsageError: there is no such layer.
        """
        import torch

        labels = len(self.loaded.card.labels)
        heads = [
            module
            for module in self.loaded.network.modules()
            if isinstance(module, torch.nn.Linear) and module.out_features == labels
        ]
        if not heads:
            raise UsageError(
                f"{self.loaded.card.architecture} does not end in a linear layer of {labels} labels. Name "
                "another model as encoder."
            )
        read: list[Any] = []
        with heads[-1].register_forward_pre_hook(lambda module, inputs: read.append(inputs[0])):
            self.loaded.classify(images)
        features: NDArray[np.float32] = read[0].float().flatten(1).cpu().numpy()
        return features
