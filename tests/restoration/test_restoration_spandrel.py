"""spandrel's networks restore as they do outside the harness; what it cannot read is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_restorers import faces, narrow_gfpgan, save_pth

from harness.errors import ModelError, UsageError
from harness.models import Context
from harness.restoration import build_restorer

pytest.importorskip("spandrel")


def compact(channels: int = 3):
    """Real-ESRGAN's small network, four times larger, untrained."""
    from spandrel.architectures.Compact import Compact

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Compact(
            num_in_ch=channels, num_out_ch=channels, num_feat=8, num_conv=2, upscale=4, act_type="prelu"
        ).eval()


@pytest.fixture
def build(tmp_path):
    def build(network=None, *, key="params", name="net.pth", **options):
        if network is not None:
            save_pth(tmp_path / name, network, key)
        entry = {"adapter": "spandrel", "weights": name, **options}
        return build_restorer("x", {"x": entry}, Context(tmp_path / "data", tmp_path))

    return build


@pytest.mark.parametrize("key", ["params", "params_ema"])
def test_enlarges_as_the_bare_network_does(build, key):
    network, images = compact(), faces(3, (10, 10, 3))
    ours = build(network, key=key, size=40).load("cpu").restore(images)
    for image, restored in zip(images, ours, strict=True):
        with torch.inference_mode():
            bare = network(torch.tensor(image).permute(2, 0, 1)[None] / 255)[0].clamp(0, 1)
        expected = (bare * 255).round().byte().permute(1, 2, 0).numpy()
        assert np.abs(restored.astype(int) - expected).max() <= 1
        assert expected.std() > 5


def test_networks_of_grey_images_are_shown_luma(build):
    network, images = compact(1), faces(2, (10, 10, 3))
    loaded = build(network, size=40, colour="grey").load("cpu")
    grey = [np.asarray(Image.fromarray(image).convert("L")) for image in images]
    for ours, theirs in zip(loaded.restore(images), loaded.restore(grey), strict=True):
        assert ours.shape == (40, 40)
        assert np.abs(ours.astype(int) - theirs).max() <= 3  # luma rounds to whole levels


def test_images_of_any_size_come_out_at_one(build):
    loaded = build(compact()).load("cpu")
    shapes = [image.shape for image in loaded.restore([*faces(1, (10, 10)), *faces(1, (12, 18))])]
    assert shapes == [(224, 224, 3), (224, 336, 3)]


def test_unknown_tensors_are_named(build, tmp_path):
    torch.save({"params": {"who.weight": torch.zeros(2)}}, tmp_path / "odd.pth")
    with pytest.raises(ModelError, match=r"spandrel knows no architecture with the tensors of .*odd\.pth"):
        build(name="odd.pth").load("cpu")


def test_tensors_that_do_not_fit_are_named(build, tmp_path):
    tensors = compact().state_dict()
    tensors["body.2.weight"] = torch.zeros(1)
    torch.save({"params": tensors}, tmp_path / "torn.pth")
    with pytest.raises(ModelError, match=r"spandrel cannot build the network of .*torn\.pth") as caught:
        build(name="torn.pth").load("cpu")
    assert "\n" not in str(caught.value)


def test_a_gfpgan_is_sent_to_its_own_adapter(build):
    with pytest.raises(ModelError, match="random noise. Use adapter gfpgan"):
        build(narrow_gfpgan(), key="params_ema").load("cpu")


def test_wrong_options_are_named(build):
    with pytest.raises(UsageError, match="Expected `colour`"):
        build(compact(), colour="sepia")
    with pytest.raises(ModelError, match="sha256"):
        build(compact(), sha256="0" * 64).identity("cpu")


def test_a_dtype_that_the_network_cannot_work_in_is_named(build, monkeypatch):
    from spandrel import ModelLoader

    whole = ModelLoader.load_from_state_dict

    def strict(self, tensors):
        found = whole(self, tensors)
        found.supports_half = False
        return found

    monkeypatch.setattr(ModelLoader, "load_from_state_dict", strict)
    build(compact(), dtype="bfloat16").load("cpu")
    with pytest.raises(ModelError, match=r"Compact of net\.pth does not work in float16"):
        build(compact(), dtype="float16").load("cpu")
