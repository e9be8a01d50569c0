"""What sweeps of LLaVA-1.5-7B cost on a GPU, in plain forward passes, and that they equal these.

LLaVA-1.5's geometry at its real size with random weights: 336 pixels, 576 image tokens, 24 orders of seven
labels, seven answers each, prompts of 636 tokens. Scored: everything from decoded pixels to 24 x 7
log-likelihoods an image, by batches of 1, 8, 32 and 64 images, of which a thread prepares the next, over
`model(**inputs)` of as many images with one prompt, whose inputs are ready. Written: four tokens for each of
24 prompts and 8 images, beside `model.generate` for the same batch, measured on 2 of the prompts. Figures are
medians.

Equality: in float32 the largest difference of the sweep from plain passes over one image, for 2 prompts and 4
images. In bfloat16 both are held against the plain pass in float32: rounding alone moves them by tenths of a
nat, so the sweep shall be as near to the truth as the plain pass is.

`--tiny` runs everything on the CPU with two layers, as a check of the script.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from _shared import print_line
from prompt_sweep import llava, questions

from harness.models.generative import LoadedVlm
from harness.models.generative.encoding import batch
from harness.models.generative.pictures import rgb
from harness.models.generative.plain import plain_scores
from harness.models.trie import shared_length

ROUNDS, WRITTEN, SAMPLED = 4, 4, 2
CHECKED, CHECKED_IMAGES = (0, 23), 4  # prompts
TINY = "--tiny" in sys.argv
BATCHES = (1, 2) if TINY else (1, 8, 32, 64)
DEVICE = "cpu" if TINY else "cuda"
VISION, TEXT = (
    {
        "num_hidden_layers": 2 if TINY else layers,
        "hidden_size": 64 if TINY else width,
        "intermediate_size": 128 if TINY else inner,
        "num_attention_heads": 4 if TINY else heads,
    }
    for layers, width, inner, heads in ((24, 1024, 4096, 16), (32, 4096, 11_008, 32))
)


def seconds(call: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Median seconds of a call, after one that warms up."""
    times = []
    for _ in range(rounds + 1):
        start = perf_counter()
        call()
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        times.append(perf_counter() - start)
    return median(times[1:])


def seconds_ahead(
    prepare: Callable[[list[Any]], Any], call: Callable[[Any], Any], images: list[Any]
) -> float:
    """Median seconds of a call about batch after batch, while a thread prepares the one that follows."""
    times = []
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(prepare, images)
        for _ in range(ROUNDS + 2):
            start = perf_counter()
            ready, following = following.result(), thread.submit(prepare, images)
            call(ready)
            times.append(perf_counter() - start)
    return median(times[2:])


def pictures(count: int) -> list[Any]:
    draw = np.random.default_rng(0)
    return [draw.integers(0, 256, (48, 48), dtype=np.uint8) for _ in range(count)]


def plain_inputs(ours: LoadedVlm, text: str, images: list[Any]) -> dict[str, Any]:
    return batch([ours.encoder.inputs(text, rgb(image)) for image in images], ours.model)


def cost(ours: LoadedVlm) -> Iterator[tuple[str, float]]:
    """Sweeps over plain forward passes, for each size of batch."""
    asked = questions()
    prompts = [ours.chat.prompt(question) for question in asked]
    ours.score(pictures(1), asked)  # which holds the sweep against the plain pass
    for count in BATCHES:
        images, inputs = pictures(count), plain_inputs(ours, prompts[0], pictures(count))
        with torch.inference_mode():
            plain = seconds(lambda inputs=inputs: ours.model(**inputs))
        if DEVICE == "cuda":
            torch.cuda.reset_peak_memory_stats()
        swept = seconds_ahead(ours.prepare, lambda ready: ours.score(ready, asked), images)
        yield f"plain_ms_{count}", 1e3 * plain / count
        yield f"sweep_ms_{count}", 1e3 * swept / count
        yield f"sweep_over_prompt_{count}", swept / plain
        if DEVICE == "cuda":
            yield f"peak_gb_{count}", torch.cuda.max_memory_allocated() / 1e9
    wholes = [
        tuple(ours.encoder.tokens(prompt + answer))
        for question, prompt in zip(asked, prompts, strict=True)
        for answer in ours.chat.continuations(question)
    ]
    read = {whole[:end] for whole in wholes for end in range(1, len(whole))}
    alone, length = len(ours.encoder.tokens(prompts[0])), inputs["input_ids"].shape[1]
    yield "prompt_tokens", length
    yield "unique_tokens_over_prompt", (len(read) + length - alone) / length
    yield "shared_tokens", length - alone + shared_length(*wholes)


def write(ours: LoadedVlm) -> Iterator[tuple[str, float]]:
    """Written answers, and `model.generate` for each prompt."""
    asked = [replace(question, score=False, max_tokens=WRITTEN) for question in questions()]
    ours._writer.ends = frozenset()  # all of the tokens are written, whatever the random weights say
    images = pictures(2 if TINY else 8)
    inputs = [plain_inputs(ours, ours.chat.prompt(question), images) for question in asked[:SAMPLED]]

    def generate_each() -> None:
        for one in inputs:
            ours.model.generate(**one, do_sample=False, min_new_tokens=WRITTEN, max_new_tokens=WRITTEN)

    yield "written_s", seconds(lambda: ours.generate(images, asked))
    yield "generate_each_s", seconds(generate_each, 2) * len(asked) / SAMPLED
    longer = [replace(question, max_tokens=8 * WRITTEN) for question in asked]
    yield "written_8_times_as_long_s", seconds(lambda: ours.generate(images, longer), 2)


def scores(ours: LoadedVlm) -> tuple[Any, Any, Any]:
    """By the sweep, the plain pass over one image, and that over a batch: (prompts, images, answers) each."""
    asked, images = questions(), pictures(CHECKED_IMAGES)
    swept, plain, batched = ours.score(images, asked), [], []
    for index in CHECKED:
        prompt, answers = ours.chat.prompt(asked[index]), ours.chat.continuations(asked[index])
        plain.append([plain_scores(ours.model, ours.encoder, rgb(one), prompt, answers)[0] for one in images])
        batched.append(batched_scores(ours, images, prompt, answers))
    return np.stack([swept[index] for index in CHECKED]), np.array(plain), np.stack(batched)


def batched_scores(ours: LoadedVlm, images: list[Any], prompt: str, answers: list[str]) -> Any:
    start = plain_inputs(ours, prompt, images[:1])["input_ids"].shape[1]
    sums = []
    for answer in answers:
        inputs = plain_inputs(ours, prompt + answer, images)
        with torch.inference_mode():
            logits = ours.model(**inputs).logits[:, start - 1 : -1].float().log_softmax(-1)
        sums.append(logits.gather(2, inputs["input_ids"][:, start:, None]).sum((1, 2)).cpu().numpy())
    return np.stack(sums, 1)


def furthest(some: Any, others: Any) -> float:
    return float(np.abs(some - others).max())


def rms(some: Any, others: Any) -> float:
    return float(np.sqrt(((some - others) ** 2).mean()))


def main() -> None:
    if DEVICE == "cuda" and not torch.cuda.is_available():
        print("gpu_sweep: skipped, as torch sees no GPU here. `--tiny` checks the script on the CPU.")
        return
    if DEVICE == "cuda":
        print(f"gpu_sweep: {torch.cuda.get_device_name()}, torch {torch.__version__}", file=sys.stderr)
    torch.backends.cudnn.allow_tf32 = False  # the plain pass in float32 shall be one
    ours = llava(VISION, TEXT, DEVICE, torch.float32)
    swept, exact, batched = scores(ours)
    figures = {"sweep_max_e4": 1e4 * furthest(swept, exact), "batch_max_e4": 1e4 * furthest(batched, exact)}
    print_line("gpu_sweep_float32", figures, {"sweep_max_e4": 1})

    half = ours.model.to(torch.bfloat16)
    ours = LoadedVlm(half, ours.encoder.processor, "llava")
    swept, plain, batched = scores(ours)
    figures = {
        "sweep_max": furthest(swept, plain),
        "batch_max": furthest(batched, plain),
        "sweep_error_rms": rms(swept, exact),
        "plain_error_rms": rms(plain, exact),
        "sweep_over_plain_error": rms(swept, exact) / rms(plain, exact),
    }
    print_line("gpu_sweep_bfloat16", figures, {"sweep_over_plain_error": 1.1})

    over = {f"sweep_over_prompt_{count}": 1.9 for count in BATCHES if count > 1}
    print_line("gpu_sweep", dict(cost(ours)), {} if TINY else over)
    print_line("gpu_written", dict(write(ours)), {} if TINY else {"written_s": 1.2})


if __name__ == "__main__":
    main()
