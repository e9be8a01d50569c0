"""Digests of decoded pictures, remembered from run to run while the files stay the same files.

Decoding 100,000 pictures of 48 pixels takes half a minute, and looking at as many files less than a second.
What a model is shown is decoded and held against its digest all the same.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.identity import package_versions
from harness.tools.atomic import write_atomically
from harness.tools.paths import default_store
from harness.tools.sealed import sealed, unsealed

from .pixels import VERSION
from .tree import TreeImages

# Fewer pictures are decoded while one would look for what is remembered of them.
DEAR = 1000

Shape = tuple[int, ...]


@contextmanager
def remembering(
    read: Callable[[str], Any],
    ids: Sequence[str],
    digests: dict[str, str],
    shapes: dict[str, Shape],
) -> Iterator[None]:
    """Gives what an earlier run found out of these samples, and keeps what this block adds.

    Args:
        read: The decoder; of files alone it is known whether they are what they were.
        ids: The samples.
        digests: Sample id -> digest of its pixels, added to on entry.
        shapes: Sample id -> their shape, added to on entry.
    """
    absent = [sample for sample in ids if sample not in digests]
    if not isinstance(read, TreeImages) or len(absent) < DEAR:
        yield
        return
    marks = {sample: mark for sample in absent if (mark := read.mark(sample)) is not None}
    memory = _memory(read)
    kept = _kept(memory)
    for sample, mark in marks.items():
        found = kept.get(read.files[sample])
        if found is not None and found[0] == list(mark):
            digests[sample], shapes[sample] = found[1], tuple(found[2])
    new = [sample for sample in marks if sample not in digests]
    yield
    added = {
        read.files[sample]: [marks[sample], digests[sample], shapes[sample]]
        for sample in new
        if sample in digests
    }
    if len(added) >= DEAR:
        body = sealed(json.dumps({**_kept(memory), **added}).encode())
        with suppress(OSError):
            write_atomically(memory, lambda file: file.write(body))


def _memory(read: TreeImages) -> Path:
    """The file for a folder or zip; another one where pictures become pixels by other code."""
    about = [str(Path(read.tree.where).absolute()), VERSION, package_versions("pillow")]
    name = hashlib.sha256(json.dumps(about).encode()).hexdigest()
    return default_store() / "digests" / f"{name[:32]}.pictures"


def _kept(memory: Path) -> dict[str, Any]:
    """Name in the tree -> mark, digest and shape."""
    with suppress(OSError, ValueError):
        return dict(json.loads(unsealed(memory.read_bytes()) or b"{}"))
    return {}
