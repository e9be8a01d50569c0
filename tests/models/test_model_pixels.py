"""`to_tensor` does to pixels what Pillow and torchvision do, for any mixture of sizes and colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from tiny_models import pictures

from harness.models import Card
from harness.models.pixels import to_tensor

PLAIN = {1: ((0.0,), (1.0,)), 3: ((0.0,) * 3, (1.0,) * 3)}


def card(channels: int, size: tuple[int, int], **normalisation: tuple[float, ...]) -> Card:
    mean, std = PLAIN[channels]
    values = {"mean": mean, "std": std, **normalisation}
    return Card(architecture="test_resnet", labels=("a", "b"), in_chans=channels, input_size=size, **values)


def tensor(images: list[NDArray[np.uint8]], card: Card) -> NDArray[np.float32]:
    return to_tensor(images, card, "cpu").numpy()


def resized_by_pillow(values: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32]:
    """Bicubic with antialiasing, on floats: no rounding to 8 bits on the way."""
    plane = Image.fromarray(values.astype(np.float32))
    return np.asarray(plane.resize(size[::-1], Image.Resampling.BICUBIC)).clip(0, 1)


def test_grey_at_its_own_size_is_scaled_to_the_unit_interval_exactly():
    (image,) = pictures(1)
    assert np.array_equal(tensor([image], card(1, (32, 32)))[0, 0], image.astype(np.float32) / 255)


def test_grey_becomes_three_equal_channels():
    (image,) = pictures(1)
    assert np.array_equal(tensor([image], card(3, (32, 32)))[0], [image.astype(np.float32) / 255] * 3)


def test_colour_channels_keep_their_order():
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 0], image[..., 2] = 255, 51
    assert np.allclose(tensor([image], card(3, (4, 4)))[0, :, 0, 0], [1, 0, 0.2])


def test_colour_becomes_grey_with_the_weights_of_pillow():
    (image,) = pictures(1, (32, 32, 3))
    by_pillow = np.asarray(Image.fromarray(image).convert("L"), np.float32)
    ours = 255 * tensor([image], card(1, (32, 32)))[0, 0]
    assert abs(ours - by_pillow).max() <= 0.5 + 1e-3  # Pillow rounds to whole numbers


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    # From one pixel of width to one, torch (2.14) repeats the first row; cards do not allow such a size.
    st.tuples(st.integers(2, 60), st.integers(2, 60)),
    st.sampled_from([1, 3]),
    st.sampled_from([1, 3]),
    st.integers(0, 99),
)
def test_resizing_equals_pillow_bicubic(source, target, stored, wanted, seed):
    (image,) = pictures(1, source if stored == 1 else (*source, 3), seed)
    planes = [image / 255] if stored == 1 else list(np.moveaxis(image / 255, 2, 0))
    if wanted == 1 and stored == 3:
        planes = [0.299 * planes[0] + 0.587 * planes[1] + 0.114 * planes[2]]
    expected = [plane if source == target else resized_by_pillow(plane, target) for plane in planes]
    if wanted == 3 and stored == 1:
        expected = expected * 3
    ours = tensor([image], card(wanted, target))
    assert ours.shape == (1, wanted, *target)
    np.testing.assert_allclose(ours[0], expected, atol=2e-5)


@pytest.mark.parametrize("stored", [1, 3])
def test_equals_the_transforms_of_torchvision(stored):
    """The pipeline that the packaged FER-2013 network was fed with, normalised as timm's are."""
    from torchvision import transforms

    (image,) = pictures(1, (97, 64) if stored == 1 else (97, 64, 3))
    smooth = np.asarray(Image.fromarray(image).resize((640, 970)).resize((64, 97)))
    pipeline = transforms.Compose(
        [
            transforms.Grayscale(),
            transforms.Resize((48, 40), transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize((0.5136,), (0.3067,)),
        ]
    )
    expected = pipeline(Image.fromarray(smooth)).numpy()
    ours = tensor([smooth], card(1, (48, 40), mean=(0.5136,), std=(0.3067,)))[0]
    # torchvision rounds to 8 bits after the grey conversion and after resizing.
    assert abs(ours - expected).max() <= 1.5 / 255 / 0.3067


def test_each_channel_is_normalised_with_its_own_mean_and_std():
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    images = pictures(5, (32, 32, 3))
    ours = tensor(images, card(3, (32, 32), mean=mean, std=std))
    expected = (np.stack(images).transpose(0, 3, 1, 2) / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(
        std, (3, 1, 1)
    )
    np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_gives_the_same_tensor_in_any_company(channels):
    images = [
        *pictures(2, (32, 32)),
        *pictures(2, (50, 20), seed=1),
        *pictures(1, (20, 20, 3), seed=2),
        *pictures(1, (32, 32, 3), seed=3),
    ]
    to_use = card(channels, (32, 32))
    together = tensor(images, to_use)
    assert together.shape == (6, channels, 32, 32)
    for image, ours in zip(images, together, strict=True):
        np.testing.assert_allclose(ours, tensor([image], to_use)[0], atol=1e-6)
    alike = pictures(4, (50, 20), seed=4)
    np.testing.assert_allclose(
        tensor(alike, to_use), np.concatenate([tensor([image], to_use) for image in alike]), atol=1e-6
    )


def test_read_only_pixels_are_taken_and_left_as_they_are():
    (image,) = pictures(1)
    before = image.copy()
    image.flags.writeable = False
    tensor([image], card(1, (16, 16)))
    assert np.array_equal(image, before)
