"""The same training under several seeds: how much of a result is luck."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.training import run
from harness.training.files import Files, replacing
from harness.training.images import fitted
from harness.training.progress import TrainingProgress
from harness.training.recipe import Recipe
from harness.training.run import TrainResult

if TYPE_CHECKING:
    from harness.datasets import Dataset


@dataclass(frozen=True)
class Spread:
    """Accuracy on one split over seeds.

    Attributes:
        n: images of the split.
        accuracies: one per seed, in order.
        mean: their mean.
        std: their standard deviation, with n - 1.
        min: the lowest.
        max: the highest.
        low: lower end of the interval for the mean over all seeds one might have drawn.
        high: its upper end.
        confidence: level of that interval (Student t). It has no part in which images are in the split.
    """

    n: int
    accuracies: tuple[float, ...]
    mean: float
    std: float
    min: float
    max: float
    low: float
    high: float
    confidence: float


def train_seeds(
    recipe: Recipe,
    seeds: int,
    train: Dataset,
    select: Dataset,
    report: Sequence[Dataset],
    out: Path,
    *,
    force: bool = False,
    progress: TrainingProgress | None = None,
) -> tuple[dict[str, Spread], tuple[TrainResult, ...]]:
    """Trains seeds 0 to `seeds` - 1 and measures the spread of their results.

    Each seed resumes on its own, and finished ones are reused, so the same call goes on after a stop.

    Args:
        recipe: its own seed is not used.
        seeds: how many, at least 2.
        train: see `train`, as for the arguments that follow.
        select: the split that chooses the epoch.
        report: splits to report on.
        out: folder of the files; `<stem>.seeds.json` gets the spread.
        force: train all seeds again.
        progress: shows how far it is.

    Returns:
        The spread per `dataset:split`, and what each training gave.

    Raises:
        UsageError: fewer than two seeds, or what `train` raises.
    """
    if seeds < 2:
        raise UsageError(f"Expected `seeds` to be an integer of at least 2, but got {seeds}. Change --seeds.")
    recipes = [replace(recipe, seed=seed) for seed in range(seeds)]
    results = tuple(
        run.train(each, train, select, report, out, force=force, progress=progress) for each in recipes
    )
    # A seed that was there before may have been reported on other splits.
    splits = [split for split in results[0].card.correct if all(split in r.card.correct for r in results)]
    spreads = {split: spread([result.card.correct[split] for result in results]) for split in splits}
    files = Files.of(fitted(recipes[0], train.readable()), train.name, out)
    body = {
        "architecture": recipe.architecture,
        "seeds": list(range(seeds)),
        "selected_on": results[0].card.selected_on,
        "splits": {split: asdict(value) for split, value in spreads.items()},
    }
    with replacing(files.path("seeds.json")) as temporary:
        temporary.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    return spreads, results


def spread(counts: Sequence[tuple[int, int]], confidence: float = 0.95) -> Spread:
    """Spread of (right, n) counts of one split, one pair per seed, at least two.

    Example:
        >>> round(spread([(60, 100), (70, 100)]).mean, 3)
        0.65
    """
    from scipy.stats import t

    accuracies = tuple(right / n for right, n in counts)
    mean, std = statistics.fmean(accuracies), statistics.stdev(accuracies)
    half = float(t.ppf((1 + confidence) / 2, len(counts) - 1)) * std / math.sqrt(len(counts))
    return Spread(
        n=counts[0][1],
        accuracies=accuracies,
        mean=mean,
        std=std,
        min=min(accuracies),
        max=max(accuracies),
        low=mean - half,
        high=mean + half,
        confidence=confidence,
    )
