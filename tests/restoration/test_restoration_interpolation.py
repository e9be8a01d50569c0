"""Interpolations are those of Pillow, keep grey grey and the shape of the picture."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from tiny_restorers import faces

from harness.errors import Unavailable, UsageError
from harness.models import Context
from harness.restoration import (
    LoadedRestorer,
    Restorer,
    build_restorer,
    is_control,
    known_restorations,
    output_size,
)

CONTEXT = Context(Path("nowhere"), Path("nowhere"))
CONTROLS = ("nearest", "bicubic", "lanczos")
ENTRIES = {
    "bicubic-336": {"adapter": "bicubic", "size": 336},
    "gfpgan": {"adapter": "gfpgan", "weights": "x.pth"},
    "lanczos": {"adapter": "lanczos", "size": 512},
}


def restore(name, images, **options):
    entries = {name: {"adapter": name, **options}} if options else {}
    return build_restorer(name, entries, CONTEXT).load("cpu").restore(images)


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("shape", [(48, 48), (48, 48, 3)])
def test_restores_as_pillow_resizes_to_224_pixels(name, shape):
    images = faces(3, shape)
    expected = [Image.fromarray(i).resize((224, 224), Image.Resampling[name.upper()]) for i in images]
    for image, restored in zip(expected, restore(name, images), strict=True):
        np.testing.assert_array_equal(restored, np.asarray(image))


def test_adapters_have_the_shape_of_restorers():
    ours = build_restorer("nearest", {}, CONTEXT)
    assert isinstance(ours, Restorer)
    assert isinstance(ours.load("cpu"), LoadedRestorer)


@given(
    pixels=arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    times=st.integers(1, 5),
)
def test_nearest_repeats_pixels(pixels, times):
    size = min(pixels.shape) * times
    (restored,) = restore("nearest", [pixels], size=size)
    np.testing.assert_array_equal(restored, pixels.repeat(times, 0).repeat(times, 1))


@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    size=st.integers(1, 80),
    name=st.sampled_from(CONTROLS),
)
def test_the_shorter_side_gets_the_size_and_a_uniform_image_stays_uniform(shape, size, name):
    (restored,) = restore(name, [np.full(shape, 77, np.uint8)], size=size)
    assert min(restored.shape) == size
    assert max(restored.shape) == round(max(shape) * size / min(shape))
    assert set(np.unique(restored)) == {77}


@pytest.mark.parametrize("size", [0, -1, 4097, 2.0, "224", True, None])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(UsageError, match="size.* a whole number"):
        build_restorer("bicubic", {"bicubic": {"adapter": "bicubic", "size": size}}, CONTEXT)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4)),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((4, 4), np.uint16),
    ],
    ids=["empty", "alpha", "float", "one-channel", "flat", "16-bit"],
)
def test_an_image_that_is_none_is_one_line(image):
    with pytest.raises(ValueError, match="Expected pixels to be uint8 of shape") as caught:
        restore("bicubic", [image])
    assert "\n" not in str(caught.value)


def test_options_and_versions_are_in_the_identity_and_devices_are_not():
    small, large = (build_restorer("a", {"a": {"adapter": "bicubic", "size": s}}, CONTEXT) for s in (8, 9))
    other = build_restorer("a", {"a": {"adapter": "lanczos", "size": 8}}, CONTEXT)
    same = build_restorer("b", {"b": {"adapter": "bicubic", "size": 8}}, CONTEXT)
    digests = [r.identity("cpu").digest() for r in (small, large, other)]
    assert len(set(digests)) == 3
    assert same.identity("cuda:1").digest() == digests[0]
    assert "pillow" in small.identity("cpu").packages


class TestNames:
    def test_controls_are_told_by_their_adapter(self):
        assert [name for name in ("none", *ENTRIES, "nearest", "x") if is_control(name, ENTRIES)] == [
            "none",
            "bicubic-336",
            "lanczos",
            "nearest",
        ]

    def test_sizes_are_told_without_building(self):
        names = ("none", "bicubic", "bicubic-336", "gfpgan", "lanczos")
        assert [output_size(name, ENTRIES) for name in names] == [None, 224, 336, 224, 512]

    def test_known_names(self):
        assert {"none", *CONTROLS, "gfpgan", "spandrel", "bicubic-336"} <= {*known_restorations(ENTRIES)}

    def test_a_name_without_entry_is_unavailable(self):
        with pytest.raises(
            Unavailable, match=r"gfpgan-2 has no entry in the suite\. Add \[restorations\.gfp"
        ):
            build_restorer("gfpgan-2", ENTRIES, CONTEXT)

    def test_wrong_entries_are_named(self):
        with pytest.raises(UsageError, match="Restoration x names the unknown adapter 'bicubik'"):
            build_restorer("x", {"x": {"adapter": "bicubik"}}, CONTEXT)
        with pytest.raises(UsageError, match="Restoration x has the unknown option 'colour'"):
            build_restorer("x", {"x": {"adapter": "bicubic", "colour": "keep"}}, CONTEXT)

    def test_installed_packages_bring_restorers(self, tmp_path, monkeypatch):
        about = tmp_path / "mine-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
        points = "[emotion_harness.restorations]\nmine = tiny_restorers:Shift\n"
        (about / "entry_points.txt").write_text(points)
        monkeypatch.syspath_prepend(tmp_path)
        assert "mine" in known_restorations({})
        ours = build_restorer("x", {"x": {"adapter": "mine", "by": 3}}, CONTEXT)
        (restored,) = ours.load("cpu").restore([np.zeros((2, 2), np.uint8)])
        assert restored.tolist() == [[3, 3], [3, 3]]


@pytest.mark.parametrize("shape", [(60_000, 1), (1, 60_000), (3, 9_000, 3)])
@pytest.mark.parametrize("name", CONTROLS)
def test_what_would_come_out_too_large_is_refused_before_it_is_made(name, shape):
    tracemalloc.start()
    with pytest.raises(
        ValueError, match=r"would become .* more than the 1,048,576 that a restored image may"
    ):
        restore(name, [np.zeros(shape, np.uint8)])
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("shape", [(1, 1), (48, 700), (700, 48, 3)])
def test_small_and_long_pictures_are_restored(shape):
    (restored,) = restore("bicubic", [np.zeros(shape, np.uint8)])
    assert min(restored.shape[:2]) == 224
