"""Snapshots of metric tables: written, compared within tolerances, and explained where they differ."""

from project import logging_model


def test_a_snapshot_forgives_a_flip_and_shows_what_a_changed_model_moved(make_project):
    project = make_project()
    right = project.answers(*range(0, 150, 5))
    project.write_suite(project.table("same", right), logging_model("other", weights="old"))
    folder = project.root / "evals/__snapshots__/test_metrics"
    written = project.pytest("evals/test_metrics.py", "--snapshot-update")
    assert written.status == 0, written
    snapshots = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert snapshots.keys() == {f"test_metrics[shapes_test_none_{model}].md" for model in ("same", "other")}
    same = snapshots["test_metrics[shapes_test_none_same].md"]
    assert same.startswith("# shapes:test/none/same\n\n| metric | label | value |")
    assert "| accuracy |  | 0.80 | 0.73 | 0.86 | 150 | Wilson |" in same
    assert "0 disc, 1 square, 2 triangle; - none." in same
    assert "\n1000010000" in same

    one_flip = project.answers(*range(5, 150, 5))
    project.write_suite(project.table("same", one_flip), logging_model("other", weights="new"))
    compared = project.pytest("evals/test_metrics.py", "-rA", "-vv")
    assert compared.status == 1, compared
    assert compared.tests == {
        "test_metrics[shapes:test/none/same]": "passed",
        "test_metrics[shapes:test/none/other]": "failed",
    }
    assert "recall square: value " in compared.stdout
    assert " of 150 samples flipped" in compared.stdout
    assert "test/disc/disc-test-000.png (gold disc): " in compared.stdout

    limited = project.pytest("evals/test_metrics.py", "--limit", "30")
    assert limited.status == 0, limited
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == snapshots
