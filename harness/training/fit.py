"""All epochs of a training, each kept on disk once it is finished."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from harness.models.ahead import on_cuda
from harness.training import resume
from harness.training.files import EpochRow, Files
from harness.training.images import Images
from harness.training.loop import Learner, batches_per_epoch, count_right, train_epoch
from harness.training.progress import TrainingProgress
from harness.training.resume import Provenance, State

if TYPE_CHECKING:
    import torch


def fit(
    learner: Learner,
    images: Images,
    select: Images,
    n_select: int,
    provenance: Provenance,
    files: Files,
    progress: TrainingProgress,
) -> State:
    """Trains the epochs that are not on disk yet.

    Args:
        learner: fresh; it is brought to where the resume file stands.
        images: the training split.
        select: the split that chooses the epoch, never augmented.
        n_select: images of that split, those that cannot be read included: they count as wrong.
        provenance: what the resume file must be of.
        files: where the resume file and the log go.
        progress: told of every batch and epoch.

    Returns:
        The state after the last epoch.
    """
    recipe = learner.recipe
    state = resume.load(files.path("resume.pt"), provenance, learner)
    images, select = images.near(learner.device), select.near(learner.device)
    n_batches = batches_per_epoch(len(images.gold), recipe.batch_size)
    progress.begin(files.stem, recipe.epochs, n_batches, done=len(state.log))
    with ThreadPoolExecutor(1) as writer:
        written: Future[None] | None = None
        for epoch in range(len(state.log), recipe.epochs):
            started = time.perf_counter()
            loss, accuracy = train_epoch(learner, images, epoch, progress.batch)
            right = count_right(
                learner.model, select.batches(learner.card, 4 * recipe.batch_size, learner.device)
            )
            best = right > state.best_right
            if best:
                state.best, state.best_epoch, state.best_right = _copied(learner.model), epoch + 1, right
            rate = recipe.learning_rate((epoch + 1) * n_batches - 1, recipe.epochs * n_batches)
            seconds = time.perf_counter() - started
            row = EpochRow(epoch + 1, loss, accuracy, right / n_select, rate, seconds)
            state.log.append(row)
            if written is not None:
                written.result()
            # The log first: after a kill between the two, the repeated epoch writes its row again.
            files.write_log(state.log)
            body = resume.content(provenance, learner, state)
            written = writer.submit(resume.write, files.path("resume.pt"), body)
            # The state of ResNet-50 takes 1.2 s to write, an epoch on a GPU 2 s; on a CPU, minutes.
            if not on_cuda(learner.device):
                written.result()
            progress.epoch(row, best)
        if written is not None:
            written.result()
    return state


def _copied(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    # Row-major and unshared, as safetensors wants them; the model's own are channels-last.
    weights = model.state_dict()
    return {key: value.detach().to("cpu", copy=True).contiguous() for key, value in weights.items()}
