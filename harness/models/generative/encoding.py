"""From texts and an image to token ids, such that what many texts share is seen.

The processor is the authority: it puts the image's tokens into the text and tokenises the whole. It takes
milliseconds for each pair, so a sweep asks it once per image, and adds the rest of each text, tokenised once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.models.trie import shared_length

if TYPE_CHECKING:
    import torch

Tokens = tuple[int, ...]
Inputs = Mapping[str, "torch.Tensor"]


class Unfit(Exception):
    """The sweep does not fit a model; the message says why. The plain forward pass is used instead."""


@dataclass(frozen=True)
class Family:
    """Texts that are the same through the image.

    Attributes:
        text: one of them.
        tail: its tokens after what they share.
        members: index -> tokens of each after what they share.
    """

    text: str
    tail: Tokens
    members: Mapping[int, Tokens]


class Encoder:
    """A processor and the id of its image token.

    Args:
        processor: a transformers processor.
        image_token: id of the token that stands for a piece of the image, None where nothing tells it.
    """

    def __init__(self, processor: Any, image_token: int | None) -> None:
        self.processor = processor
        self._image_token = image_token
        self._tails: dict[str, int] = {}  # text -> how many of its tokens stand after the image
        # A sweep of 24 questions asks for 200 texts with every batch of images.
        self.tokens = lru_cache(maxsize=8192)(self._tokens)

    def inputs(self, text: str, image: Any) -> dict[str, torch.Tensor]:
        """What the model is given for one text and one PIL image: tensors with a leading axis of 1."""
        return dict(
            self.processor(text=[text], images=[image], return_tensors="pt", **self._special_tokens(text))
        )

    def families(self, texts: Sequence[str], image: Any) -> list[Family]:
        """Sorts texts by what stands in them through the image.

        Args:
            texts: rendered prompts.
            image: any image; the parts after the image depend on none.

        Raises:
            Unfit: nothing tells where in the tokens the image ends.
        """
        found: dict[Tokens, dict[int, Tokens]] = {}
        for index, text in enumerate(texts):
            if text not in self._tails:
                self._tails[text] = self._tail_length(text, image)
            tokens = self.tokens(text)
            head = len(tokens) - self._tails[text]
            found.setdefault(tokens[:head], {})[index] = tokens[head:]
        firsts = [(next(iter(members)), members) for members in found.values()]
        return [Family(texts[first], members[first], members) for first, members in firsts]

    def continued(self, prompt: str, tail: Tokens, continuation: str) -> Tokens:
        """Tokens of prompt and continuation as one string, without the head that `tail` leaves out.

        Raises:
            Unfit: the continuation changes tokens of the head.
        """
        alone, whole = self.tokens(prompt), self.tokens(prompt + continuation)
        head = len(alone) - len(tail)
        if whole[:head] != alone[:head]:
            raise Unfit("an answer changes how the text before the image is tokenised")
        return whole[head:]

    def _tail_length(self, text: str, image: Any) -> int:
        # The processor may write more about an image than its tokens, and these may merge with what follows.
        whole, alone = self.inputs(text, image)["input_ids"][0].tolist(), self.tokens(text)
        if self._image_token not in whole:
            raise Unfit("its image token is unknown")
        return min(shared_length(whole[::-1], alone[::-1]), whole[::-1].index(self._image_token))

    def _tokens(self, text: str) -> Tokens:
        # The image's placeholder is left as it is.
        return tuple(self.processor.tokenizer(text, **self._special_tokens(text))["input_ids"])

    def _special_tokens(self, text: str) -> dict[str, bool]:
        # As transformers' own chat tokenisation has it: a template that writes <bos> gets no second one.
        bos = self.processor.tokenizer.bos_token
        return {"add_special_tokens": False} if bos is not None and text.startswith(bos) else {}


def rgb(image: NDArray[np.uint8]) -> Any:
    """A PIL image of the same pixels: (H, W) repeated over three channels, (H, W, 3) as it is."""
    from PIL import Image

    return Image.fromarray(image).convert("RGB")


def batches(
    encoder: Encoder, family: Family, pictures: Sequence[Any], keep: int, model: Any
) -> Iterator[tuple[list[int], dict[str, torch.Tensor]]]:
    """What the model is given of a family for each image: everything through what all texts share.

    Args:
        encoder: encodes one text of the family with each image.
        family: texts that are the same through the image.
        pictures: N PIL images, of any sizes.
        keep: how many tokens after the image all texts share.
        model: says device and dtype.

    Yields:
        Indices of pictures whose inputs have the same shapes, and these as one batch.

    Raises:
        Unfit: the text after an image depends on the image.
    """
    groups: dict[tuple[Any, ...], list[int]] = {}
    inputs = [_cut(encoder.inputs(family.text, picture), family.tail, keep) for picture in pictures]
    for index, one in enumerate(inputs):
        groups.setdefault(tuple((name, tuple(value.shape)) for name, value in one.items()), []).append(index)
    for rows in groups.values():
        yield rows, batch([inputs[row] for row in rows], model)


def _cut(inputs: Inputs, tail: Tokens, keep: int) -> Inputs:
    ids = inputs["input_ids"]
    length = ids.shape[1] - len(tail)
    if tuple(ids[0, length:].tolist()) != tail:
        raise Unfit("its processor tokenises the text after an image differently for different images")
    return {
        name: value[:, : length + keep] if value.shape == ids.shape else value
        for name, value in inputs.items()
    }


def batch(inputs: Sequence[Inputs], model: Any) -> dict[str, torch.Tensor]:
    """Inputs as one batch, where the model is and in its dtype."""
    import torch

    joined = {name: torch.cat([one[name] for one in inputs]) for name in inputs[0]}
    return {
        name: value.to(model.device, model.dtype if value.is_floating_point() else None)
        for name, value in joined.items()
    }
