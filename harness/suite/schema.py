"""The JSON schema of suite.toml, by which editors complete and check it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from harness.claims import claim_names
from harness.prompts.prompt import AXES, Prompt
from harness.suite.checks import ADAPTED, CLAIM, OVERRIDE, RATE, READ, SUITE
from harness.suite.parts import Profile
from harness.suite.prompts import DESIGN
from harness.tools.adapters import Adapters, adapter_names, find_adapter
from harness.tools.forms import schema

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_ARGUMENT = re.compile(r"^    (\w+): (.+?)(?=^    \w+: |^\S|\Z)", re.MULTILINE | re.DOTALL)


def suite_schema() -> dict[str, Any]:
    """The schema, with the options of all adapters that are registered here."""
    claim = schema(CLAIM)
    claim["properties"]["override"]["items"] = schema(OVERRIDE, required=OVERRIDE)
    claims = dict.fromkeys(claim_names(), claim)
    profile = _described(schema(get_type_hints(Profile), required=["datasets"]), _told(Profile))
    top = schema(SUITE)
    top["properties"] |= {
        "profiles": _tables(profile),
        **{table: _entries(table, adapters) for table, adapters in ADAPTED.items()},
        "prompts": _tables(_described(schema({**AXES, **DESIGN}), _told(Prompt))),
        "claims": {"type": "object", "properties": claims, "additionalProperties": False},
        "noise_ceilings": _tables(schema({"rate": RATE})["properties"]["rate"]),
    }
    return {"$schema": _DRAFT, "title": "suite.toml of emotion-harness", **top}


def _tables(inner: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": inner}


def _entries(table: str, adapters: Adapters) -> dict[str, Any]:
    """The entries of a table: one form per registered adapter, and one for those of somebody else."""
    names = adapter_names(adapters.built_in, adapters.group)
    forms = {name: _entry(name, table, adapters) for name in names}
    other = schema({**READ[table], "adapter": str}, required=["adapter"], more=True)
    other["properties"]["adapter"]["not"] = {"enum": names}
    found = _tables({"anyOf": [*forms.values(), other]})
    if table == "datasets":  # one may go by the name of its adapter and name none
        alike = {name: {"anyOf": [_without_adapter(form), form, other]} for name, form in forms.items()}
        found["properties"] = alike
    return found


def _entry(name: str, table: str, adapters: Adapters) -> dict[str, Any]:
    adapter = find_adapter(name, name, adapters.built_in, adapters.group)
    known = adapters.options(adapter)
    hints = {option: READ[table].get(option, hint) for option, hint in known.hints.items()}
    form = schema(hints, required=("adapter", *known.required), more=known.more)
    form["properties"]["adapter"] = {"const": name}
    return _described(form, _told(adapter))


def _without_adapter(form: Mapping[str, Any]) -> dict[str, Any]:
    return {**form, "required": [name for name in form["required"] if name != "adapter"]}


def _told(what: Callable[..., Any]) -> dict[str, str]:
    """What a docstring says of each argument or attribute."""
    text = inspect.getdoc(getattr(what, "func", what)) or ""
    _, _, listed = re.sub(r"^Attributes:$", "Args:", text, flags=re.MULTILINE).partition("\nArgs:\n")
    return {name: " ".join(said.split()) for name, said in _ARGUMENT.findall(listed)}


def _described(form: dict[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    for name, inner in form["properties"].items():
        if name in told:
            inner["description"] = told[name]
    return form
