"""`harness doctor`."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.data import check_data
from harness.cli.options import (
    DataRoot,
    JsonFlag,
    StoreOption,
    SuiteOption,
    data_root_of,
    read_suite,
    store_of,
)
from harness.cli.show import print_json
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.cli.examine import Finding

# What is copied as a whole: a word, such as an address, and a command with its blanks.
_WHOLE = re.compile(r"(?:`[^`]*`|pip install(?: --\S+)*(?: '[^']*'| \S+)|\S)+")
_NARROWEST = 40


def doctor(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="With --data: these, e.g. fer2013 or fer2013:private.")
    ] = None,
    data: Annotated[
        bool, typer.Option("--data", help="Check the files of the datasets: decode every image.")
    ] = False,
    suite: SuiteOption = None,
    data_root: DataRoot = None,
    store: StoreOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Says what can run here, what cannot, why, and how to mend it.

    That something is missing is no failure, since no machine has everything: the exit status is 0.
    With --data it looks at every file of the datasets instead, and ends with status 2 where one is unusable.
    """
    if data:
        check_data(datasets or [], suite, data_root_of(data_root), as_json)
        return
    if datasets:
        raise UsageError(f"Naming {datasets[0]} asks for its files to be checked. Add --data.")
    from harness.cli.examine import examine

    findings = examine(read_suite(suite), data_root_of(data_root), store_of(store))
    ready = sum(finding.ok for finding in findings)
    missing = len(findings) - ready
    if as_json:
        print_json({"findings": [f.as_dict() for f in findings], "ready": ready, "missing": missing})
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines(findings, width):
        typer.echo(line)
    typer.echo(f"{ready} ready, {missing} missing")


def lines(findings: Sequence[Finding], width: int | None) -> Iterator[str]:
    """The findings as a table.

    Args:
        findings: what was found.
        width: columns of the terminal, or None where lines may have any length. Lines are broken between
            words only, never within a command, and nothing is cut off: what is wider than the terminal
            stands on a line of its own.
    """
    longest = max(len(finding.what) for finding in findings)
    beside = width is None or width - longest - 6 >= _NARROWEST
    for finding in findings:
        mark = typer.style("ok", fg="green") if finding.ok else typer.style("--", fg="yellow")
        if beside:
            first, *rest = wrapped(finding.state, width and width - longest - 6)
            yield f"{mark}  {finding.what.ljust(longest)}  {first}"
            yield from (f"{' ' * (longest + 6)}{line}" for line in rest)
        else:
            yield f"{mark}  {finding.what}"
            yield from (f"    {line}" for line in wrapped(finding.state, width and width - 4))


def wrapped(text: str, width: int | None) -> list[str]:
    """A text in lines of at most `width`, but for words and commands that are longer.

    >>> wrapped("It is not here. Fetch it with `hf download a/b`.", 20)
    ['It is not here.', 'Fetch it with', '`hf download a/b`.']
    """
    broken = [""]
    for word in _WHOLE.findall(text):
        joined = f"{broken[-1]} {word}" if broken[-1] else word
        if width is None or len(joined) <= width or not broken[-1]:
            broken[-1] = joined
        else:
            broken.append(word)
    return broken
