"""`harness doctor`."""

from __future__ import annotations

from harness.cli.options import (
    SUITE,
    DataRoot,
    JsonFlag,
    StoreOption,
    SuiteOption,
    data_root_of,
    read_suite,
    store_of,
)
from harness.cli.show import print_json


def doctor(
    suite: SuiteOption = SUITE,
    data_root: DataRoot = None,
    store: StoreOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Says what can run here, what cannot, why, and how to mend it."""
    from harness.doctor import examine

    findings = examine(read_suite(suite), data_root_of(data_root), store_of(store))
    if as_json:
        print_json([finding.as_dict() for finding in findings])
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "what", "state", box=None, pad_edge=False)
    for finding in findings:
        mark = Text("ok", "green") if finding.ok else Text("--", "yellow")
        table.add_row(mark, Text(finding.what), Text(finding.state))
    Console().print(table)
