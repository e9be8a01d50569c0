"""`harness init`; that its project runs is tested with the wheel."""

from __future__ import annotations

import json
from pathlib import Path

from harness.suite import Suite

FILES = ["evals/published.csv", "evals/suite.toml", "evals/test_evals.py", "pytest.ini"]


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_writes_a_suite_that_is_right(harness, tmp_path):
    shown = harness("init", "mine")
    assert shown.status == 0
    assert written(tmp_path / "mine") == FILES
    assert shown.out.splitlines() == [*(f"mine/{name}" for name in FILES), "", "Next: cd mine && pytest -n 2"]
    assert set(Suite.read(tmp_path / "mine/evals/suite.toml").profiles) == {"default", "mine"}


def test_a_project_that_configures_pytest_keeps_its_configuration(harness, tmp_path):
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    assert json.loads(harness("init", "--json").out) == {"folder": ".", "files": FILES[:-1]}
    assert not (tmp_path / "pytest.ini").exists()


def test_nothing_is_overwritten_and_then_nothing_is_written(harness, tmp_path):
    (tmp_path / "evals/test_evals.py").write_text("mine", encoding="utf-8")
    assert "evals/test_evals.py is there already. Name another folder" in harness("init").error
    assert written(tmp_path) == ["evals/test_evals.py"]


def test_a_folder_that_cannot_be_made_is_one_line(harness, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "cannot be written" in harness("init", "file").error
