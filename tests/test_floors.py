"""The house has floors: a module imports from its own floor and those below it, and never in a circle."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest
from imports import ROOT, imports, modules

# From the ground up. What stands loose at the top of the package are tools that know nothing of emotions.
FLOORS = (
    ("adapters", "atomic", "csv_cells", "digests", "errors", "forms", "identity", "names", "nearest", "paths",
     "sealed", "settings", "slow_paths", "third_party"),
    ("labels",),
    ("metrics", "statistics", "prompts", "datasets"),
    ("models",),
    ("restoration", "training"),
    ("predictions",),
    ("claims", "results"),
    ("suite",),
    ("engine",),
    ("judging",),
    ("recorder",),
    ("reporting",),
    ("asking", "doctor", "options"),
    ("cli", "plugin", "collector", "launching", "new_snapshots", "running", "snapshots", "unused_snapshots"),
)  # fmt: skip
KNOWN = modules()
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}
MOST_LINES = 250


def room(module: str) -> str:
    return (*module.split("."), "")[1]


@pytest.mark.parametrize("module", sorted(set(KNOWN) - {"harness"}))
def test_nothing_is_imported_from_a_floor_above(module):
    above = {one for one in imports(module, KNOWN) if room(one) and LEVEL[room(one)] > LEVEL[room(module)]}
    assert not above


def test_every_room_has_a_floor_and_every_floor_its_rooms():
    assert {room(module) for module in KNOWN} - {""} == LEVEL.keys()


def test_rooms_do_not_import_each_other_in_a_circle():
    graph = {one: set() for one in LEVEL}
    for module in KNOWN:
        if room(module):
            graph[room(module)] |= {room(one) for one in imports(module, KNOWN)} - {room(module), ""}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_no_module_is_longer_than_one_can_read_in_one_go():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in KNOWN.values()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}
