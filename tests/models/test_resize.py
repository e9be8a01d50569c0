"""`resize` gives the pixels that Pillow gives, all of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from harness.models import resize as module
from harness.models.resize import coefficients, holds, resize

METHODS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
SIDES = st.integers(1, 130)
methods = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name.lower())


def noise(shape: tuple[int, ...], seed: int = 0, *, extremes: bool = False) -> NDArray[np.uint8]:
    """Random pixels; black and white alone make overshoots as large as they get."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 2, shape) * 255 if extremes else rng.integers(0, 256, shape)
    return values.astype(np.uint8)


def ours(image: NDArray[np.uint8], size: tuple[int, int], method: Image.Resampling) -> NDArray[np.uint8]:
    channels = torch.from_numpy(image if image.ndim == 3 else image[:, :, None]).permute(2, 0, 1)
    result = resize(channels[None], size, method)[0].permute(1, 2, 0).numpy()
    return result if image.ndim == 3 else result[:, :, 0]


def pillows(image: NDArray[np.uint8], size: tuple[int, int], method: Image.Resampling) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).resize(size[::-1], method))


@settings(max_examples=150, deadline=None)
@given(
    source=st.tuples(SIDES, SIDES),
    target=st.tuples(SIDES, SIDES),
    method=st.sampled_from(METHODS),
    colour=st.booleans(),
    extremes=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_size_to_any_other(source, target, method, colour, extremes, seed):
    image = noise((*source, 3) if colour else source, seed, extremes=extremes)
    np.testing.assert_array_equal(ours(image, target, method), pillows(image, target, method))


@methods
@pytest.mark.parametrize(
    "sizes", [(48, 224), (48, 336), (48, 96), (224, 48), (97, 224), (300, 224), (512, 224)]
)
def test_the_sizes_that_models_read(sizes, method):
    old, new = sizes
    for extremes in (False, True):
        image = noise((old, old, 3), extremes=extremes)
        np.testing.assert_array_equal(ours(image, (new, new), method), pillows(image, (new, new), method))


def test_a_crop_is_a_part_of_the_whole():
    pixels = torch.from_numpy(noise((2, 3, 40, 60)))
    whole = resize(pixels, (32, 48), Image.Resampling.BICUBIC)
    part = slice(0, 32), slice(8, 40)
    assert torch.equal(resize(pixels, (32, 48), Image.Resampling.BICUBIC, part), whole[:, :, 0:32, 8:40])
    same = slice(3, 35), slice(8, 40)
    assert torch.equal(resize(pixels, (40, 60), Image.Resampling.BICUBIC, same), pixels[:, :, 3:35, 8:40])


def test_more_pictures_than_memory_is_spent_on_at_a_time(monkeypatch):
    pixels = torch.from_numpy(noise((7, 1, 20, 20)))
    at_once = resize(pixels, (33, 31), Image.Resampling.LANCZOS)
    monkeypatch.setattr(module, "_VALUES", 2 * 33 * 31)
    assert torch.equal(resize(pixels, (33, 31), Image.Resampling.LANCZOS), at_once)


@methods
def test_shares_of_a_pixel_add_up_to_one_but_for_their_22_bits(method):
    shares = coefficients(97, 224, method)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=len(METHODS) * 2**-22)
    assert np.all(shares * 2**22 == np.round(shares * 2**22))


def test_a_pillow_that_resizes_in_another_way_is_noticed(monkeypatch):
    assert holds()
    holds.cache_clear()
    monkeypatch.setattr(module, "_BITS", 8)
    module._matrix.cache_clear()
    try:
        assert not holds()
    finally:
        module._matrix.cache_clear()
        holds.cache_clear()
