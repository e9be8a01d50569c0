"""What a prompt sweep costs a local vision-language model, in plain forward passes.

LLaVA-1.5's geometry with random weights: 336 pixels, 576 image tokens, a vision tower of 6 layers x 384, a
language model of 8 layers x 512 with 32,064 tokens; float32, 2 threads. One image, 24 orders of seven labels,
seven answers each. The sweep is everything from decoded pixels to 24 x 7 log-likelihoods; it is held against
`model(**inputs)` for one prompt, whose inputs are ready, and for comparison against the same with logits of
the last token only. They run in turn and who begins changes; figures are medians of ratios.
The naive loop (a forward pass for each prompt and answer) and `model.generate` for each prompt are measured
on two of the 24 prompts between two sweeps, and multiplied by 12.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from _shared import print_line
from transformers import LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
from transformers.models.clip import CLIPImageProcessor

from harness.models.generative import LoadedVlm
from harness.models.generative.encoding import batch
from harness.models.generative.pictures import rgb
from harness.models.generative.plain import plain_scores
from harness.prompts import Question

sys.path.append("tests/models")
from tiny_vlms import LLAVA_TEMPLATE, llama_tokenizer

THREADS, ROUNDS, ORDERS, SAMPLED, WRITTEN = 2, 7, 24, 2, 8
LABELS = ("angry", "disgusted", "fearful", "happy", "sad", "surprised", "neutral")
INSTRUCTION = (
    "Look at the face in the image and decide which emotion its expression shows. Answer with exactly one "
    "entry of the list, spelled as it is there, and write nothing else."
)
# Tokens as LLaVA-1.5 has them: common words whole, three of the labels in two pieces.
WORDS = "USER ASSISTANT List angry happy sad neutral surpr ised disg usted fear ful " + INSTRUCTION


# The layers of the two towers, small; `gpu_sweep.py` has those of 7 billion weights.
VISION = {"num_hidden_layers": 6, "hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": 6}
TEXT = {"num_hidden_layers": 8, "hidden_size": 512, "intermediate_size": 1376, "num_attention_heads": 8}


def llava(vision: dict[str, int], text: dict[str, int], device: str, dtype: torch.dtype) -> LoadedVlm:
    tokenizer = llama_tokenizer("<image>", words=WORDS.replace(".", "").replace(",", ""))
    processor = LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAVA_TEMPLATE,
    )
    config = LlavaConfig(
        vision_config={"model_type": "clip_vision_model", "image_size": 336, "patch_size": 14, **vision},
        text_config={"model_type": "llama", "vocab_size": 32_064, "max_position_embeddings": 4096, **text},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        dtype=dtype,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = LlavaForConditionalGeneration._from_config(config)
    return LoadedVlm(model.eval(), processor, "llava")


def questions() -> list[Question]:
    draw = Random(0)
    orders: set[tuple[str, ...]] = set()
    while len(orders) < ORDERS:
        orders.add(tuple(draw.sample(LABELS, len(LABELS))))
    return [
        Question(text=f"{INSTRUCTION}\nList: {', '.join(order)}", labels=order, answers=order, score=True)
        for order in sorted(orders)
    ]


def seconds(call: Callable[[], Any]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def main() -> None:
    torch.set_num_threads(THREADS)
    ours, asked = llava(VISION, TEXT, "cpu", torch.float32), questions()
    image = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    picture, prompts = rgb(image), [ours.chat.prompt(question) for question in asked]
    inputs = batch([ours.encoder.inputs(prompts[0], picture)], ours.model)

    def sweep() -> Any:
        return ours.score([image], asked)

    def one_prompt() -> Any:
        with torch.no_grad():
            return ours.model(**inputs)

    def last_token() -> Any:
        with torch.no_grad():
            return ours.model(**inputs, logits_to_keep=1)

    def naive() -> Any:
        for question, prompt in zip(asked[:SAMPLED], prompts, strict=False):
            plain_scores(ours.model, ours.encoder, picture, prompt, ours.chat.continuations(question))

    def generate_each() -> Any:
        for prompt in prompts[:SAMPLED]:
            alone = batch([ours.encoder.inputs(prompt, picture)], ours.model)
            ours.model.generate(**alone, do_sample=False, min_new_tokens=WRITTEN, max_new_tokens=WRITTEN)

    def generate_shared() -> Any:
        return ours.generate([image], [replace(q, score=False, max_tokens=WRITTEN) for q in asked])

    sweep(), generate_shared(), one_prompt()  # warm up; each shared way holds itself against the plain one
    calls, times = [sweep, one_prompt, last_token], []
    for _ in range(ROUNDS):
        calls.append(calls.pop(0))
        taken = {call: seconds(call) for call in calls}
        times.append((taken[sweep], taken[one_prompt], taken[last_token]))

    def between_sweeps(call: Callable[[], Any]) -> float:
        before, taken, after = seconds(sweep), seconds(call), seconds(sweep)
        return 2 * taken / (before + after)

    figures = {
        "sweep_over_prompt": median(sweep_s / prompt_s for sweep_s, prompt_s, _ in times),
        "sweep_over_last_token": median(sweep_s / last_s for sweep_s, _, last_s in times),
        "sweep_s": median(sweep_s for sweep_s, _, _ in times),
        "prompt_s": median(prompt_s for _, prompt_s, _ in times),
        "prompt_tokens": inputs["input_ids"].shape[1],
        "naive_over_sweep": between_sweeps(naive) * ORDERS / SAMPLED,
        "generate_each_over_sweep": between_sweeps(generate_each) * ORDERS / SAMPLED,
        "generate_shared_over_sweep": between_sweeps(generate_shared),
    }
    print_line("prompt_sweep", figures, {"sweep_over_prompt": 3.0})


if __name__ == "__main__":
    main()
