"""A path means the same from the project's root, from a folder below and from elsewhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from command import metrics, process
from tiny_suite import SUITE, Reader, write_answers

from harness.errors import Unavailable, UsageError
from harness.models import Context
from harness.models.hub import locate
from harness.settings import Settings
from harness.tools.paths import absolute, project_folder

HOME = Path(__file__).parents[2]
# Folder to stand in -> what --suite says there; "" for none.
PLACES = [
    (".", ""),
    (".", "evals/suite.toml"),
    (".", "./evals/../evals/suite.toml"),
    ("evals", ""),
    ("evals", "suite.toml"),
    ("deep/down", ""),
    ("deep/down", "../../evals/suite.toml"),
    ("..", "{root}/evals/suite.toml"),
]
OWN = """
from harness.datasets import load_dataset

def load(root, split, *, name):
    entry = {"adapter": "images", "path": "tiny", "space": ["angry", "happy", "sad"]}
    return load_dataset(entry, name, split, root)
"""


class TestAbsolute:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path, monkeypatch):
        (tmp_path / "a/b").mkdir(parents=True)
        (tmp_path / "far/data").mkdir(parents=True)
        (tmp_path / "a/data").symlink_to(tmp_path / "far/data")
        monkeypatch.chdir(tmp_path / "a")
        monkeypatch.setenv("HOME", str(tmp_path))

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (".", "a"),
            ("..", "."),
            ("b", "a/b"),
            ("../a/b", "a/b"),
            ("~/a", "a"),
            ("data", "a/data"),  # what lies beside the link stays beside it
            ("data/..", "far"),  # as every program opens it
            ("none/at/all", "a/none/at/all"),
        ],
    )
    def test_it_is_the_path_that_the_process_would_open(self, tmp_path, given, expected):
        found = absolute(Path(given))
        assert found == tmp_path / expected
        assert not {".", ".."} & set(found.parts)

    def test_checkpoints_beside_a_data_root_of_one_dot_are_one_folder_up(self, tmp_path):
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints/net.safetensors").touch()
        assert Context(Path(), Path("b")).find("net.safetensors") == tmp_path / "checkpoints/net.safetensors"

    def test_a_run_does_not_move_when_the_process_does(self, tmp_path, monkeypatch):
        settings = Settings(data_root=Path("data"), store=Path("~/store"))
        context = Context(settings.data_root, Path("b"))
        monkeypatch.chdir(tmp_path)
        assert (settings.data_root, settings.store) == (tmp_path / "a/data", tmp_path / "store")
        assert context.suite_folder == tmp_path / "a/b"

    def test_what_was_found_is_found_again_by_its_path(self, tmp_path):
        (tmp_path / "model").mkdir()
        (tmp_path / "model/model.safetensors").touch()
        context = Context(Path("data"), Path("b"))
        found = locate("../../model", context)
        assert locate(str(found.folder), context).folder.samefile(found.folder)

    def test_the_project_is_the_nearest_folder_with_a_suite(self, tmp_path, monkeypatch):
        assert project_folder() == Path()
        (tmp_path / "evals").mkdir()
        (tmp_path / "evals/suite.toml").touch()
        assert project_folder() == tmp_path
        monkeypatch.chdir(tmp_path)
        assert project_folder() == Path()


@pytest.fixture
def project(harness, suite, tmp_path, monkeypatch) -> Path:
    """The tiny suite with a data set of an adapter of its own, and everything named relative to its root."""
    (tmp_path / "deep/down").mkdir(parents=True)
    (tmp_path / "own_data.py").write_text(OWN)
    suite.write_text(
        SUITE.replace("[models.good]", "[datasets.own]\nadapter = 'own_data:load'\n[models.good]", 1)
    )
    monkeypatch.setattr("sys.path", [*os.sys.path])
    return tmp_path


class TestCommand:
    @pytest.mark.parametrize(("folder", "suite_option"), PLACES)
    def test_every_verb_finds_the_same_files(self, harness, project, monkeypatch, folder, suite_option):
        monkeypatch.chdir(project / folder)
        options = [
            *(["--suite", suite_option.format(root=project)] if suite_option else []),
            *("--data-root", os.path.relpath(project / "data"), "--json"),
        ]
        store = ("--store", os.path.relpath(project / "store"))
        findings = {
            finding["what"]: finding for finding in harness("doctor", *options, *store).json["findings"]
        }
        for what in ("dataset tiny:test", "model good", "model outside", "store"):
            assert findings[what]["ok"], findings[what]
        for dataset in ("tiny:test", "own:test"):
            shown = harness("predict", "good", "--dataset", dataset, *options, *store).json
            assert metrics(shown)["accuracy", None]["value"] == pytest.approx(0.9)
        outside = harness("predict", "outside", "--dataset", "tiny:test", *options, *store).json
        assert metrics(outside)["accuracy", None]["value"] == 0.5
        write_answers(Path("mine.csv"), "test", range(90), every=3)
        scored = harness("score", "mine.csv", "--dataset", "own:test", *options).json
        assert metrics(scored)["accuracy", None]["value"] == pytest.approx(2 / 3)

    def test_answers_are_kept_under_no_path(self, harness, project, monkeypatch):
        """The store serves the same answers to whoever stands elsewhere, and to a project that has moved."""
        arguments = ("predict", "good", "--dataset", "tiny:test", "--json")
        first = harness(*arguments, "--suite", "evals/suite.toml", "--store", "store")
        monkeypatch.chdir(project / "deep")
        assert harness(*arguments, "--store", "../store").out == first.out
        shutil.copytree(project / "evals", project / "moved/evals")
        shutil.move(project / "data", project / "moved/data")
        monkeypatch.chdir(project / "moved")
        assert harness(*arguments, "--store", project / "store", "--data-root", "data").out == first.out
        assert Reader.loads == {"10": 1}

    def test_a_folder_without_a_project_says_so(self, harness, project, monkeypatch):
        monkeypatch.chdir(project / "deep")
        (project / "evals/suite.toml").unlink()
        assert "The suite evals/suite.toml cannot be read" in harness("doctor").error

    def test_the_specimens_answer_from_the_root_of_this_project(self, tmp_path):
        """The suite names a folder of weights relative to itself, which the adapter looks up twice."""
        (tmp_path / "evals").symlink_to(HOME / "evals")
        (tmp_path / "fixtures").symlink_to(HOME / "fixtures")
        options = ("--dataset", "specimen:test", "--limit", "7", "--store", "kept", "--json")
        shown = process(tmp_path, "predict", "specimen-clip", *options).json
        assert shown["n"] == 7


def test_a_model_that_is_nowhere_is_said_to_be_in_no_folder_by_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    context = Context(Path("data"), Path("evals"))
    with pytest.raises(Unavailable, match=f"is not in {tmp_path}/evals, {tmp_path}/data, "):
        context.find("net.safetensors")
    with pytest.raises(UsageError, match=f"is no folder in {tmp_path}/evals, "):
        locate("../x/y/z", context)
