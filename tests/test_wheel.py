"""The package as its users have it: a wheel, installed into an environment of its own, in an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HOME = Path(__file__).parents[1]
LABELS = ("angry", "happy", "neutral", "sad")
PER_LABEL = 20


def run(*command: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command that is told of no other place where the package might be."""
    foreign = ("PYTEST_", "HARNESS_", "OMP_", "PYTHON")
    told = {key: value for key, value in os.environ.items() if not key.startswith(foreign) and key != "CI"}
    return subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**told, "COLUMNS": "200", **environment},
        text=True,
        capture_output=True,
        timeout=300,
    )


def succeed(*command: object, cwd: Path, **environment: str) -> str:
    done = run(*command, cwd=cwd, **environment)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel: pip install 'emotion-harness[dev]'")
    folder = tmp_path_factory.mktemp("wheel")
    succeed(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=HOME)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def binaries(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with the wheel; what it depends on is seen where it lies."""
    home = tmp_path_factory.mktemp("environment")
    succeed(sys.executable, "-m", "venv", "--without-pip", home, cwd=home)
    scheme = {"base": str(home), "platbase": str(home)}
    packages = Path(sysconfig.get_path("purelib", "venv", scheme))
    seen = dict.fromkeys(path for path in sys.path if "site-packages" in path)
    (packages / "dependencies.pth").write_text("\n".join(seen) + "\n", encoding="utf-8")
    scripts = Path(sysconfig.get_path("scripts", "venv", scheme))
    install = ("install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", wheel)
    succeed(sys.executable, "-m", "pip", "--python", scripts / "python", *install, cwd=home)
    found = succeed(scripts / "python", "-c", "import harness; print(harness.__file__)", cwd=home)
    assert Path(found.strip()).is_relative_to(packages)
    return scripts


@pytest.fixture
def project(binaries: Path, tmp_path: Path) -> Path:
    """What `harness init` writes into an empty folder."""
    folder = tmp_path / "mine"
    folder.mkdir()
    succeed(binaries / "harness", "init", cwd=folder)
    return folder


def evals(binaries: Path, project: Path, *arguments: str, status: int = 0) -> str:
    """What pytest prints with two workers."""
    places = {"HARNESS_STORE": str(project / "store"), "HARNESS_DATA": str(project / "data")}
    spared = ("-p", "no:hypothesispytest", "-p", "no:anyio")
    pytest_of_it = (binaries / "python", "-m", "pytest", "-n", "2", "-rs", *spared)
    done = run(*pytest_of_it, *arguments, cwd=project, **places)
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def latest(project: Path, name: str):
    return json.loads((project / "reports/latest" / name).read_text(encoding="utf-8"))


def write_faces(project: Path) -> list[tuple[str, int]]:
    """Grey pictures where the suite looks for them; returns their ids with their labels."""
    rows = []
    for index, label in enumerate(LABELS):
        folder = project / "data/faces/test" / label
        folder.mkdir(parents=True)
        for number in range(PER_LABEL):
            pixels = np.full((8, 8), 50 * index + number, np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
            rows.append((f"test/{label}/{number}.png", index))
    return rows


def write_answers(project: Path, name: str, rows: list[tuple[str, int]], every: int) -> None:
    """Answers of which every so many-th is wrong."""
    lines = [f"{row},{LABELS[(index + (i % every == 0)) % 4]}" for i, (row, index) in enumerate(rows)]
    (project / "evals" / name).write_text("\n".join(["sample_id,label", *lines]) + "\n", encoding="utf-8")


def test_a_new_project_passes_with_the_installed_package_alone(binaries, project):
    shown = evals(binaries, project)
    assert "1 passed" in shown
    (claim,) = latest(project, "claims.json")
    assert claim["test"].startswith("test_claims[cnn_beats_vlm/fer2013:test/gfpgan/efficientnet-b0@")
    assert (claim["verdict"], claim["expected"]) == ("inconclusive", "inconclusive")
    assert "lies above the label-noise ceiling" in claim["reason"]
    absent = evals(binaries, project, "--profile", "mine")
    assert "3 skipped" in absent
    assert "cnn.csv is not in" in absent


def test_pictures_and_answers_of_its_own_are_measured_and_judged(binaries, project):
    rows = write_faces(project)
    write_answers(project, "cnn.csv", rows, every=20)
    write_answers(project, "vlm.csv", rows, every=2)
    shown = evals(binaries, project, "--profile", "mine", "--snapshot-update")
    assert "3 passed" in shown
    (claim,) = latest(project, "claims.json")
    assert (claim["cell"], claim["verdict"]) == ("faces:test/none/cnn-vs-vlm", "supported")
    assert claim["effect"]["value"] == pytest.approx(0.45)
    record = latest(project, "run.json")
    assert {cell["id"]: cell["n"] for cell in record["cells"]} == {
        "faces:test/none/cnn": 80,
        "faces:test/none/vlm": 80,
    }
    assert record["problems"] == []
    write_answers(project, "cnn.csv", rows, every=4)  # its snapshot says otherwise
    moved = evals(binaries, project, "--profile", "mine", "-k", "metrics and cnn", status=1)
    assert "16 of 80 samples flipped" in moved


def test_nothing_is_overwritten(binaries, project):
    suite = project / "evals/suite.toml"
    suite.write_text("mine", encoding="utf-8")
    done = run(binaries / "harness", "init", cwd=project)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "is there already. Name another folder: harness init FOLDER." in line
    assert suite.read_text(encoding="utf-8") == "mine"
    shown = json.loads(succeed(binaries / "harness", "init", "other", "--json", cwd=project))
    assert (project / "other/evals/suite.toml").is_file()
    assert "evals/suite.toml" in shown["files"]


def test_the_wheel_holds_the_package_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"harness"}
    assert "harness/cli/project/evals/suite.toml" in names
