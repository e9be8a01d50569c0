"""What makes a prediction the same prediction: the key of the store."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

# How far a probability may lie from that of another batch size or number of threads, in float32; 5e-7 was
# the most among 2,800 answers of three kinds of models, none of which changed its label.
SCORE_TOLERANCE = 1e-5

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Everything but the pixels that can change an answer.

    Two runs share answers exactly when all of these fields are equal. Names that users give to suite
    entries, paths, batch sizes and row numbers are deliberately absent. Batch size and threads choose among
    kernels that round differently, so that a score is known up to `SCORE_TOLERANCE` in float32 and a label up
    to ties within it; restored pixels, which are keys themselves, depend on neither. Another processor may
    round differently, too.

    Attributes:
        model: model id, e.g. `timm:efficientnet_b0` or `open_clip:ViT-B-32`.
        weights: digest of the weights, or the provider's model version for an endpoint.
        labels: the labels a classifier's outputs stand for, in order.
        adapter: version of the code that turns pixels into answers, see `versioned`.
        revision: hub revision, or "" for local weights.
        processor: what the adapter does to pixels (size, mean, std, interpolation, ...).
        messages: the rendered prompt, or () for classifiers.
        label_order: the order in which the prompt names the labels.
        decoding: temperature, maximum tokens, scoring mode, ...
        restorer: restorer id.
        restorer_weights: digest of the restorer's weights.
        dtype: e.g. `float32`.
        quantisation: e.g. `nf4`, or "".
        attention: attention backend, or "".
        device: `cpu`, `cuda` or `mps`; kernels differ in the last digits.
        packages: name -> version of the packages that move numbers.
    """

    model: str
    weights: str
    labels: tuple[str, ...] = ()
    adapter: str = ""
    revision: str = ""
    processor: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Any, ...] = ()
    label_order: tuple[str, ...] = ()
    decoding: Mapping[str, Any] = field(default_factory=dict)
    restorer: str = "none"
    restorer_weights: str = ""
    dtype: str = "float32"
    quantisation: str = ""
    attention: str = ""
    device: str = "cpu"
    packages: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The identity as plain JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), sort_keys=True))
        return plain

    def digest(self) -> str:
        """The respondent's digest: names its folder in the store."""
        return self._digest

    @cached_property
    def _digest(self) -> str:  # asked for with every batch
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def with_restorer(self, restorer: str, weights: str) -> Identity:
        """The same respondent behind another restoration."""
        return replace(self, restorer=restorer, restorer_weights=weights)


def package_versions(*names: str) -> dict[str, str]:
    """Installed versions by distribution name, read without importing the packages."""
    return {name: _version(name) for name in names}


@cache
def _version(name: str) -> str:  # asked for with every batch
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def versioned(identity: Identity, adapter: object) -> Identity:
    """An identity that says which code makes the answers, whether or not its adapter says so itself.

    An adapter of the harness has a `VERSION` that a test holds against its outputs. One of somebody else
    may have such a `VERSION` in its module, and then answers stay valid until that is raised, whatever else
    changes; without one, every change of the module's file makes new answers.

    Args:
        identity: what the adapter says.
        adapter: the model or restorer itself.
    """
    if identity.adapter:
        return identity
    return replace(identity, adapter=_code_version(sys.modules[type(adapter).__module__]))


@cache
def _code_version(module: ModuleType) -> str:  # of the code that runs, whatever becomes of its file
    version, file = getattr(module, "VERSION", None), getattr(module, "__file__", None)
    if version is not None:
        return str(version)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16] if file else ""
