"""The adapter restores as the bare network does, or says in one line why it cannot."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_restorers import NARROW, faces, narrow_gfpgan, save_pth, save_with_card

from harness.errors import ModelError, Unavailable, UsageError
from harness.models import Context
from harness.restoration import LoadedRestorer, Restorer, build_restorer
from harness.restoration import network as network_module
from harness.restoration.images import luma
from harness.restoration.network import LoadedFaceNetwork, images_at_once


@pytest.fixture(scope="module")
def network():
    return narrow_gfpgan()


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    save_pth(folder / "narrow.pth", network)
    save_pth(folder / "other-key.pth", network, "params")
    save_with_card(folder / "narrow.safetensors", network)
    return folder


@pytest.fixture
def build(folder):
    def build(weights: str = "narrow.safetensors", **options):
        entry = {"adapter": "gfpgan", "weights": weights, **options}
        return build_restorer("face", {"face": entry}, Context(folder / "data", folder))

    return build


def forward(network, images: list[np.ndarray]) -> list[np.ndarray]:
    """32-pixel faces of the bare network, one at a time, as the authors' tool feeds it."""
    found = []
    for image in images:
        rgb = np.asarray(Image.fromarray(image).convert("RGB"))
        values = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 255
        values = torch.nn.functional.interpolate(values, size=(32, 32), mode="bilinear", align_corners=False)
        with torch.inference_mode():
            face = network((values - 0.5) / 0.5, return_rgb=False, randomize_noise=False)[0][0]
        found.append(((face.clamp(-1, 1) + 1) / 2 * 255).round().byte().permute(1, 2, 0).numpy())
    return found


def assert_close(ours, theirs, levels=1):
    for one, other in zip(ours, theirs, strict=True):
        assert (one.shape, one.dtype) == (other.shape, np.uint8)
        assert np.abs(one.astype(int) - other).max() <= levels


@pytest.mark.parametrize("shape", [(12, 12), (12, 12, 3), (32, 32, 3)])
def test_restores_as_the_bare_network_does(build, network, shape):
    ours = build(size=32)
    loaded = ours.load("cpu")
    assert isinstance(ours, Restorer)
    assert isinstance(loaded, LoadedRestorer)
    images = faces(5, shape)
    expected = forward(network, images)
    assert_close(loaded.restore(images), expected)
    assert expected[0].std() > 5  # the comparison is of pictures, not of clipped white


@pytest.mark.parametrize("colour", ["keep", "grey"])
def test_a_gpu_finishes_pictures_as_pillow_does(build, monkeypatch, colour):
    """What a GPU does after the network, here on the CPU."""
    loaded = build(size=20, colour=colour).load("cpu")
    images = [*faces(2), *faces(2, (12, 19, 3)), *faces(1, (40, 12)), *faces(1)]
    expected = loaded.restore(images)
    monkeypatch.setattr(network_module, "on_cuda", lambda device: True)

    def nothing_to_do(image, size, method):
        assert image.shape[:2] == size
        return image

    monkeypatch.setattr(network_module, "in_size", nothing_to_do)
    for image, other in zip(loaded.restore(images), expected, strict=True):
        np.testing.assert_array_equal(image, other)


def test_grey_is_pillows_grey():
    colours = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    ours = luma(torch.from_numpy(colours).permute(2, 0, 1)[None])[0, 0]
    np.testing.assert_array_equal(ours.numpy(), np.asarray(Image.fromarray(colours).convert("L")))


def test_noise_is_the_same_each_time(build, network):
    images = faces(2)
    once, again = (build(size=32).load("cpu").restore(images) for _ in range(2))
    assert [image.tolist() for image in once] == [image.tolist() for image in again]
    with torch.inference_mode():
        batch = torch.zeros(1, 3, 32, 32)
        first, second = (network(batch, randomize_noise=True)[0] for _ in range(2))
    assert (first - second).abs().max() > 0.01  # what the adapter turns off


@pytest.mark.parametrize("weights", ["narrow.pth", "other-key.pth"])
def test_checkpoints_of_the_authors_and_safetensors_restore_alike(build, weights):
    images = faces(3)
    ours = build(weights, size=32, **NARROW).load("cpu").restore(images)
    assert_close(ours, build(size=32).load("cpu").restore(images), levels=0)


def test_a_batch_restores_what_single_images_do_whatever_their_sizes(build):
    loaded = build(size=32).load("cpu")
    images = [*faces(2), *faces(2, (20, 20, 3)), *faces(1, (30, 20))]
    assert_close(loaded.restore(images), [loaded.restore([image])[0] for image in images])


def test_pixels_depend_on_the_picture_alone(build):
    loaded = build().load("cpu")
    paints = loaded.network
    # Bits that a pixel hides now and then become the pixel.
    loaded.network = lambda batch: (paints(batch) * 2**18) % 1
    images = faces(20, (12, 12, 3))
    before, found = torch.get_num_threads(), []
    for threads, batch in ((1, 20), (1, 3), (2, 20), (2, 1), (4, 7)):
        torch.set_num_threads(threads)
        try:
            parts = [loaded.restore(images[at : at + batch]) for at in range(0, len(images), batch)]
            assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(before)
        found.append(np.stack([image for part in parts for image in part]))
    assert all((one == found[0]).all() for one in found)


def test_grey_is_the_luma_of_what_the_network_paints(build):
    images = faces(2)
    colour, grey = (build(size=32, colour=colour).load("cpu").restore(images) for colour in ("keep", "grey"))
    assert np.ptp(colour[0], axis=2).max() > 3
    for painted, ours in zip(colour, grey, strict=True):
        np.testing.assert_array_equal(ours, np.asarray(Image.fromarray(painted).convert("L")))


@pytest.mark.parametrize(("shape", "expected"), [((12, 12), (224, 224, 3)), ((10, 15), (224, 336, 3))])
def test_the_size_is_that_of_the_controls_and_the_shape_that_of_the_picture(build, shape, expected):
    (restored,) = build().load("cpu").restore(faces(1, shape))
    (control,) = build_restorer("bicubic", {}, Context(Path(), Path())).load("cpu").restore(faces(1, shape))
    assert restored.shape == expected
    assert control.shape == expected[:2]


def test_bfloat16_restores_nearly_the_same(build):
    images = faces(3)
    half, full = (
        build(size=32, dtype=dtype).load("cpu").restore(images) for dtype in ("bfloat16", "float32")
    )
    assert np.abs(np.stack(half).astype(int) - np.stack(full)).mean() < 6


@pytest.mark.parametrize(
    "image", [np.zeros((0, 8), np.uint8), np.zeros((8, 8)), np.zeros((8, 8, 4), np.uint8)]
)
def test_an_image_that_is_none_is_one_line(build, image):
    with pytest.raises(ValueError, match="Expected pixels to be uint8 of shape"):
        build().load("cpu").restore([*faces(1), image])


def test_what_is_not_a_number_is_no_picture():
    def forward(batch):
        return batch / (batch > 0)

    loaded = LoadedFaceNetwork(forward, 8, 8, False, "cpu", "float32", 4)
    plain, black = np.full((8, 8), 9, np.uint8), np.zeros((8, 8), np.uint8)
    with pytest.raises(FloatingPointError, match="pixels that are not numbers"):
        loaded.restore([plain, black])
    assert loaded.restore([plain])[0].max() == 9


def test_weights_with_a_nan_give_no_picture(folder, build):
    network = narrow_gfpgan()
    network.final_linear.weight.data[0, 0] = torch.nan
    save_with_card(folder / "nan.safetensors", network)
    with pytest.raises(FloatingPointError, match="not numbers"):
        build("nan.safetensors").load("cpu").restore(faces(1))


class TestWeights:
    def test_are_looked_for_beside_the_suite_and_the_data(self, folder, build, tmp_path):
        for place in (
            "data/restorations",
            "data/weights",
            "restorations",
            "weights",
            "data/checkpoints",
            "data",
        ):
            path = tmp_path / place / "found.pth"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_pth(path, narrow_gfpgan(1))
            context = Context(tmp_path / "data", tmp_path / "suite")
            build_restorer("x", {"x": {"adapter": "gfpgan", "weights": "found.pth"}}, context)
            path.unlink()
        with pytest.raises(
            Unavailable, match=r"found\.pth is not in .*weights\. Download it .* put it in one"
        ):
            build_restorer("x", {"x": {"adapter": "gfpgan", "weights": "found.pth"}}, context)

    def test_another_sha256_is_refused(self, folder, build):
        right = hashlib.sha256((folder / "narrow.pth").read_bytes()).hexdigest()
        assert build("narrow.pth", sha256=right.upper(), **NARROW).identity("cpu").weights == right
        wrong = build("narrow.pth", sha256="0" * 64, **NARROW)
        for call in (wrong.identity, wrong.load):
            with pytest.raises(ModelError, match=rf"narrow\.pth have the sha256 {right}, not 000.*Download"):
                call("cpu")

    def test_an_official_name_stands_for_the_official_file(self, folder, build):
        save_pth(folder / "GFPGANv1.4.pth", narrow_gfpgan())
        with pytest.raises(ModelError, match="sha256 .*, not e2cd4703"):
            build("GFPGANv1.4.pth", **NARROW).identity("cpu")

    def test_another_architecture_is_named(self, folder, build):
        with pytest.raises(
            ModelError, match="do not fit GFPGANv1Clean with .*final_linear.*give its options"
        ):
            build("narrow.pth", **{**NARROW, "num_style_feat": 8}).load("cpu")
        torch.save({"params": {"body.0.weight": torch.zeros(3)}}, folder / "other.pth")
        with pytest.raises(ModelError, match=r"other\.pth do not fit .*Missing key"):
            build("other.pth", **NARROW).load("cpu")

    @pytest.mark.parametrize("suffix", ["pth", "safetensors"])
    @pytest.mark.parametrize("damage", [lambda body: b"", lambda body: body[:2000], lambda body: b"x" * 99])
    def test_a_corrupt_file_is_named(self, folder, build, damage, suffix):
        path = folder / f"broken.{suffix}"
        path.write_bytes(damage((folder / f"narrow.{suffix}").read_bytes()))
        with pytest.raises(
            ModelError, match=r"The weights .*broken\.\w+ (do not load|are corrupt)"
        ) as caught:
            build(path.name, **NARROW).load("cpu")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("content", [[1, 2], {"params": 3}, {"epoch": 1}, {}])
    def test_a_file_without_tensors_is_named(self, folder, build, content):
        torch.save(content, folder / "odd.pth")
        with pytest.raises(ModelError, match=r"odd\.pth hold no tensors under params_ema or params"):
            build("odd.pth", **NARROW).load("cpu")

    def test_code_in_a_pickle_does_not_run(self, folder, build, tmp_path):
        class Touch:
            def __reduce__(self):
                return open, (str(tmp_path / "ran"), "w")

        torch.save({"params": Touch()}, folder / "evil.pth")
        with pytest.raises(ModelError, match=r"evil\.pth holds \S+open beside .*no file may run"):
            build("evil.pth", **NARROW).load("cpu")
        assert not (tmp_path / "ran").exists()


class TestCard:
    def test_options_of_the_entry_win(self, folder, build):
        save_with_card(folder / "carded.safetensors", narrow_gfpgan(), num_style_feat=4)
        build("carded.safetensors", num_style_feat=16).load("cpu")
        with pytest.raises(ModelError, match="do not fit"):
            build("carded.safetensors").load("cpu")

    @pytest.mark.parametrize("text", ["", "[1]", "{", json.dumps({"architecture": "resnet50"})])
    def test_a_wrong_card_is_named(self, folder, build, text):
        save_with_card(folder / "wrong.safetensors", narrow_gfpgan())
        (folder / "wrong.json").write_text(text)
        with pytest.raises(ModelError, match=r"The card .*wrong\.json is not"):
            build("wrong.safetensors")

    @pytest.mark.parametrize(("name", "value"), [("out_size", 48), ("num_mlp", "2"), ("narrow", None)])
    def test_a_card_is_held_to_what_an_entry_is(self, folder, build, name, value):
        save_with_card(folder / "odd.safetensors", narrow_gfpgan(), **{name: value})
        with pytest.raises(ModelError, match=rf"^The card .*odd\.json has {name} = .*\. Write "):
            build("odd.safetensors")

    def test_without_a_card_it_is_the_released_architecture(self, folder, build):
        save_with_card(folder / "bare.safetensors", narrow_gfpgan())
        (folder / "bare.json").unlink()
        with pytest.raises(ModelError, match="do not fit GFPGANv1Clean with {'out_size': 512"):
            build("bare.safetensors").load("cpu")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"colour": "blue"}, UsageError, "Expected `colour` to be one of keep, grey"),
        ({"size": 0}, UsageError, "Expected `size`"),
        ({"dtype": "int8"}, UsageError, "Expected `dtype` to be one of float32, bfloat16, float16"),
        ({"upscale": 2}, UsageError, r"Restoration face has the unknown option 'upscale'. Use .*out_size"),
        ({"num_mpl": 2}, UsageError, "the unknown option 'num_mpl'.*Nearest: num_mlp"),
        ({"out_size": 48}, UsageError, "has out_size = 48. Write one of 16, 32"),
        ({"out_size": [32]}, UsageError, r"has out_size = \[32\]. Write one of 16, 32"),
        ({"num_mlp": 0}, UsageError, "has num_mlp = 0. Write a whole number from 1 to 64"),
        ({"narrow": "much"}, UsageError, "has narrow = 'much'. Write a number"),
        ({"sft_half": 1}, UsageError, "has sft_half = 1. Write true or false"),
    ],
)
def test_wrong_options_are_named(build, options, error, message):
    with pytest.raises(error, match=message):
        build(**options)


LARGEST = {"out_size": 1024, "num_style_feat": 8192, "channel_multiplier": 16, "num_mlp": 64, "narrow": 16}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("options", [{"narrow": 0}, LARGEST], ids=["least", "largest"])
def test_the_least_and_the_largest_that_may_be_asked_for_do_not_fit(build, options):
    with pytest.raises(ModelError, match=r"narrow\.safetensors do not fit GFPGANv1Clean with"):
        build(**options).load("cpu")


def test_everything_that_moves_pixels_is_in_the_identity(build, folder):
    save_with_card(folder / "second.safetensors", narrow_gfpgan(1))
    base = build().identity("cpu")
    changed = [
        build("second.safetensors"),
        build(size=32),
        build(colour="grey"),
        build(dtype="bfloat16"),
        build(num_mlp=3),
    ]
    digests = {base.digest(), *(one.identity("cpu").digest() for one in changed)}
    digests |= {build().identity("cuda:1").digest(), replace(base, adapter="").digest()}
    assert len(digests) == 8
    assert build().identity("cuda").digest() == build().identity("cuda:1").digest()
    assert {"torch", "spandrel", "pillow"} <= base.packages.keys()


def test_an_absent_device_is_named(build):
    with pytest.raises(UsageError, match="Device cuda:7 cannot be used"):
        build().load("cuda:7")


@pytest.mark.parametrize(
    ("side", "device", "images"),
    [(512, "cpu", 2), (512, "cuda", 8), (256, "cpu", 8), (32, "cuda", 64), (0, "cpu", 2)],
)
def test_larger_faces_come_in_smaller_batches(side, device, images, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert images_at_once(side, device) == images
