from __future__ import annotations

import math

import pytest
import torch

from harness.training import augment as module
from harness.training.augment import draw_moves


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def augment(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    height, width = images.shape[2:]
    return module.augment(images, draw_moves(len(images), (height, width), generator))


def still(monkeypatch: pytest.MonkeyPatch, **ranges: float) -> None:
    """Leaves only the named transformations (and mirroring)."""
    for name in ("ROTATION", "SCALE", "SHIFT"):
        monkeypatch.setattr(module, name, ranges.get(name, 0.0))


def test_without_geometry_images_stay_or_are_mirrored(monkeypatch: pytest.MonkeyPatch) -> None:
    still(monkeypatch)
    images = torch.rand((200, 1, 9, 13), generator=generator())
    result = augment(images, generator())
    close = [torch.allclose(a, b, atol=1e-5) for a, b in zip(result, images, strict=True)]
    mirrored = [torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(result, images, strict=True)]
    assert all(a != b for a, b in zip(close, mirrored, strict=True))
    assert 70 < sum(mirrored) < 130


@pytest.mark.parametrize("shape", [(48, 48), (40, 80), (80, 40)])
def test_rotation_keeps_distances_in_pixels(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]) -> None:
    still(monkeypatch, ROTATION=10.0)
    height, width = shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    right = torch.exp(-((x - width / 2 - 9.5) ** 2 + (y - height / 2 + 0.5) ** 2) / 8)
    below = torch.exp(-((x - width / 2 + 0.5) ** 2 + (y - height / 2 - 9.5) ** 2) / 8)
    result = augment(torch.stack([right, below]).expand(50, 2, height, width), generator())
    mass = result / result.sum((2, 3), keepdim=True)
    dx = (mass * (x - (width - 1) / 2)).sum((2, 3))
    dy = (mass * (y - (height - 1) / 2)).sum((2, 3))
    torch.testing.assert_close(torch.hypot(dx, dy), torch.full((50, 2), 10.0), atol=0.15, rtol=0)
    turned = torch.atan2(dy[:, 0], dx[:, 0].abs()).abs().rad2deg()
    assert 7 < turned.max() <= 10.5


def test_scale_and_shift_stay_within_their_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = torch.linspace(-1, 1, 101).view(1, 1, 1, 101).expand(300, 1, 101, 101)
    still(monkeypatch, SCALE=0.1)
    slopes = augment(ramp, generator())[:, 0, 50, 60] - augment(ramp, generator())[:, 0, 50, 40]
    scales = (slopes.abs() / 0.4).reciprocal()
    assert 0.9 <= scales.min() < 0.92
    assert 1.08 < scales.max() <= 1.1 + 1e-4
    still(monkeypatch, SHIFT=0.075)
    middles = augment(ramp, generator())[:, 0, 50, 50]
    assert 0.13 < middles.abs().max() <= 0.15 * 101 / 100 + 1e-4
    assert abs(middles.mean()) < 0.03


def test_every_image_of_a_batch_moves_on_its_own() -> None:
    image = torch.rand((1, 3, 24, 24), generator=generator())
    result = augment(image.expand(16, 3, 24, 24), generator())
    assert len({tuple(row.flatten().tolist()) for row in result}) == 16


def test_values_stay_in_range_and_the_input_is_untouched() -> None:
    images = torch.rand((32, 1, 16, 16), generator=generator())
    before = images.clone()
    result = augment(images, generator())
    assert torch.equal(images, before)
    assert images.min() <= result.min()
    assert result.max() <= images.max()
    assert not torch.isnan(result).any()
    assert not math.isclose(float((result - images).abs().max()), 0)


def test_the_generator_decides_everything() -> None:
    images = torch.rand((8, 1, 16, 16), generator=generator())
    torch.manual_seed(1)
    first = augment(images, generator(5))
    torch.manual_seed(2)
    assert torch.equal(first, augment(images, generator(5)))
    assert not torch.equal(first, augment(images, generator(6)))
