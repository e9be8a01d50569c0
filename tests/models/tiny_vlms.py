"""Vision-language checkpoints under 1 MB: real architectures, random weights, processors that load."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Words that become one token each, as they are in the vocabulary of a large model; all else is bytes.
WORDS = """
USER ASSISTANT system user assistant model The Which What emotion emotions is are does do this the face person
image show shown feel Answer with one word only of following Choose from a an and or in to You happy sad angry
disgusted fearful surprised neutral happiness sadness anger disgust fear surprise Happy Sad Neutral letter
label photo look looks JSON none mood good bad
"""

LLAVA_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role != 'system' %}{{ message.role | upper }}: {% endif %}"
    "{% for part in message.content %}{% if part.type == 'image' %}<image>\n{% endif %}{% endfor %}"
    "{% for part in message.content %}{% if part.type == 'text' %}{{ part.text }} {% endif %}{% endfor %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
INSTRUCT_TEMPLATE = (  # takes no system message
    "{% for message in messages %}"
    "{% if message.role == 'system' %}{{ raise_exception('no system messages') }}{% endif %}"
    "{% if message.role == 'user' %}[INST] {% endif %}"
    "{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>\n{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}"
    "{% if message.role == 'user' %} [/INST] {% else %}</s>{% endif %}"
    "{% endfor %}"
)
CHATML_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% for part in message.content %}"
    "{% if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}
CLIP_VISION: dict[str, Any] = {
    "model_type": "clip_vision_model",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 56,
    "patch_size": 14,
}


def save_llava(folder: Path, seed: int = 0) -> Path:
    """LLaVA-1.5: 56 pixels, 16 image tokens, sentencepiece-like tokens, a system message is taken."""
    from transformers import LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
    from transformers.models.clip import CLIPImageProcessor

    tokenizer = llama_tokenizer("<image>")
    sizes = {"size": {"shortest_edge": 56}, "crop_size": {"height": 56, "width": 56}}
    processor = LlavaProcessor(
        CLIPImageProcessor(**sizes),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAVA_TEMPLATE,
    )
    config = LlavaConfig(
        vision_config=CLIP_VISION,
        text_config={"model_type": "llama", **TEXT, **tokens_of(tokenizer)},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    return save(folder, LlavaForConditionalGeneration, config, processor, seed)


def save_llava_next(folder: Path, seed: int = 0) -> Path:
    """LLaVA-NeXT: as many tiles of 56 pixels as fit the image, a template that takes no system message."""
    from transformers import LlavaNextConfig, LlavaNextForConditionalGeneration, LlavaNextProcessor
    from transformers.models.llava_next import LlavaNextImageProcessor

    tokenizer = llama_tokenizer("<image>")
    grid = [[56, 112], [112, 56], [112, 112], [168, 56], [56, 168]]
    sizes = {"size": {"shortest_edge": 56}, "crop_size": {"height": 56, "width": 56}}
    processor = LlavaNextProcessor(
        LlavaNextImageProcessor(**sizes, image_grid_pinpoints=grid),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=INSTRUCT_TEMPLATE,
    )
    config = LlavaNextConfig(
        vision_config=CLIP_VISION,
        text_config={"model_type": "mistral", "sliding_window": None, **TEXT, **tokens_of(tokenizer)},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grid,
    )
    return save(folder, LlavaNextForConditionalGeneration, config, processor, seed)


def save_qwen2_vl(folder: Path, seed: int = 0) -> Path:
    """Qwen2-VL: image tokens by image size, rotary positions in three dimensions, byte-level tokens."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor
    from transformers.models.qwen2_vl import Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    marks = ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>")
    tokenizer = byte_tokenizer(*marks)
    sizes = {"size": {"shortest_edge": 28 * 28, "longest_edge": 140 * 140}}
    processor = Qwen2VLProcessor(
        Qwen2VLImageProcessor(**sizes),
        tokenizer,
        Qwen2VLVideoProcessor(**sizes),
        chat_template=CHATML_TEMPLATE.replace("IMAGE", "".join(marks[:3])),
    )
    start, image, end, video = tokenizer.convert_tokens_to_ids(list(marks))
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
    config = Qwen2VLConfig(
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2},
        text_config={**TEXT, **tokens_of(tokenizer), "rope_parameters": rope},
        vision_start_token_id=start,
        image_token_id=image,
        vision_end_token_id=end,
        video_token_id=video,
    )
    return save(folder, Qwen2VLForConditionalGeneration, config, processor, seed)


def llama_tokenizer(*marks: str, words: str = WORDS, **named: str) -> Any:
    """Whole words with their leading space in one token, bytes for all else; begins with `<s>`.

    Args:
        marks: further special tokens.
        words: what is one token each.
        named: attribute of the tokenizer -> the one of them that it gives.
    """
    from tokenizers.pre_tokenizers import Metaspace
    from transformers import LlamaTokenizer

    special = ["<unk>", "<s>", "</s>", "<pad>", *marks]
    single = sorted(set("".join(words.split())) | set("▁ .,:?!'\"{}()[]/\n"))
    vocabulary = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), *single]
    merges = _merges(words, Metaspace(prepend_scheme="never"))
    vocabulary += [a + b for a, b in merges if a + b not in vocabulary]
    return LlamaTokenizer(
        vocab={token: i for i, token in enumerate(dict.fromkeys(vocabulary))},
        merges=merges,
        pad_token="<pad>",
        extra_special_tokens=list(marks),
        model_specific_special_tokens=named,
    )


def byte_tokenizer(*marks: str, **named: str) -> Any:
    """Byte-level BPE as Qwen has it: words in one token, with and without a space; nothing at the start.

    Args: as in `llama_tokenizer`.
    """
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *marks]
    merges = _merges(WORDS, ByteLevel(add_prefix_space=False), ByteLevel.alphabet())
    vocabulary = [*special, *sorted(ByteLevel.alphabet()), *(a + b for a, b in merges)]
    return Qwen2Tokenizer(
        vocab={token: i for i, token in enumerate(dict.fromkeys(vocabulary))},
        merges=merges,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=special[1:],
        model_specific_special_tokens=named,
    )


def pictures(*sizes: tuple[int, ...], seed: int = 0) -> list[NDArray[np.uint8]]:
    """Random images of these shapes, (H, W) or (H, W, 3)."""
    draw = np.random.default_rng(seed)
    return [draw.integers(0, 256, size, dtype=np.uint8) for size in sizes]


def tokens_of(tokenizer: Any) -> dict[str, Any]:
    """What the config of a language model says of a tokenizer."""
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    return {"vocab_size": len(tokenizer), **ids}


def save(folder: Path, architecture: Any, config: Any, processor: Any, seed: int = 0) -> Path:
    """Writes a checkpoint with weights drawn from a seed, and its processor."""
    import torch

    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        model = architecture(config).eval()
        for name, weight in model.named_parameters():
            # Unit-size activations, and logits that spread by about 2: answers differ by more than rounding.
            if weight.ndim > 1:
                scale = 2.0 if "lm_head" in name else 1.0
                fan_in = 1 if "embed_tokens" in name else weight[0].numel()
                weight.copy_(torch.randn(weight.shape) * scale / fan_in**0.5)
            elif "bias" in name:
                weight.copy_(torch.randn(weight.shape) * 0.1)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _merges(words: str, mark: Any, alphabet: Iterable[str] = ()) -> list[tuple[str, str]]:
    # Learned from the words alone until each is one token, with a space before it and without.
    import json

    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    learner = Tokenizer(BPE())
    learner.pre_tokenizer = mark
    trainer = BpeTrainer(
        vocab_size=10_000, min_frequency=1, initial_alphabet=list(alphabet), show_progress=False
    )
    learner.train_from_iterator([f" {word}" for word in words.split()] + words.split(), trainer)
    return [(a, b) for a, b in json.loads(learner.to_str())["model"]["merges"]]
