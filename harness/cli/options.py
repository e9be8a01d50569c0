"""What the verbs of `harness` share: their options, and what these stand for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.suite import Suite

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
SuiteOption = Annotated[Path, typer.Option("--suite", help="The suite file.")]
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
SUITE = Path("evals/suite.toml")


def read_suite(path: Path) -> Suite:
    """The suite of `--suite`."""
    from harness.suite import Suite

    return Suite.read(path)


def entry_of(suite: Path, dataset: str) -> Mapping[str, Any]:
    """The suite's entry of a dataset; outside a project a dataset goes by the name of its adapter."""
    entries = read_suite(suite).datasets if suite.exists() or suite != SUITE else {}
    entry: Mapping[str, Any] = entries.get(dataset, {"adapter": dataset})
    return entry


def data_root_of(given: Path | None) -> Path:
    """The folder of `--data-root`."""
    from harness.settings import default_data_root

    return given or default_data_root()


def store_of(given: Path | None) -> Path:
    """The folder of `--store`."""
    from harness.settings import default_store

    return given or default_store()


def source_of(dataset: str) -> tuple[str, str]:
    """Dataset and split of `--dataset`."""
    name, _, split = dataset.partition(":")
    if not split:
        raise UsageError(
            f"Expected --dataset to be dataset:split, but got {dataset}. Write e.g. {name}:private."
        )
    return name, split
