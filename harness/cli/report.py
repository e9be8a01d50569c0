"""`harness report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import JsonFlag
from harness.cli.show import print_json
from harness.tools.paths import project_folder


def report(
    run: Annotated[
        Path | None, typer.Argument(help="A run folder. Default: reports/latest of the project.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Writes metrics.csv, report.md and report.html of a run again, from what the run kept."""
    from harness.reporting import write_report
    from harness.runs import read_run

    run = run or project_folder() / "reports/latest"
    path = write_report(run)
    if as_json:
        print_json({"report": str(path), "claims": read_run(run).claims})
    else:
        typer.echo(str(path))
