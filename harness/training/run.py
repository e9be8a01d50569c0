"""Trains one network from scratch and writes checkpoint, card and log."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.identity import package_versions
from harness.models.card import Card
from harness.tools.third_party import warnings_never_raise
from harness.training import network
from harness.training.augment import ROTATION, SCALE, SHIFT
from harness.training.files import EpochRow, Files
from harness.training.fit import fit
from harness.training.images import Images, decode, fitted, mean_std, streamed
from harness.training.loop import Learner, count_right, derived_seed, seeded
from harness.training.progress import TrainingProgress
from harness.training.recipe import VERSION, Recipe
from harness.training.resume import Provenance, State
from harness.training.stop import stoppable

if TYPE_CHECKING:
    from harness.datasets import Dataset


@dataclass(frozen=True)
class TrainResult:
    """A finished training.

    Attributes:
        weights: path of the `.safetensors` file.
        card: what stands beside it as `.json`; `card.correct` has the right answers per split.
        log: one row per epoch; empty when `reused`.
        reused: True when the finished checkpoint was there already.
    """

    weights: Path
    card: Card
    log: tuple[EpochRow, ...]
    reused: bool


@warnings_never_raise()
def train(
    recipe: Recipe,
    train: Dataset,
    select: Dataset,
    report: Sequence[Dataset],
    out: Path,
    *,
    force: bool = False,
    progress: TrainingProgress | None = None,
) -> TrainResult:
    """Trains on one split, chooses the epoch on another, and counts right answers on the others once.

    The pixels of `report` are first read when all epochs are done. A run that was stopped, by whatever,
    goes on after its last finished epoch when it is started again with the same arguments, and ends in
    the same weights (bit by bit on a CPU with as many threads). A finished one is not repeated.

    Args:
        recipe: what to train and how.
        train: the only split that weights, mean and std come from, and the only one that is augmented.
        select: the split that chooses the epoch: most right answers, the earlier epoch on a tie.
        report: splits to count right answers on with the chosen weights, e.g. PrivateTest and full test.
        out: folder of the files; made when absent.
        force: start over, whatever is there.
        progress: shows how far it is; standard error by default.

    Raises:
        UsageError: the recipe does not fit the data, timm or the device, or the files in `out` belong
            to another training.
        ModelError: the loss is not a number, memory ran out, or a file to go on from or to reuse is corrupt.
        DataError: more images than may be cannot be read; fewer are left out, with a line for each reason.
        KeyboardInterrupt: Ctrl-C or SIGTERM; finished epochs are kept.
    """
    train, select = train.readable(), select.readable()
    _check_splits(train, select, report)
    network.check_architecture(recipe.architecture)
    device = network.choose_device(recipe.device)
    fit_recipe = fitted(recipe, train)
    provenance = Provenance(fit_recipe, {str(train): train.fingerprint, str(select): select.fingerprint})
    files = Files.of(fit_recipe, train.name, out)
    with files.locked(), progress or TrainingProgress() as shown:
        if force:
            files.remove()
        elif files.finished:
            return _finished(files, provenance)
        with stoppable(files, shown), network.out_of_memory_named(recipe.batch_size):
            _say_problems(shown, train, select)
            learner, images = _prepared(recipe, fit_recipe, train, str(select), device, shown)
            chosen_on = decode(select, learner.card)
            state = fit(learner, images, chosen_on, len(select), provenance, files, shown)
            learner.model.load_state_dict(state.best)
            shown_to_it = [split.readable() for split in report]  # not before all epochs are done
            _say_problems(shown, *shown_to_it)
            correct = {str(split): _counts(learner, split) for split in (select, *shown_to_it)}
        card = replace(learner.card, correct=correct, extra=_extra(provenance, state))
        files.write_finished(state.best, card)
    return TrainResult(files.path("safetensors"), card, tuple(state.log), reused=False)


def _check_splits(train: Dataset, select: Dataset, report: Sequence[Dataset]) -> None:
    for split in (select, *report):
        if str(split) == str(train):
            raise UsageError(
                f"{split} cannot both train and test. Choose another split to select or report on."
            )
        if split.space.labels != train.space.labels:
            raise UsageError(f"{split} and {train} have different labels. Train and test in one label space.")
    if len({sample.label for sample in train.samples}) < 2:
        raise UsageError(f"{train} has fewer than two classes. Choose another split or a larger --limit.")


def _prepared(
    asked: Recipe, recipe: Recipe, train: Dataset, select: str, device: str, progress: TrainingProgress
) -> tuple[Learner, Images]:
    """A fresh learner and the training images."""
    assert recipe.in_chans is not None
    assert recipe.input_size is not None
    labels = train.space.labels
    with seeded(derived_seed(recipe.seed, "weights"), device):
        model = network.create(recipe, len(labels), device)
    ones = (1.0,) * recipe.in_chans
    card = Card(
        architecture=recipe.architecture,
        labels=labels,
        in_chans=recipe.in_chans,
        input_size=recipe.input_size,
        mean=ones,
        std=ones,
        trained_on=str(train),
        selected_on=select,
    )
    progress.note(f"Reading {len(train)} images of {train}")
    images = decode(train, card, asked)
    mean, std = mean_std(images.pixels)
    optimizer = network.optimizer(model, recipe, device)
    return Learner(model, optimizer, recipe, replace(card, mean=mean, std=std), device), images


def _say_problems(progress: TrainingProgress, *splits: Dataset) -> None:
    for split in splits:
        for problem in split.problems:
            progress.note(f"{split}: {problem}")


def _counts(learner: Learner, split: Dataset) -> tuple[int, int]:
    """(right, all) of a split."""
    batches = streamed(split, learner.card, 4 * learner.recipe.batch_size, learner.device)
    return count_right(learner.model, batches), len(split)


def _extra(provenance: Provenance, state: State) -> dict[str, Any]:
    recipe = provenance.recipe
    return {
        "library": "timm",
        "epochs": recipe.epochs,
        "selected_epoch": state.best_epoch,
        "batch_size": recipe.batch_size,
        "optimizer": recipe.optimizer,
        "augmentation": (
            f"horizontal flip, rotation +-{ROTATION:g} deg, scale +-{SCALE:.0%}, shift +-{SHIFT:.1%}, "
            "on training batches only"
            if recipe.augment
            else "none"
        ),
        "seed": recipe.seed,
        "seconds": round(sum(row.seconds for row in state.log), 1),
        "training": provenance.as_dict(),
        "versions": {
            "python": platform.python_version(),
            "trainer": VERSION,
            **package_versions("torch", "timm", "numpy", "emotion-harness"),
        },
    }


def _finished(files: Files, provenance: Provenance) -> TrainResult:
    """The checkpoint that is there, when it is of this very training."""
    card = Card.read(files.path("json"))
    card.check_digest(files.path("safetensors"))
    if difference := provenance.difference(card.extra.get("training", {})):
        raise UsageError(
            f"{files.path('safetensors')} is there already, trained with {difference}. "
            "Pass --force to train it again, or choose another --out."
        )
    return TrainResult(files.path("safetensors"), card, (), reused=True)
