"""The house has floors: a module imports from its own room and the rooms below it, and never in a circle."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest
from imports import ROOT, imports, modules

# The rooms from the ground up; those of one floor do not know each other.
FLOORS = (
    ("errors",),
    ("tools",),
    ("identity", "settings", "labels", "stimuli"),
    ("tasks", "statistics"),
    ("metrics", "prompts", "datasets"),
    ("models",),
    ("restoration", "training", "predictions"),
    ("store", "claims"),
    ("suite",),
    ("engine",),
    ("judging",),
    ("runs",),
    ("reporting",),
    ("pytest_plugin", "cli"),
)
KNOWN = modules()
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}
MOST_LINES = 250


def room(module: str) -> str:
    return (*module.split("."), "")[1]


def test_every_room_has_a_floor_and_every_floor_its_rooms():
    assert {room(module) for module in KNOWN} - {""} == LEVEL.keys()


def test_nothing_is_imported_from_a_floor_above_or_from_a_room_beside():
    wrong = {
        (module, one)
        for module in KNOWN
        for one in imports(module, KNOWN)
        if room(module) and room(one) not in ("", room(module)) and LEVEL[room(one)] >= LEVEL[room(module)]
    }
    assert wrong == set()


@pytest.mark.parametrize("name", sorted(LEVEL))
def test_modules_of_a_room_do_not_import_each_other_in_a_circle(name):
    graph = {one: imports(one, KNOWN, running=True) for one in KNOWN if room(one) == name}
    for one, some in graph.items():  # a package may hand on what its modules have, and they may name it
        graph[one] = {other for other in some if other in graph and not one.startswith(f"{other}.")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_no_module_is_longer_than_one_can_read_in_one_go():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in KNOWN.values()
    }
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}
