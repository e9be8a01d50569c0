"""Greedy answers to many questions about an image, read on from what the questions share.

Repetition penalties and whatever else a checkpoint's generation config asks for are not applied: they would
change which label wins.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.models.generative.encoding import Encoder, Tokens, batch, batches
from harness.models.generative.prefix import Prefix
from harness.models.trie import shared_length
from harness.prompts.question import Reply

if TYPE_CHECKING:
    import torch


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
        self, pictures: Sequence[Any], prompts: Sequence[str], limits: Sequence[int]
    ) -> list[list[Reply | None]]:
        """For each prompt a reply to each of N pictures; what prompts share is read once per picture.

        Args:
            pictures: N PIL images.
            prompts: rendered prompts.
            limits: for each the most tokens to write.

        Raises:
            Unfit: the model's cache cannot be shared.
        """
        import torch

        replies: list[list[Reply | None]] = [[None] * len(pictures) for _ in prompts]
        for family in self.encoder.families(prompts, pictures[0]):
            keep = shared_length(*family.members.values())
            for rows, inputs in batches(self.encoder, family, pictures, keep, self.model):
                started = time.perf_counter()
                with torch.inference_mode():
                    prefix = Prefix.of(self.model, inputs)
                reading = (time.perf_counter() - started) / len(family.members)
                for prompt, tail in family.members.items():
                    started = time.perf_counter()
                    written = write(prefix, tail[keep:], limits[prompt], self.ends)
                    seconds = (time.perf_counter() - started + reading) / len(rows)
                    for row, tokens in zip(rows, written, strict=True):
                        replies[prompt][row] = self._reply(tokens, prefix.length + len(tail) - keep, seconds)
        return replies

    def alone(self, picture: Any, prompt: str, limit: int) -> Reply:
        """The reply to one prompt about one picture by `model.generate`, for caches that cannot be shared."""
        import torch

        started = time.perf_counter()
        inputs = batch([self.encoder.inputs(prompt, picture)], self.model)
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


def write(prefix: Prefix, suffix: Tokens, limit: int, ends: frozenset[int]) -> list[list[int]]:
    """Continues each beginning of a batch with the likeliest token, step by step.

    Args:
        prefix: beginnings of B images.
        suffix: the rest of the prompt.
        limit: most tokens to write.
        ends: tokens that end an answer.

    Returns:
        For each image the tokens written, the end token included if it came to that.
    """
    import torch

    with torch.inference_mode():
        cache = prefix.fork()
        logits = next_logits(prefix, cache, suffix)
        written: list[list[int]] = [[] for _ in range(len(logits))]
        done = [False] * len(written)
        for step in range(limit):
            best = logits.argmax(-1)
            for row, token in enumerate(best.tolist()):
                if not done[row]:
                    written[row].append(token)
                    done[row] = token in ends
            if all(done) or step == limit - 1:
                break
            # Rows that are done are read on, and what they say is dropped: the batch keeps its shape.
            logits = prefix.read(cache, best[:, None], len(suffix) + step)
    return written


def next_logits(prefix: Prefix, cache: Any, suffix: Tokens) -> torch.Tensor:
    """Logits (B, V) for the token after beginning and suffix; the cache grows by the suffix."""
    import torch

    if not suffix:
        return prefix.logits
    tokens = torch.tensor(suffix, device=prefix.logits.device).expand(len(prefix.logits), -1)
    return prefix.read(cache, tokens, 0)


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    # As the checkpoint's generation config or else its tokenizer says.
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = tokenizer.eos_token_id
    if ends is None:
        return frozenset()
    return frozenset([ends] if isinstance(ends, int) else ends)
