from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_training import SIZE, broken, shape, shapes, splits, tiny

from harness.errors import DataError, ModelError, UsageError
from harness.labels import LabelSpace
from harness.models import Card, Context
from harness.models.timm_classifier import TimmClassifier
from harness.training import Recipe, TrainingProgress, TrainResult, step, train
from harness.training.files import EpochRow, Files

Said = Callable[[], str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """One training, long enough to learn."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("trained")
    return train(
        tiny(epochs=6),
        shapes("train", 240),
        shapes("public", 60),
        [shapes("private", 90)],
        out / "deep" / "er",
    )


def test_learns_shapes_it_has_never_seen(trained: TrainResult) -> None:
    right, n = trained.card.correct["shapes:private"]
    assert n == 90
    assert right / n > 0.9
    assert trained.log[-1].train_loss < 0.5 * trained.log[0].train_loss


def test_card_and_checkpoint_serve_an_evaluation(trained: TrainResult) -> None:
    folder = trained.weights.parent
    model = TimmClassifier(
        context=Context(folder, folder), checkpoint=trained.weights.name, labels=("bar", "disc", "cross")
    )
    private = shapes("private", 90)
    answers = model.load("cpu", "float32").classify([private.pixels(i) for i in range(90)]).argmax(axis=1)
    assert int((answers == private.gold).sum()) == trained.card.correct["shapes:private"][0]
    assert (model.trained_on, model.card.selected_on) == ("shapes:train", "shapes:public")
    assert (model.card.in_chans, model.card.input_size) == (1, (SIZE, SIZE))


def test_mean_and_std_are_those_of_the_training_split(trained: TrainResult) -> None:
    data = shapes("train", 240)
    values = np.stack([data.pixels(i) for i in range(240)]) / 255
    np.testing.assert_allclose(trained.card.mean, values.mean(), rtol=1e-12)
    np.testing.assert_allclose(trained.card.std, values.std(), rtol=1e-12)


def test_files_are_named_and_complete(trained: TrainResult) -> None:
    names = sorted(path.name for path in trained.weights.parent.iterdir())
    stem = "test_resnet-shapes-24px"
    assert names == [f"{stem}.json", f"{stem}.log.csv", f"{stem}.safetensors"]
    with trained.weights.with_name(f"{stem}.log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [field.name for field in fields(EpochRow)]
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    raw = json.loads(trained.weights.with_name(f"{stem}.json").read_text())
    expected = {
        "epochs": 6,
        "batch_size": 32,
        "optimizer": "adam",
        "seed": 0,
        "library": "timm",
        "num_classes": 3,
    }
    assert {key: raw[key] for key in expected} == expected
    assert raw["versions"]["timm"]
    assert Card.read(trained.weights.with_suffix(".json")).correct == trained.card.correct


def test_the_selected_epoch_is_the_first_best_on_the_selection_split(trained: TrainResult) -> None:
    accuracies = [row.select_accuracy for row in trained.log]
    selected = trained.card.extra["selected_epoch"]
    assert selected == accuracies.index(max(accuracies)) + 1
    right, n = trained.card.correct["shapes:public"]
    assert right / n == pytest.approx(max(accuracies))


def test_selection_can_choose_an_early_epoch(tmp_path: Path) -> None:
    """The labels of the selection split are shifted by one, so the better the network, the worse it looks."""
    shifted = {"bar": "disc", "disc": "cross", "cross": "bar"}
    select = shapes("public", 60, lambda i: shape(shifted[i.partition("/")[0]] + "/" + i.partition("/")[2]))
    result = train(tiny(epochs=6), shapes("train", 240), select, [shapes("private", 90)], tmp_path)
    accuracies = [row.select_accuracy for row in result.log]
    assert result.card.extra["selected_epoch"] == accuracies.index(max(accuracies)) + 1 < 6
    assert result.card.correct["shapes:public"][0] == round(max(accuracies) * 60)
    assert result.card.correct["shapes:private"][0] < 80


def test_reported_images_are_first_read_when_all_epochs_are_done(tmp_path: Path) -> None:
    log = tmp_path / "test_resnet-shapes-24px.log.csv"
    epochs_done: list[int] = []

    def watched(sample_id: str) -> NDArray[np.uint8]:
        epochs_done.append(len(log.read_text().splitlines()) - 1 if log.exists() else 0)
        return shape(sample_id)

    train(tiny(), shapes("train", 64), shapes("public", 9), [shapes("private", 9, watched)], tmp_path)
    assert epochs_done == [3] * 9


def test_weights_depend_neither_on_selection_nor_report_images(tmp_path: Path) -> None:
    """With one epoch there is nothing to select, so other test images must give the same weights."""
    kinds = [("public", "private"), ("other", "another")]
    weights = [
        train(
            tiny(epochs=1), shapes("train", 64), shapes(select, 12), [shapes(report, 9)], tmp_path / select
        ).weights.read_bytes()
        for select, report in kinds
    ]
    assert weights[0] == weights[1]


def test_only_training_images_are_augmented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []

    def counted(images: torch.Tensor, moves: torch.Tensor) -> torch.Tensor:
        batches.append(len(images))
        return images

    monkeypatch.setattr(step, "augment", counted)
    data = shapes("train", 70), shapes("public", 31), [shapes("private", 33)]
    train(tiny(epochs=2), *data, tmp_path / "on")
    assert batches == [32, 32, 6] * 2
    train(tiny(epochs=2, augment=False), *data, tmp_path / "off")
    assert len(batches) == 6


def test_a_last_batch_of_one_image_is_left_out(tmp_path: Path) -> None:
    """Batch normalisation of a 1x1 feature map raises on a single image."""
    result = train(tiny(epochs=1), shapes("train", 65), shapes("public", 3), [], tmp_path)
    assert math.isfinite(result.log[0].train_loss)


def test_bfloat16_and_other_options_train(tmp_path: Path) -> None:
    recipe = tiny(
        epochs=2, dtype="bfloat16", optimizer="adamw", weight_decay=0.01, label_smoothing=0.1, drop_rate=0.2,
        input_size=(32, 40), in_chans=3,
    )  # fmt: skip
    result = train(recipe, shapes("train", 64), shapes("public", 9), [shapes("private", 9)], tmp_path)
    assert result.weights.name == "test_resnet-shapes-32x40px.safetensors"
    assert (result.card.in_chans, len(result.card.mean)) == (3, 3)
    assert result.log[1].train_loss < result.log[0].train_loss


def test_an_architecture_of_fixed_size_is_built_for_the_images(tmp_path: Path) -> None:
    """test_vit3 is made for 160 px."""
    recipe = Recipe(architecture="test_vit3", epochs=1, input_size=(32, 32), batch_size=16)
    result = train(recipe, shapes("train", 32), shapes("public", 3), [], tmp_path)
    assert result.card.input_size == (32, 32)


def test_unreadable_images_are_left_out_by_name(
    tmp_path: Path, progress: TrainingProgress, said: Said
) -> None:
    bad = broken("bar/train/0", "disc/train/4", "bar/public/3", "bar/private/0", "disc/private/1")
    result = train(
        tiny(epochs=5), shapes("train", 120, bad), shapes("public", 9, bad), [shapes("private", 30, bad)],
        tmp_path, progress=progress,
    )  # fmt: skip
    said_of = [line for line in said().splitlines() if "left out" in line]
    assert [line.partition(": ")[0] for line in said_of] == [
        "shapes:train",
        "shapes:public",
        "shapes:private",
    ]
    assert "bar/train/0, disc/train/4: is cut short, left out" in said_of[0]
    assert result.card.correct["shapes:private"][1] == 28
    assert result.card.correct["shapes:public"][1] == 8
    strict = replace(shapes("private", 30, bad), max_missing=0.01)
    with pytest.raises(DataError, match=r"shapes:private lacks 6\.7% of its images"):
        train(tiny(epochs=5), shapes("train", 120), shapes("public", 9), [strict], tmp_path / "strict")


def test_images_of_many_sizes_need_one_size(tmp_path: Path) -> None:
    def read(sample_id: str) -> NDArray[np.uint8]:
        image = shape(sample_id)
        return image[:-2, :-2] if sample_id.endswith("7") else image

    data = shapes("train", 64, read), shapes("public", 9, read), []
    with pytest.raises(UsageError, match="--input-size"):
        train(tiny(), *data, tmp_path)
    result = train(tiny(epochs=1, input_size=(24, 24)), *data, tmp_path)
    assert result.card.input_size == (24, 24)


def test_grey_and_colour_images_need_one_choice(tmp_path: Path) -> None:
    def read(sample_id: str) -> NDArray[np.uint8]:
        image = shape(sample_id)
        return np.stack([image] * 3, axis=-1) if sample_id.endswith("7") else image

    data = shapes("train", 64, read), shapes("public", 9, read), []
    with pytest.raises(UsageError, match="--in-chans"):
        train(tiny(), *data, tmp_path)
    assert train(tiny(epochs=1, in_chans=1), *data, tmp_path).card.in_chans == 1


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(architecture="resnet-50"), "Did you mean resnet50"),
        (Recipe(architecture="VGG_19"), "vgg19"),
        (Recipe(architecture="test_convnext"), "--input-size"),
        (tiny(device="cuda:99"), "--device cpu"),
        (tiny(device="abacus"), "--device cpu"),
    ],
)
def test_what_cannot_run_is_refused_before_training(tmp_path: Path, recipe: Recipe, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        train(recipe, shapes("train", 12), shapes("public", 3), [], tmp_path)
    assert not list(tmp_path.iterdir())


def test_splits_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    two = LabelSpace.of("two", ("bar", "disc"))
    one = LabelSpace.of("one", ("bar",))
    data, public = shapes("train", 12), shapes("public", 3)
    with pytest.raises(UsageError, match="shapes:train cannot both train and test"):
        train(tiny(), data, public, [data], tmp_path)
    with pytest.raises(UsageError, match="different labels"):
        train(tiny(), data, public, [shapes("private", 4, space=two)], tmp_path)
    with pytest.raises(UsageError, match="fewer than two classes"):
        train(tiny(), shapes("train", 4, space=one), shapes("public", 3, space=one), [], tmp_path)


def test_a_split_without_a_readable_image_is_one_line(tmp_path: Path) -> None:
    data = shapes("train", 3)
    with pytest.raises(DataError, match="shapes:train has no usable image"):
        train(
            tiny(),
            shapes("train", 3, broken(*(s.id for s in data.samples))),
            shapes("public", 3),
            [],
            tmp_path,
        )


def test_a_diverging_training_stops_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not a number in epoch 1.*--lr"):
        train(tiny(lr=1e30, clip=1e30), shapes("train", 128), shapes("public", 3), [], tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_names_the_batch_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(step, "augment", full)
    with pytest.raises(ModelError, match="--batch-size 16"):
        train(tiny(), shapes("train", 64), shapes("public", 3), [], tmp_path)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--out"):
        train(tiny(), shapes("train", 12), shapes("public", 3), [], tmp_path / "file" / "out")


def test_two_trainings_of_one_stem_exclude_each_other(tmp_path: Path) -> None:
    files = Files(tmp_path, "test_resnet-shapes-24px")
    with files.locked(), pytest.raises(UsageError, match="Another process"):
        train(tiny(), shapes("train", 12), shapes("public", 3), [], tmp_path)
    train(tiny(epochs=1), shapes("train", 12), shapes("public", 3), [], tmp_path)


def test_global_random_state_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    train(tiny(epochs=1, drop_rate=0.5), shapes("train", 12), shapes("public", 3), [], tmp_path)
    assert torch.equal(torch.rand(4), expected)


def test_images_too_small_for_an_architecture_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"densenet121 cannot be built for 8x8 images .*--input-size"
    ) as caught:
        train(Recipe(architecture="densenet121", input_size=(8, 8), device="cpu"), *splits(), tmp_path)
    assert "\n" not in str(caught.value)


def test_data_sets_with_odd_names_are_trained_into_files_of_their_own(tmp_path: Path) -> None:
    stems = {
        Files.of(tiny(input_size=(8, 8)), name, tmp_path).stem
        for name in ("a b", "a/b", "ab", "名", "x" * 300)
    }
    assert len(stems) == 5
    assert "test_resnet-ab-8px" in stems
    assert all("/" not in stem and len(stem.encode()) < 240 for stem in stems)
