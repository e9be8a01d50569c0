"""A loaded vision-language model that satisfies `Generative`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.models.generative.attention import single_precision
from harness.models.generative.chat import Chat
from harness.models.generative.encoding import Encoder, Unfit, batch, ending_in
from harness.models.generative.greedy import Writer, split
from harness.models.generative.pictures import Picture, alike, prepare
from harness.models.generative.plain import plain_next, plain_scores
from harness.models.generative.prefix import Prefix
from harness.models.generative.sweep import Scores, Sweep
from harness.models.generative.writing import first_two
from harness.prompts.question import Question, Reply
from harness.tools.slow_paths import blame, note

# How far the shared and the plain forward pass may differ per token, in nats. On checkpoints of two layers
# they differ by 2e-6 in single precision, .004 and .03 in the two halves, and deeper ones round more often;
# a mask or a position that is wrong moves a token by whole nats.
TOLERANCE = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.25}

PATHS = {"score": "sweep", "generate": "sweep of written answers"}

Result = TypeVar("Result")


class LoadedVlm:
    """Weights, a processor and the two ways to ask: answers scored, or an answer written.

    On first use the shared computation is held against the plain forward pass. Where they differ, or the
    architecture does not allow sharing, the model goes on prompt by prompt, which is noted as a slow path.
    Whatever else goes wrong with it then, where the plain forward pass works, is an error.

    Args:
        model: a transformers model for images and text, in evaluation mode.
        processor: its processor.
        name: the model, for messages.
        sweep: False to go prompt by prompt from the start.
    """

    def __init__(self, model: Any, processor: Any, name: str, *, sweep: bool = True) -> None:
        self.model = model
        self.name = name
        self.chat = Chat(processor, name)
        self.encoder = Encoder(processor, getattr(model.config, "image_token_id", None))
        self._sweep = Sweep(model, self.encoder)
        self._writer = Writer(model, self.encoder)
        self._tolerance = TOLERANCE[str(model.dtype).removeprefix("torch.")]
        self._verified: set[str] = set()
        self._refused: set[str] = set() if sweep else set(PATHS)
        if not sweep:
            note(name, PATHS["score"], "chosen", "its entry says sweep = false")

    def prepare(self, images: Sequence[NDArray[np.uint8]]) -> list[Picture]:
        """Does the processor's work for images ahead of `score` and `generate`, which take the result.

        Safe in another thread while the model is asked about other images. Images are encoded with the texts
        of the last call; before the first there is nothing to be done.
        """
        return prepare(self.encoder, images)

    def score(
        self, images: Sequence[NDArray[np.uint8] | Picture], questions: Sequence[Question]
    ) -> list[NDArray[np.float32]]:
        """For each question the log-likelihoods (N, K) of its K answers.

        Raises:
            ModelError: the sweep is broken, though the model works without it.
        """
        pictures = [Picture.of(image) for image in images]
        prompts = [self.chat.prompt(question) for question in questions]
        continuations = [self.chat.continuations(question) for question in questions]
        scores = self._answers(
            "score",
            lambda: self._swept(pictures, prompts, continuations),
            lambda: self._plain(pictures, prompts[0], continuations[0]),
            lambda: [
                self._plain(pictures, prompt, answers)
                for prompt, answers in zip(prompts, continuations, strict=True)
            ],
        )
        return [
            (sums / counts).astype(np.float32) if question.normalise else sums
            for question, (sums, counts) in zip(questions, scores, strict=True)
        ]

    def generate(
        self, images: Sequence[NDArray[np.uint8] | Picture], questions: Sequence[Question]
    ) -> list[list[Reply | None]]:
        """For each question N replies, greedy.

        Raises:
            ModelError: the sweep is broken, though the model works without it.
        """
        pictures = [Picture.of(image) for image in images]
        prompts = [self.chat.prompt(question) for question in questions]
        limits = [question.max_tokens for question in questions]
        return self._answers(
            "generate",
            lambda: self._written(pictures, prompts, limits),
            lambda: [self._writer.alone(picture, prompts[0], 1) for picture in pictures],
            lambda: [
                [self._writer.alone(picture, prompt, limit) for picture in pictures]
                for prompt, limit in zip(prompts, limits, strict=True)
            ],
        )

    def _answers(
        self,
        mode: str,
        compute: Callable[[], Result],
        try_plainly: Callable[[], Any],
        compute_plainly: Callable[[], Result],
    ) -> Result:
        with single_precision():
            result = self._shared(mode, compute, try_plainly)
            return compute_plainly() if result is None else result

    def _shared(self, mode: str, compute: Callable[[], Result], plainly: Callable[[], Any]) -> Result | None:
        if mode in self._refused:
            return None
        try:
            result = compute()
        except Unfit as unfit:
            self._refused.add(mode)
            note(self.name, PATHS[mode], "unfit", f"{unfit}. It reads every prompt anew", unfit)
            return None
        except Exception as error:
            if mode not in self._verified:  # what has worked once is not to blame for an image that fails now
                blame(self.name, PATHS[mode], error, plainly)
            raise
        self._verified.add(mode)
        return result

    def _swept(self, pictures: list[Picture], prompts: list[str], continuations: list[list[str]]) -> Scores:
        scores = self._sweep.scores(pictures, prompts, continuations)
        if "score" not in self._verified:
            by_length = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
            for index in {by_length[0], by_length[-1]}:
                plain, counts = self._plain(pictures[:1], prompts[index], continuations[index])
                self._compare((scores[index][0][:1] - plain) / counts)
        return scores

    def _plain(
        self, pictures: list[Picture], prompt: str, continuations: list[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rows = [
            plain_scores(self.model, self.encoder, picture.image, prompt, continuations)
            for picture in pictures
        ]
        return np.stack([sums for sums, _ in rows]), rows[0][1]

    def _written(
        self, pictures: list[Picture], prompts: list[str], limits: list[int]
    ) -> list[list[Reply | None]]:
        if "generate" not in self._verified:
            self._verify_next(pictures[0], prompts)
        return self._writer.shared(pictures, prompts, limits)

    def _verify_next(self, picture: Picture, prompts: list[str]) -> None:
        # After the longest prompt, and after the first token that is written there.
        import torch

        family = self.encoder.families(prompts, picture.image)[0]
        members, tails, shared = split(family)
        at = max(range(len(tails)), key=lambda index: len(tails[index]))
        ((_, beginnings),) = alike(self.encoder, family, [picture], shared)
        inputs = self.encoder.inputs(prompts[members[at]], picture.image)
        with torch.inference_mode():
            prefix = Prefix.of(self.model, batch(beginnings, self.model), sum(map(len, tails)) + 1)
            for ours in first_two(prefix, tails, at):
                plain = plain_next(self.model, inputs)
                # Of unlikely tokens half precision says little, and they are not written.
                likely = plain.topk(min(10, len(plain))).indices
                self._compare((ours.float().log_softmax(-1) - plain)[likely].cpu().numpy())
                inputs = ending_in(inputs, inputs["input_ids"].shape[1], (int(ours.argmax()),))

    def _compare(self, differences: NDArray[Any]) -> None:
        worst = float(np.abs(differences).max())
        if not worst <= self._tolerance:
            raise Unfit(f"its log-probabilities differ by {worst:.2g} from those of the plain forward pass")
