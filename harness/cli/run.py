"""`harness run` and `harness plan`: what `pytest evals` does, without pytest, and what it would take."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import (
    BatchSize,
    DataRoot,
    Device,
    Dtype,
    JsonFlag,
    Limit,
    MaxCost,
    StoreOption,
    SuiteOption,
)
from harness.cli.show import print_json, progress
from harness.tools.paths import project_folder

Profile = Annotated[str, typer.Option("--profile", help="Part of the suite.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="Only this model; may repeat.")]
Datasets = Annotated[list[str] | None, typer.Option("--dataset", help="Only this dataset:split; may repeat.")]
Restorations = Annotated[list[str] | None, typer.Option("--restoration", help="Only this one; may repeat.")]
Prompts = Annotated[list[str] | None, typer.Option("--prompt", help="Only this prompt; may repeat.")]
Reports = Annotated[Path | None, typer.Option("--reports", help="Where the run folder is made.")]


def run(
    profile: Profile = "default",
    model: Models = None,
    dataset: Datasets = None,
    restoration: Restorations = None,
    prompt: Prompts = None,
    suite: SuiteOption = None,
    data_root: DataRoot = None,
    store: StoreOption = None,
    reports: Reports = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    batch_size: BatchSize = 64,
    max_cost: MaxCost = None,
    limit: Limit = None,
    gallery: Annotated[int, typer.Option("--gallery", help="Sample pictures in the report.")] = 60,
    as_json: JsonFlag = False,
) -> None:
    """Does what `pytest evals` does, without pytest: the same plan, the same verdicts, the same report.

    Exit status 1 where a verdict is decided otherwise than the suite expects, or a model failed.
    """
    from rich.console import Console

    from harness.cli.evaluating import record, report, selected
    from harness.reporting.summary import print_summary
    from harness.runs import Recorder, new_run_folder
    from harness.settings import RECORDED

    how = {"device": device, "dtype": dtype, "batch_size": batch_size, "max_cost": max_cost, "limit": limit}
    names = {"model": model, "dataset": dataset, "restoration": restoration, "prompt": prompt}
    with progress(f"profile {profile}") as advance:
        evaluation = selected(suite, profile, names, data_root, store, how, advance)
        done = evaluation.predict()
    about = {
        "command": shlex.join(["harness", *sys.argv[1:]]),
        "suite": evaluation.suite.path.name,
        "profile": profile,
        **{name: getattr(evaluation.settings, name) for name in RECORDED},
        "baseline": None,
        "gallery": gallery,
    }
    recorder = Recorder(new_run_folder(reports or project_folder() / "reports"), about)
    recorder.add_report(done)
    failed = record(recorder, evaluation)
    page = report(recorder, evaluation, gallery)
    if as_json:
        problems = list(recorder.problems)
        print_json({"report": str(page), "claims": recorder.sorted_claims(), "problems": problems})
    else:
        console = Console(emoji=False)
        print_summary(console, recorder)
        console.print(f"report: {page}", markup=False, highlight=False, soft_wrap=True)
    claims = recorder.claims.values()
    turned = [one for one in claims if not one["as_expected"] and one["verdict"] != "inconclusive"]
    raise typer.Exit(1 if failed or (turned and evaluation.settings.limit is None) else 0)


def plan(
    profile: Profile = "default",
    model: Models = None,
    dataset: Datasets = None,
    restoration: Restorations = None,
    prompt: Prompts = None,
    suite: SuiteOption = None,
    data_root: DataRoot = None,
    store: StoreOption = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    limit: Limit = None,
    as_json: JsonFlag = False,
) -> None:
    """Says what a run would take: the answers that the store lacks, model by model. Nothing is loaded."""
    from harness.cli.evaluating import about, selected

    how = {"device": device, "dtype": dtype, "limit": limit}
    names = {"model": model, "dataset": dataset, "restoration": restoration, "prompt": prompt}
    found = selected(suite, profile, names, data_root, store, how).plan()
    jobs = [about(job) for job in found.jobs]
    if as_json:
        print_json({"jobs": jobs, "absent": dict(found.absent)})
        return
    for job in jobs:
        missing = "whatever is restored" if job["missing"] is None else f"{job['missing']:,} rows"
        typer.echo(
            f"{job['stage']}: {job['worker']} on {job['source']}, {job['questions']} questions, {missing}"
        )
    for what, reason in found.absent:
        typer.echo(f"absent: {what}: {reason}")
    typer.echo(f"{len(jobs)} jobs." if jobs else "Nothing is missing: a run would load no model.")
