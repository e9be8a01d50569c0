"""Broken data in a real run: told in the terminal and in every file, alike whatever warnings are."""

import json
import shutil

import pytest
from project import logging_model


@pytest.fixture
def project(make_project, shapes_data, tmp_path):
    """A project with a classifier, a VLM's answers and data of its own."""
    project = make_project(logging_model("cnn"))
    project = type(project)(project.root, tmp_path / "own")
    shutil.copytree(shapes_data, project.data)
    project.write_suite(logging_model("cnn"), project.table("vlm", project.answers(*range(140))))
    return project


def spoil(project, n):
    names = sorted(path for path in (project.data / "shapes/test/disc").iterdir())[:n]
    for path in names:
        path.write_bytes(b"")
    return [path.name for path in names]


@pytest.mark.parametrize("flags", [(), ("-W", "error")])
def test_an_unreadable_image_is_left_out_of_both_sides_and_said_everywhere(project, flags):
    (name,) = spoil(project, 1)
    (project.data / "shapes/test/disc/a:smile:b.raw").write_bytes(b"x")
    outcome = project.pytest("evals", "-rA", "--snapshot-update", *flags)
    assert outcome.status == 0, outcome
    assert {cell["n"] for cell in outcome.run["cells"]} == {149}
    assert {claim["n"] for claim in outcome.claims} == {149}
    other, problem = outcome.run["problems"]
    assert other.startswith("shapes:test: test/disc/a:smile:b.raw: not an image by its suffix")
    assert f"problem: {other}" in outcome.stdout
    assert problem == f"shapes:test: test/disc/{name}: cannot be decoded (it is empty), left out"
    assert f"problem: {problem}" in outcome.stdout.partition("= verdicts =")[2]
    markdown = (project.latest / "report.md").read_text(encoding="utf-8")
    assert name in markdown.partition("## Metrics")[2].partition("## Problems")[2]
    assert name in (project.latest / "report.html").read_text(encoding="utf-8")


def test_too_many_unreadable_images_fail_the_tests_before_a_model_is_asked(project):
    names = spoil(project, 5)
    outcome = project.pytest("evals", "-n", "2", "--snapshot-update")
    assert outcome.status == 1, outcome
    assert outcome.run["cells"] == []
    assert outcome.run["model_loads"] == {}
    (problem,) = outcome.run["problems"]
    assert problem.startswith("shapes:test lacks 3.3% of its images, more than 1.0%: ")
    assert names[0] in problem
    assert problem in json.loads((project.latest / "run.json").read_text())["problems"]


def test_what_is_not_read_is_named_with_what_to_do(project):
    heic, *_ = sorted((project.data / "shapes/test/disc").iterdir())
    heic.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1" + bytes(999))
    outcome = project.pytest("evals", "--snapshot-update")
    assert outcome.status == 0, outcome
    told = "cannot be decoded (it is HEIC, which Pillow does not read; convert it to PNG), left out"
    assert f"problem: shapes:test: test/disc/{heic.name}: {told}" in outcome.stdout

    shutil.rmtree(project.data / "shapes")
    (project.data / "shapes.tar.gz").write_bytes(b"x")
    outcome = project.pytest("evals", "-rs")
    told = f"shapes is here as {project.data}/shapes.tar.gz, which is not read in place. Unpack it to "
    assert outcome.status == 0, outcome
    assert {entry["reason"].startswith(told) for entry in outcome.run["skipped"]} == {True}
    assert told in outcome.stdout
