"""Weights of a network in the files that training scripts leave, whatever these have wrapped them in.

The rule: a file is a tree of names. If there is exactly one place in it below which stand all the tensors of
the network, under their own names, the weights are what stands there. So `{"state_dict": ...}`, `module.` of
DataParallel, `_orig_mod.` of torch.compile and `model.` of Lightning come off, one after the other, in any
order, and optimizers and counters are left alone. Between two such places, as of a network and its moving
average, nothing is guessed: `state` names one. No file is allowed to run code.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ModelError

if TYPE_CHECKING:
    import torch

# BatchNorm counts batches since 2018; files without the count are as good.
_UNNEEDED = "num_batches_tracked"


def load_weights(network: torch.nn.Module, path: Path, state: str | None, name: str) -> None:
    """Loads the weights in a file into a network.

    Args:
        network: the network, on the CPU.
        path: a safetensors file or a checkpoint of torch, whatever its name ends in.
        state: where in the file the weights are; None where there is one place only.
        name: what the network is, for messages.

    Raises:
        ModelError: the file is corrupt, would run code, or does not hold the weights of this network.
    """
    network.load_state_dict(_chosen(_read(path), network.state_dict(), path, state, name))


def _read(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a file by their place in it, parts of which are parted by dots."""
    import torch
    from safetensors.torch import load_file

    with path.open("rb") as file:
        head = file.read(9)
    pickled = head[8:] != b"{" and head.startswith((b"PK\3\4", b"\x80"))
    try:
        if not pickled:
            return dict(load_file(path))
        with _harmless():
            found = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # the unpickler raises EOFError, KeyError, UnpicklingError, ...
        check_for_code(path, error)
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise ModelError(f"The checkpoint {path} is corrupt ({reason}). Fetch or train it again.") from error
    return dict(_tensors(found, ""))


def _harmless() -> AbstractContextManager[Any]:
    """Lets pass what holds values only: the options of a script, and numbers of numpy, by both its names."""
    import torch
    from torch import serialization

    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):  # takes no second names
        return nullcontext()
    number = np.float64(0).__reduce__()[0]
    kinds = {type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool")}
    numbers = ((number, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core"))
    allowed: Any = [argparse.Namespace, np.dtype, *numbers, *kinds]
    context: AbstractContextManager[Any] = serialization.safe_globals(allowed)
    return context


def check_for_code(path: Path, error: Exception) -> None:
    """Says what a file holds that torch refused to run; a healthy file is not called corrupt.

    Args:
        path: the file.
        error: what torch raised when it was read.

    Raises:
        ModelError: it was refused for that reason.
    """
    named = re.search(r"GLOBAL (\S+)|(TorchScript)", str(error))
    if named:
        raise ModelError(
            f"{path} holds {named[1] or 'a TorchScript program'} beside or instead of weights, and no file "
            "may run code here. Where it was made, keep the weights: torch.save(model.state_dict(), ...)."
        ) from error


def _tensors(found: Any, place: str) -> Iterator[tuple[str, torch.Tensor]]:
    import torch

    if isinstance(found, torch.Tensor):
        yield place, found
    elif isinstance(found, Mapping):
        for key, value in found.items():
            yield from _tensors(value, f"{place}.{key}" if place else str(key))


def _chosen(
    tensors: Mapping[str, torch.Tensor],
    wanted: Mapping[str, torch.Tensor],
    path: Path,
    state: str | None,
    name: str,
) -> dict[str, torch.Tensor]:
    """The tensors of the one place that has all of the network's."""
    needed = [key for key in wanted if not key.endswith(_UNNEEDED)]
    hits = Counter(place for key in tensors for place in _places(key, wanted) if not key.endswith(_UNNEEDED))
    whole = [place for place in hits if all(f"{place}{key}" in tensors for key in needed)]
    fitting = [
        place for place in whole if all(tensors[f"{place}{key}"].shape == wanted[key].shape for key in needed)
    ]
    places = fitting or whole
    if state is not None:
        places = [place for place in places if place.startswith(f"{state.rstrip('.')}.")]
    if len(places) > 1 or (state is not None and not places):
        there = " and ".join(sorted(place.rstrip(".") or "its top" for place in fitting or whole))
        raise ModelError(
            f"{path} holds weights of {name} under {there or 'no name'}. Name one of these: write "
            '"state": "..." into its card or state = "..." into its entry.'
        )
    # Where no place has them all, torch says what the nearest one lacks.
    place = places[0] if places else max(hits, key=hits.__getitem__, default="")
    others = tuple(other for other in whole if other != place and other.startswith(place))
    return {
        key[len(place) :]: tensor
        for key, tensor in tensors.items()
        if key.startswith(place) and not (others and key.startswith(others))
    }


def _places(key: str, wanted: Mapping[str, Any]) -> Iterator[str]:
    """The places below which a tensor would have a name of the network's: `model.` for `model.fc.weight`."""
    parts = key.split(".")
    for depth in range(len(parts)):
        if ".".join(parts[depth:]) in wanted:
            yield "".join(f"{part}." for part in parts[:depth])
