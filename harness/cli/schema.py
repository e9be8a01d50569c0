"""`harness schema`."""

from __future__ import annotations

from harness.cli.options import JsonFlag
from harness.cli.show import print_json


def schema(as_json: JsonFlag = True) -> None:
    """Prints the JSON schema of suite.toml, by which editors complete it; all adapters are in it."""
    from harness.suite.schema import suite_schema

    del as_json  # it is nothing else
    print_json(suite_schema())
