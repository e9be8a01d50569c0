"""The JSON schema of suite.toml agrees with what reading a suite accepts and refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from test_suite_entries import ENTRIES

from harness.suite.schema import suite_schema

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SHIPPED = Path(__file__).parents[1] / "evals/suite.toml"
# Of those that reading refuses, what JSON cannot tell: it knows no dates, and nan and inf are numbers to it.
UNTOLD = ("csv = 1979-05-27", "price = [nan, 0]", "timeout = inf")


@pytest.fixture(scope="module")
def validator():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(suite_schema())
    return jsonschema.Draft202012Validator(suite_schema())


def test_the_shipped_suite_fits(validator):
    suite = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(suite)] == []


@pytest.mark.parametrize(("header", "line", "wanted"), [one for one in ENTRIES if one[1] not in UNTOLD])
def test_what_reading_refuses_does_not_fit(validator, header, line, wanted):
    suite = tomllib.loads(f"{header}\n{line}\n")
    assert not validator.is_valid(suite)


def test_adapters_of_others_may_say_anything(validator):
    suite = tomllib.loads("[models.mine]\nadapter = 'my.package:load'\nanything = { at = 'all' }\n")
    assert validator.is_valid(suite)


def test_options_come_with_what_their_adapter_says_of_them():
    models = suite_schema()["properties"]["models"]["additionalProperties"]["anyOf"]
    (timm,) = (form for form in models if form["properties"]["adapter"].get("const") == "timm")
    assert timm["properties"]["checkpoint"]["type"] == "string"
    assert "its card is `NAME.json` beside it" in timm["properties"]["checkpoint"]["description"]
    assert set(timm["required"]) == {"adapter", "checkpoint"}
    assert not timm["additionalProperties"]


def test_the_command_prints_it(harness):
    assert harness("schema", "--json").json == json.loads(json.dumps(suite_schema()))
