"""A project of its own for a test: conftest.py, suite, data and models, run by real pytest processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.datasets import Dataset, load_dataset
from harness.suite import tomllib

HOME = Path(__file__).parents[2]
LABELS = ("disc", "square", "triangle")
SUITE = """
[profiles.default]
datasets = ["shapes:test"]
[profiles.both]
datasets = ["shapes:test", "shapes:val"]
[profiles.smoke]
datasets = ["shapes:test"]
limit = 30
[datasets.shapes]
adapter = "images"
space = ["disc", "square", "triangle"]
[claims.cnn_beats_vlm]
"""
CONFTEST = """
pytest_plugins = ["harness.plugin", "fixtures.evals"]
"""


@dataclass(frozen=True)
class Outcome:
    """What a pytest process left behind."""

    project: Project
    status: int
    stdout: str
    stderr: str

    @cached_property
    def run(self) -> dict[str, Any]:
        """The run.json of reports/latest."""
        return json.loads((self.project.latest / "run.json").read_text(encoding="utf-8"))

    @cached_property
    def claims(self) -> dict[str, dict[str, Any]]:
        """The claims.json of reports/latest, by the VLM that the CNN was compared with."""
        claims = json.loads((self.project.latest / "claims.json").read_text(encoding="utf-8"))
        return {claim["cell"].rpartition("-vs-")[2]: claim for claim in claims}

    @property
    def counts(self) -> dict[str, int]:
        """The last line of pytest: how many tests passed, failed, were skipped or xfailed."""
        last = next(line for line in reversed(self.stdout.splitlines()) if re.search(r" in [\d.]+s", line))
        return {
            word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", last.partition(" in ")[0])
        }

    @property
    def outcomes(self) -> dict[str, str]:
        """Test name -> outcome, from `-rA`."""
        lines = re.findall(r"^(PASSED|FAILED|XFAIL|SKIPPED|ERROR) \S*?::(\S+\[[^]]+\])", self.stdout, re.M)
        return {name.partition("@")[0]: outcome for outcome, name in lines}

    def __str__(self) -> str:
        return f"exit status {self.status}\n{self.stdout}\n{self.stderr}"


@dataclass(frozen=True)
class Project:
    """A folder with the evals of this repository and a suite over the shapes in `data`."""

    root: Path
    data: Path

    @classmethod
    def make(cls, root: Path, data: Path, suite: str = "", *, ini: str = "", conftest: str = "") -> Project:
        """Writes the project; `suite`, `ini` and `conftest` add to what every project has."""
        project = cls(root, data)
        shutil.copytree(
            HOME / "evals", root / "evals", ignore=shutil.ignore_patterns("suite.toml", "*.csv", "__*__")
        )
        settings = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
        addopts = settings["ini_options"]["addopts"]
        (root / "pytest.ini").write_text(
            f"[pytest]\naddopts = {addopts}\nfilterwarnings = error\ncache_dir = {root / 'cache'}\n{ini}\n",
            encoding="utf-8",
        )
        (root / "conftest.py").write_text(CONFTEST + conftest, encoding="utf-8")
        project.write_suite(suite)
        return project

    def write_suite(self, suite: str) -> None:
        """Writes evals/suite.toml: what every suite has, then `suite`."""
        (self.root / "evals/suite.toml").write_text(SUITE + suite, encoding="utf-8")

    def dataset(self, split: str = "test") -> Dataset:
        """The shapes."""
        return load_dataset({"adapter": "images", "space": LABELS}, "shapes", split, self.data)

    def answer(self, name: str, answers: Iterable[str], kind: str = "generative", split: str = "test") -> str:
        """Writes a predictions CSV; returns its entry for the suite."""
        rows = [f"{s.id},{a}" for s, a in zip(self.dataset(split).samples, answers, strict=True)]
        (self.root / f"evals/{name}.csv").write_text("\n".join(["sample_id,label", *rows]) + "\n", "utf-8")
        return f'[models.{name}]\nadapter = "predictions_csv"\npath = "{name}.csv"\nkind = "{kind}"\n'

    def pytest(self, *arguments: str, **environment: str) -> Outcome:
        """Runs pytest to its end."""
        done = subprocess.run(**self._command(arguments, environment), capture_output=True, timeout=120)
        return Outcome(self, done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Starts pytest."""
        pipe = subprocess.PIPE
        return subprocess.Popen(**self._command(arguments, environment), stdout=pipe, stderr=pipe)

    def _command(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, Any]:
        # What pytest and its plugins told this process is not for its children.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "HARNESS_", "COV_"))}
        return {
            "args": [sys.executable, "-m", "pytest", *arguments],
            "cwd": self.root,
            "text": True,
            "env": inherited
            | {
                "HARNESS_DATA": str(self.data),
                "HARNESS_STORE": str(self.root / "store"),
                "PYTHONPATH": os.pathsep.join([str(HOME), str(Path(__file__).parent / "adapters")]),
                "COLUMNS": "200",
            }
            | dict(environment),
        }

    @property
    def latest(self) -> Path:
        """The newest run folder."""
        return self.root / "reports/latest"
