"""Jobs of a matrix start together, with one store and one --reports; none is taken for a part of another."""

import json
import subprocess

import pytest
from project import logging_model

# A machine of its own has the same path of reports as another, and what lies there is its own.
MACHINE = (
    *("unshare", "--mount", "sh", "-c"),
    'mount -t tmpfs tmpfs reports && "$@"; status=$?; cp -r reports/2* kept && exit $status',
    "sh",
)


@pytest.mark.parametrize("machine", [(), MACHINE], ids=["one machine", "a machine each"])
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_two_runs_of_one_second_answer_everything_each(make_project, workers, machine):
    if (
        machine
        and subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("a file system of its own for a process needs root")
    project = make_project(
        logging_model("a", seconds=0.3),
        logging_model("b", capability="generative", seconds=0.3),
    )
    for name in ("reports", "kept"):
        (project.root / name).mkdir()
    arguments = ("evals/test_claims.py", "--profile", "both", *workers)
    running = [
        project.start(*arguments, "--dataset", f"shapes:{split}", under=machine) for split in ("test", "val")
    ]
    for process in running:
        out, error = process.communicate(timeout=120)
        assert process.returncode == 0, out + error
    folders = [
        path.parent for path in (project.root / ("kept" if machine else "reports")).glob("2*/run.json")
    ]
    assert len(folders) == 2
    answered = []
    for folder in folders:
        run, claims = (json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("run", "claims"))
        assert not run["problems"]
        assert not any("no valid answer" in note for claim in claims for note in claim["notes"])
        answered.append([claims[0]["n"], *(cell["n"] for cell in run["cells"])])
    assert sorted(answered) == [[50] * 3, [150] * 3]
