"""Names of things as names of files: two names never share a file, on any file system."""

from __future__ import annotations

import hashlib
import re

# Cells and tests of cells whose separators alone are escaped. As no part has an underscore in it, what stood
# at each underscore can be told. Case is left to names with a digest: some file systems see none.
_TOLD_APART = re.compile(r"(?:[\w.]+\[)?[a-z0-9.-]+:[a-z0-9.-]+(?:/[a-z0-9.-]+)*(?:\](?:\.\d+)?)?", re.ASCII)
_LONGEST = 200  # bytes; 255 is what file systems take, and temporary files add something to a name


def file_name(name: str, ending: str = "") -> str:
    """A file name that people recognise, with a digest where escaping or length would lose something.

    >>> file_name("fer2013:test/none/resnet-50", ".parquet")
    'fer2013_test_none_resnet-50.parquet'
    >>> file_name("a_b:c") != file_name("a:b_c")
    True
    """
    readable = re.sub(r"[^A-Za-z0-9.\[\]_-]+", "_", name)
    if _TOLD_APART.fullmatch(name) and len(readable) <= _LONGEST:
        return readable + ending
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    return f"{readable[:_LONGEST]}~{digest[:12]}{ending}"
