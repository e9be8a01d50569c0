"""From the bytes of a picture to uint8 pixels, or one clear line that says why not.

The rule, the same for every data set and whatever Pillow or its users are set to:

* What counts is the content of a file, not its suffix: JPEG, PNG, BMP, GIF, PPM, TIFF, WebP, JPEG 2000, and
  AVIF where Pillow has it. HEIC and everything else is refused.
* A picture is turned as its EXIF orientation says. What cannot be read of its metadata is passed over.
* Grey stays grey: (H, W). Everything else becomes RGB: (H, W, 3). Palettes, CMYK and YCbCr as Pillow converts
  them (it knows that Adobe stores CMYK inverted); colour profiles are not applied.
* What is transparent lies on white.
* Of 16 bits the upper 8 are kept, as in libpng and OpenCV. 12 and 32 bits and floats are refused, as nothing
  says which of their values is white.
* Of a picture with companions (MPO: depth, preview) the first is taken. An animation or a file of several
  pages is refused, as nothing says which of its pictures is labelled.
* A picture that breaks off is refused, never half a picture, and so is one of more than `MAX_PIXELS`.
"""

import io
import threading
import warnings
from importlib.util import find_spec

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from harness.errors import DataError
from harness.stimuli import Pixels
from harness.tools.third_party import warnings_never_raise

from .content import orientation, real_kind, without_extras

# No other decoder of Pillow is reachable from a file's content (its EPS reader starts Ghostscript).
# Raised whenever the same bytes give other pixels; tests/golden holds outputs against it.
VERSION = 1
_AVIF = ("AVIF",) if find_spec("PIL.AvifImagePlugin") else ()  # since Pillow 11.3
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "JPEG2000", *_AVIF)
MAX_PIXELS = 89_478_485  # where Pillow itself begins to warn of decompression bombs
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_settings = threading.Lock()


@warnings_never_raise()
def decode_image(data: bytes, name: str) -> Pixels:
    """The pixels of a picture by the rule of this module: (H, W) for grey ones, (H, W, 3) for colour.

    Args:
        data: Content of the file.
        name: Name of the file, for the message.

    Raises:
        DataError: The picture is corrupt, truncated, too large, or refused by the rule.
    """
    try:
        return _decode(data)
    except _Refused as error:
        reason, fix = error.args
    except Image.DecompressionBombError:
        reason, fix = f"has far more than {MAX_PIXELS:,} pixels", "Scale it down"
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        cause = real_kind(data) or _reason(error)
        reason, fix = (
            f"cannot be decoded ({cause})",
            "Restore the file from the original download or convert it to PNG",
        )
    raise DataError(f"{name} {reason}. {fix}.", reason=reason)


class _Refused(Exception):
    """A picture that the rule leaves out: what it is, and what to do."""


def _decode(data: bytes) -> Pixels:
    """Decodes alike whatever the process is set to: warnings as errors, truncated pictures let through."""
    if not ImageFile.LOAD_TRUNCATED_IMAGES:
        try:
            return _open(data)
        except (
            Warning
        ):  # Pillow's are about metadata; filters belong to the process, so they are rarely touched
            pass
    with _settings, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            return _open(data)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def _open(data: bytes) -> Pixels:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Warning, Image.DecompressionBombError):
        raise
    except Exception:  # something broken beside the picture, for which Pillow gives it up, too
        image = Image.open(io.BytesIO(without_extras(data)), formats=FORMATS)
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise _Refused(
                f"is {image.width} x {image.height} pixels, more than {MAX_PIXELS:,}", "Scale it down"
            )
        if getattr(image, "is_animated", False) and image.format != "MPO":
            raise _Refused(
                "holds several pictures, and nothing says which of them is labelled", "Save that one alone"
            )
        depth = _raw_mode(image)  # gone once the pixels are loaded
        image.load()
        return _eight_bit(_turned(image), depth)


def _raw_mode(image: Image.Image) -> str:
    """How the file stores a pixel, such as `I;16B`."""
    if not isinstance(image, ImageFile.ImageFile) or not image.tile:
        return ""
    arguments = image.tile[0][3]
    mode = arguments[0] if isinstance(arguments, tuple) else arguments
    return mode if isinstance(mode, str) else ""


def _turned(image: Image.Image) -> Image.Image:
    exif = image.info.get("exif")
    turn = _TURNS.get(orientation(exif)) if exif and image.format != "TIFF" else None  # TIFF Pillow turns
    return image if turn is None else image.transpose(turn)


def _eight_bit(image: Image.Image, raw_mode: str) -> Pixels:
    if image.mode.startswith("I"):
        # Pillow scales what PPM and JPEG 2000 hold to 16 bits.
        if raw_mode in ("I;12", "I;16S") or (
            image.mode == "I" and "16" not in raw_mode and image.format != "PPM"
        ):
            raise _unscaled(raw_mode or image.mode)
        values = np.asarray(image)
        clear = values == image.info.get("transparency", -1)
        return np.where(clear, 255, values >> 8).astype(np.uint8)
    if image.mode == "F":
        raise _unscaled("F")
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        image = _on_white(image)
    if image.mode == "1":
        image = image.convert("L")
    return np.array(image if image.mode in ("L", "RGB") else image.convert("RGB"), dtype=np.uint8)


def _unscaled(mode: str) -> _Refused:
    return _Refused(
        f"has pixels of mode {mode}, and nothing says which of their values is white",
        "Convert the file to 8 bits",
    )


def _on_white(image: Image.Image) -> Image.Image:
    grey = image.mode in ("1", "L", "LA")
    layered = image.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")
    return flat.getchannel("R") if grey else flat


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its content is not that of a " + ", ".join(FORMATS[:-1]) + f" or {FORMATS[-1]} image"
    return str(error) or type(error).__name__
