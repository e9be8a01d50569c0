from collections import Counter
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_sets import face

from harness.datasets import Dataset, Sample, exact_overlap, load_dataset
from harness.datasets.sampling import stratified_subset
from harness.errors import DataError, UsageError
from harness.labels import label_space
from harness.tasks import Choice

SPACE = label_space("ekman6")


class Reader:
    """Images by number; counts how often each is decoded; number 9 is broken."""

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()

    def __call__(self, sample_id: str) -> NDArray[np.uint8]:
        self.reads[sample_id] += 1
        if sample_id == "9":
            raise DataError("9.png cannot be decoded. Replace it.")
        return face(min(int(sample_id), 6))  # 6, 7 and 8 are copies


def dataset(count: int = 10, groups: dict[int, str] | None = None) -> Dataset:
    samples = tuple(Sample(str(i), SPACE.labels[i % 6], (groups or {}).get(i)) for i in range(count))
    return Dataset("mine", "test", Choice(SPACE), samples, Reader())


def test_images_are_decoded_when_asked_for_and_once() -> None:
    data = dataset()
    reads = data.read.reads
    assert not reads
    small = data.limit(3)
    for _ in range(3):
        small.pixels(0)
        data.digest(0)
    assert data.fingerprint == data.fingerprint
    assert set(reads) == {str(i) for i in range(10)}
    assert all(reads[str(i)] == 1 for i in range(9))


def test_decoded_images_are_kept_up_to_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.datasets.dataset.CACHE_BYTES", 3 * 48 * 48)
    data = dataset(6)
    for _ in range(2):
        for index in range(6):
            np.testing.assert_array_equal(data.pixels(index), face(index))
    assert [data.read.reads[str(i)] for i in range(6)] == [1, 1, 1, 2, 2, 2]


def test_pixels_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        dataset().pixels(0)[0, 0] = 1


def test_copies_of_an_image_are_one_group_unless_the_set_names_groups() -> None:
    groups = dataset(groups={0: "anna", 1: "anna"}).groups
    assert groups[0] == groups[1] == "anna"
    assert groups[6] == groups[7] == groups[8]
    assert len(set(groups)) == 7
    assert groups[9] == "9"  # unreadable: stands alone


def test_unreadable_images_are_marked_and_raise_when_asked_for() -> None:
    data = dataset()
    assert [digest is None for digest in data.digests] == [False] * 9 + [True]
    for ask in (data.pixels, data.digest):
        with pytest.raises(DataError, match=r"9\.png"):
            ask(9)


def test_overlap_compares_pixels() -> None:
    one, other = dataset(8), dataset(10).limit(10)
    assert exact_overlap(other, one).tolist() == [True] * 9 + [False]
    assert not exact_overlap(
        dataset(3), Dataset("b", "x", Choice(SPACE), (Sample("5", "fear"),), Reader())
    ).any()


@pytest.mark.parametrize(
    "change",
    [
        lambda s: (*s[:-1], Sample(s[-1].id, "disgust")),
        lambda s: (*s[:-1], Sample("7", s[-1].label)),
        lambda s: s[:-1],
        lambda s: (s[1], s[0], *s[2:]),
    ],
    ids=["label", "id", "fewer", "order"],
)
def test_the_fingerprint_sees_every_change(change: Any) -> None:
    data = dataset(5)
    changed = Dataset("mine", "test", Choice(SPACE), change(data.samples), Reader())
    assert changed.fingerprint != data.fingerprint
    renamed = Dataset("other", "train", Choice(SPACE), data.samples, Reader())
    assert renamed.fingerprint == data.fingerprint


def test_the_fingerprint_sees_pixels() -> None:
    data = dataset(5)
    other = Dataset("mine", "test", Choice(SPACE), data.samples, lambda sample_id: face(int(sample_id) + 1))
    assert other.fingerprint != data.fingerprint


def test_what_no_data_set_may_be() -> None:
    sample = Sample("1", "fear")
    with pytest.raises(DataError, match="no usable image"):
        Dataset("mine", "test", Choice(SPACE), (), Reader())
    with pytest.raises(DataError, match="two samples of one id"):
        Dataset("mine", "test", Choice(SPACE), (sample, sample), Reader())
    with pytest.raises(UsageError, match="'bored'"):
        Dataset("mine", "test", Choice(SPACE), (Sample("1", "bored"),), Reader())


# Limits


sizes = st.dictionaries(st.sampled_from(SPACE.labels), st.integers(1, 60), min_size=1)


def items(counts: dict[str, int]) -> list[tuple[str, str]]:
    return [(label, f"{label}-{i}") for label, count in counts.items() for i in range(count)]


@settings(deadline=None)
@given(sizes, st.integers(1, 200), st.integers(0, 99))
def test_a_limit_is_stratified(counts: dict[str, int], n: int, seed: int) -> None:
    given_items = items(counts)
    chosen = stratified_subset(given_items, n, seed)
    total = len(given_items)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(n, total)
    taken = Counter(given_items[i][0] for i in chosen)
    if n >= len(counts):
        assert set(taken) == set(counts)
    else:
        assert min(counts[label] for label in taken) >= max(
            [size for label, size in counts.items() if label not in taken], default=0
        )
    for label, size in counts.items():
        # At least one for each label can cost the others at most one seat a label.
        assert abs(taken[label] - min(n, total) * size / total) <= len(counts)


@settings(deadline=None)
@given(sizes, st.integers(1, 100), st.integers(1, 100), st.integers(0, 99))
def test_limits_of_one_seed_nest(counts: dict[str, int], n: int, m: int, seed: int) -> None:
    less, more = sorted((n, m))
    small, large = (set(stratified_subset(items(counts), k, seed)) for k in (less, more))
    assert small <= large


@settings(deadline=None)
@given(sizes, st.integers(1, 100), st.randoms(use_true_random=False))
def test_a_limit_does_not_depend_on_the_order_of_files(counts: dict[str, int], n: int, random: Any) -> None:
    ordered = items(counts)
    shuffled = random.sample(ordered, len(ordered))
    picks = [{of[i] for i in stratified_subset(of, n, 7)} for of in (ordered, shuffled)]
    assert picks[0] == picks[1]


def test_another_seed_picks_others() -> None:
    given_items = items({"fear": 500})
    picks = [set(stratified_subset(given_items, 100, seed)) for seed in range(20)]
    assert picks[0] == set(stratified_subset(given_items, 100, 0))
    # A random hundred of 500 shares 20 with another, standard deviation 3.6; the mean of 19 is within 4.
    shared = np.mean([len(picks[0] & other) for other in picks[1:]])
    assert 16 < shared < 24


def test_limit_keeps_order_identity_and_problems() -> None:
    data = Dataset("mine", "test", Choice(SPACE), dataset(10).samples, Reader(), problems=("x: left out",))
    small = data.limit(4, seed=1)
    assert len(small) == 4
    assert [s for s in data.samples if s in small.samples] == list(small.samples)
    assert (small.name, small.split, small.problems) == ("mine", "test", data.problems)
    assert data.limit(99).samples == data.samples
    with pytest.raises(UsageError, match="at least 1"):
        data.limit(0)


# Adapters of third parties


def plugged(root: Path, split: str, *, name: str, brightness: int = 1) -> Dataset:
    return Dataset(name, split, Choice(SPACE), (Sample(str(brightness), "fear"),), Reader())


def test_adapters_register_through_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("plugged", f"{__name__}:plugged", "emotion_harness.datasets")
    monkeypatch.setattr("harness.tools.adapters._registered", lambda group, path: {point.name: point})
    with pytest.raises(UsageError, match="unknown adapter 'other'.* fer2013, images, plugged, or"):
        load_dataset({"adapter": "other"}, "theirs", "test", tmp_path)
    data = load_dataset({"adapter": "plugged", "brightness": 3}, "theirs", "test", tmp_path)
    assert (str(data), data.samples[0].id) == ("theirs:test", "3")
    with pytest.raises(UsageError, match=r"unknown option 'size'.*brightness"):
        load_dataset({"adapter": "plugged", "size": 3}, "theirs", "test", tmp_path)


def test_an_adapter_may_be_a_function_of_the_project(tmp_path: Path) -> None:
    data = load_dataset({"adapter": f"{__name__}:plugged", "brightness": 2}, "ours", "test", tmp_path)
    assert (str(data), data.samples[0].id) == ("ours:test", "2")
    for wrong in ("no_such_module:load", f"{__name__}:absent"):
        with pytest.raises(UsageError, match=f"'{wrong}', which cannot be imported .*run from"):
            load_dataset({"adapter": wrong}, "ours", "test", tmp_path)
