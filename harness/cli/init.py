"""`harness init`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import IO, Annotated

import typer

from harness.cli.options import JsonFlag
from harness.cli.show import print_json
from harness.errors import UsageError
from harness.tools.atomic import write_atomically

TEMPLATE = Path(__file__).parent / "project"
# pytest takes the folder that holds one of these for its root.
CONFIGURED = (
    "pyproject.toml",
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "tox.ini",
    "setup.cfg",
)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new project.")] = Path("."),
    as_json: JsonFlag = False,
) -> None:
    """Writes a suite and its tests to begin with, which pass as they are; nothing is overwritten."""
    configured = any((folder / name).exists() for name in CONFIGURED)
    names = [
        path.relative_to(TEMPLATE)
        for path in sorted(TEMPLATE.rglob("*"))
        if path.suffix in (".ini", ".toml", ".csv", ".py") and not (configured and path.suffix == ".ini")
    ]
    if there := [str(name) for name in names if (folder / name).exists()]:
        raise UsageError(f"{folder / there[0]} is there already. Name another folder: harness init FOLDER.")
    for name in names:
        try:
            write_atomically(folder / name, partial(_copy, TEMPLATE / name))
        except OSError as error:
            raise UsageError(
                f"{folder / name} cannot be written ({error.strerror or error}). Name another folder."
            ) from error
    if as_json:
        print_json({"folder": str(folder), "files": [str(name) for name in names]})
        return
    for name in names:
        typer.echo(str(folder / name))
    typer.echo(f"\nNext: {'' if folder == Path() else f'cd {folder} && '}pytest -n 2")


def _copy(template: Path, file: IO[bytes]) -> None:
    file.write(template.read_bytes())
