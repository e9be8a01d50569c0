"""Every command of the README, run as it is written there, in a project folder of its own.

Where a command takes minutes, or needs what only its reader has, the environment makes it cheap, never its
arguments: `WAYS` says how each is run. A command that no way fits fails its test.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.labels import label_space

HOME = Path(__file__).parents[1]
README = (HOME / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"(?:[A-Z_]+=\S+ )*(?:time )?(?:make|pytest|harness|python3?|pip|hf|\.venv/bin/\S+) \S")
SECONDS = 3.0  # after which a command that takes minutes has read its arguments and imported what it needs


@dataclass(frozen=True)
class Way:
    """How a command is run.

    Attributes:
        environment: what makes it cheap.
        status: its exit status.
        says: what it says then, a pattern.
        stopped: it is started, and stopped after `SECONDS` when it still runs.
        first: what has to be run before it.
    """

    environment: dict[str, str] = field(default_factory=dict)
    status: int = 0
    says: str = ""
    stopped: bool = False
    first: str = ""


COLLECT = {"PYTEST_ADDOPTS": "--collect-only -q"}
SMOKE = "pytest evals --limit 500 --profile smoke"
# The first that fits from its beginning, comments aside.
WAYS: dict[str, Way] = {
    # CI runs the targets themselves.
    r"(time )?make [\w-]+": Way({"MAKEFLAGS": "n"}, says=r"python -m pytest|ruff|pip compile|rm -rf"),
    r"pytest evals --help": Way(says=r"emotion-harness:[\s\S]*--strict-claims"),
    SMOKE: Way(says=r"\b1 passed"),
    r"pytest evals --model my-resnet": Way(COLLECT, says=r"/my-resnet\]\n[\s\S]*tests collected"),
    r"(HARNESS_DATA=\S+ )?pytest evals": Way(COLLECT, says="tests collected"),
    r"harness train": Way({"HARNESS_DATA": "nowhere"}, 2, "^error: fer2013 is not here"),
    r"harness predict clip": Way(status=2, says=r"^error: .*hf download timm/vit_base_patch32_clip"),
    r"harness report": Way(says=r"reports/latest/report\.html", first=SMOKE),
    r"harness run": Way(says=r"report: \S*report\.html"),
    r"harness (init|doctor|plan|predict|prompt|schema|score)": Way(),
    r"\.venv/bin/python benchmarks/\w+\.py|python -m fixtures\.": Way(stopped=True),
}


def commands() -> list[str]:
    """The lines of console blocks, then the code within text that begins with a program."""
    lines = [line for kind, body in FENCE.findall(README) if kind == "console" for line in body.splitlines()]
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", FENCE.sub("", README))]
    scripts = re.findall(r"^\|.*\| `(\w+\.py)` \|$", README, re.MULTILINE)
    found = [*lines, *(code for code in inline if PROGRAM.match(code))]
    placeholder = "benchmarks/NAME.py"
    named = [code.replace(placeholder, f"benchmarks/{script}") for code in found for script in scripts]
    distinct = {line.partition(" #")[0].strip(): line for line in (*found, *named) if placeholder not in line}
    return [line for command, line in distinct.items() if command]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, with few faces, the README's entries, and small networks under the names it uses."""
    root = tmp_path_factory.mktemp("readme") / "project"
    root.mkdir()
    for name in ("evals", "fixtures", "benchmarks"):
        shutil.copytree(HOME / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in HOME.glob("*"):
        if path.is_file():
            shutil.copy(path, root)
    for name in ("harness", "constraints"):
        if (HOME / name).exists():
            (root / name).symlink_to(HOME / name)
    (root / ".venv").symlink_to(sys.prefix)
    (entries,) = (body for kind, body in FENCE.findall(README) if body.startswith("# evals/suite.toml"))
    with (root / "evals/suite.toml").open("a", encoding="utf-8") as suite:
        suite.write("\n" + entries)
    ids = write_faces(root.parent / "data/fer2013.zip")
    for name in ("efficientnet_b0-fer2013-48px", "my-resnet"):
        write_network(root.parent / "checkpoints", name)
    (root / "answers.csv").write_text("\n".join(["sample_id,label", *(f"{one},happy" for one in ids)]) + "\n")
    return root


def write_faces(path: Path) -> list[str]:
    """FER-2013 with two images of each label in each part; returns the ids of PrivateTest."""
    path.parent.mkdir(parents=True)
    names = [
        f"{folder}/{label}/{part}_{number}{label}.png"
        for folder, part in (("train", "Training"), ("test", "PublicTest"), ("test", "PrivateTest"))
        for label in label_space("fer2013").labels
        for number in range(2)
    ]
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            image = io.BytesIO()
            Image.fromarray(random.integers(0, 256, (48, 48), np.uint8)).save(image, "png")
            archive.writestr(name, image.getvalue())
    return [Path(name).stem for name in names if "PrivateTest" in name]


def write_network(folder: Path, name: str) -> None:
    """A timm network of random weights, with its card."""
    timm, torch = pytest.importorskip("timm"), pytest.importorskip("torch")
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    network = timm.create_model("test_resnet", num_classes=7, in_chans=1)
    save_file(network.state_dict(), folder / f"{name}.safetensors")
    card = {"architecture": "test_resnet", "labels": list(label_space("fer2013").labels), "in_chans": 1}
    card |= {"input_size": [48, 48], "mean": [0.5], "std": [0.25]}
    (folder / f"{name}.json").write_text(json.dumps(card))


def run(project: Path, command: str, way: Way) -> tuple[int, str]:
    """Runs a command as a reader does who has activated the environment; its exit status and what it said."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "HARNESS_", "MAKE", "CI"))}
    environment = {
        "PATH": f"{project}/.venv/bin{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(HOME),
        "HARNESS_DATA": str(project.parent / "data"),
        "HARNESS_STORE": str(project.parent / "store"),
        "HF_HOME": str(project.parent / "hub"),  # what the reader has fetched is not here
        "HF_HUB_OFFLINE": "1",
        "TMPDIR": str(project.parent),
    }
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=project,
        env={**mine, **environment, **way.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS if way.stopped else 300)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return (0 if way.stopped else -1), output
    return process.returncode, output


# One worker makes the project, and runs what goes before another command only once.
@pytest.mark.xdist_group("readme")
@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_does_what_it_says(project, command):
    way = next((way for pattern, way in WAYS.items() if re.match(pattern, command)), None)
    assert way is not None, f"Say in WAYS how {command!r} is run."
    if way.first and not (project / "reports/latest").exists():
        assert run(project, way.first, WAYS[way.first])[0] == 0
    status, output = run(project, command, way)
    assert status == way.status, output
    assert re.search(way.says, output, re.MULTILINE), output


def test_the_commands_are_found_wherever_they_stand():
    found = commands()
    for part in (
        "make demo",
        "pytest evals --help",
        "harness report reports/latest",
        "python benchmarks/warm.py",
    ):
        assert any(part in command for command in found), part
    assert len(found) > 25
    assert not any("NAME.py" in command for command in found)
