"""From texts and an image to token ids, such that what many texts share is seen.

The processor is the authority: it puts the image's tokens into the text and tokenises the whole. It takes
milliseconds for each pair, so a sweep asks it once per image, and adds the rest of each text, tokenised once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

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
        text: one of the same kind.
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
        self.current: list[str] = []  # a text of each kind that was asked for last
        self._texts: dict[Tokens, str] = {}  # tokens through the image -> the first text that had them
        self._lock = Lock()  # a tokenizer must not be used by two threads at once
        # A sweep of 24 questions asks for 200 texts with every batch of images.
        self.tokens = lru_cache(maxsize=8192)(self._tokens)

    def inputs(self, text: str, image: Any) -> dict[str, torch.Tensor]:
        """What the model is given for one text and one PIL image: tensors with a leading axis of 1."""
        with self._lock:
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
        families = [self._family(head, texts, members) for head, members in found.items()]
        self.current = [family.text for family in families]
        return families

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

    def _family(self, head: Tokens, texts: Sequence[str], members: Mapping[int, Tokens]) -> Family:
        # The same text for each batch, whatever is asked: what was prepared with it is of use.
        text = self._texts.setdefault(head, texts[next(iter(members))])
        return Family(text, self.tokens(text)[len(head) :], members)

    def _tail_length(self, text: str, image: Any) -> int:
        # The processor may write more about an image than its tokens, and these may merge with what follows.
        whole, alone = self.inputs(text, image)["input_ids"][0].tolist(), self.tokens(text)
        if self._image_token not in whole:
            raise Unfit("its image token is unknown")
        return min(shared_length(whole[::-1], alone[::-1]), whole[::-1].index(self._image_token))

    def _tokens(self, text: str) -> Tokens:
        # The image's placeholder is left as it is.
        with self._lock:
            return tuple(self.processor.tokenizer(text, **self._special_tokens(text))["input_ids"])

    def _special_tokens(self, text: str) -> dict[str, bool]:
        # As transformers' own chat tokenisation has it: a template that writes <bos> gets no second one.
        bos = self.processor.tokenizer.bos_token
        return {"add_special_tokens": False} if bos is not None and text.startswith(bos) else {}


def ending_in(inputs: Inputs, length: int, tokens: Tokens) -> dict[str, torch.Tensor]:
    """The first `length` tokens of inputs, and other words in place of those that follow."""
    import torch

    ids = inputs["input_ids"]
    changed = {  # what is said of tokens besides their ids is the same for all words after the image
        name: torch.cat([value[:, :length], value[:, -1:].expand(-1, len(tokens))], 1)
        for name, value in inputs.items()
        if value.shape == ids.shape
    }
    changed["input_ids"][0, length:] = torch.tensor(tokens, dtype=ids.dtype)
    return {**inputs, **changed}


def batch(inputs: Sequence[Inputs], model: Any) -> dict[str, torch.Tensor]:
    """Inputs as one batch, where the model is and in its dtype."""
    import torch

    joined = {name: torch.cat([one[name] for one in inputs]) for name in inputs[0]}
    return {
        name: value.to(model.device, model.dtype if value.is_floating_point() else None)
        for name, value in joined.items()
    }
