"""From the bytes of an image file to uint8 pixels, or one clear line that says why not."""

import hashlib
import io
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from harness.errors import DataError

Pixels: TypeAlias = NDArray[np.uint8]

# No other decoder of Pillow is reachable from a file's content (its EPS reader starts Ghostscript).
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
MAX_PIXELS = 89_478_485  # where Pillow itself begins to warn of decompression bombs


def decode_image(data: bytes, name: str) -> Pixels:
    """The pixels as stored: (H, W) for grey images, (H, W, 3) for colour.

    Palettes become RGB, 1-bit images grey, an alpha channel goes if nothing is transparent. EXIF
    orientation is not applied, as in the loaders of torchvision and timm.

    Args:
        data: Content of the file.
        name: Name of the file, for the message.

    Raises:
        DataError: The image is corrupt, truncated, too large, or has no lossless 8-bit grey or RGB form.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(
                    f"{name} is {image.width} x {image.height} pixels, more than {MAX_PIXELS:,}. "
                    "Scale it down."
                )
            depth = _raw_mode(image)  # gone once the pixels are loaded
            image.load()
            return _eight_bit(image, depth, name)
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise DataError(
            f"{name} cannot be decoded ({_reason(error)}). Restore the file from the original download."
        ) from error


def pixel_digest(pixels: NDArray[np.generic]) -> str:
    """SHA-256 over shape, type and values: equal exactly for equal pixels."""
    head = f"{pixels.shape}{pixels.dtype.str}".encode()
    return hashlib.sha256(head + pixels.tobytes()).hexdigest()


def _raw_mode(image: Image.Image) -> str:
    """How the file stores a pixel, such as `RGB;16B`: Pillow cuts 16-bit colour to 8 without a word."""
    if not isinstance(image, ImageFile.ImageFile) or not image.tile:
        return ""
    arguments = image.tile[0][3]
    mode = arguments[0] if isinstance(arguments, tuple) else arguments
    return mode if isinstance(mode, str) else ""


def _eight_bit(image: Image.Image, raw_mode: str, name: str) -> Pixels:
    if image.mode not in ("L", "RGB", "P", "1", "LA", "RGBA", "PA") or "16" in raw_mode:
        stored = raw_mode if "16" in raw_mode else image.mode
        raise DataError(
            f"{name} has pixels of mode {stored}, which have no exact 8-bit grey or RGB form. "
            "Convert the file to 8-bit grey or RGB."
        )
    if image.mode == "1":
        image = image.convert("L")
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        image = _without_alpha(image, name)
    if image.mode == "P":
        image = image.convert("RGB")
    return np.array(image, dtype=np.uint8)


def _without_alpha(image: Image.Image, name: str) -> Image.Image:
    grey = image.mode in ("L", "LA")
    layered = image.convert("RGBA")
    lowest, _ = layered.getchannel("A").getextrema()
    if lowest != 255:
        raise DataError(
            f"{name} has transparent pixels, whose colour depends on the background. "
            "Flatten it onto the background that the set intends."
        )
    opaque = layered.convert("RGB")
    return opaque.getchannel("R") if grey else opaque


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its content is not that of a " + ", ".join(FORMATS[:-1]) + f" or {FORMATS[-1]} image"
    return str(error) or type(error).__name__
