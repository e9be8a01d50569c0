"""From an entry of the suite to a model, and the places where its files are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import Unavailable, UsageError
from harness.models import Context, build_model


@pytest.fixture
def places(tmp_path: Path) -> list[Path]:
    """The folders that are searched, in order."""
    return [
        tmp_path / "suite",
        tmp_path / "root" / "data",
        tmp_path / "root" / "data" / "checkpoints",
        tmp_path / "root" / "checkpoints",
    ]


def put(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.safetensors").write_text(text)


def test_files_are_found_in_four_places_the_first_wins(places):
    context = Context(data_root=places[1], suite_folder=places[0])
    for number in reversed(range(4)):
        put(places[number], str(number))
        found = context.find("net.safetensors")
        assert found.read_text() == str(number)
        assert found.is_absolute()


def test_an_absolute_path_is_taken_as_it_is(tmp_path, places):
    put(tmp_path / "elsewhere", "here")
    context = Context(data_root=places[1], suite_folder=places[0])
    assert context.find(str(tmp_path / "elsewhere" / "net.safetensors")).read_text() == "here"


def test_what_is_absent_or_a_folder_is_refused_with_the_places(places):
    (places[0] / "net.safetensors").mkdir(parents=True)
    with pytest.raises(Unavailable) as caught:
        Context(data_root=places[1], suite_folder=places[0]).find("net.safetensors")
    assert all(str(place) in str(caught.value) for place in places)


def test_an_entry_can_say_why_it_is_skipped(context):
    with pytest.raises(Unavailable, match="needs 80 GB"):
        build_model("big", {"adapter": "timm", "checkpoint": "absent", "skip": "needs 80 GB"}, context)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"adapter": "tim"}, r"Model net names the unknown adapter 'tim'.* Use one of .*timm.*what_the_face"),
        ({}, "Model net names the unknown adapter ''"),
        ({"adapter": "timm"}, "Model net lacks the option 'checkpoint'. Write a string"),
        (
            {"adapter": "timm", "checkpoint": "net.safetensors", "colour": 1},
            "Model net has the unknown option 'colour'",
        ),
        ({"adapter": "what_the_face", "path": "x"}, "Model net has the unknown option 'path'"),
    ],
)
def test_a_wrong_entry_is_named(context, entry, message):
    with pytest.raises(UsageError, match=message):
        build_model("net", entry, context)


def test_a_model_of_another_distribution_is_found_by_its_entry_point(tmp_path, context, monkeypatch):
    about = tmp_path / "outside_plugin-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[emotion_harness.models]\nconstant = outside_plugin:Constant\n")
    (tmp_path / "outside_plugin.py").write_text(
        "class Constant:\n    identity = load = print\n"
        "    def __init__(self, *, context, answer):\n        self.labels = (answer,)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert build_model("c", {"adapter": "constant", "answer": "happy"}, context).labels == ("happy",)
    with pytest.raises(UsageError, match="Use one of constant, fusion"):
        build_model("c", {"adapter": "none"}, context)
