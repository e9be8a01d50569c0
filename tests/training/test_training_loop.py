from __future__ import annotations

import pytest
import torch
from tiny_training import tiny

from harness.models import Card
from harness.training import Recipe, step
from harness.training.images import Images
from harness.training.loop import Learner, batches_per_epoch, derived_seed, train_epoch

CARD = Card(
    architecture="", labels=("a", "b"), in_chans=1, input_size=(2, 2), mean=(0.0,), std=(1 / 255,)
)  # fmt: skip


def learner(recipe: Recipe, rate: float = 1.0) -> Learner:
    """A linear model under plain gradient descent, whose steps can be computed by hand."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    return Learner(model, torch.optim.SGD(model.parameters(), lr=rate), recipe, CARD, "cpu")


def images(n: int) -> Images:
    """Image i holds the value i."""
    pixels = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 2, 2).contiguous()
    return Images(pixels, torch.arange(n) % 2)


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_every_epoch_sees_every_image_once_in_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def noted(batch: torch.Tensor, moves: torch.Tensor) -> torch.Tensor:
        seen.extend(batch[:, 0, 0, 0].round().int().tolist())
        return batch

    monkeypatch.setattr(step, "augment", noted)
    orders = []
    for seed, epoch in [(0, 0), (0, 1), (1, 0), (0, 0)]:
        seen.clear()
        train_epoch(learner(tiny(seed=seed, batch_size=10), rate=0), images(53), epoch, lambda *_: None)
        orders.append(tuple(seen))
    assert all(sorted(order) == list(range(53)) for order in orders)
    assert len(set(orders)) == 3
    assert orders[0] == orders[3]


def test_augmentation_and_dropout_differ_between_epochs() -> None:
    assert (
        len({derived_seed(seed, epoch, use) for seed in (0, 1) for epoch in (0, 1) for use in ("a", "b")})
        == 8
    )


@pytest.mark.parametrize("epoch", [0, 3, 9])
def test_a_step_is_as_long_as_schedule_and_clipping_allow(epoch: int) -> None:
    """Gradients here are far longer than 0.25, so each is cut to that length."""
    recipe = tiny(epochs=10, clip=0.25, lr=0.1, warmup=0.2, batch_size=64, augment=False)
    subject = learner(recipe)
    before = weights(subject.model)
    train_epoch(subject, images(64), epoch, lambda *_: None)
    moved = float((weights(subject.model) - before).norm())
    assert moved == pytest.approx(0.25 * recipe.learning_rate(epoch, 10), rel=1e-4)


def test_loss_and_accuracy_are_means_over_images_not_batches() -> None:
    """With a rate near zero the network stands still, so one pass over all images is the oracle."""
    subject = learner(tiny(lr=1e-30, batch_size=4, augment=False, epochs=1))
    data = images(6)
    logits = subject.model(data.pixels.float()).detach()
    loss, accuracy = train_epoch(subject, data, 0, lambda *_: None)
    assert loss == pytest.approx(float(torch.nn.functional.cross_entropy(logits, data.gold)), rel=1e-5)
    assert accuracy == pytest.approx(float((logits.argmax(1) == data.gold).float().mean()))


@pytest.mark.parametrize(("n", "expected"), [(2, 1), (64, 1), (65, 1), (66, 2), (128, 2), (28_709, 449)])
def test_number_of_batches(n: int, expected: int) -> None:
    assert batches_per_epoch(n, 64) == expected
