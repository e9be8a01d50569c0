"""The other architectures of the suite: the sweep runs, or the model is read prompt by prompt and says so."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_vlms import CHATML_TEMPLATE, TEXT, byte_tokenizer, llama_tokenizer, pictures, save, tokens_of
from vlm_questions import MIXED, ask, load, plainly

from harness.errors import HarnessWarning
from harness.models.generative.pictures import Picture, rgb

SIGLIP: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 56,
    "patch_size": 14,
}


def save_qwen2_5_vl(folder: Path) -> Path:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
    from transformers.models.qwen2_vl import Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    marks = ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>")
    tokenizer = byte_tokenizer(*marks)
    sizes = {"size": {"shortest_edge": 28 * 28, "longest_edge": 168 * 168}}
    processor = Qwen2_5_VLProcessor(
        Qwen2VLImageProcessor(**sizes),
        tokenizer,
        Qwen2VLVideoProcessor(**sizes),
        chat_template=CHATML_TEMPLATE.replace("IMAGE", "".join(marks[:3])),
    )
    start, image, end, video = tokenizer.convert_tokens_to_ids(list(marks))
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": 32}
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
    config = Qwen2_5_VLConfig(
        vision_config={**vision, "window_size": 56, "fullatt_block_indexes": [1]},
        text_config={**TEXT, **tokens_of(tokenizer), "rope_parameters": rope},
        vision_start_token_id=start,
        image_token_id=image,
        vision_end_token_id=end,
        video_token_id=video,
    )
    return save(folder, Qwen2_5_VLForConditionalGeneration, config, processor)


def save_gemma3(folder: Path, window: int = 256) -> Path:
    """One layer of two sees a window; image tokens see each other both ways; the template writes `<s>`."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3Processor
    from transformers.models.gemma3 import Gemma3ImageProcessor

    marks = {
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    }
    tokenizer = llama_tokenizer(*marks.values(), "<start_of_turn>", "<end_of_turn>", **marks)
    template = (
        "<s>{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
        "{% for p in m.content %}{{ '<start_of_image>' if p.type == 'image' else p.text | trim }}{% endfor %}"
        "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
    )
    processor = Gemma3Processor(
        Gemma3ImageProcessor(size={"height": 56, "width": 56}),
        tokenizer,
        chat_template=template,
        image_seq_length=4,
    )
    boi, eoi, image = tokenizer.convert_tokens_to_ids(list(marks.values()))
    layers = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": window, "head_dim": 8}
    config = Gemma3Config(
        vision_config={"model_type": "siglip_vision_model", **SIGLIP},
        text_config={**TEXT, **tokens_of(tokenizer), **layers, "query_pre_attn_scalar": 8},
        mm_tokens_per_image=4,
        boi_token_index=boi,
        eoi_token_index=eoi,
        image_token_index=image,
    )
    return save(folder, Gemma3ForConditionalGeneration, config, processor)


def save_internvl(folder: Path) -> Path:
    from transformers import InternVLConfig, InternVLForConditionalGeneration, InternVLProcessor
    from transformers.models.got_ocr2 import GotOcr2ImageProcessor
    from transformers.models.internvl import InternVLVideoProcessor

    marks = {
        "start_image_token": "<img>",
        "context_image_token": "<IMG_CONTEXT>",
        "end_image_token": "</img>",
        "video_token": "<video>",
    }
    tokenizer = byte_tokenizer(*marks.values(), **marks)
    processor = InternVLProcessor(
        GotOcr2ImageProcessor(size={"height": 56, "width": 56}, max_patches=4),
        tokenizer,
        InternVLVideoProcessor(size={"height": 56, "width": 56}),
        image_seq_length=4,
        chat_template=CHATML_TEMPLATE.replace("IMAGE", "<IMG_CONTEXT>\n"),
    )
    config = InternVLConfig(
        vision_config=SIGLIP,
        text_config={"model_type": "qwen2", **TEXT, **tokens_of(tokenizer)},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    return save(folder, InternVLForConditionalGeneration, config, processor)


def save_smolvlm(folder: Path) -> Path:
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration, SmolVLMProcessor
    from transformers.models.smolvlm import SmolVLMImageProcessor, SmolVLMVideoProcessor

    rows = [f"<row_{i + 1}_col_{j + 1}>" for i in range(4) for j in range(4)]
    marks = ("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>")
    tokenizer = byte_tokenizer(*marks, *rows)
    template = (
        "<|im_start|>{% for m in messages %}{{ m.role | capitalize }}"
        "{{ ':' if m.content[0].type == 'image' else ': ' }}"
        "{% for p in m.content %}{{ '<image>' if p.type == 'image' else p.text }}{% endfor %}"
        "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
    )
    sizes = {"size": {"longest_edge": 112}, "max_image_size": {"longest_edge": 56}}
    processor = SmolVLMProcessor(
        SmolVLMImageProcessor(**sizes),
        tokenizer,
        SmolVLMVideoProcessor(**sizes),
        image_seq_len=4,
        chat_template=template,
    )
    config = SmolVLMConfig(
        vision_config=SIGLIP,
        text_config={"model_type": "llama", **TEXT, **tokens_of(tokenizer)},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    return save(folder, SmolVLMForConditionalGeneration, config, processor)


SOME = [MIXED[at] for at in (0, 1, 3, 7)]
FAMILIES = [save_qwen2_5_vl, save_gemma3, save_internvl, save_smolvlm]


@pytest.fixture
def no_number_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """SmolVLM's processor asks for a package that only its videos need."""
    from transformers.models.smolvlm import processing_smolvlm

    monkeypatch.setattr(processing_smolvlm, "num2words", str)


@pytest.mark.usefixtures("no_number_words")
@pytest.mark.parametrize("save_model", FAMILIES, ids=lambda save_model: save_model.__name__)
def test_the_sweep_runs_and_equals_the_plain_forward_pass(save_model, tmp_path):
    model = load(save_model(tmp_path / "model"))
    images = pictures((48, 48), (60, 100, 3), (48, 48))
    with warnings.catch_warnings():
        warnings.simplefilter("error", HarnessWarning)
        scores = model.score(images, SOME)
    for question, ours in zip(SOME, scores, strict=True):
        np.testing.assert_allclose(ours[1], plainly(model, question, images[1]), atol=1e-4)


@pytest.mark.usefixtures("no_number_words")
@pytest.mark.parametrize("save_model", FAMILIES, ids=lambda save_model: save_model.__name__)
def test_answers_written_together_are_those_of_generate(save_model, tmp_path):
    model = load(save_model(tmp_path / "model"))
    images = pictures((48, 48), (60, 100, 3), (48, 48))
    questions = [
        replace(question, score=False, max_tokens=limit)
        for question, limit in zip(SOME, (6, 3, 6, 1), strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error", HarnessWarning)
        replies = model.generate(images, questions)
    for question, row in zip(questions, replies, strict=True):
        expected = [
            model._writer.alone(Picture(i), model.chat.prompt(question), question.max_tokens) for i in images
        ]
        assert [replace(one, latency_s=0) for one in row] == [replace(one, latency_s=0) for one in expected]


def test_gemma_3_reads_plainly_where_its_window_ends_within_the_prompt(tmp_path):
    model = load(save_gemma3(tmp_path / "model", window=24))
    images = pictures((48, 48))
    with pytest.warns(HarnessWarning, match="its attention window of 24 tokens ends within the prompt"):
        scores = model.score(images, SOME[:2])
    for question, ours in zip(SOME, scores, strict=False):
        np.testing.assert_allclose(ours[0], plainly(model, question, images[0]), atol=1e-4)
    question = ask(score=False, max_tokens=4)
    with pytest.warns(HarnessWarning, match="goes without sweep of written answers .* window of 24 tokens"):
        ((reply,),) = model.generate(images, [question])
    assert reply is not None
    assert reply.text == model._writer.alone(Picture(images[0]), model.chat.prompt(question), 4).text


def test_a_template_that_writes_the_first_token_gets_no_second_one(tmp_path):
    model = load(save_gemma3(tmp_path / "model"))
    prompt = model.chat.prompt(ask())
    assert prompt.startswith("<s>")
    tokens = model.encoder.inputs(prompt, rgb(pictures((48, 48))[0]))["input_ids"][0].tolist()
    assert tokens.count(model.encoder.processor.tokenizer.bos_token_id) == 1
