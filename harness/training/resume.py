"""The state after the last finished epoch, so that a killed training goes on where it was."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError, UsageError
from harness.tools.sealed import sealed, unsealed
from harness.training.files import EpochRow, replacing
from harness.training.loop import Learner
from harness.training.recipe import Recipe

if TYPE_CHECKING:
    import torch

# How the optimizer works here: a training may go on on another device.
_OF_THE_DEVICE = ("lr", "fused", "capturable", "foreach")


@dataclass(frozen=True)
class Provenance:
    """What a training is of: a state or a checkpoint is only good for the same recipe and data.

    Attributes:
        recipe: the fitted recipe.
        data: `dataset:split` -> fingerprint, of the training and the selection split.
    """

    recipe: Recipe
    data: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in resume files and cards."""
        return {"digest": self.recipe.digest(), "recipe": asdict(self.recipe), "data": dict(self.data)}

    def difference(self, stored: Mapping[str, Any]) -> str:
        """Says what differs from a stored `as_dict`, or "" when nothing does."""
        if stored.get("digest") == self.recipe.digest() and stored.get("data") == self.data:
            return ""
        if stored.get("data") != self.data:
            return "other data"
        old = stored.get("recipe", {})
        changed = [
            f"{name} {old.get(name)} instead of {value}"
            for name, value in asdict(self.recipe).items()
            if name != "device" and _plain(old.get(name)) != _plain(value)
        ]
        return ", ".join(changed) or "another version of the trainer"


@dataclass
class State:
    """Where a training stands.

    Attributes:
        log: one row per finished epoch.
        best: CPU copy of the weights of the best epoch so far.
        best_epoch: its number, from 1; 0 before the first.
        best_right: its right answers on the selection split.
    """

    log: list[EpochRow] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    best_epoch: int = 0
    best_right: int = -1


def content(provenance: Provenance, learner: Learner, state: State) -> dict[str, Any]:
    """What a resume file holds, as it is now: training may go on while it is written."""
    return {
        "provenance": provenance.as_dict(),
        "model": _copied(learner.model.state_dict()),
        "optimizer": _copied(learner.optimizer.state_dict()),
        "best": state.best,
        "best_epoch": state.best_epoch,
        "best_right": state.best_right,
        "log": [asdict(row) for row in state.log],
    }


def write(path: Path, body: Mapping[str, Any]) -> None:
    """Writes what `content` gave with a checksum behind it; a crash leaves the previous file."""
    import torch

    buffer = io.BytesIO()
    torch.save(body, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(sealed(buffer.getvalue()))


def load(path: Path, provenance: Provenance, learner: Learner) -> State:
    """Restores model and optimizer in place; a fresh state and no change when there is no file.

    Raises:
        ModelError: the file is corrupt.
        UsageError: it belongs to another recipe or other data.
    """
    import torch

    if not path.exists():
        return State()
    try:
        # torch checks no checksum: with another bit in a weight, training would go on to another end.
        if (content := unsealed(path.read_bytes())) is None:
            raise ValueError("its checksum is not that of its content, or a former version wrote it")
        body = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        stored = body["provenance"]
    except Exception as error:  # torch raises many kinds for a file that is cut or overwritten
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"{path} is corrupt ({reason}). Delete it, or pass --force to start over."
        ) from error
    if difference := provenance.difference(stored):
        raise UsageError(
            f"{path} is from a training with {difference}. "
            "Go on with the same options and data, or pass --force to start over."
        )
    learner.model.load_state_dict(body["model"])
    for saved, own in zip(body["optimizer"]["param_groups"], learner.optimizer.param_groups, strict=True):
        saved.update((name, own[name]) for name in _OF_THE_DEVICE if name in own)
    learner.optimizer.load_state_dict(body["optimizer"])
    log = [EpochRow(**row) for row in body["log"]]
    return State(log, body["best"], body["best_epoch"], body["best_right"])


def _copied(value: Any) -> Any:
    """The same with tensors of its own, on the CPU."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
