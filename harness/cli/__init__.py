"""The `harness` command: one module per group of verbs, put together here."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import typer

from harness.cli import answers, doctor, init, prompt, report, run, schema, train
from harness.errors import HarnessError
from harness.tools.adapters import import_from

app = typer.Typer(
    name="harness",
    help="Evaluates models of facial and evoked emotion. The evals themselves run with `pytest evals`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in (
    init.init,
    doctor.doctor,
    run.plan,
    run.run,
    answers.predict,
    answers.score,
    prompt.prompt,
    train.train,
    schema.schema,
):
    app.command()(verb)
app.command()(report.report)


def main() -> None:
    """Entry point: harness errors become one line and exit status 2; SIGTERM ends as Ctrl-C does."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    import_from(Path.cwd())
    try:
        app()
    except HarnessError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
