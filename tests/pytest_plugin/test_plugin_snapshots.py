"""Snapshots of metric tables: written, compared within tolerances, explained, and never lost."""

import re
import shlex
import shutil

import pandas as pd
import pytest
from project import Project, logging_model

WORKERS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
METRICS = "evals/test_metrics.py"


def snapshots(project):
    """Name -> content of all snapshots."""
    folder = project.root / "evals/__snapshots__/test_metrics"
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*")}


def name_of(model):
    return f"test_metrics[shapes_test_none_{model}].md"


def two_tables(project):
    return [project.table(name, project.answers(i)) for i, name in enumerate(("a", "b"))]


@pytest.fixture(scope="module")
def taken(tmp_path_factory, shapes_data):
    """A folder with the snapshots of two models."""
    project = Project.make(tmp_path_factory.mktemp("taken"), shapes_data)
    project.write_suite(*two_tables(project))
    written = project.pytest(METRICS, "--snapshot-update", CI="true")
    assert written.status == 0, written
    assert written.run["new_snapshots"] == []
    return project.root / "evals/__snapshots__"


@pytest.fixture
def recorded(make_project, taken):
    """A project whose two models have snapshots; a third has none."""
    project = make_project()
    project.write_suite(*two_tables(project), project.table("c", project.answers(3)))
    shutil.copytree(taken, project.root / "evals/__snapshots__")
    return project


def test_a_snapshot_forgives_a_flip_and_shows_what_a_changed_model_moved(make_project):
    project = make_project()
    right = project.answers(*range(0, 150, 5))
    project.write_suite(project.table("same", right), logging_model("other", weights="old"))
    written = project.pytest(METRICS, "--snapshot-update")
    assert written.status == 0, written
    taken = snapshots(project)
    assert taken.keys() == {name_of("same"), name_of("other")}
    same = taken[name_of("same")]
    assert same.startswith("# shapes:test/none/same\n\n| metric | label | value |")
    assert "| accuracy |  | 0.80 | 0.73 | 0.86 | 150 | Wilson |" in same
    assert "0 disc, 1 square, 2 triangle; - none." in same
    assert "\n1000010000" in same

    one_flip = project.answers(*range(5, 150, 5))
    project.write_suite(project.table("same", one_flip), logging_model("other", weights="new"))
    compared = project.pytest(METRICS, "-rA", "-vv")
    assert compared.status == 1, compared
    assert compared.tests == {
        "test_metrics[shapes:test/none/same]": "passed",
        "test_metrics[shapes:test/none/other]": "failed",
    }
    assert "recall square: value " in compared.stdout
    assert " of 150 samples flipped" in compared.stdout
    assert "test/disc/disc-test-000.png (gold disc): " in compared.stdout
    assert snapshots(project) == taken


@WORKERS
def test_a_cell_without_a_snapshot_passes_and_says_what_records_it(recorded, workers):
    before = snapshots(recorded)
    outcome = recorded.pytest(METRICS, "--model", "c", "--batch-size", "7", *workers, CI="")
    assert outcome.status == 0, outcome
    (new,) = outcome.run["new_snapshots"]
    assert new["cell"] == "shapes:test/none/c"
    test = "evals/test_metrics.py::test_metrics[shapes:test/none/c]"
    told = ["pytest", test, "--batch-size=7", "--model=c", "--snapshot-update"]
    assert shlex.split(new["command"]) == told
    summary = outcome.stdout.partition("= new snapshots =")[2]
    assert "| accuracy |  | 0.99 |" in summary
    assert f"shapes:test/none/c has no snapshot. Record it: {new['command']}\n" in summary
    for report in ("report.html", "report.md"):
        assert "--snapshot-update" in (recorded.latest / report).read_text(encoding="utf-8")
    assert snapshots(recorded) == before


def test_in_ci_it_fails_with_the_same_line_whose_command_records_it(recorded):
    before = snapshots(recorded)
    outcome = recorded.pytest(METRICS, "-rA", "-n", "2", CI="true")
    assert outcome.status == 1, outcome
    assert outcome.tests == {
        f"test_metrics[shapes:test/none/{model}]": "failed" if model == "c" else "passed" for model in "abc"
    }
    (new,) = outcome.run["new_snapshots"]
    line = f"shapes:test/none/c has no snapshot. Record it: {new['command']}"
    assert re.search(rf"^FAILED .*{re.escape(line)}$", outcome.stdout, re.MULTILINE)
    assert snapshots(recorded) == before

    program, *arguments = shlex.split(new["command"])
    assert program == "pytest"
    assert recorded.pytest(*arguments).status == 0
    assert snapshots(recorded).keys() == {*before, name_of("c")}
    again = recorded.pytest(METRICS, CI="true")
    assert again.status == 0, again
    assert again.run["new_snapshots"] == []


@pytest.mark.parametrize(
    "narrowed",
    [
        ("--limit", "30"),
        ("--limit", "30", "-n", "2"),
        ("--model", "a"),
        ("-k", "none/a", "-n", "2"),
        ("--data-root", "/nowhere"),
    ],
    ids=" ".join,
)
def test_updating_a_narrowed_run_neither_deletes_a_snapshot_nor_writes_one_of_fewer_samples(
    recorded, narrowed
):
    recorded.write_suite(recorded.table("a", recorded.answers(0)))  # b is unused, which only a whole run says
    before = snapshots(recorded)
    outcome = recorded.pytest(METRICS, *narrowed, "--snapshot-update")
    assert outcome.status == 0, outcome
    assert "unused" not in outcome.stdout.lower()
    assert ("snapshots are of the full set" in outcome.stdout) == ("--limit" in narrowed)
    assert snapshots(recorded) == before


def test_snapshots_of_another_profile_are_not_unused_and_those_of_what_the_suite_lacks_are(recorded):
    other = '[profiles.other]\ndatasets = ["shapes:test"]\nmodels = ["a"]'
    table = recorded.table("a", recorded.answers(0))
    recorded.write_suite(other, table, recorded.table("b", recorded.answers(1)))
    before = snapshots(recorded)
    for arguments in ((), ("--profile", "other", "--snapshot-update")):
        outcome = recorded.pytest(METRICS, *arguments)
        assert outcome.status == 0, outcome
        assert snapshots(recorded) == before

    recorded.write_suite(table)
    whole = recorded.pytest()
    assert whole.status == 1, whole
    assert f"{name_of('b')}: the suite has no such cell" in whole.stdout
    assert snapshots(recorded) == before
    updated = recorded.pytest(METRICS, "-n", "2", "--snapshot-update")
    assert updated.status == 0, updated
    assert f"unused snapshot, deleted: {recorded.root}" in updated.stdout
    assert snapshots(recorded).keys() == {name_of("a")}


def test_snapshots_of_the_users_own_tests_leave_those_of_metrics_alone(recorded):
    (recorded.root / "evals/test_mine.py").write_text("def test_mine(snapshot):\n    assert 1 == snapshot\n")
    before = snapshots(recorded)
    outcome = recorded.pytest("evals/test_mine.py", "--snapshot-update")
    assert outcome.status == 0, outcome
    assert recorded.pytest(METRICS, "--model", "a", "--snapshot-update").status == 0
    assert snapshots(recorded) == before


def test_collecting_finds_no_snapshot_unused_and_deletes_none(recorded):
    (recorded.root / "evals/test_mine.py").write_text("def test_mine(snapshot):\n    assert 1 == snapshot\n")
    assert recorded.pytest("evals/test_mine.py", "--snapshot-update").status == 0
    mine = (recorded.root / "evals/__snapshots__/test_mine.ambr").read_text()
    for more in ([], ["--snapshot-update"]):
        outcome = recorded.pytest("evals", "--collect-only", "-q", *more)
        assert outcome.status == 0, outcome
        assert "delete" not in outcome.stdout
        assert (recorded.root / "evals/__snapshots__/test_mine.ambr").read_text() == mine


def test_names_that_look_alike_as_files_are_files_of_their_own(make_project):
    project = make_project()
    names = ["模型一", "模型二", "my model", "my_model", "Net", "net", "long-" + "x" * 300]
    answers = project.answers()
    entries = []
    for number, name in enumerate(names):
        rows = [answers[(i + number) % len(answers)] for i in range(len(answers))]
        entries.append(project.table(f"t{number}", rows).replace(f"[models.t{number}]", f'[models."{name}"]'))
    project.write_suite(*entries)
    written = project.pytest("evals/test_metrics.py", "-n", "2", "--snapshot-update")
    assert written.status == 0, written
    cells = {cell["id"]: cell for cell in written.run["cells"]}
    assert cells.keys() == {f"shapes:test/none/{name}" for name in names}
    assert len({cell["file"] for cell in cells.values()}) == len(names)
    kept = {pd.read_parquet(project.latest / cell["file"])["label"].str.cat() for cell in cells.values()}
    assert len(kept) == len(names)
    assert len(list((project.root / "evals/__snapshots__/test_metrics").iterdir())) == len(names)
    again = project.pytest("evals/test_metrics.py", "-n", "2")
    assert again.status == 0, again


def test_a_snapshot_that_was_named_without_a_digest_is_still_found(make_project):
    project = make_project()
    project.write_suite(project.table("my_model", project.answers()))
    assert project.pytest("evals/test_metrics.py", "--snapshot-update").status == 0
    folder = project.root / "evals/__snapshots__/test_metrics"
    (named,) = folder.iterdir()
    assert "~" in named.name
    before = named.rename(folder / "test_metrics[shapes_test_none_my_model].md")
    found = project.pytest("evals/test_metrics.py", CI="true")
    assert found.status == 0, found
    assert "unused" not in found.stdout
    other = before.read_text(encoding="utf-8").replace(
        "# shapes:test/none/my_model", "# shapes:test/none/my/model"
    )
    before.write_text(other, encoding="utf-8")
    assert project.pytest("evals/test_metrics.py", CI="true").status == 1
