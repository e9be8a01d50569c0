"""Tiny checkpoints of open_clip's own architectures, in the form that open_clip saves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VISION = {"image_size": 32, "patch_size": 8, "layers": 2, "width": 32, "head_width": 16}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
CLIP: dict[str, Any] = {
    "model_cfg": {"embed_dim": 24, "quick_gelu": True, "vision_cfg": VISION, "text_cfg": TEXT},
    "preprocess_cfg": {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28], "interpolation": "bicubic"},
}
WORDS = ["a", "photo", "of", "the", "face", "they", "look", "looking", "happy", "sad", "angry", "neutral"]
SIGLIP: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 24,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {**VISION, "pool_type": "avg"},
        "text_cfg": {
            **TEXT,
            "context_length": 16,
            "vocab_size": len(WORDS) + 3,
            "hf_tokenizer_name": "somewhere/else",
            "tokenizer_kwargs": {"clean": "canonicalize"},
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
        },
    },
    "preprocess_cfg": {
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "interpolation": "bicubic",
        "resize_mode": "squash",
    },
}


def save_clip(folder: Path, seed: int = 0, config: Mapping[str, Any] = CLIP) -> dict[str, Any]:
    """Writes weights drawn from a seed, their configuration and, where it names one, a tokenizer.

    Args:
        folder: is made; holds `open_clip_config.json` and `open_clip_model.safetensors` afterwards.
        seed: of the weights.
        config: contents of `open_clip_config.json`.

    Returns:
        The suite entry of the model.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, config)
    save_file(network(config, seed).state_dict(), folder / "open_clip_model.safetensors")
    if "hf_tokenizer_name" in config["model_cfg"]["text_cfg"]:
        _tokenizer().save_pretrained(folder)
    return {"adapter": "open_clip", "model": str(folder)}


def write_config(folder: Path, config: Any) -> None:
    """Writes the configuration that stands beside the weights."""
    (folder / "open_clip_config.json").write_text(json.dumps(config))


def network(config: Mapping[str, Any], seed: int = 0) -> Any:
    """The network of a configuration, in evaluation mode.

    Its embeddings of tokens and positions are wide, so that different texts get clearly different answers.
    """
    import torch
    from open_clip import CLIP, CustomTextCLIP

    options = dict(config["model_cfg"])
    kind = CustomTextCLIP if options.pop("custom_text", False) else CLIP
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        made = kind(**options).eval()
        for name, tensor in made.named_parameters():
            if name.endswith(("positional_embedding", "token_embedding.weight")) and "visual" not in name:
                tensor.normal_(std=0.5)
        made.logit_scale.fill_(3.0)
    return made


def _tokenizer() -> Any:
    """A tokenizer of whole words, padded with 1 as SigLIP's is."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["<unk>", "<pad>", "</s>", *WORDS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", pad_token="<pad>", eos_token="</s>", model_max_length=64
    )
