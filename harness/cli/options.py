"""What the verbs of `harness` share: their options, and what these stand for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.errors import UsageError
from harness.tools.adapters import import_from
from harness.tools.paths import SUITE, absolute, default_data_root, default_store, project_folder

if TYPE_CHECKING:
    from harness.datasets import Dataset
    from harness.suite import Suite

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
SuiteOption = Annotated[
    Path | None,
    typer.Option("--suite", help="The suite file. Default: evals/suite.toml here or in a folder above."),
]
DataRoot = Annotated[
    Path | None, typer.Option("--data-root", help="Folder of the datasets. Default: $HARNESS_DATA.")
]
StoreOption = Annotated[
    Path | None, typer.Option("--store", help="Prediction store. Default: $HARNESS_STORE.")
]
DatasetOption = Annotated[str, typer.Option("--dataset", help="dataset:split, e.g. fer2013:private.")]
Limit = Annotated[
    int | None, typer.Option("--limit", help="At most this many samples, stratified and seeded.")
]
Device = Annotated[str, typer.Option("--device", help="torch device, or auto.")]
Dtype = Annotated[str, typer.Option("--dtype", help="float32, bfloat16 or float16.")]
BatchSize = Annotated[int, typer.Option("--batch-size", help="Images per batch to begin with.")]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", help="US dollars that models behind an API may spend.")
]


def read_suite(given: Path | None) -> Suite:
    """The suite of `--suite`, whose project may have adapters of its own."""
    from harness.suite import Suite

    suite = Suite.read(suite_path(given))
    folder = absolute(suite.path.parent)
    import_from(folder, folder.parent)
    return suite


def entry_of(given: Path | None, dataset: str) -> Mapping[str, Any]:
    """The suite's entry of a dataset; outside a project a dataset goes by the name of its adapter."""
    entries = read_suite(given).datasets if _has_suite(given) else {}
    entry: Mapping[str, Any] = entries.get(dataset, {"adapter": dataset})
    return entry


def load_source(given: Path | None, source: str, root: Path, limit: int | None) -> Dataset:
    """The samples of a `dataset:split`, the same ones that a run with this limit takes."""
    from harness.datasets import load_dataset

    name, split = source_of(source)
    dataset = load_dataset(entry_of(given, name), name, split, root)
    return dataset if limit is None else dataset.limit(limit, _seed_of(given))


def _seed_of(given: Path | None) -> int:
    return read_suite(given).seed if _has_suite(given) else 0


def _has_suite(given: Path | None) -> bool:
    return given is not None or suite_path(given).exists()


def suite_path(given: Path | None) -> Path:
    """The file of `--suite`, or that of the project, which need not be there."""
    return project_folder() / SUITE if given is None else given.expanduser()


def data_root_of(given: Path | None) -> Path:
    """The folder of `--data-root`."""
    return absolute(given or default_data_root())


def store_of(given: Path | None) -> Path:
    """The folder of `--store`."""
    return absolute(given or default_store())


def source_of(dataset: str) -> tuple[str, str]:
    """Dataset and split of `--dataset`."""
    name, _, split = dataset.partition(":")
    if not split:
        raise UsageError(
            f"Expected --dataset to be dataset:split, but got {dataset}. Write e.g. {name}:private."
        )
    return name, split
