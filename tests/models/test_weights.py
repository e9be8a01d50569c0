"""Weights are found in whatever training scripts wrap them in, or the wrapper is named; none is guessed."""

from __future__ import annotations

import argparse
import json
import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tiny_models import CARD, network, pictures, save_checkpoint, write_card

from harness.errors import ModelError
from harness.models.timm_classifier import TimmClassifier


def prefixed(prefix: str, state: dict) -> dict:
    return {f"{prefix}{key}": value for key, value in state.items()}


def optimizer(state: dict) -> dict:
    moments = {i: {"step": 3, "exp_avg": value * 0} for i, value in enumerate(state.values())}
    return {"state": moments, "param_groups": [{"lr": 0.1, "params": [0, 1]}]}


WRAPPED = {
    "bare": lambda s: s,
    "state_dict": lambda s: {"state_dict": s, "epoch": 3, "best": 0.5},
    "model": lambda s: {"model": s, "optimizer": optimizer(s)},
    "net": lambda s: {"net": s, "acc": 71.2},
    "ema alone": lambda s: {"state_dict_ema": s},
    "DataParallel": lambda s: prefixed("module.", s),
    "compiled": lambda s: prefixed("_orig_mod.", s),
    "compiled and parallel": lambda s: {"model": prefixed("_orig_mod.module.", s)},
    "swa": lambda s: {**prefixed("module.", s), "n_averaged": next(iter(s.values())).new_ones(())},
    "lightning": lambda s: {
        "state_dict": {**prefixed("model.", s), "loss.weight": s["fc.bias"]},
        "loops": {},
    },
    "timm": lambda s: {"state_dict": s, "args": argparse.Namespace(lr=0.1), "metric": np.float64(3)},
    "without counts": lambda s: {k: v for k, v in s.items() if not k.endswith("num_batches_tracked")},
    "two levels": lambda s: {"checkpoint": {"model": prefixed("module.", s)}},
}


@pytest.fixture
def state() -> dict:
    return dict(network(CARD).state_dict())


def answers(context, checkpoint: str, **options) -> np.ndarray:
    loaded = TimmClassifier(context=context, checkpoint=checkpoint, **options).load("cpu", "float32")
    return loaded.classify(pictures(4))


def save(folder: Path, body: object, name: str = "net.pth", **card: object) -> str:
    import torch

    torch.save(body, folder / name)
    write_card(folder / name, {**CARD, **card})
    return name


@pytest.mark.parametrize("wrapper", WRAPPED)
def test_what_is_wrapped_around_the_weights_comes_off(folder, context, state, wrapper):
    expected = answers(context, "net.safetensors")
    name = save(folder, WRAPPED[wrapper](state), "wrapped.pth.tar")
    np.testing.assert_array_equal(answers(context, name), expected)


def test_safetensors_are_unwrapped_alike_and_known_by_content_not_by_name(folder, context, state):
    from safetensors.torch import save_file

    expected = answers(context, "net.safetensors")
    save_file(prefixed("module.", state), folder / "parallel.bin")
    write_card(folder / "parallel.bin", CARD)
    np.testing.assert_array_equal(answers(context, "parallel.bin"), expected)


def test_numbers_of_an_older_numpy_are_numbers(folder, context, state):
    """numpy 2 has renamed the module that pickles of numpy 1 name."""
    expected = answers(context, "net.safetensors")
    path = folder / save(folder, {"state_dict": state, "best": np.float64(71.2)})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in parts.items():
            archive.writestr(name, body.replace(b"numpy._core.", b"numpy.core."))
    np.testing.assert_array_equal(answers(context, path.name), expected)


class TestTwoPlaces:
    @pytest.fixture
    def name(self, folder, state) -> str:
        averaged = network(CARD, seed=1).state_dict()
        return save(folder, {"model": prefixed("module.", state), "model_ema": dict(averaged)})

    def test_nothing_is_guessed(self, context, name):
        with pytest.raises(
            ModelError, match=r"net\.pth holds .* under model\.module and model_ema\. Name one"
        ):
            answers(context, name)

    def test_the_card_or_the_entry_names_one(self, folder, context, name):
        save_checkpoint(folder / "averaged.safetensors", CARD, seed=1)
        first, second = answers(context, "net.safetensors"), answers(context, "averaged.safetensors")
        np.testing.assert_array_equal(answers(context, name, state="model"), first)
        np.testing.assert_array_equal(answers(context, name, state="model_ema"), second)
        write_card(folder / name, {**CARD, "state": "model_ema"})
        np.testing.assert_array_equal(answers(context, name), second)
        np.testing.assert_array_equal(answers(context, name, state="model.module"), first)

    def test_stored_answers_are_told_apart(self, context, name):
        keys = {
            TimmClassifier(context=context, checkpoint=name, state=state).identity("cpu", "float32").digest()
            for state in (None, "model", "model_ema")
        }
        assert len(keys) == 3

    def test_a_place_without_weights_is_named(self, context, name):
        with pytest.raises(ModelError, match=r"under model\.module and model_ema\. Name one"):
            answers(context, name, state="mode")

    def test_one_that_does_not_fit_the_card_is_no_choice(self, folder, context, state):
        expected = answers(context, "net.safetensors")
        teacher = network({**CARD, "labels": list("abcde")}, seed=1).state_dict()
        name = save(folder, {"student": state, "teacher": dict(teacher)})
        np.testing.assert_array_equal(answers(context, name), expected)


class Evil:
    def __reduce__(self):
        return os.system, ("echo evil > evil.txt",)


@pytest.mark.parametrize("body", [Evil(), {"state_dict": {}, "hook": Evil()}], ids=["instead", "beside"])
def test_code_does_not_run_and_is_named_with_the_way_out(folder, context, monkeypatch, body):
    monkeypatch.chdir(folder)
    name = save(folder, body)
    with pytest.raises(
        ModelError, match=r"net\.pth holds \w+\.system beside .*torch\.save\(model\.state_dict"
    ):
        answers(context, name)
    assert not (folder / "evil.txt").exists()


def test_a_whole_module_is_named_and_not_called_corrupt(folder, context):
    name = save(folder, network(CARD))
    with pytest.raises(
        ModelError, match=r"holds \S+ beside or instead of weights, .*model\.state_dict\(\)"
    ) as e:
        answers(context, name)
    assert "corrupt" not in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("size", [0, 5, 1000, -1])
def test_a_truncated_checkpoint_is_corrupt(folder, context, state, size):
    path = folder / save(folder, {"state_dict": state})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(
        ModelError, match=r"checkpoint .*net\.pth is corrupt \(.*\)\. Fetch or train it again"
    ):
        answers(context, path.name)


def test_weights_of_another_network_say_what_the_nearest_place_lacks(folder, context, state):
    del state["fc.bias"]
    name = save(folder, {"state_dict": prefixed("module.", state), "optimizer": optimizer(state)})
    with pytest.raises(ModelError, match=r"do not fit test_resnet .*Missing key.*fc\.bias"):
        answers(context, name)


@pytest.mark.parametrize(
    ("former", "now", "size"),
    [
        ("tf_efficientnet_b0_ns", "tf_efficientnet_b0", 32),
        ("vit_tiny_patch16_224_in21k", "vit_tiny_patch16_224", 48),
    ],
)
def test_a_former_name_of_timm_is_a_name(folder, context, former, now, size):
    """timm warns of it, and users' evals may take warnings for errors."""
    card = {**CARD, "architecture": now, "input_size": [size, size]}
    options = {"img_size": (size, size)} if "vit" in now else {}
    save_checkpoint(folder / "net.safetensors", card, **options)
    expected = answers(context, "net.safetensors")
    (folder / "net.json").write_text(json.dumps({**card, "architecture": former}))
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("error")
        np.testing.assert_array_equal(answers(context, "net.safetensors"), expected)
    assert any("deprecated" in str(one.message) for one in shown)
