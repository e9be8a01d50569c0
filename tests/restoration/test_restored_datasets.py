"""Images are restored once, whoever asks, and nothing else of a data set changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from restoring import make_dataset
from tiny_restorers import Shift

from harness.errors import ModelError
from harness.store.pixels import PixelStore


def test_every_image_is_restored_and_nothing_else_changes(run):
    dataset = make_dataset()
    ours = run(dataset)
    restored = ours.of()
    assert [s.id for s in restored.samples] == [s.id for s in dataset.samples]
    assert np.array_equal(restored.gold, dataset.gold)
    assert (str(restored), restored.marginals) == (str(dataset), dataset.marginals)
    for index in range(len(dataset)):
        np.testing.assert_array_equal(restored.pixels(index), dataset.pixels(index) + 1)
    assert restored.fingerprint != dataset.fingerprint
    assert ours.of() is restored


def test_digests_are_those_of_the_restored_pixels(run):
    restored = run(make_dataset()).of()
    known = restored.digests
    again = replace(restored, read=restored.read, _decoded=type(restored._decoded)())
    assert known == again.digests  # decoded


def test_a_second_process_loads_nothing_and_reads_no_pixels(run, monkeypatch):
    first = run(make_dataset())
    digests = first.of().digests
    monkeypatch.setattr(PixelStore, "pixels", None)
    second = run(make_dataset())
    assert second.of().digests == digests
    assert second.of().fingerprint
    assert [one.report.loads["restore"] for one in (first, second)] == [{"shift": 1}, {}]
    assert Shift.loads == {1: 1}
    assert second.report.restoration_costs == first.report.restoration_costs
    assert second.report.restoration_costs[0]["images"] == 10


def test_copies_are_restored_once_and_stay_one_group(run):
    dataset = make_dataset(12, copies=3)
    restored = run(dataset).of()
    assert Shift.shown == {1: 9}
    assert restored.groups == dataset.groups
    assert restored.groups[0] == restored.groups[9]


def test_groups_of_the_source_stay(run):
    dataset = make_dataset()
    named = replace(dataset, samples=tuple(replace(s, group=f"g{int(s.id) % 2}") for s in dataset.samples))
    assert run(named).of().groups == named.groups


def test_a_new_image_is_the_only_one_restored(run):
    run(make_dataset(6))
    run(make_dataset(8))
    assert Shift.shown == {1: 8}


def test_options_make_another_restorer(run):
    one, two = (run(make_dataset(), by=by).of() for by in (1, 2))
    assert set(one.digests).isdisjoint(two.digests)
    assert Shift.loads == {1: 1, 2: 1}


def test_all_data_sets_are_restored_in_the_same_go_and_shared_images_once(run):
    ours = run(make_dataset(6), make_dataset(9))
    assert len(ours.of("0")) + len(ours.of("1")) == 15
    assert (Shift.loads, Shift.shown) == ({1: 1}, {1: 9})
    assert ours.done == [(4, 9), (2, 9), (3, 9)]
    assert [cost["images"] for cost in ours.report.restoration_costs] == [9]


def test_costs_are_those_of_the_restored_images(run):
    (cost,) = run(make_dataset()).report.restoration_costs
    assert (cost["restoration"], cost["images"]) == ("shift", 10)
    assert 0 < cost["seconds_per_image"] < 1
    assert 10 < cost["peak_memory_mb"] < 1e5
    assert run().report.restoration_costs == []


def test_an_image_that_cannot_be_read_adds_no_cost(run):
    unreadable = tuple(range(1, 10))
    (cost,) = run(make_dataset(), make_dataset(10, unreadable=unreadable)).report.restoration_costs
    assert cost["images"] == 10


def test_memory_errors_halve_the_batch(run):
    ours = run(make_dataset(), memory=3, batch_size=10)
    assert None not in ours.of().digests
    assert Shift.shown == {1: 10}
    assert {(slow.model, slow.kind) for slow in ours.report.slow_paths} == {("shift", "unfit")}


def test_no_memory_for_a_single_image_is_one_line(run):
    ours = run(make_dataset(), memory=0)
    with pytest.raises(ModelError, match="shift has no memory for even one image on cpu"):
        ours.of()
