import hashlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_sets import encoded, face

from harness.datasets import pixel_digest
from harness.datasets.pixels import decode_image
from harness.errors import DataError

GREY, COLOUR = face(1), face(2, (20, 30, 3))


def saved(image: Image.Image, form: str = "png", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["png", "bmp", "ppm", "tiff"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_lossless_files_give_their_pixels(form: str, pixels: np.ndarray) -> None:
    decoded = decode_image(encoded(pixels, form), "x")
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, pixels)


def test_palettes_become_rgb() -> None:
    image = Image.fromarray(COLOUR).quantize(16)
    expected = np.asarray(image.convert("RGB"))
    for form in ("png", "gif"):
        np.testing.assert_array_equal(decode_image(saved(image, form), "x"), expected)


def test_one_bit_becomes_grey() -> None:
    image = Image.fromarray(GREY).convert("1")
    np.testing.assert_array_equal(decode_image(saved(image), "x"), np.asarray(image.convert("L")))


@pytest.mark.parametrize(("pixels", "mode"), [(GREY, "LA"), (COLOUR, "RGBA")])
def test_an_opaque_alpha_channel_goes_a_transparent_one_is_refused(pixels: np.ndarray, mode: str) -> None:
    image = Image.fromarray(pixels).convert(mode)
    np.testing.assert_array_equal(decode_image(saved(image), "x"), pixels)
    alpha = np.full(pixels.shape[:2], 255, dtype=np.uint8)
    alpha[3, 4] = 254
    image.putalpha(Image.fromarray(alpha))
    with pytest.raises(DataError, match="x has transparent pixels"):
        decode_image(saved(image), "x")


@pytest.mark.parametrize("image", [Image.fromarray(COLOUR).quantize(16), Image.new("L", (4, 4), 3)])
def test_a_transparent_colour_is_refused_where_it_is_used(image: Image.Image) -> None:
    used = image.getpixel((0, 0))
    with pytest.raises(DataError, match="transparent"):
        decode_image(saved(image, transparency=used), "x")
    if image.mode == "L":
        np.testing.assert_array_equal(decode_image(saved(image, transparency=9), "x"), np.asarray(image))


def sixteen_bit_rgb_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(range(12)) for _ in range(2))
    head = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        (saved(Image.fromarray(COLOUR).convert("CMYK"), "jpeg"), "CMYK"),
        (saved(Image.fromarray(GREY.astype(np.uint16) * 257)), "I;16"),
        (saved(Image.fromarray(GREY.astype(np.float32)), "tiff"), "F"),
        (sixteen_bit_rgb_png(), "RGB;16B"),
    ],
    ids=["cmyk", "16-bit grey", "float", "16-bit colour"],
)
def test_what_has_no_exact_8_bit_form_is_refused(data: bytes, mode: str) -> None:
    with pytest.raises(DataError, match=rf"^a/b\.png has pixels of mode {mode}.*Convert"):
        decode_image(data, "a/b.png")


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"]
)
def test_no_image(data: bytes) -> None:
    with pytest.raises(DataError, match=r"^a/b\.png cannot be decoded \(.+\)\. Restore"):
        decode_image(data, "a/b.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [9_600, 60_000])
def test_a_decompression_bomb_is_not_unpacked(side: int) -> None:
    bomb = encoded(np.zeros((1, 1), dtype=np.uint8), "bmp")
    with pytest.raises(DataError, match=r"^x .*pixels"):
        decode_image(bomb[:18] + struct.pack("<ii", side, side) + bomb[26:], "x")


@settings(deadline=None)
@given(st.data())
@pytest.mark.parametrize("form", ["png", "jpeg", "gif", "bmp"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damage_gives_pixels_or_one_clear_error(form: str, data: st.DataObject) -> None:
    whole = bytearray(encoded(face(5, (12, 10)), form))
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        pixels, problem = decode_image(damaged, "x"), None
    except DataError as error:
        pixels, problem = None, str(error)
    if pixels is None:
        assert problem.startswith("x ")
        assert "\n" not in problem
    else:
        assert pixels.dtype == np.uint8
        assert pixels.shape[2:] in ((), (3,))


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_a_truncated_image_is_never_half_an_image(form: str) -> None:
    whole = encoded(GREY, form)
    for length in range(0, len(whole) - 20, 37):
        with pytest.raises(DataError):
            decode_image(whole[:length], "x")


def test_digest_tells_values_shape_and_type_apart() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    same = np.asfortranarray(pixels)
    others = [pixels.reshape(3, 2), pixels.astype(np.int8), pixels + np.uint8(1)]
    assert pixel_digest(pixels) == pixel_digest(same)
    assert len({pixel_digest(array) for array in (pixels, *others)}) == 4
    assert len(pixel_digest(pixels)) == hashlib.sha256().digest_size * 2
