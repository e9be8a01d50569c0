"""A card is read whole or refused with the reason; a checkpoint is never used on a guess."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import CARD

from harness.errors import ModelError
from harness.models import Card
from harness.models.card import FIELDS

REQUIRED = ("architecture", "labels", "in_chans", "input_size", "mean", "std")
OPTIONAL = {
    "trained_on": "fer2013:train",
    "selected_on": "fer2013:public",
    "correct": {"fer2013:private": [2110, 3589]},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.json"


def read(path: Path, body: Any) -> Card:
    path.write_text(json.dumps(body))
    return Card.read(path)


def test_reads_what_the_trainer_wrote(path):
    card = read(path, {**CARD, **OPTIONAL, "num_classes": 3, "optimizer": "adam", "seed": 7})
    assert card.labels == ("happy", "sad", "neutral")
    assert (card.in_chans, card.input_size, card.mean, card.std) == (1, (32, 32), (0.5,), (0.25,))
    assert (card.trained_on, card.selected_on) == ("fer2013:train", "fer2013:public")
    assert card.correct == {"fer2013:private": (2110, 3589)}
    assert {"optimizer": "adam", "seed": 7}.items() <= card.extra.items()


floats = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=9, unique=True),
    st.sampled_from([1, 3]),
    st.tuples(st.integers(2, 512), st.integers(2, 512)),
    st.data(),
)
def test_a_written_card_reads_back_equal(tmp_path_factory, labels, channels, size, data):
    card = Card(
        architecture="resnet50",
        labels=tuple(labels),
        in_chans=channels,
        input_size=size,
        mean=tuple(data.draw(st.lists(floats, min_size=channels, max_size=channels))),
        std=tuple(data.draw(st.lists(floats.filter(lambda x: x > 0), min_size=channels, max_size=channels))),
        trained_on=data.draw(st.none() | st.just("fer2013:train")),
        correct=data.draw(
            st.dictionaries(st.text(max_size=9), st.tuples(st.integers(0, 9), st.integers(1, 9)))
        ),
    )
    path = tmp_path_factory.getbasetemp() / "written.json"
    card.write(path)
    again = Card.read(path)
    assert again.extra == {"num_classes": len(labels)}
    assert {f.name: getattr(again, f.name) for f in fields(Card) if f.name != "extra"} == {
        f.name: getattr(card, f.name) for f in fields(Card) if f.name != "extra"
    }


def test_a_checkpoint_without_card_says_what_a_card_holds_by_an_example(path):
    with pytest.raises(ModelError, match=r"has no card: .*net\.json does not exist") as caught:
        Card.read(path)
    body = str(caught.value).partition("such as ")[2].partition(", with")[0]
    assert read(path, json.loads(body)).labels == ("angry", "happy", "sad")


@pytest.mark.parametrize("body", [b"", b"{", b"architecture: resnet50", b"\xff\xfe\x00", b"[1, 2"])
def test_a_card_that_is_not_json_is_named(path, body):
    path.write_bytes(body)
    with pytest.raises(ModelError, match=r"net\.json is not readable JSON"):
        Card.read(path)


@pytest.mark.parametrize("body", [None, 3, "resnet50", ["architecture"], {}])
def test_a_card_that_is_no_table_lacks_every_field(path, body):
    with pytest.raises(ModelError, match="lacks architecture, in_chans, input_size, labels, mean, std"):
        read(path, body)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_field_is_named(path, name):
    body = {key: value for key, value in CARD.items() if key != name}
    with pytest.raises(ModelError, match=rf"net\.json lacks {name}\. Add"):
        read(path, body)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ["happy", "sad", "happy"]}, "2 distinct labels for 3 classes"),
        ({"labels": []}, "0 distinct labels for 0 classes"),
        ({"num_classes": 7}, "3 distinct labels for 7 classes"),
        ({"in_chans": 3}, "1 means and 1 stds for 3 channels"),
        ({"in_chans": 2, "mean": [0, 0], "std": [1, 1]}, "with 1 or 3 channels"),
        ({"mean": [0.5, 0.5]}, "2 means and 1 stds for 1 channels"),
        ({"std": []}, "1 means and 0 stds"),
        ({"std": [0]}, "std > 0"),
        ({"std": [-1.0]}, "std > 0"),
        ({"std": [math.inf]}, r"has std = \[inf\]. Write a list of numbers"),
        ({"mean": [math.nan]}, r"has mean = \[nan\]. Write a list of numbers"),
        ({"input_size": [48]}, r"Write \[height, width\]"),
        ({"input_size": [48, 1]}, r"Use \[height, width\]"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(path, changes, message):
    with pytest.raises(ModelError, match=message):
        read(path, {**CARD, **changes})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", "happy"),  # a string is not the list of its characters
        ("labels", [1, 2, 3]),
        ("mean", 0.5),
        ("in_chans", True),
        ("input_size", ["48", "48"]),
        ("architecture", None),
        ("trained_on", 1),
        ("correct", None),
        ("correct", {"fer2013:private": 2110}),
        ("correct", {"fer2013:private": [1, 2, 3]}),
    ],
)
def test_a_value_of_the_wrong_form_is_named(path, name, value):
    with pytest.raises(ModelError, match=rf"net\.json has {name} = .*\. Write "):
        read(path, {**CARD, name: value})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.sampled_from(sorted({*FIELDS, "num_classes"})), json_values)
def test_any_value_gives_a_card_or_one_clear_line(tmp_path_factory, name, value):
    path = tmp_path_factory.getbasetemp() / "any.json"
    try:
        card = read(path, {**CARD, **OPTIONAL, name: value})
    except ModelError as error:
        refusal = str(error)
    else:
        refusal = None
        assert card.labels
        assert all(isinstance(label, str) for label in card.labels)
        assert len(card.mean) == len(card.std) == card.in_chans
    assert refusal is None or (str(path) in refusal and "\n" not in refusal)


@pytest.mark.parametrize("name", ["trained-on", "Trained_on", "trainedon", "sha-256", "corect"])
def test_a_misspelt_field_is_not_passed_over(path, name):
    with pytest.raises(ModelError, match=rf"net\.json has the unknown field '{name}'\. Nearest: "):
        read(path, {**CARD, name: "fer2013:train"})


def test_the_example_in_the_guide_is_a_card_that_names_every_field(path):
    guide = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    card = read(path, json.loads(example))
    assert json.loads(example).keys() == FIELDS.keys() | {"num_classes"} | card.extra.keys()
    assert card.correct == {"fer2013:private": (2110, 3589)}
    for name in FIELDS:
        assert f"`{name}`" in guide, name
