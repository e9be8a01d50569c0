"""The `harness` command: doctor, train, predict, score, report."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.adapters import import_from_here
from harness.errors import HarnessError, UsageError
from harness.nearest import nearest

if TYPE_CHECKING:
    from harness.predictions import Predictions

app = typer.Typer(
    name="harness",
    help="Evaluates models of facial and evoked emotion. The evals themselves run with `pytest evals`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

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


@app.command()
def doctor(
    suite: SuiteOption = SUITE,
    data_root: DataRoot = None,
    store: StoreOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Says what can run here, what cannot, why, and how to mend it."""
    from harness.doctor import examine

    findings = examine(_suite(suite), _data_root(data_root), _store(store))
    if as_json:
        _print_json([finding.as_dict() for finding in findings])
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "what", "state", box=None, pad_edge=False)
    for finding in findings:
        mark = Text("ok", "green") if finding.ok else Text("--", "yellow")
        table.add_row(mark, Text(finding.what), Text(finding.state))
    Console().print(table)


@app.command()
def predict(
    model: Annotated[str, typer.Argument(help="A model of the suite.")],
    dataset: DatasetOption,
    out: Annotated[Path | None, typer.Option("--out", help="Write a predictions CSV here.")] = None,
    suite: SuiteOption = SUITE,
    data_root: DataRoot = None,
    store: StoreOption = None,
    device: Device = "auto",
    dtype: Annotated[str, typer.Option("--dtype", help="float32, bfloat16 or float16.")] = "float32",
    batch_size: Annotated[int, typer.Option("--batch-size", help="Images per batch to begin with.")] = 64,
    prompt: Annotated[str, typer.Option("--prompt", help="A prompt of the suite, for a VLM.")] = "plain",
    restoration: Annotated[
        str, typer.Option("--restoration", help="What is done to pixels before the model sees them.")
    ] = "none",
    max_cost: Annotated[
        float | None, typer.Option("--max-cost", help="US dollars that a model behind an API may spend.")
    ] = None,
    limit: Limit = None,
    as_json: JsonFlag = False,
) -> None:
    """Answers a dataset with a model, keeps the answers in the store and shows the metrics.

    Stop it with Ctrl-C or SIGTERM whenever you like: the next run goes on from the last batch.
    """
    from harness.predictions import NO_PROMPT, Cell
    from harness.predictor import Predictor
    from harness.settings import Settings

    name, split = _source(dataset)
    read = _suite(suite)
    settings = Settings(
        data_root=_data_root(data_root),
        store=_store(store),
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
                f"{what} {given} is not in {suite}. Use one of {', '.join(known)}. {nearest(given, known)}"
            )
    with _progress(f"{model} on {dataset}") as advance:
        asked = NO_PROMPT if read.kind(model) == "classifier" else prompt
        cell = Cell(model, name, split, restoration, asked)
        predictions = Predictor(read, settings, progress=advance).predictions(cell)
    if out is not None:
        predictions.to_csv(out)
    _show_metrics(predictions, as_json, f"{model} on {dataset}")


@app.command()
def score(
    path: Annotated[Path, typer.Argument(help="CSV: sample_id,label[,score_<label>...].")],
    dataset: DatasetOption,
    suite: SuiteOption = SUITE,
    data_root: DataRoot = None,
    limit: Limit = None,
    as_json: JsonFlag = False,
) -> None:
    """Scores anyone's predictions: every metric with its confidence interval.

    A sample without a row, without a label or with a label that the dataset does not have counts as wrong.
    """
    from harness.datasets import load_dataset
    from harness.models.base import Context
    from harness.models.predictions_csv import PredictionsCsv
    from harness.predictions import Cell, join

    name, split = _source(dataset)
    if not path.is_file():
        raise UsageError(f"{path} is not a file. Name a CSV with sample_id,label[,score_<label>...].")
    root = _data_root(data_root)
    samples = load_dataset(_entry(suite, name), name, split, root)
    if limit is not None:
        samples = samples.limit(limit)
    model = PredictionsCsv(context=Context(root, Path.cwd()), path=str(path))
    predictions = join(Cell(path.stem, name, split), samples, model.answers(samples), model.labels)
    _show_metrics(predictions, as_json, f"{path.name} on {dataset}")


@app.command()
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
    suite: SuiteOption = SUITE,
    data_root: DataRoot = None,
    force: Annotated[bool, typer.Option("--force", help="Start over, whatever is there.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Trains a CNN from scratch; the splits it reports on take no part in training or selection.

    A killed run goes on from its last epoch when started again.
    """
    from harness.datasets import load_dataset
    from harness.training import Recipe, train_seeds
    from harness.training import train as train_one

    root = _data_root(data_root)
    entry = _entry(suite, dataset)
    splits = [train_split, select_split, *(report_splits or ["private", "test"])]
    parts = [load_dataset(entry, dataset, split, root) for split in splits]
    if limit is not None:
        parts = [part.limit(limit) for part in parts]
    optional = {"epochs": epochs, "lr": lr, "input_size": (input_size, input_size) if input_size else None}
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
        spread, _ = train_seeds(recipe, seeds, learn, select, shown, folder, force=force)
        _print_json({source: asdict(accuracies) for source, accuracies in spread.items()})
        return
    result = train_one(recipe, learn, select, shown, folder, force=force)
    correct = {
        source: {"correct": k, "n": n, "accuracy": k / n} for source, (k, n) in result.card.correct.items()
    }
    if as_json:
        _print_json({"checkpoint": str(result.weights), "correct": correct})
        return
    typer.echo(f"checkpoint: {result.weights}")
    for source, counts in correct.items():
        typer.echo(f"{source}: {counts['correct']} of {counts['n']} right ({counts['accuracy']:.2%})")


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="A run folder.")] = Path("reports/latest"),
    as_json: JsonFlag = False,
) -> None:
    """Writes metrics.csv, report.md and report.html of a run again, from what the run kept."""
    from harness.reporting import write_report

    path = write_report(run)
    if as_json:
        _print_json(
            {"report": str(path), "claims": json.loads((run / "claims.json").read_text(encoding="utf-8"))}
        )
    else:
        typer.echo(str(path))


def main() -> None:
    """Entry point: harness errors become one line and exit status 2; SIGTERM ends as Ctrl-C does."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    import_from_here()
    try:
        app()
    except HarnessError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)


def _suite(path: Path) -> Any:
    from harness.suite import Suite

    return Suite.read(path)


def _entry(suite: Path, dataset: str) -> Mapping[str, Any]:
    """The suite's entry of a dataset; outside a project a dataset goes by the name of its adapter."""
    entries = _suite(suite).datasets if suite.exists() or suite != SUITE else {}
    entry: Mapping[str, Any] = entries.get(dataset, {"adapter": dataset})
    return entry


def _data_root(given: Path | None) -> Path:
    from harness.settings import default_data_root

    return given or default_data_root()


def _store(given: Path | None) -> Path:
    from harness.settings import default_store

    return given or default_store()


def _source(dataset: str) -> tuple[str, str]:
    name, _, split = dataset.partition(":")
    if not split:
        raise UsageError(
            f"Expected --dataset to be dataset:split, but got {dataset}. Write e.g. {name}:private."
        )
    return name, split


@contextmanager
def _progress(title: str) -> Iterator[Callable[[object, int, int], None]]:
    """A progress bar on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=None)
        yield lambda cell, done, total: bar.update(task, advance=done, total=total)


def _show_metrics(predictions: Predictions, as_json: bool, title: str) -> None:
    from harness.reporting.metric_table import markdown_table, metric_table
    from harness.reporting.unanswered import unanswered

    table = metric_table(predictions)
    if as_json:
        rows = json.loads(table.to_json(orient="records", double_precision=12))
        about = {"dataset": predictions.cell.source, "n": len(predictions), "notes": unanswered(predictions)}
        _print_json({**about, "metrics": rows})
        return
    typer.echo(f"{title}, n = {len(predictions):,}\n")
    typer.echo("\n".join([markdown_table(table), *(f"\n{note}" for note in unanswered(predictions))]))


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))
