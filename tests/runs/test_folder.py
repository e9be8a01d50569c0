"""Folders of runs."""

from harness.runs import new_run_folder


def test_two_runs_of_one_second_and_path_are_two_runs(tmp_path):
    folders = [new_run_folder(tmp_path / f"machine{i}" / "reports") for i in range(20)]
    assert len({folder.name for folder in folders}) == 20
