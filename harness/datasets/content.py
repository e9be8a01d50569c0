"""What the bytes of a file say: what it is if not what it is called, and how a picture is turned."""

import struct

_ORIENTATION = (0x0112, 3)  # of the type SHORT
# Of the chunks that a PNG may lack: transparency, animation, EXIF.
_PNG_KEPT = (b"tRNS", b"acTL", b"fcTL", b"fdAT", b"eXIf")
_LFS = b"version https://git-lfs.github.com/spec"
_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_ARCHIVES = {
    b"PK\x03\x04": "a zip",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a RAR archive",
}


def real_kind(data: bytes) -> str | None:
    """What a file is that is neither picture nor list, such as `it is empty`; None where that is unknown."""
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data:
        return "it is empty"
    if not data.strip(b"\0"):
        return "it holds nothing but zeros"
    if data.startswith(_LFS):
        return "it is a Git LFS pointer; fetch the file itself with: git lfs pull"
    if head.startswith((b"<!doctype html", b"<html")):
        return "it is a web page, which a failed download leaves"
    if head.startswith(b"<svg") or b"<svg" in head:
        return "it is a drawing (SVG), which has no pixels"
    if data[4:8] == b"ftyp":
        return (
            "it is HEIC, which Pillow does not read; convert it to PNG"
            if data[8:12] in _HEIC
            else "it is a video"
        )
    return archive_kind(data)


def archive_kind(data: bytes) -> str | None:
    """What archive these bytes begin, such as `it is a tar archive`; None if none that is known."""
    if data[257:262] == b"ustar":
        return "it is a tar archive"
    found = next((kind for magic, kind in _ARCHIVES.items() if data.startswith(magic)), None)
    return found and f"it is {found}"


def without_extras(data: bytes) -> bytes:
    """A JPEG or PNG without what neither changes its pixels nor how it is turned; other data as they are.

    Pillow gives a picture up for a broken list of companions (MPO), a broken Photoshop block, or a text
    that unpacks to more than a megabyte, as image generators write them.
    """
    if data.startswith(b"\xff\xd8"):
        parts, start = [data[:2]], 2
        while data[start : start + 1] == b"\xff" and data[start + 1 : start + 2] not in (b"\xda", b""):
            end = start + 2 + max(2, int.from_bytes(data[start + 2 : start + 4], "big"))
            if not 0xE0 < data[start + 1] <= 0xEF or data[start + 4 : end].startswith((b"Exif", b"Adobe")):
                parts.append(data[start:end])
            start = end
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        parts, start = [data[:8]], 8
        while len(kind := data[start + 4 : start + 8]) == 4:
            end = start + 12 + int.from_bytes(data[start : start + 4], "big")
            if kind[:1].isupper() or kind in _PNG_KEPT:
                parts.append(data[start:end])
            start = end
    else:
        return data
    return b"".join([*parts, data[start:]])


def orientation(exif: bytes) -> int:
    """How a picture is turned, 1 to 8, by the first directory of its EXIF data (Exif 2.32, section 4.6.4 A).

    The entry is looked for by itself, as other entries may be broken. 1, as stored, where there is none.
    """
    data = exif.removeprefix(b"Exif\0\0")
    order = ">" if data.startswith(b"MM") else "<"
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", data, place)
            if (tag, kind) == _ORIENTATION:
                return int(value)
    except struct.error:  # the data end before
        pass
    return 1
