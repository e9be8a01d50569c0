"""Loads processors and weights from files on this disk, never from a hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import ModelError, Unavailable, UsageError, out_of_memory
from harness.models.network import torch_dtype
from harness.tools.slow_paths import note


def architecture(folder: Path) -> tuple[str, str]:
    """Class name of the model and the file of its weights ("" for the usual ones), as its config says.

    Raises:
        ModelError: there is no readable config.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(config["architectures"][0]), str(config.get("transformers_weights") or "")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(
            f"The config {folder / 'config.json'} does not name an architecture ({error!r}). "
            "Fetch or save the model again."
        ) from error


def load_processor(folder: Path, *, trust_remote_code: bool) -> Any:
    """The processor of a model.

    Raises:
        ModelError: transformers cannot build it.
    """
    from transformers import AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust_remote_code
        )
    except ImportError as error:
        raise Unavailable(f"The processor in {folder} needs a package ({error}). Install it.") from error
    except Exception as error:  # whatever its many formats raise
        raise ModelError(
            f"transformers cannot load the processor in {folder} ({_brief(error)}). Fetch or save it again."
        ) from error
    if not hasattr(processor, "image_processor") or not hasattr(processor, "tokenizer"):
        raise ModelError(
            f"The folder {folder} holds no processor of images and text. Save the model's processor there."
        )
    return processor


def load_model(
    folder: Path,
    device: str,
    dtype: str,
    *,
    quantisation: str,
    attention: str | None,
    trust_remote_code: bool,
) -> Any:
    """The model in evaluation mode; on CUDA it is loaded straight to the device, over several if need be.

    Raises:
        ModelError: the weights are corrupt or do not fit the architecture.
        UsageError: the device, dtype or attention backend cannot be used.
    """
    from transformers import AutoModelForImageTextToText

    options: dict[str, Any] = {"dtype": torch_dtype(dtype)}
    if attention is not None:
        options["attn_implementation"] = attention
    if device.startswith("cuda"):
        options["device_map"] = "auto" if device == "cuda" else {"": device}
    if quantisation:
        options["quantization_config"] = _four_bits(options["dtype"])
    try:
        model, problems = AutoModelForImageTextToText.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=trust_remote_code,
            weights_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            **options,
        )
    except ImportError as error:
        raise Unavailable(f"The model in {folder} needs a package ({_brief(error)}). Install it.") from error
    except Exception as error:
        if out_of_memory(error):
            raise
        if attention is not None and "attention" in str(error).lower():
            raise UsageError(
                f"Attention {attention} cannot be used ({_brief(error)}). Leave it out."
            ) from error
        raise ModelError(
            f"transformers cannot load the model in {folder} ({_brief(error)}). Fetch or save it again."
        ) from error
    _check(problems, folder)
    _check_taken(model, folder, attention)
    if "device_map" not in options:
        try:
            model = model.to(device)
        except (RuntimeError, AssertionError) as error:
            if out_of_memory(error):
                raise
            raise UsageError(f"Device {device} cannot be used ({error}). Choose another --device.") from error
    return model.eval()


def _check(problems: dict[str, Any], folder: Path) -> None:
    # Of its own accord transformers draws absent weights at random, and says so in a log only.
    absent = sorted(problems["missing_keys"])
    misfits = sorted(key for key, *_ in problems["mismatched_keys"])
    if absent or misfits:
        raise ModelError(
            f"The checkpoint in {folder} lacks {len(absent)} weights and has {len(misfits)} of another size, "
            f"such as {[*absent, *misfits][0]}. Fetch or save the model again."
        )


def _check_taken(model: Any, folder: Path, attention: str | None) -> None:
    # Of its own accord transformers takes another backend, and puts on the CPU what the devices do not hold.
    taken = model.config._attn_implementation
    if attention is not None and taken != attention:
        raise UsageError(
            f"Attention {attention} cannot be used by the model in {folder}: transformers took {taken}. "
            "Leave it out."
        )
    places = [str(place) for place in (getattr(model, "hf_device_map", None) or {}).values()]
    if away := sum(place in ("cpu", "disk") for place in places):
        note(
            folder.name,
            "a place on the device for all of its weights",
            "unfit",
            f"{away} of {len(places)} parts lie in the computer's memory or on its disk. Use a larger "
            "device, a smaller --dtype or quantisation.",
        )


def _four_bits(compute_dtype: Any) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute_dtype
    )


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
