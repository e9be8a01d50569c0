"""Each thing that a user adds is one file and one entry, by its place in a module or by an entry point."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
HOME = HERE.parents[1]
MINE = HERE / "mine"
FENCE = re.compile(r"^`(mine/[\w.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EVALS = """import pytest


def test_metrics(predictions, metric_snapshot):
    assert predictions == metric_snapshot


@pytest.mark.claim("vlms_are_optimists")
def test_vlms_are_optimists(verdict, expected):
    assert verdict.outcome == expected.outcome, verdict.reason
"""


def by_name(suite: str) -> str:
    """The suite of somebody who has installed the package: names instead of places, metrics of themselves."""
    shorter = re.sub(r'"mine\.\w+:\w+"', lambda found: json.dumps(names()[found[0].strip('"')]), suite)
    return shorter.replace('[metrics.says_happy]\nadapter = "says_happy"\n', "").replace(
        'adapter = "vlms_are_optimists"\n', ""
    )


def names() -> dict[str, str]:
    return {place: name for points in entry_points().values() for name, place in points.items()}


def entry_points() -> dict[str, dict[str, str]]:
    return tomllib.loads((MINE / "pyproject.toml").read_text())["project"]["entry-points"]


def install(folder: Path) -> None:
    """What pip would leave of the package's entry points."""
    about = folder / "mine-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {place}" for name, place in points.items()), ""])
        for group, points in entry_points().items()
    ]
    (about / "entry_points.txt").write_text("\n".join(groups))


@pytest.fixture(scope="module", params=["by place", "by entry point"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the suite, in a project that imports the package from elsewhere."""
    folder = tmp_path_factory.mktemp("project")
    suite = (MINE / "suite.toml").read_text()
    if request.param == "by entry point":
        install(folder)
        suite = by_name(suite)
        assert "mine." not in suite
    (folder / "suite.toml").write_text(suite)
    (folder / "test_mine.py").write_text(EVALS)
    (folder / "pytest.ini").write_text("[pytest]\n")
    options = ["--harness-suite", "suite.toml", "--harness-device", "cpu", "--snapshot-update", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "test_mine.py", *options, "-p", "no:cacheprovider"],
        cwd=folder,
        env={
            **{
                key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "HARNESS_"))
            },
            "PYTHONPATH": os.pathsep.join(map(str, (folder, HERE, HOME))),
            "HARNESS_STORE": str(folder / "store"),
            "HARNESS_DATA": str(folder / "data"),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "reports/latest"


def figures(run: Path) -> dict[str, float]:
    table = pd.read_csv(run / "metrics.csv", keep_default_na=False)
    rows = table[table["metric"].isin(["accuracy", "says_happy"])]
    return {f"{row.metric} {row.cell}": float(row.value) for row in rows.itertuples()}


def test_dataset_classifier_vlm_restorer_wording_metric_and_derived_model(run):
    found = figures(run)
    assert found["accuracy patches:test/none/threshold"] == 1
    assert found["accuracy patches:test/brighter/threshold"] < 0.9  # sad patches look happy
    assert found["accuracy patches:test/none/polite/storyteller"] < 0.9
    assert found["says_happy patches:test/none/polite/storyteller"] > 0.9
    assert found["says_happy patches:test/none/threshold"] == 0.5
    assert (
        found["accuracy patches:test/none/cascade"] > found["accuracy patches:test/none/polite/storyteller"]
    )


def test_the_wording_is_what_the_model_read(run):
    kept = [pd.read_parquet(path) for path in (run / "cells").glob("*.parquet")]
    texts = {text for table in kept for text in table["raw_text"].dropna()}
    assert texts
    assert all(text.startswith("Certainly. The mood is") for text in texts)


def test_the_claim(run):
    claims = json.loads((run / "claims.json").read_text())
    assert {claim["cell"] for claim in claims} == {
        "patches:test/none/polite/storyteller",
        "patches:test/brighter/polite/storyteller",
    }
    assert {claim["verdict"] for claim in claims} == {"supported"}


def test_the_report_has_the_heading_of_the_metric(run):
    assert "happy answers" in (run / "report.html").read_text()


def test_the_guide_shows_these_very_files():
    shown = dict(FENCE.findall((HOME / "CONTRIBUTING.md").read_text()))
    files = {f"mine/{path.name}": path.read_text() for path in MINE.iterdir() if path.is_file()}
    del files["mine/__init__.py"]
    assert shown == files
