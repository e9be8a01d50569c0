import hashlib
import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo
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
def test_what_is_transparent_lies_on_white(pixels: np.ndarray, mode: str) -> None:
    image = Image.fromarray(pixels).convert(mode)
    np.testing.assert_array_equal(decode_image(saved(image), "x"), pixels)
    alpha = face(3, pixels.shape[:2])
    image.putalpha(Image.fromarray(alpha))
    share = alpha[(..., *[None] * (pixels.ndim - 2))] / 255
    decoded = decode_image(saved(image), "x")
    assert decoded.shape == pixels.shape
    np.testing.assert_allclose(decoded, pixels * share + 255 * (1 - share), atol=1)


@pytest.mark.parametrize(
    "image", [Image.fromarray(COLOUR).quantize(16), Image.new("L", (4, 4), 3), Image.new("1", (4, 4))]
)
def test_a_transparent_colour_is_white_where_it_is_used(image: Image.Image) -> None:
    used = image.getpixel((0, 0))
    plain, clear = decode_image(saved(image), "x"), decode_image(saved(image, transparency=used), "x")
    there = np.asarray(image.convert("L") if image.mode == "1" else image) == used
    assert (clear[there] == 255).all()
    np.testing.assert_array_equal(clear[~there], plain[~there])


def test_a_palette_with_alpha() -> None:
    image = Image.fromarray(COLOUR).quantize(16)
    clear = saved(image, transparency=bytes([0] * 16))
    assert (decode_image(clear, "x") == 255).all()


def sixteen_bit_rgb_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(range(12)) for _ in range(2))
    head = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


SIXTEEN = face(4).astype(np.uint16) * 251  # no multiple of 257, so that rounding would show


@pytest.mark.parametrize("form", ["png", "tiff", "ppm", "jpeg2000"])
def test_of_16_bits_the_upper_8_are_kept(form: str) -> None:
    image = Image.fromarray(SIXTEEN)
    data = saved(image.convert("I") if form == "ppm" else image, form)
    np.testing.assert_array_equal(decode_image(data, "x"), SIXTEEN >> 8)


def test_of_16_bit_colour_the_upper_8_are_kept() -> None:
    np.testing.assert_array_equal(decode_image(sixteen_bit_rgb_png(), "x").ravel(), [*range(0, 12, 2)] * 2)


def test_a_transparent_16_bit_grey_is_white() -> None:
    image = Image.fromarray(np.array([[7, 9 << 8]], np.uint16))
    assert decode_image(saved(image, transparency=7), "x").tolist() == [[255, 9]]


PILLOW = int(Image.__version__.partition(".")[0])
YCBCR = pytest.param("YCbCr", marks=pytest.mark.skipif(PILLOW < 13, reason="it reads no YCbCr of its own"))


@pytest.mark.parametrize("mode", ["CMYK", YCBCR, "RGBX"])
def test_other_colours_become_rgb(mode: str) -> None:
    image = Image.fromarray(COLOUR).convert(mode)
    np.testing.assert_array_equal(decode_image(saved(image, "tiff"), "x"), image.convert("RGB"))


def test_the_inverted_cmyk_of_adobe_is_not_a_negative() -> None:
    red = saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "jpeg", quality=100)
    assert b"Adobe" in red[:30]
    np.testing.assert_allclose(decode_image(red, "x")[4, 4].astype(int), [255, 0, 0], atol=3)


@pytest.mark.parametrize(
    ("image", "mode"),
    [
        (Image.fromarray(GREY.astype(np.float32)), "F"),
        (Image.fromarray(GREY.astype(np.int32)), "I;32S"),
    ],
    ids=["float", "32-bit"],
)
def test_values_without_a_known_white_are_refused(image: Image.Image, mode: str) -> None:
    with pytest.raises(DataError, match=rf"^a/b\.tif has pixels of mode {mode}.*Convert"):
        decode_image(saved(image, "tiff"), "a/b.tif")


def exif(orientation: int = 1, text: str = "") -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    if text:
        tags[0x010E] = text
    return tags.tobytes()


TURNED = {
    1: COLOUR,
    2: COLOUR[:, ::-1],
    3: COLOUR[::-1, ::-1],
    4: COLOUR[::-1],
    5: COLOUR.swapaxes(0, 1),
    6: np.rot90(COLOUR, -1),
    7: np.rot90(COLOUR, 2).swapaxes(0, 1),
    8: np.rot90(COLOUR),
    9: COLOUR,  # there is no such orientation
}


@pytest.mark.parametrize("form", ["png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", TURNED)
def test_pictures_are_turned_as_exif_says(form: str, orientation: int) -> None:
    lossless = {"lossless": True} if form == "webp" else {}
    data = saved(Image.fromarray(COLOUR), form, exif=exif(orientation), **lossless)
    np.testing.assert_array_equal(decode_image(data, "x"), TURNED[orientation])


def alike_everywhere(data: bytes) -> np.ndarray:
    """The pixels, which must not depend on what the process makes of warnings."""
    found = []
    for action in ("ignore", "error"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            found.append(decode_image(data, "x"))
    np.testing.assert_array_equal(*found)
    return found[0]


@pytest.mark.parametrize("form", ["jpeg", "webp", "png"])
def test_broken_exif_changes_no_pixel(form: str) -> None:
    image, tags = Image.fromarray(COLOUR), exif(text="as long as it is, it lies behind the tags")
    plain = decode_image(saved(image, form), "x")
    for length in range(6, len(tags)):
        np.testing.assert_array_equal(alike_everywhere(saved(image, form, exif=tags[:length])), plain)


def test_a_tag_past_the_end_leaves_the_orientation() -> None:
    tags = exif(6, text="as long as it is, it lies behind the tags")
    with_tag = saved(Image.fromarray(COLOUR), "jpeg", exif=tags[: tags.index(b"as long") + 4])
    whole = saved(Image.fromarray(COLOUR), "jpeg", exif=exif(6))
    np.testing.assert_array_equal(alike_everywhere(with_tag), decode_image(whole, "x"))


def test_of_a_picture_with_companions_the_first_is_taken_however_broken_their_list() -> None:
    first = Image.fromarray(COLOUR)
    whole = saved(first, "mpo", save_all=True, append_images=[first.rotate(180)])
    plain = decode_image(saved(first, "jpeg"), "x")
    np.testing.assert_array_equal(alike_everywhere(whole), plain)
    start = whole.index(b"MPF\0") + 4
    for place in range(start, start + 82):
        for value in (0, 7, 255):
            broken = whole[:place] + bytes([value]) + whole[place + 1 :]
            np.testing.assert_array_equal(alike_everywhere(broken), plain)


def test_a_long_text_or_a_broken_chunk_beside_the_picture_changes_no_pixel() -> None:
    image = Image.fromarray(COLOUR)
    notes = PngInfo()
    notes.add_text("workflow", "x" * 3_000_000, zip=True)
    np.testing.assert_array_equal(alike_everywhere(saved(image, pnginfo=notes)), COLOUR)
    notes = PngInfo()
    notes.add_text("title", "a face")
    whole = saved(image, pnginfo=notes, exif=exif(3))
    np.testing.assert_array_equal(alike_everywhere(whole.replace(b"a face", b"a fate")), TURNED[3])
    with pytest.raises(DataError, match="cannot be decoded"):
        decode_image(whole.replace(b"IDAT", b"IDAt"), "x")


@pytest.mark.parametrize("form", ["gif", "png", "webp", "tiff"])
def test_animations_and_pages_are_refused_and_single_ones_read(form: str) -> None:
    image = Image.fromarray(COLOUR)
    several = saved(image, form, save_all=True, append_images=[image.rotate(180)])
    with pytest.raises(DataError, match=r"^x holds several pictures.*Save that one alone"):
        decode_image(several, "x")
    assert decode_image(saved(image, form, save_all=True), "x").shape == COLOUR.shape


def test_truncated_pictures_are_refused_even_where_pillow_was_told_to_let_them_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(DataError, match="truncated"):
        decode_image(saved(Image.fromarray(COLOUR), "jpeg")[:-200], "x")
    assert ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize(
    ("data", "cause"),
    {
        b"": "it is empty",
        b"\0" * 4000: "nothing but zeros",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "git lfs pull",
        b"\n<!DOCTYPE html><p>Sign in": "web page",
        b"<?xml version='1.0'?><svg xmlns=''/>": "SVG",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1": "it is HEIC, which Pillow does not read; convert it",
        b"\0\0\0\x18ftypisom": "video",
        b"\x1f\x8b\x08\0": "gzip",
        b"hello": "content is not that of a JPEG",
    }.items(),
)
def test_what_is_no_picture_is_named_for_what_it_is(data: bytes, cause: str) -> None:
    with pytest.raises(DataError, match=rf"^a/b\.jpg cannot be decoded \(.*{cause}.*\)\. Restore") as caught:
        decode_image(data, "a/b.jpg")
    assert "a/b.jpg" not in caught.value.reason


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 3000), (3000, 1)])
def test_the_smallest_pictures_are_read(shape: tuple[int, ...]) -> None:
    pixels = face(1, shape)
    np.testing.assert_array_equal(decode_image(encoded(pixels), "x"), pixels)


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"]
)
def test_no_image(data: bytes) -> None:
    with pytest.raises(DataError, match=r"^a/b\.png cannot be decoded \(.+\)\. Restore"):
        decode_image(data, "a/b.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [9_600, 20_000, 60_000])
def test_a_decompression_bomb_is_not_unpacked(side: int) -> None:
    bomb = encoded(np.zeros((1, 1), dtype=np.uint8), "bmp")
    with pytest.raises(DataError, match=r"^x .*pixels.*Scale it down"):
        decode_image(bomb[:18] + struct.pack("<ii", side, side) + bomb[26:], "x")


@settings(deadline=None)
@given(st.data())
@pytest.mark.parametrize("form", ["png", "jpeg", "gif", "bmp"])
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
