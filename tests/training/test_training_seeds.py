from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tiny_training import splits, tiny

from harness.errors import UsageError
from harness.training import TrainingProgress, train, train_seeds
from harness.training.seeds import spread


@given(st.lists(st.integers(0, 500), min_size=2, max_size=12))
def test_spread_agrees_with_scipy(rights: list[int]) -> None:
    result = spread([(right, 500) for right in rights])
    accuracies = np.array(rights) / 500
    assert result.mean == pytest.approx(accuracies.mean())
    assert result.std == pytest.approx(accuracies.std(ddof=1))
    assert (result.min, result.max, result.n) == (accuracies.min(), accuracies.max(), 500)
    if result.std > 1e-9:
        low, high = stats.t.interval(0.95, len(rights) - 1, accuracies.mean(), stats.sem(accuracies))
        assert (result.low, result.high) == pytest.approx((low, high))
    else:
        assert result.low == pytest.approx(result.high)


def test_seeds_differ_are_reused_and_their_spread_is_written(
    tmp_path: Path, progress: TrainingProgress
) -> None:
    first = train(tiny(epochs=2), *splits(), tmp_path, progress=progress)
    spreads, results = train_seeds(tiny(epochs=2, seed=7), 3, *splits(), tmp_path, progress=progress)

    assert [result.reused for result in results] == [True, False, False]
    assert results[0].weights == first.weights
    assert [result.weights.stem for result in results[1:]] == [
        f"{first.weights.stem}-seed{i}" for i in (1, 2)
    ]
    assert len({result.weights.read_bytes() for result in results}) == 3
    assert spreads["shapes:private"].accuracies == tuple(
        right / n for right, n in (result.card.correct["shapes:private"] for result in results)
    )
    raw = json.loads(first.weights.with_suffix(".seeds.json").read_text())
    assert raw["seeds"] == [0, 1, 2]
    assert set(raw["splits"]) == {"shapes:public", "shapes:private"}
    assert raw["splits"]["shapes:private"]["mean"] == spreads["shapes:private"].mean

    _, again = train_seeds(tiny(epochs=2), 3, *splits(), tmp_path, progress=progress)
    assert all(result.reused for result in again)


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--seeds"):
        train_seeds(tiny(), 1, *splits(), tmp_path)
