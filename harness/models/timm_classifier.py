"""CNNs and ViTs of timm, from a safetensors checkpoint and its JSON card."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import ModelError
from harness.identity import Identity, package_versions, source_version
from harness.models import ahead, architecture, network, pixels, weights
from harness.models.base import Context, Kind
from harness.models.card import Card
from harness.models.network import LoadedNetwork, require


class TimmClassifier:
    """A timm architecture with trained weights.

    Args:
        context: where the checkpoint is looked for.
        checkpoint: `NAME.safetensors` or a checkpoint of torch, see `harness.models.weights` for what may be
            wrapped around the weights; its card is `NAME.json` beside it.
        labels: optional check: the order that the suite's author believes; must be the card's.
        state: where in the file the weights are, instead of what the card says.

    Raises:
        Unavailable: the checkpoint or a package is absent.
        ModelError: the card is wrong, or `labels` disagrees with it.
    """

    kind: Kind = "classifier"

    def __init__(
        self,
        *,
        context: Context,
        checkpoint: str,
        labels: Sequence[str] | None = None,
        state: str | None = None,
    ) -> None:
        self.path: Path = context.find(checkpoint)
        self.card = Card.read(self.path.with_suffix(".json"))
        self.labels = self.card.labels
        self.state = state or self.card.state
        self.trained_on = self.card.trained_on
        self.correct: Mapping[str, tuple[int, int]] = self.card.correct
        if labels is not None and tuple(labels) != self.labels:
            raise ModelError(
                f"The suite orders the labels of {self.path.name} {', '.join(labels)}, its card "
                f"{', '.join(self.labels)}. Keep the order the network was trained with, in one place."
            )
        require("timm", "torch", "safetensors")

    def identity(self, device: str, dtype: str) -> Identity:
        """See `RunnableModel.identity`."""
        card = self.card
        return Identity(
            model=f"timm:{card.architecture}",
            weights=card.check_digest(self.path),
            labels=card.labels,
            adapter=source_version(sys.modules[__name__], ahead, architecture, network, pixels, weights),
            processor={
                "in_chans": card.in_chans,
                "size": card.input_size,
                "mean": card.mean,
                "std": card.std,
                **({"state": self.state} if self.state else {}),
            },
            dtype=dtype,
            device=device.partition(":")[0],
            packages=package_versions("torch", "timm", "numpy"),
        )

    def load(self, device: str, dtype: str) -> LoadedNetwork:
        """Builds the network and loads its weights.

        Raises:
            ModelError: the checkpoint is corrupt or does not fit the architecture of the card.
        """
        import timm

        card = self.card
        if not timm.is_model(card.architecture):  # create_model would look for some of these names on the hub
            raise ModelError(
                f"timm has no architecture {card.architecture!r}. Correct the card of {self.path}."
            )
        try:
            module = architecture.build(
                card.architecture, num_classes=len(card.labels), in_chans=card.in_chans, size=card.input_size
            )
        except (TypeError, ValueError, RuntimeError, AssertionError) as error:
            raise ModelError(
                f"timm cannot build {card.architecture} ({error}). Correct the card of {self.path}."
            ) from error
        try:
            weights.load_weights(module, self.path, self.state, card.architecture)
        except RuntimeError as error:
            first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise ModelError(
                f"The weights of {self.path} do not fit {card.architecture} with {len(card.labels)} classes "
                f"and {card.in_chans} channels ({first[:200]}). Correct the card."
            ) from error
        return LoadedNetwork.place(module, card, device, dtype)
