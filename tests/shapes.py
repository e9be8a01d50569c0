"""A small image set with known answers: discs, squares and triangles under noise.

It goes the way of every image set (label folders of PNG files) and is hard enough that a network makes
mistakes, so tables, intervals and verdicts have something to show.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

LABELS = ("disc", "square", "triangle")
SIZE = 48
# Uneven on purpose, as real sets are.
COUNTS = {
    "train": {"disc": 240, "square": 120, "triangle": 240},
    "val": {"disc": 60, "square": 30, "triangle": 60},
    "test": {"disc": 200, "square": 100, "triangle": 200},
}


def write_shapes(folder: Path, seed: int = 0) -> None:
    """Writes `<split>/<label>/<n>.png`, the same pixels for the same seed."""
    rng = np.random.default_rng(seed)
    for split, counts in COUNTS.items():
        for label, count in counts.items():
            (folder / split / label).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                shape(label, rng).save(folder / split / label / f"{label}-{split}-{number:03d}.png")


def shape(label: str, rng: np.random.Generator) -> Image.Image:
    """One 48 x 48 grey picture of a shape: turned, blurred, faint and noisy."""
    scale = 4
    centre = scale * (SIZE / 2 + rng.uniform(-6, 6, 2))
    radius = scale * rng.uniform(9, 15)
    background = int(rng.uniform(60, 190))
    ink = int(np.clip(background + rng.choice([-1, 1]) * rng.uniform(35, 80), 0, 255))
    canvas = Image.new("L", (scale * SIZE, scale * SIZE), background)
    draw = ImageDraw.Draw(canvas)
    if label == "disc":
        draw.ellipse([*(centre - radius), *(centre + radius)], fill=ink)
    else:
        corners = {"square": 4, "triangle": 3}[label]
        angles = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(corners) / corners
        draw.polygon([tuple(centre + radius * np.array([np.cos(a), np.sin(a)])) for a in angles], fill=ink)
    small = canvas.filter(ImageFilter.GaussianBlur(scale)).resize((SIZE, SIZE), Image.Resampling.BOX)
    noisy = np.asarray(small, np.float64) + rng.normal(0, 14, (SIZE, SIZE))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
