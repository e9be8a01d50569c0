from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.training import Recipe


def test_published_recipes_are_those_of_the_study() -> None:
    recipes = {name: Recipe.published(name) for name in ("vgg19", "resnet50", "efficientnet_b0")}
    assert {name: recipe.epochs for name, recipe in recipes.items()} == {
        "vgg19": 60, "resnet50": 60, "efficientnet_b0": 30,
    }  # fmt: skip
    assert {(recipe.optimizer, recipe.batch_size) for recipe in recipes.values()} == {("adam", 64)}


def test_options_override_the_published_recipe() -> None:
    recipe = Recipe.published("efficientnet_b0", epochs=2, optimizer="adamw", lr=0.5)
    assert (recipe.epochs, recipe.optimizer, recipe.lr) == (2, "adamw", 0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("batch_size", 1),
        ("seed", -1),
        ("lr", 0.0),
        ("lr", float("nan")),
        ("clip", float("inf")),
        ("weight_decay", -0.1),
        ("label_smoothing", 1.0),
        ("warmup", -0.1),
        ("drop_rate", 1.0),
        ("optimizer", "sgd"),
        ("dtype", "float16"),
        ("in_chans", 2),
        ("input_size", (0, 48)),
        ("input_size", (1, 1)),
    ],
)
def test_values_out_of_range_name_their_option(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')}"):
        Recipe(architecture="resnet50", **{name: value})  # type: ignore[arg-type]


def test_digest_changes_with_every_field_but_the_device() -> None:
    other = {
        "architecture": "vgg19", "epochs": 7, "optimizer": "adamw", "lr": 0.1, "weight_decay": 0.1,
        "batch_size": 8, "label_smoothing": 0.1, "clip": 2.0, "warmup": 0.2, "drop_rate": 0.5,
        "input_size": (32, 48), "in_chans": 3, "augment": False, "seed": 1, "dtype": "bfloat16",
        "device": "cuda",
    }  # fmt: skip
    assert set(other) == {field.name for field in fields(Recipe)}
    recipe = Recipe(architecture="resnet50")
    same = {
        name for name, value in other.items() if replace(recipe, **{name: value}).digest() == recipe.digest()
    }
    assert same == {"device"}


@given(steps=st.integers(1, 5000), warmup=st.floats(0, 0.99))
def test_learning_rate_rises_to_its_peak_then_falls_towards_zero(steps: int, warmup: float) -> None:
    recipe = Recipe(architecture="resnet50", lr=0.01, warmup=warmup)
    rates = [recipe.learning_rate(step, steps) for step in range(steps)]
    peak = rates.index(max(rates))
    assert all(0 < rate <= 0.01 for rate in rates)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert peak <= round(warmup * steps)
