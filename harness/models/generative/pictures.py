"""Images and what a processor makes of them, once per image, ahead of the model where there is time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.models.generative.encoding import Encoder, Family, Inputs, Tokens, Unfit, batch, ending_in

if TYPE_CHECKING:
    import torch


class Picture:
    """An image and what the model is given of it.

    Args:
        pixels: (H, W) or (H, W, 3).

    Attributes:
        image: a PIL image of the same pixels, in three channels.
        inputs: text -> what the model is given for it and the image.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.image = rgb(pixels)
        self.inputs: dict[str, Inputs] = {}

    @classmethod
    def of(cls, image: NDArray[np.uint8] | Picture) -> Picture:
        """The image itself where it is a picture already."""
        return image if isinstance(image, Picture) else cls(image)

    def encoded(self, encoder: Encoder, text: str) -> Inputs:
        """What the model is given for a text and the image."""
        if text not in self.inputs:
            self.inputs[text] = encoder.inputs(text, self.image)
        return self.inputs[text]


def rgb(image: NDArray[np.uint8]) -> Any:
    """A PIL image of the same pixels: (H, W) repeated over three channels, (H, W, 3) as it is."""
    from PIL import Image

    return Image.fromarray(image).convert("RGB")


def prepare(encoder: Encoder, images: Sequence[NDArray[np.uint8]]) -> list[Picture]:
    """Encodes images with a text of each kind that was asked for last."""
    pictures = [Picture(image) for image in images]
    with suppress(Exception):  # whoever asks about the image meets the error again
        for picture in pictures:
            for text in encoder.current:
                picture.encoded(encoder, text)
    return pictures


def alike(
    encoder: Encoder, family: Family, pictures: Sequence[Picture], shared: Tokens
) -> Iterator[tuple[list[int], list[Inputs]]]:
    """What the model is given of a family for each image: everything through what all texts share.

    Args:
        encoder: encodes one text of the family with each image.
        family: texts that are the same through the image.
        pictures: N images, of any sizes.
        shared: tokens after the image that all texts have in common.

    Yields:
        Indices of pictures whose inputs have the same shapes, and these.

    Raises:
        Unfit: the text after an image depends on the image.
    """
    groups: dict[tuple[Any, ...], list[int]] = {}
    inputs = [_through(picture.encoded(encoder, family.text), family.tail, shared) for picture in pictures]
    for index, one in enumerate(inputs):
        groups.setdefault(tuple((name, tuple(value.shape)) for name, value in one.items()), []).append(index)
    for rows in groups.values():
        yield rows, [inputs[row] for row in rows]


def parts(
    rows: Sequence[int], inputs: Sequence[Inputs], size: int, model: Any
) -> Iterator[tuple[Sequence[int], dict[str, torch.Tensor]]]:
    """Divides images that are alike into batches of at most `size`, where the model is."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size], batch(inputs[start : start + size], model)


def _through(inputs: Inputs, tail: Tokens, shared: Tokens) -> Inputs:
    # Another text may have been encoded: of it there is what stands before its own tail.
    ids = inputs["input_ids"]
    length = ids.shape[1] - len(tail)
    if tuple(ids[0, length:].tolist()) != tail:
        raise Unfit("its processor tokenises the text after an image differently for different images")
    return ending_in(inputs, length, shared)
