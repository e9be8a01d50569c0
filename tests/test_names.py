"""No two names share a file, and files that were named before keep their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from harness.tools.names import file_name

NAMES = st.text("aA_b:/[]. 模型\u0301\ud800-\\\0", max_size=12) | st.text(max_size=400)
SNAPSHOTS = Path(__file__).parents[1] / "evals/__snapshots__/test_metrics"


@given(NAMES, NAMES)
@example("a_b:c/none/m", "a:b_c/none/m")
@example("d:test/none/模型一", "d:test/none/模型二")
@example("d:test/none/my model", "d:test/none/my_model")
@example("d:test/none/Net", "d:test/none/net")
@example("d:test/none/" + "x" * 300, "d:test/none/" + "x" * 299 + "y")
@example("d:test/none/caf\u00e9", "d:test/none/cafe\u0301")
def test_two_names_are_two_files_on_any_file_system(one, other):
    assume(one != other)
    assert file_name(one, ".md").casefold() != file_name(other, ".md").casefold()


@given(NAMES)
def test_every_name_is_one_that_file_systems_take(name):
    file = file_name(name, ".parquet")
    assert len(file.encode()) < 240
    assert not set(file) & set('\\/?*:|"<>\0 ')


def test_committed_snapshots_are_where_their_cells_are_looked_for():
    found = sorted(SNAPSHOTS.glob("*.md"))
    assert len(found) > 100
    for path in found:
        cell = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert file_name(f"test_metrics[{cell}]", ".md") == path.name


@pytest.mark.parametrize("name", ["fer2013:test/none/resnet-50", "a-1:b.c/down-8/plain/orders.07"])
def test_common_names_are_legible(name):
    assert file_name(name) == name.replace(":", "_").replace("/", "_")
