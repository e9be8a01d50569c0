"""The pictures of a run: thumbnails of a few samples, kept in its folder so that reports need no data."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError, HarnessError
from harness.predictions.cell import Cell
from harness.predictions.table import Predictions
from harness.runs.choice import choose_samples
from harness.runs.folder import PICTURES
from harness.tools.atomic import write_atomically
from harness.tools.sealed import regular

if TYPE_CHECKING:
    from harness.datasets import Dataset

SIDE = 96
"""Pixels of the longer side at most; smaller pictures are kept as they are."""
SIZE_LIMIT = 6_000
"""Bytes of one picture at most."""

_QUALITIES = (85, 70, 50, 30, 10, 0)
_COLUMNS = ("source", "restoration", "sample_id", "image")

# (dataset:split, restoration) -> sample id -> WebP file
Pictures: TypeAlias = Mapping[tuple[str, str], Mapping[str, bytes]]


def keep_pictures(
    run_dir: Path, predictions: Mapping[str, Predictions], n: int, dataset_of: Callable[[Cell], Dataset]
) -> list[str]:
    """Keeps thumbnails of at most `n` samples per dataset, split and restoration in a run folder.

    Restorations of one dataset and split show the same samples. Only these are decoded.

    Args:
        run_dir: Folder of the run.
        predictions: The cells of the run.
        n: How many; 0 keeps none.
        dataset_of: The samples of a cell, whose pixels are those that the model saw.

    Returns:
        One line per dataset and restoration whose pictures could not be had.
    """
    by_source: dict[str, list[Predictions]] = {}
    for one in predictions.values():
        by_source.setdefault(one.cell.source, []).append(one)
    kept: dict[tuple[str, str], dict[str, bytes]] = {}
    problems = []
    for source, cells in by_source.items() if n > 0 else ():
        chosen = choose_samples([one.table for one in cells], n)
        for restoration in sorted({one.cell.restoration for one in cells}):
            seen = [one for one in cells if one.cell.restoration == restoration]
            try:
                kept[source, restoration] = dict(_thumbnails(_first(seen, dataset_of), chosen))
            except HarnessError as error:
                where = f"{source}, restoration {restoration}"
                problems.append(f"The gallery has no pictures of {where}: {error}")
    if any(kept.values()):
        _write(run_dir / PICTURES, kept)
    return problems


def read_pictures(run_dir: Path) -> Pictures:
    """The pictures of a run folder; none where it keeps none.

    Raises:
        DataError: the file is not one that `keep_pictures` wrote.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = run_dir / PICTURES
    if not path.exists():
        return {}
    try:
        columns = pq.read_table(regular(path), columns=list(_COLUMNS)).to_pydict()
        kept: dict[tuple[str, str], dict[str, bytes]] = {}
        for source, restoration, sample, image in zip(*(columns[name] for name in _COLUMNS), strict=True):
            kept.setdefault((source, restoration), {})[sample] = bytes(image)
    except (OSError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"{path} holds no pictures ({error}). The report goes without its gallery."
        ) from error
    return kept


def thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """A WebP file of at most `SIZE_LIMIT` bytes.

    Args:
        pixels: (H, W) grey or (H, W, 3) RGB.
    """
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    for quality in _QUALITIES:
        file = io.BytesIO()
        image.save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= SIZE_LIMIT:
            break
    return file.getvalue()


def _first(cells: list[Predictions], dataset_of: Callable[[Cell], Dataset]) -> Dataset:
    """The samples of one of the cells that can say what its model saw, of the largest one if it can.

    Models saw the same pixels, but a prompt about some of the labels has fewer samples.
    """
    *others, last = sorted(cells, key=len, reverse=True)
    for one in others:
        with suppress(HarnessError):
            return dataset_of(one.cell)
    return dataset_of(last.cell)


def _thumbnails(dataset: Dataset, chosen: list[str]) -> Iterator[tuple[str, bytes]]:
    """Thumbnails of those chosen samples that can be read; the others failed in their cells already."""
    places = {sample.id: index for index, sample in enumerate(dataset.samples)}
    for sample_id in chosen:
        if sample_id in places:
            try:
                yield sample_id, thumbnail(dataset.pixels(places[sample_id]))
            except DataError:
                continue


def _write(path: Path, kept: Pictures) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [(*where, sample, image) for where, images in kept.items() for sample, image in images.items()]
    table = pa.table({name: [row[i] for row in rows] for i, name in enumerate(_COLUMNS)})
    write_atomically(path, lambda file: pq.write_table(table, file, compression="none"))
