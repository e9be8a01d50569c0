"""What 24 questions cost a contrastive model, beyond one pass of its image tower over the images.

ViT-B-32 with random weights on 256 images of 224 pixels, 2 threads, float32. The sweep is everything: from
decoded pixels through preprocessing and both towers to the probabilities of 24 questions, each a template
with seven classes. It is held against `encode_image` alone, on tensors that are preprocessed already, in the
same batches. Both sides take turns at every batch, and the ratio is the median over such pairs, plus what the
questions take, also in the median. The ratio of processor times is disturbed least by other work.
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time

import numpy as np
import open_clip
import torch
from _shared import print_line

from harness.models.contrastive.network import LoadedClip
from harness.models.contrastive.pixels import Preprocessing
from harness.models.contrastive.zero_shot import class_weights, zero_shot_probabilities
from harness.prompts import Question

IMAGES, SIZE, BATCH, THREADS, RUNS = 256, 224, 32, 2, 3
LABELS = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
TEMPLATES = (
    "a photo of a {c} face.",
    "a photo of a {c} person.",
    "a picture of someone who is {c}.",
    "a portrait of a {c} person.",
    "a close-up of a {c} face.",
    "a blurry photo of a {c} face.",
    "a black and white photo of a {c} face.",
    "a cropped photo of a {c} face.",
    "a small photo of a {c} face.",
    "a face with a {c} expression.",
    "a person with a {c} expression.",
    "a {c} expression.",
    "a {c} face.",
    "this person feels {c}.",
    "this person seems {c}.",
    "this face looks {c}.",
    "someone feeling {c}.",
    "someone looking {c}.",
    "the emotion of this face is {c}.",
    "the mood of this person is {c}.",
    "an actor who plays a {c} person.",
    "my friend is {c} today.",
    "they are {c}.",
    "emotion: {c}",
)
TARGETS = {"sweep_over_image_tower": 1.10}


def main() -> None:
    torch.set_num_threads(THREADS)
    loaded, images = vit_b_32(), pictures()
    questions = [question(template) for template in TEMPLATES]
    batches = [images[start : start + BATCH] for start in range(0, IMAGES, BATCH)]
    embeddings = np.concatenate([loaded.embed_images(batch) for batch in batches])
    classify(loaded, embeddings, questions)  # first allocations

    towers, embeds, answers = [], [], []
    for _ in range(RUNS):
        for batch in batches:
            pixels = loaded.preprocess(batch, "cpu")
            towers.append(timed(image_tower, loaded, pixels))
            embeds.append(timed(loaded.embed_images, batch))
        answers.append(timed(classify, loaded, embeddings, questions))
    tower, answer = middle(towers), middle(answers)
    # Batches are timed in pairs, one right after the other: the speed of a machine changes meanwhile.
    pairs = [(ours[0] / bare[0], ours[1] / bare[1]) for bare, ours in zip(towers, embeds, strict=True)]
    wall, processor = (
        images + rest / (len(batches) * bare)
        for images, rest, bare in zip(middle(pairs), answer, tower, strict=True)
    )
    figures = {
        "sweep_over_image_tower": wall,
        "processor_time_ratio": processor,
        "image_tower_seconds": len(batches) * tower[0],
        "images_over_image_tower": middle(pairs)[0],
        "questions_seconds": answer[0],
        "texts": len(TEMPLATES) * len(LABELS),
    }
    print_line("clip_sweep", figures, TARGETS)


def image_tower(loaded: LoadedClip, pixels: torch.Tensor) -> None:
    """A pass of the image tower, without any of the harness."""
    with torch.inference_mode():
        loaded.network.encode_image(pixels)


def classify(loaded: LoadedClip, embeddings: np.ndarray, questions: list[Question]) -> list[np.ndarray]:
    """Probabilities (N, K) for each question."""
    return [zero_shot_probabilities(embeddings, weights) for weights in class_weights(loaded, questions)]


def timed(call: Callable[..., object], *arguments: object) -> tuple[float, float]:
    """Wall-clock and processor seconds."""
    wall, processor = perf_counter(), process_time()
    call(*arguments)
    return perf_counter() - wall, process_time() - processor


def middle(runs: list[tuple[float, float]]) -> tuple[float, float]:
    return median(wall for wall, _ in runs), median(processor for _, processor in runs)


def vit_b_32() -> LoadedClip:
    network, _, transform = open_clip.create_model_and_transforms("ViT-B-32", pretrained=None)
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    return LoadedClip(100.0, network.eval(), Preprocessing.of(transform), tokenizer, "cpu", torch.float32)


def pictures() -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE, 3), dtype=np.uint8))


def question(template: str) -> Question:
    names = tuple((label,) for label in LABELS)
    return Question(text="", labels=LABELS, answers=LABELS, captions=(template,), names=names)


if __name__ == "__main__":
    main()
