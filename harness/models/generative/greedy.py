"""Greedy answers to many questions about an image, read on from what the questions share.

Repetition penalties and whatever else a checkpoint's generation config asks for are not applied: they would
change which label wins.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from harness.models.generative.encoding import Encoder, Family, Inputs, Tokens, batch
from harness.models.generative.pictures import Picture, alike, parts
from harness.models.generative.prefix import Prefix
from harness.models.generative.room import room
from harness.models.generative.writing import write
from harness.models.trie import Trie, chunks, shared_length
from harness.prompts.question import Reply


class Writer:
    """Writes replies with one model.

    Args:
        model: a transformers model for images and text.
        encoder: its processor.
    """

    def __init__(self, model: Any, encoder: Encoder) -> None:
        self.model = model
        self.encoder = encoder
        self.ends = _end_tokens(model, encoder.processor.tokenizer)

    def shared(
        self, pictures: Sequence[Picture], prompts: Sequence[str], limits: Sequence[int]
    ) -> list[list[Reply | None]]:
        """For each prompt a reply to each of N pictures; what prompts share is read once per picture.

        Args:
            pictures: N images.
            prompts: rendered prompts.
            limits: for each the most tokens to write.

        Raises:
            Unfit: the model's cache cannot be shared.
        """
        replies: list[list[Reply | None]] = [[None] * len(pictures) for _ in prompts]
        for family in self.encoder.families(prompts, pictures[0].image):
            members, tails, shared = split(family)
            most = [limits[prompt] for prompt in members]
            for rows, inputs in alike(self.encoder, family, pictures, shared):
                for prompt, row, reply in self._written(rows, inputs, tails, most):
                    replies[members[prompt]][row] = reply
        return replies

    def _written(
        self, rows: Sequence[int], inputs: Sequence[Inputs], tails: Sequence[Tokens], limits: Sequence[int]
    ) -> Iterator[tuple[int, int, Reply]]:
        """Each prompt, each of the rows, and the reply: to images that are alike, of which inputs begin."""
        import torch

        beginning, steps = inputs[0]["input_ids"].shape[1], max(limits)
        nodes = len(Trie.of(tails).tokens)
        images, nodes = room(self.model, beginning, nodes, len(tails), steps * len(tails))
        longest = max(nodes, max(map(len, tails)) + steps)
        for some, on_device in parts(rows, inputs, images, self.model):
            started = time.perf_counter()
            written: dict[int, list[list[int]]] = {}
            with torch.inference_mode():
                prefix = Prefix.of(self.model, on_device, longest)
                for chunk in chunks(tails, nodes, steps):
                    said = write(prefix, [tails[i] for i in chunk], [limits[i] for i in chunk], self.ends)
                    written.update(zip(chunk, said, strict=True))
            seconds = (time.perf_counter() - started) / len(some) / len(tails)
            for prompt, answers in written.items():
                tokens_in = beginning + len(tails[prompt])
                for row, tokens in zip(some, answers, strict=True):
                    yield prompt, row, self._reply(tokens, tokens_in, seconds)

    def alone(self, picture: Picture, prompt: str, limit: int) -> Reply:
        """The reply to one prompt about one picture by `model.generate`, for caches that cannot be shared."""
        import torch

        started = time.perf_counter()
        inputs = batch([self.encoder.inputs(prompt, picture.image)], self.model)
        with torch.inference_mode():
            output = self.model.generate(
                **inputs,
                do_sample=False,
                num_beams=1,
                repetition_penalty=1.0,
                no_repeat_ngram_size=0,
                max_new_tokens=limit,
                eos_token_id=sorted(self.ends) or None,
            )
        length = inputs["input_ids"].shape[1]
        return self._reply(output[0, length:].tolist(), length, time.perf_counter() - started)

    def _reply(self, tokens: list[int], tokens_in: int, seconds: float) -> Reply:
        return Reply(
            text=self.encoder.processor.tokenizer.decode(tokens, skip_special_tokens=True),
            finish="stop" if tokens and tokens[-1] in self.ends else "length",
            tokens_in=tokens_in,
            tokens_out=len(tokens),
            latency_s=seconds,
        )


def split(family: Family) -> tuple[list[int], list[Tokens], Tokens]:
    """Indices of a family's texts, what each says after what all say, and the latter after the image."""
    keep = shared_length(*family.members.values())
    tails = [tail[keep:] for tail in family.members.values()]
    return list(family.members), tails, next(iter(family.members.values()))[:keep]


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    # As the checkpoint's generation config or else its tokenizer says.
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = tokenizer.eos_token_id
    if ends is None:
        return frozenset()
    return frozenset([ends] if isinstance(ends, int) else ends)
