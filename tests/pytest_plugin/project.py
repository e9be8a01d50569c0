"""A project of its own for a test: the evals of this repository over shapes, run by real pytest processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.datasets import Dataset, load_dataset

HOME = Path(__file__).parents[2]
LABELS = ("disc", "square", "triangle")
SUITE = """
[profiles.default]
datasets = ["shapes:test"]
[profiles.both]
datasets = ["shapes:test", "shapes:val"]
[datasets.shapes]
adapter = "images"
space = ["disc", "square", "triangle"]
[claims.cnn_beats_vlm]
"""


@dataclass(frozen=True)
class Outcome:
    """What a pytest process left behind."""

    project: Project
    status: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"exit status {self.status}\n{self.stdout}\n{self.stderr}"

    @cached_property
    def run(self) -> dict[str, Any]:
        """The run.json of this process, read when first asked for."""
        return json.loads((self.project.latest / "run.json").read_text(encoding="utf-8"))

    @cached_property
    def claims(self) -> list[dict[str, Any]]:
        """Its claims.json."""
        return json.loads((self.project.latest / "claims.json").read_text(encoding="utf-8"))

    def latest_run(self, reports: str) -> dict[str, Any]:
        """The run.json of another folder of reports."""
        return json.loads((self.project.root / reports / "latest/run.json").read_text(encoding="utf-8"))

    @property
    def verdicts(self) -> dict[str, str]:
        """The last part of a claim's cell -> its verdict."""
        return {claim["cell"].rpartition("/")[2]: claim["verdict"] for claim in self.claims}

    @property
    def tests(self) -> dict[str, str]:
        """Name of a test -> its outcome, as `-rA` lists them; without the group that xdist appends."""
        found = re.findall(r"^([A-Z]+) \S+?::(test_\w+\[[^]]*\])", self.stdout, re.MULTILINE)
        return {name: outcome.lower() for outcome, name in found}


@dataclass(frozen=True)
class Project:
    """A folder with the evals and the pytest configuration of this repository."""

    root: Path
    data: Path

    @classmethod
    def make(cls, root: Path, data: Path, *models: str, ini: str = "", conftest: str = "") -> Project:
        """Writes the project; entries of the suite, ini keys and lines of conftest.py come on top."""
        evals = root / "evals"
        shutil.copytree(HOME / "evals", evals, ignore=lambda _, names: {n for n in names if "test_" not in n})
        config = (HOME / "pyproject.toml").read_text(encoding="utf-8")
        header = "[tool.pytest.ini_options]\n"
        (root / "pyproject.toml").write_text(config.replace(header, header + ini), encoding="utf-8")
        (root / "conftest.py").write_text(conftest, encoding="utf-8")
        project = cls(root, data)
        project.write_suite(*models)
        return project

    def write_suite(self, *entries: str, published: str = "") -> None:
        """Writes evals/suite.toml: a file of published numbers, what every suite has, then these entries."""
        top = [f'published = "{published}"'] if published else []
        (self.root / "evals/suite.toml").write_text("\n".join([*top, SUITE, *entries]), encoding="utf-8")

    def pytest(self, *arguments: str, folder: str = ".", **environment: str) -> Outcome:
        """Runs pytest to its end, in the root or in a folder below."""
        command = {**self._command(arguments, environment), "cwd": self.root / folder}
        done = subprocess.run(**command, capture_output=True, timeout=120)
        return Outcome(self, done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, under: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Starts pytest, as the leader of its own process group, perhaps under another command."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = self._command(arguments, {})
        command["args"] = [*under, *command["args"]]
        return subprocess.Popen(**command, **pipes, start_new_session=True)

    def _command(self, arguments: Iterable[str], environment: Mapping[str, str]) -> dict[str, Any]:
        # What pytest and its plugins told this process is not meant for the new one.
        # Outside CI, unless a test says otherwise.
        foreign = ("PYTEST_", "HARNESS_", "OMP_")
        mine = {k: v for k, v in os.environ.items() if not k.startswith(foreign) and k != "CI"}
        given = {
            "HARNESS_DATA": str(self.data),
            "HARNESS_STORE": str(self.root / "store"),
            "PYTHONPATH": os.pathsep.join([str(HOME), str(Path(__file__).parent / "adapters")]),
            # Each takes its time to import and has no part in an eval.
            "PYTEST_ADDOPTS": "-p no:hypothesispytest -p no:anyio",
            "COLUMNS": "200",
        }
        return {
            "args": [sys.executable, "-m", "pytest", *arguments],
            "cwd": self.root,
            "env": {**mine, **given, **environment},
            "text": True,
        }

    @property
    def latest(self) -> Path:
        """The newest run folder."""
        return self.root / "reports/latest"

    @property
    def log(self) -> list[str]:
        """What the logging models wrote."""
        return (self.root / "evals/models.log").read_text(encoding="utf-8").splitlines()

    @property
    def shards(self) -> list[Path]:
        """The files of the store that hold answers."""
        return list(self.root.glob("store/??/*/*.parquet"))

    def dataset(self, split: str = "test") -> Dataset:
        """The shapes."""
        return load_dataset({"adapter": "images", "space": LABELS}, "shapes", split, self.data)

    def answers(self, *wrong: int) -> list[str]:
        """Right answers to the test split, but for the samples at these positions."""
        return [LABELS[(gold + (i in wrong)) % 3] for i, gold in enumerate(self.dataset().gold)]

    def table(self, name: str, answers: Iterable[str], family: str = "vlm") -> str:
        """Writes a predictions CSV for the test split; returns its entry of the suite."""
        rows = [f"{s.id},{answer}" for s, answer in zip(self.dataset().samples, answers, strict=True)]
        path = self.root / f"evals/{name}.csv"
        path.write_text("\n".join(["sample_id,label", *rows]) + "\n", encoding="utf-8")
        return entry(name, adapter="predictions_csv", path=path.name, family=family)


def entry(name: str, **options: Any) -> str:
    """The entry of a model in the suite."""
    return "\n".join(
        [f"[models.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in options.items())]
    )


def logging_model(name: str, **options: Any) -> str:
    """The entry of a model that logs what it does; see adapters/logging_model.py."""
    return entry(name, **{"adapter": "logging", "weights": name, **options})
