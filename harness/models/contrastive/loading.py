"""Builds a network of open_clip and loads its weights, or says in one line what does not fit."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import ModelError, UsageError, out_of_memory
from harness.models.contrastive.network import LoadedClip
from harness.models.contrastive.pixels import Preprocessing
from harness.models.contrastive.source import Source
from harness.models.network import torch_dtype
from harness.models.weights import check_for_code


def load(source: Source, device: str, dtype: str, *, sweep: bool = True) -> LoadedClip:
    """Builds the network and loads its weights; never downloads.

    Raises:
        ModelError: the configuration cannot be built, or the weights are corrupt or do not fit it.
        UsageError: the device is absent or the dtype unknown.
    """
    input_dtype = torch_dtype(dtype)
    with _quiet():
        network, preprocess, tokenizer = _build(source)
        _fill(network, source)
    scale = float(network.logit_scale.detach().exp())  # rounded to bfloat16, 100 would become 98.9
    try:
        network = network.eval().to(device, input_dtype)
    except (RuntimeError, AssertionError) as error:
        if out_of_memory(error):
            raise
        raise UsageError(f"Device {device} cannot be used ({error}). Choose another --device.") from error
    return LoadedClip(scale, network, preprocess, tokenizer, device, input_dtype, source.name, sweep)


def _build(source: Source) -> tuple[Any, Any, Any]:
    """The network without its weights, the preprocessing of its images, and its tokenizer."""
    import open_clip
    from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
    from open_clip.transform import PreprocessCfg, image_transform_v2

    text = source.config["text_cfg"]
    towers: dict[str, Any] = {}
    if source.text_tower:  # open_clip would ask the hub for its configuration
        local = {"hf_model_name": str(source.text_tower.folder), "hf_model_pretrained": False}
        towers["text_cfg"] = {**text, **local}
    try:
        network = open_clip.create_model(
            source.name,
            load_weights=False,
            pretrained_text=False,
            force_quick_gelu=source.quick_gelu,
            force_preprocess_cfg=dict(source.preprocessing),
            **towers,
        )
        images = PreprocessCfg(**network.visual.preprocess_cfg)
        preprocess = Preprocessing.of(image_transform_v2(images, is_train=False))
        options = {"context_length": text.get("context_length", 77), **(text.get("tokenizer_kwargs") or {})}
        if source.tokenizer is None:
            return network, preprocess, SimpleTokenizer(**options)
        options["tokenizer_mode"] = text.get("tokenizer_mode")
        return network, preprocess, HFTokenizer(str(source.tokenizer.folder), **options)
    except Exception as error:  # a wrong configuration fails in whatever layer first trips over it
        raise ModelError(
            f"open_clip cannot build {source.name} ({_brief(error)}). Correct its configuration."
        ) from error


def _fill(network: Any, source: Source) -> None:
    """Loads all of the weights, and nothing but them."""
    from open_clip import load_checkpoint

    (path,) = source.weights.weights
    try:
        misfit = _other_positions(network, path)
        if not misfit:
            load_checkpoint(network, str(path), weights_only=True)
    except Exception as error:  # unpickling alone raises EOFError, KeyError, UnpicklingError, ...
        if out_of_memory(error):
            raise
        if "loading state_dict" not in str(error):
            check_for_code(path, error)
            raise ModelError(
                f"The weights {path} are corrupt ({_brief(error)}). Fetch or train them again."
            ) from error
        misfit = _brief(error)
    if misfit:
        raise ModelError(f"The weights {path} do not fit {source.name} ({misfit}). Correct the entry.")


def _other_positions(network: Any, path: Path) -> str:
    """Position embeddings of another size: open_clip would stretch them, and the answers would be worse."""
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name, shape in _shapes(path).items():
        if name.endswith("positional_embedding"):
            wanted = expected.get(name) or expected.get(f"text.{name}") or ()
            if len(shape) == len(wanted) and shape != wanted:
                return f"{name} is {shape} where {wanted} is expected"
    return ""


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Tensor -> shape; of safetensors without reading the tensors."""
    from open_clip.factory import load_state_dict
    from safetensors import safe_open

    if path.suffix != ".safetensors":
        return {name: tuple(tensor.shape) for name, tensor in load_state_dict(str(path)).items()}
    with safe_open(path, framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def _brief(error: Exception) -> str:
    """The first thing that an error says: torch goes on to list every tensor that differs."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    said = lines[1] if len(lines) > 1 and lines[0].startswith("Error(s) in loading") else lines[0]
    return said[:200]


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip tells the root logger each step, and that no weights are loaded: they are, one step later."""
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)  # without one, logging would set up its own, for good
    root.addFilter(_nothing)
    try:
        yield
    finally:
        root.removeFilter(_nothing)
        root.removeHandler(handler)


def _nothing(record: logging.LogRecord) -> bool:
    return False
