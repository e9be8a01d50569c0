"""What is broken or absent costs its own tests and nothing else, and is told in one line."""

import json
import re

import pandas as pd
import pytest
from project import LABELS, entry, logging_model

PUBLISHED = """\
model,family,dataset:split,restoration,n,metric,value,source,note
clip,vlm,shapes:test,none,150,accuracy,0.38,paper,
blip,vlm,shapes:test,none,150,balanced_accuracy,0.3,paper,no accuracy
"""


@pytest.fixture
def networks(make_project):
    """A project with two timm checkpoints of random weights, of which one is cut short."""
    import timm
    import torch
    from safetensors.torch import save_file

    project = make_project()
    card = {"labels": LABELS, "in_chans": 1, "input_size": [48, 48], "mean": [0.5], "std": [0.25]}
    for name in ("whole", "cut"):
        torch.manual_seed(0)
        network = timm.create_model("test_resnet", num_classes=3, in_chans=1)
        path = project.root / f"evals/{name}.safetensors"
        save_file(network.state_dict(), path)
        path.with_suffix(".json").write_text(json.dumps({"architecture": "test_resnet", **card}))
    path.write_bytes(path.read_bytes()[:1000])
    project.write_suite(
        *(entry(name, adapter="timm", checkpoint=f"{name}.safetensors") for name in ("cut", "whole")),
        project.table("vlm", project.answers()),
    )
    return project


def test_a_corrupt_checkpoint_is_one_line_and_the_other_models_go_on(networks):
    outcome = networks.pytest("evals", "-rA", "--snapshot-update")
    assert outcome.status == 1, outcome
    assert outcome.tests == {
        "test_claims[cnn_beats_vlm/shapes:test/none/cut-vs-vlm]": "error",
        "test_claims[cnn_beats_vlm/shapes:test/none/whole-vs-vlm]": "failed",
        "test_metrics[shapes:test/none/cut]": "error",
        "test_metrics[shapes:test/none/vlm]": "passed",
        "test_metrics[shapes:test/none/whole]": "passed",
    }
    (problem,) = outcome.run["problems"]
    assert "cut.safetensors is corrupt" in problem
    assert "Fetch or train it again." in problem
    section = re.search(r"ERROR at setup of test_metrics.*?\n(.*?)\n[_=]{3}", outcome.stdout, re.DOTALL)
    assert section[1].splitlines() == [problem]
    assert outcome.verdicts == {"whole-vs-vlm": "refuted"}
    assert outcome.run["model_loads"] == {"whole": 1}
    assert "cut.safetensors is corrupt" in outcome.stdout.partition("= verdicts =")[2]
    assert "cut.safetensors is corrupt" in (networks.latest / "report.md").read_text(encoding="utf-8")


def test_images_that_break_a_model_are_tried_once_per_run_and_its_answers_stand(make_project):
    project = make_project(
        logging_model("cnn"),
        logging_model("a", capability="generative", breaks=20),
        logging_model("b", breaks=20),
    )
    first = project.pytest("evals", "-n", "2", "--snapshot-update")
    assert first.status == 0, first
    assert first.run["model_loads"] == {"cnn": 1, "a": 1, "b": 1}
    cell = pd.read_parquet(project.latest / "cells/shapes_test_none_plain_a.parquet")
    failed = cell[cell["outcome"] == "failed"]
    assert 1 < len(failed) < 20
    assert set(failed["reason"]) == {"ValueError: this image is too much for me"}

    (project.root / "evals/models.log").unlink()
    second = project.pytest("evals", "-k", "cnn-vs-a or plain/a", "--batch-size", "20")
    assert second.status == 0, second
    assert project.log[1] == f"ask a {len(failed)}"
    assert second.run["model_loads"] == {"a": 1}
    again = pd.read_parquet(project.latest / "cells/shapes_test_none_plain_a.parquet")
    pd.testing.assert_frame_equal(again, cell)


def test_an_absent_dataset_or_model_skips_with_the_line_that_says_where_it_was_looked_for(make_project):
    project = make_project()
    project.write_suite(
        project.table("cnn", project.answers(), "cnn"),
        entry("gone", adapter="predictions_csv", path="gone.csv", family="vlm"),
        entry("clip", adapter="open_clip", model="ViT-B-32", pretrained="absent.safetensors", like="openai"),
    )
    outcome = project.pytest("evals", "-k", "cnn-vs or none/cnn", "-rA", "--snapshot-update")
    assert outcome.status == 0, outcome
    reasons = {entry["what"]: entry["reason"] for entry in outcome.run["skipped"]}
    assert reasons.keys() == {f"shapes:test/none/{pair}" for pair in ("cnn-vs-gone", "plain/cnn-vs-clip")}
    assert f"gone.csv is not in {project.root / 'evals'}, {project.data}" in outcome.stdout
    assert "absent.safetensors" in outcome.stdout

    outcome = project.pytest("evals", "-rs", "--data-root", "/nowhere")
    assert outcome.status == 0, outcome
    assert "shapes is not here: looked for /nowhere/shapes and shapes.zip." in outcome.stdout
    assert "(--data-root or $HARNESS_DATA)" in outcome.stdout
    assert outcome.run["cells"] == []
    assert "/nowhere/shapes" in (project.latest / "report.md").read_text(encoding="utf-8")


def test_evidence_that_a_claim_cannot_use_leaves_the_rest_of_its_family_judged(make_project):
    project = make_project()
    (project.root / "evals/published.csv").write_text(PUBLISHED, encoding="utf-8")
    cnn = project.table("cnn", project.answers(*range(30)), "cnn")
    project.write_suite(cnn, published="published.csv")
    outcome = project.pytest("evals/test_claims.py", "-rA", "-n", "1")
    assert outcome.status == 1, outcome
    assert outcome.tests == {
        "test_claims[cnn_beats_vlm/shapes:test/none/cnn-vs-clip@paper]": "passed",
        "test_claims[cnn_beats_vlm/shapes:test/none/cnn-vs-blip@paper]": "error",
    }
    assert outcome.verdicts == {"cnn-vs-clip@paper": "supported"}
    assert [number["model"] for number in outcome.run["published"]] == ["clip@paper"]
    assert outcome.run["problems"] == ["blip@paper publishes no accuracy on shapes:test. Leave it out."]


def test_labels_that_the_dataset_does_not_have_are_said_and_never_scored_in_silence(make_project):
    project = make_project()
    answers = project.answers()
    some = project.table("some", ["cube"] * 20 + answers[20:])
    numbers = project.table("numbers", [str(gold) for gold in project.dataset().gold])
    project.write_suite(
        some, numbers, f"{numbers}\nlabels = {json.dumps(LABELS)}".replace("numbers]", "named]")
    )
    outcome = project.pytest("evals", "-k", "test_metrics", "--limit", "150", "-rA")
    assert outcome.tests == {
        "test_metrics[shapes:test/none/some]": "passed",
        "test_metrics[shapes:test/none/named]": "passed",
        "test_metrics[shapes:test/none/numbers]": "error",
    }
    said = "shapes:test: some.csv: 20 of 150 labels are none of shapes:test and count as wrong: 'cube' (20)"
    assert said in outcome.run["problems"]
    assert f"problem: {said}" in outcome.stdout
    assert "20 of 150 labels" in (project.latest / "report.md").read_text(encoding="utf-8")
    refused = [line for line in outcome.run["problems"] if "numbers.csv" in line]
    assert len(refused) == 1
    assert "it says '0' (60), '2' (60), '1' (30), where the labels are disc, square, triangle" in refused[0]
    assert "labels = [...] in the suite" in refused[0]
