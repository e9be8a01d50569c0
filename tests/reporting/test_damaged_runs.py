"""Run folders that were cut or edited: a report, or one line about what is wrong."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.reporting import write_report

WRONG: tuple[Any, ...] = ("text", 3, None, [3], {"a": 3})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document; of lists the first entry stands for all."""
    yield path
    inner = (
        value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    )
    for key, item in inner:
        yield from places(item, (*path, key))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


def complaint(folder: Path) -> str:
    """What is said instead of a report; nothing else than one line may come of a folder."""
    try:
        write_report(folder)
    except HarnessError as error:
        return str(error)
    return ""


@pytest.fixture
def folder(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of a run without its cells, which take their time to measure."""
    copied = tmp_path / "run"
    copied.mkdir()
    for name in ("run.json", "claims.json"):
        shutil.copy(run_folder / name, copied / name)
    return copied


@pytest.mark.parametrize("name", ["run.json", "claims.json"])
def test_no_value_of_a_wrong_type_is_more_than_one_line(folder: Path, name: str) -> None:
    file = folder / name
    document = json.loads(file.read_text(encoding="utf-8"))
    document = document[:1] if isinstance(document, list) else document
    named = 0
    for path in places(document):
        for value in WRONG:
            file.write_text(json.dumps(changed(document, path, value)), encoding="utf-8")
            said = complaint(folder)
            assert "\n" not in said
            assert not said or name in said, said
            named += bool(said)
    assert named > 10


@pytest.mark.parametrize("name", ["run.json", "claims.json"])
@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "\ufeff{}", "null", '"\\ud800"'])
def test_a_cut_file_is_named(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content, encoding="utf-8")
    assert name in complaint(folder)


def test_the_command_says_it(folder: Path, harness) -> None:
    (folder / "claims.json").write_text('[{"claim": "x"}]', encoding="utf-8")
    error = harness("report", folder).error
    assert f"a claim of {folder}/claims.json lacks cell" in error
