"""`harness train`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import (
    DataRoot,
    Device,
    JsonFlag,
    Limit,
    SuiteOption,
    data_root_of,
    entry_of,
    suite_path,
)
from harness.cli.show import print_json
from harness.tools.paths import absolute


def train(
    architecture: Annotated[
        str, typer.Argument(help="Any timm name, e.g. resnet50, vgg19, efficientnet_b0.")
    ],
    dataset: Annotated[str, typer.Option("--dataset", help="A dataset, e.g. fer2013.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Default: checkpoints/ beside the data root.")
    ] = None,
    train_split: Annotated[str, typer.Option("--train", help="Split to train on.")] = "train",
    select_split: Annotated[str, typer.Option("--select", help="Split that chooses the epoch.")] = "public",
    report_splits: Annotated[
        list[str] | None, typer.Option("--report", help="Default: private and test.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Default: 60; 30 for EfficientNets.")] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Train this many seeds and report their spread.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="The seed when --seeds is 1.")] = 0,
    optimizer: Annotated[str, typer.Option("--optimizer", help="adam or adamw.")] = "adam",
    lr: Annotated[float | None, typer.Option("--lr", help="Peak learning rate.")] = None,
    weight_decay: Annotated[float, typer.Option("--weight-decay")] = 0.0,
    label_smoothing: Annotated[float, typer.Option("--label-smoothing")] = 0.0,
    batch_size: Annotated[int, typer.Option("--batch-size")] = 64,
    clip: Annotated[float, typer.Option("--clip", help="Largest gradient norm.")] = 1.0,
    input_size: Annotated[
        int | None, typer.Option("--input-size", help="Pixels. Default: as published.")
    ] = None,
    augment: Annotated[bool, typer.Option("--augment/--no-augment")] = True,
    dtype: Annotated[str, typer.Option("--dtype", help="float32 or bfloat16.")] = "float32",
    device: Device = "auto",
    limit: Limit = None,
    suite: SuiteOption = None,
    data_root: DataRoot = None,
    force: Annotated[bool, typer.Option("--force", help="Start over, whatever is there.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Trains a CNN from scratch; the splits it reports on take no part in training or selection.

    A killed run goes on from its last epoch when started again. Weights get a card beside them that says how
    to use them; CONTRIBUTING.md shows one, for networks that were trained elsewhere. At the end stands the
    entry of the suite that evaluates them.
    """
    from harness.datasets import load_dataset
    from harness.training import Recipe, train_seeds
    from harness.training import train as train_one

    root = data_root_of(data_root)
    about = entry_of(suite, dataset)
    splits = [train_split, select_split, *(report_splits or ["private", "test"])]
    parts = [load_dataset(about, dataset, split, root) for split in splits]
    if limit is not None:
        parts = [part.limit(limit) for part in parts]
    optional = {"epochs": epochs, "lr": lr, "input_size": None if input_size is None else (input_size,) * 2}
    recipe = Recipe.published(
        architecture,
        seed=seed,
        optimizer=optimizer,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        batch_size=batch_size,
        clip=clip,
        augment=augment,
        dtype=dtype,
        device=device,
        **{key: value for key, value in optional.items() if value is not None},
    )
    folder = out or root.parent / "checkpoints"
    learn, select, *shown = parts
    if seeds > 1:
        spread, results = train_seeds(recipe, seeds, learn, select, shown, folder, force=force)
        if as_json:
            print_json({source: asdict(accuracies) for source, accuracies in spread.items()})
            return
        for source, found in spread.items():
            typer.echo(f"{source}: {found.mean:.2%} right on average, {found.min:.2%} to {found.max:.2%}")
        _show_entries([result.weights for result in results], suite, root)
        return
    result = train_one(recipe, learn, select, shown, folder, force=force)
    correct = {
        source: {"correct": k, "n": n, "accuracy": k / n} for source, (k, n) in result.card.correct.items()
    }
    if as_json:
        entry = suite_entry(result.weights, suite, root)
        print_json({"checkpoint": str(result.weights), "correct": correct, "entry": entry})
        return
    typer.echo(f"checkpoint: {result.weights}")
    for source, counts in correct.items():
        typer.echo(f"{source}: {counts['correct']} of {counts['n']} right ({counts['accuracy']:.2%})")
    _show_entries([result.weights], suite, root)


def _show_entries(checkpoints: Sequence[Path], suite: Path | None, root: Path) -> None:
    typer.echo(f"\nIn {suite_path(suite)}, to evaluate {'it' if len(checkpoints) == 1 else 'them'}:")
    for checkpoint in checkpoints:
        typer.echo(f"\n{suite_entry(checkpoint, suite, root)}")


def suite_entry(checkpoint: Path, suite: Path | None, root: Path) -> str:
    """The table of a suite that stands for a checkpoint, wherever it lies.

    Args:
        checkpoint: the weights.
        suite: `--suite`.
        root: the data root.
    """
    from harness.models import Context

    context, path = Context(root, suite_path(suite).parent), absolute(checkpoint)
    near = path.parent in context.folders and context.find(path.name).samefile(path)
    place = path.name if near else os.path.relpath(path, context.suite_folder)
    name = path.stem if re.fullmatch(r"[\w-]+", path.stem, re.ASCII) else _text(path.stem)
    return f'[models.{name}]\nadapter = "timm"\ncheckpoint = {_text(place)}'


def _text(value: str) -> str:
    """A basic string of TOML, which JSON's is, too."""
    return json.dumps(value, ensure_ascii=False)
