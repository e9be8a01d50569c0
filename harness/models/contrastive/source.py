"""Where a contrastive model of the suite comes from: its configuration, its weights, its tokenizer.

Weights do not say which activation they were trained with, nor how their images were normalised; used with
the wrong one they still answer, only worse. So both come from open_clip's table of tags or from the
`open_clip_config.json` saved with the weights, never from a default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import ModelError, UsageError
from harness.models.base import Context
from harness.models.contrastive import table as clip_table
from harness.models.hub import Snapshot, find_snapshot, locate

CONFIG = "open_clip_config.json"
# Names under which open_clip saves and publishes weights, in its order of preference. Safetensors first:
# the same repositories hold pickles of the same weights.
WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "model.safetensors",
    "pytorch_model.bin",
)
TOKENIZER = ("tokenizer.json", "spiece.model", "sentencepiece.bpe.model", "vocab.txt", "vocab.json")
FILES = (".safetensors", ".bin", ".pt", ".pth")
PREPROCESSING = ("mean", "std", "interpolation", "resize_mode", "fill_color")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Everything that `load` needs, found without loading.

    Attributes:
        name: what open_clip builds it from: an architecture, or `local-dir:FOLDER`.
        label: name in the identity: an architecture, or "" for a configuration of its own.
        config: embedding size and the two towers, as open_clip writes them.
        preprocessing: mean, std, interpolation, ... of images, as far as they are stated.
        quick_gelu: whether the weights were trained with OpenAI's approximation of GELU.
        weights: the file of weights, and its revision.
        tokenizer: folder of a Hugging Face tokenizer; None for open_clip's own.
        text_tower: folder with the configuration of a Hugging Face text tower; None for open_clip's own.
    """

    name: str
    label: str
    config: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    quick_gelu: bool
    weights: Snapshot
    tokenizer: Snapshot | None
    text_tower: Snapshot | None


def find_source(
    context: Context, model: str, pretrained: str | None, like: str | None, revision: str | None
) -> Source:
    """Finds what a suite entry names; see `OpenClipModel` for its options.

    Raises:
        Unavailable: files are neither here nor in the Hugging Face cache.
        UsageError: the entry names what open_clip does not have, or says too little or too much.
        ModelError: a configuration is corrupt.
    """
    if pretrained is None:
        _refuse(model, "names no file of weights", like=like)
        return _saved(context, model, revision)
    if pretrained.endswith(FILES):
        _refuse(model, f"takes its weights from {pretrained}", revision=revision)
        return _file(context, model, pretrained, like)
    _refuse(model, f"has the pretrained tag {pretrained}", like=like)
    return _tagged(context, model, pretrained, revision)


def _tagged(context: Context, model: str, pretrained: str, revision: str | None) -> Source:
    """Weights that open_clip knows, in the Hugging Face cache."""
    config, facts = clip_table.architecture(model), clip_table.tag(model, pretrained)
    repository, _, file = facts["hf_hub"].rpartition("/")
    names = (f"{file.rpartition('.')[0]}.safetensors", file) if file else WEIGHTS[:3]
    return _built_in(context, model, config, facts, find_snapshot(repository, revision, weights=names))


def _file(context: Context, model: str, file: str, like: str | None) -> Source:
    """Weights trained from those of a tag."""
    config = clip_table.architecture(model)
    if like is None:
        raise UsageError(
            f"Model {model}: {file} says neither its activation nor how images are normalised. Add like = "
            f"the tag it was trained from, such as 'openai', or name a folder with {CONFIG}."
        )
    facts, path = clip_table.tag(model, like), context.find(file)
    return _built_in(context, model, config, facts, Snapshot(path.parent, (path,)))


def _built_in(
    context: Context, model: str, config: Mapping[str, Any], facts: Mapping[str, Any], weights: Snapshot
) -> Source:
    return Source(
        name=model,
        label=model.replace("/", "-"),
        config=config,
        preprocessing=_stated(facts),
        # A tag can only add it: roberta-ViT-B-32 has it in its configuration and not in its tag.
        quick_gelu=bool(facts.get("quick_gelu") or config.get("quick_gelu")),
        weights=weights,
        tokenizer=_hugging_face(config, "hf_tokenizer_name", context, TOKENIZER),
        text_tower=_hugging_face(config, "hf_model_name", context, ("config.json",)),
    )


def _saved(context: Context, model: str, revision: str | None) -> Source:
    """A folder or hub repository in the form that open_clip saves."""
    if tags := clip_table.table().get(model.replace("/", "-")):
        raise UsageError(f"Model {model} needs pretrained = one of {', '.join(tags)}.")
    weights = locate(model, context, revision, weights=WEIGHTS)
    path = weights.folder / CONFIG
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        config, preprocessing = saved["model_cfg"], _stated(saved.get("preprocess_cfg") or {})
        tokenizer, quick_gelu = config["text_cfg"].get("hf_tokenizer_name"), config.get("quick_gelu")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path} is not a configuration of open_clip ({error!r}). Save the model again."
        ) from error
    return Source(
        name=f"local-dir:{weights.folder}",
        label="",
        config=config,
        preprocessing=preprocessing,
        quick_gelu=bool(quick_gelu),
        weights=weights,
        # open_clip saves a tokenizer beside the weights, whatever it was called before.
        tokenizer=locate(str(weights.folder), context, weights=TOKENIZER) if tokenizer else None,
        text_tower=_hugging_face(config, "hf_model_name", context, ("config.json",)),
    )


def _refuse(model: str, because: str, **options: str | None) -> None:
    for option, value in options.items():
        if value is not None:
            raise UsageError(f"Model {model} {because}. Leave {option} = {value!r} out.")


def _stated(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: facts[key] for key in PREPROCESSING if facts.get(key) is not None}


def _hugging_face(
    config: Mapping[str, Any], key: str, context: Context, files: tuple[str, ...]
) -> Snapshot | None:
    name = config["text_cfg"].get(key)
    return locate(name, context, weights=files) if name else None
