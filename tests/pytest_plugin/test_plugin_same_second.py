"""Jobs of a matrix start together, with one store and one --reports; none is taken for a part of another."""

import json

import pytest
from project import logging_model


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_two_runs_of_one_second_answer_everything_each(make_project, workers):
    project = make_project(
        logging_model("a", seconds=0.3),
        logging_model("b", capability="generative", seconds=0.3),
    )
    arguments = ("evals/test_claims.py", "--reports", "reports", *workers)
    running = [project.start(*arguments, "--dataset", f"shapes:{split}") for split in ("test", "val")]
    ended = [(process.communicate(timeout=120), process.returncode) for process in running]
    for (out, error), status in ended:
        assert status == 0, out + error
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in project.root.glob("reports/2*/run.json")]
    assert len({run["run"] for run in runs}) == 2
    assert sorted(cell["n"] for run in runs for cell in run["cells"]) == [50, 50, 150, 150]
    for run in runs:
        assert not run["problems"]
        claims = json.loads((project.root / "reports" / run["run"] / "claims.json").read_text("utf-8"))
        assert [claim["n"] for claim in claims] == [run["cells"][0]["n"]]
