"""`harness predict` and `harness score`: answers of a model, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import (
    BatchSize,
    DataRoot,
    DatasetOption,
    Device,
    Dtype,
    JsonFlag,
    Limit,
    MaxCost,
    StoreOption,
    SuiteOption,
    data_root_of,
    load_source,
    read_suite,
    source_of,
    store_of,
)
from harness.cli.show import progress, show_metrics
from harness.errors import UsageError
from harness.tools.nearest import nearest


def predict(
    model: Annotated[str, typer.Argument(help="A model of the suite.")],
    dataset: DatasetOption,
    out: Annotated[Path | None, typer.Option("--out", help="Write a predictions CSV here.")] = None,
    suite: SuiteOption = None,
    data_root: DataRoot = None,
    store: StoreOption = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    batch_size: BatchSize = 64,
    prompt: Annotated[str, typer.Option("--prompt", help="A prompt of the suite, for a VLM.")] = "plain",
    restoration: Annotated[
        str, typer.Option("--restoration", help="What is done to pixels before the model sees them.")
    ] = "none",
    max_cost: MaxCost = None,
    limit: Limit = None,
    as_json: JsonFlag = False,
) -> None:
    """Answers a dataset with a model, keeps the answers in the store and shows the metrics.

    Stop it with Ctrl-C or SIGTERM whenever you like: the next run goes on from the last batch.
    """
    from harness.judging import Evaluation
    from harness.models.base import READERS
    from harness.predictions import NO_PROMPT, Cell
    from harness.predictions.csv_file import check_writable, write_csv
    from harness.settings import Settings
    from harness.tools.slow_paths import entries, line

    name, split = source_of(dataset)
    read = read_suite(suite)
    settings = Settings(
        data_root=data_root_of(data_root),
        store=store_of(store),
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        limit=limit,
        seed=read.seed,
        max_cost=max_cost,
    )
    wanted: list[tuple[Iterable[str], str, str]] = [
        (read.models, model, "Model"),
        (read.datasets, name, "Dataset"),
        (read.prompts, prompt, "Prompt"),
    ]
    for known, given, what in wanted:
        if given not in known:
            raise UsageError(
                f"{what} {given} is not in {read.path}. Use one of {', '.join(known)}. "
                f"{nearest(given, known)}"
            )
    if out is not None:
        check_writable(out)
    with progress(f"{model} on {dataset}") as advance:
        asked = prompt if read.capability(model) in READERS else NO_PROMPT
        cell = Cell(model, name, split, restoration, asked)
        evaluation = Evaluation(read, settings, "", [cell], progress=advance)
        slow = entries((one.as_dict() for one in evaluation.predict().slow_paths), settings.store)
        for entry in slow:
            typer.echo(f"slow path: {line(entry)}", err=True)
        predictions = evaluation.evidence.predictions(cell)
    if out is not None:
        write_csv(predictions, out)
    show_metrics(predictions, as_json, f"{model} on {dataset}", slow_paths=slow)


def score(
    path: Annotated[Path, typer.Argument(help="CSV: sample_id,label[,score_<label>...].")],
    dataset: DatasetOption,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            help="What the file's labels stand for: angry,happy,... for the numbers 0, 1, ..., or "
            "1=angry,2=happy,...",
        ),
    ] = None,
    suite: SuiteOption = None,
    data_root: DataRoot = None,
    limit: Limit = None,
    as_json: JsonFlag = False,
) -> None:
    """Scores anyone's predictions: every metric with its confidence interval.

    A sample without a row, without a label or with a label that the dataset does not have counts as wrong,
    and a line says how many there are. A file that is mostly so is an error.
    """
    from harness.models.base import Context
    from harness.models.predictions_csv import PredictionsCsv
    from harness.predictions import Cell
    from harness.predictions.outside import join_table

    if not path.is_file():
        raise UsageError(f"{path} is not a file. Name a CSV with sample_id,label[,score_<label>...].")
    root = data_root_of(data_root)
    samples = load_source(suite, dataset, root, limit).readable()
    model = PredictionsCsv(context=Context(root, Path.cwd()), path=str(path), labels=_named(labels))
    predictions = join_table(Cell(path.stem, samples.name, samples.split), samples, model)
    show_metrics(predictions, as_json, f"{path.name} on {dataset}")


def _named(labels: str | None) -> list[str] | dict[str, str] | None:
    """`angry,happy` as a list, `1=angry,2=happy` as a table."""
    if labels is None:
        return None
    parts = [part.strip() for part in labels.split(",")]
    if not any("=" in part for part in parts):
        return parts
    pairs = [part.partition("=") for part in parts]
    if not all(theirs.strip() and ours.strip() for theirs, _, ours in pairs):
        raise UsageError(
            f"Expected --labels to be LABEL,LABEL,... or THEIRS=LABEL,THEIRS=LABEL,..., but got {labels}."
        )
    return {theirs.strip(): ours.strip() for theirs, _, ours in pairs}
