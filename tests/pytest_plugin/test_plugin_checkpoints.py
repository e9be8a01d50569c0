"""A checkpoint as people have it answers alike from pytest, where warnings are errors, and from the CLI."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
from project import LABELS, entry

CARD = {
    "architecture": "tf_efficientnet_b0_ns",  # what timm called it until 0.9
    "labels": list(LABELS),
    "in_chans": 1,
    "input_size": [32, 32],
    "mean": [0.5],
    "std": [0.25],
}


def test_a_wrapped_checkpoint_of_a_former_name_answers_alike_in_both_fronts(make_project):
    import timm
    import torch

    project = make_project(entry("ours", adapter="timm", checkpoint="ours.pth"))
    torch.manual_seed(0)
    network = timm.create_model("tf_efficientnet_b0", num_classes=3, in_chans=1)
    state = {f"module.{key}": value for key, value in network.state_dict().items()}
    torch.save({"epoch": 9, "state_dict": state}, project.root / "evals/ours.pth")
    (project.root / "evals/ours.json").write_text(json.dumps(CARD), encoding="utf-8")

    run = project.pytest("evals/test_metrics.py", "--snapshot-update", "--limit", "30", "-W", "error")
    assert run.status == 0, run
    (cell,) = run.run["cells"]
    ours = pd.read_parquet(project.latest / cell["file"])

    options = project._command([], {"HARNESS_STORE": str(project.root / "another")})
    command = ["predict", "ours", "--dataset", "shapes:test", "--limit", "30", "--out", "answers.csv"]
    code = "from harness.cli import main; main()"
    subprocess.run(**{**options, "args": [sys.executable, "-c", code, *command]}, check=True)
    theirs = pd.read_csv(project.root / "answers.csv")
    assert list(theirs["sample_id"]) == list(ours["sample_id"])
    assert list(theirs["label"]) == list(ours["label"])
    assert (ours["outcome"] == "parsed").all()
