"""A contrastive model answers as open_clip's own functions do, whatever its towers are."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_clip import CLIP, SIGLIP, save_clip, write_config
from tiny_models import pictures

from harness.errors import ModelError, UsageError
from harness.models import Context, RunnableModel, resize
from harness.models.ahead import Preparing
from harness.models.base import Contrastive
from harness.models.contrastive.adapter import OpenClipModel
from harness.models.contrastive.network import CausalTexts, LoadedClip
from harness.tools.slow_paths import SlowPath, noting

TEXTS = [
    "a photo of a happy face",
    "sad",
    "a photo of the face they look the most angry looking of all of them, in a long text",
    "they look neutral",
    "sad",
]


def model(folder: Path, **options: Any) -> OpenClipModel:
    return OpenClipModel(context=Context(folder / "data", folder), model="clip", **options)


def loaded(folder: Path, config: Any = CLIP, dtype: str = "float32") -> LoadedClip:
    save_clip(folder / "clip", config=config)
    return model(folder).load("cpu", dtype)


def changed(config: Any, **changes: Any) -> Any:
    """A configuration with other values, in whichever part of it has them."""
    config = copy.deepcopy(config)
    parts = [config["model_cfg"]["vision_cfg"], config["model_cfg"]["text_cfg"], config["preprocess_cfg"]]
    for name, value in changes.items():
        next((part for part in parts if name in part), config["model_cfg"])[name] = value
    return config


def text_tower(config: Any, **options: Any) -> Any:
    config = copy.deepcopy(config)
    config["model_cfg"]["text_cfg"].update(options)
    return config


def theirs(folder: Path) -> tuple[Any, Any, Any]:
    """Network, preprocessing and tokenizer as open_clip itself loads them."""
    import open_clip

    name = f"local-dir:{folder / 'clip'}"
    network, _, transform = open_clip.create_model_and_transforms(name)
    return network.eval(), transform, open_clip.get_tokenizer(name)


def unit(rows: Any) -> np.ndarray:
    array = rows.detach().float().numpy()
    return array / np.linalg.norm(array, axis=1, keepdims=True)


@pytest.mark.parametrize(
    "config",
    [
        CLIP,
        SIGLIP,
        changed(CLIP, image_size=[32, 48]),
        {
            **CLIP,
            "preprocess_cfg": {
                **CLIP["preprocess_cfg"],
                "resize_mode": "longest",
                "interpolation": "bilinear",
            },
        },
        {**CLIP, "preprocess_cfg": {}},
    ],
    ids=["clip", "siglip", "oblong", "longest", "defaults"],
)
def test_images_are_seen_as_by_open_clip(tmp_path, config):
    import torch
    from PIL import Image

    ours = loaded(tmp_path, config)
    bare, transform, _ = theirs(tmp_path)
    for shape in ((48, 48, 3), (32, 32, 3), (90, 41, 3), (20, 70, 3)):
        images = pictures(3, shape)
        batch = torch.stack([transform(Image.fromarray(image)) for image in images])
        assert torch.equal(ours.preprocess.values(ours.prepare(images), "cpu"), batch)
        np.testing.assert_allclose(ours.embed_images(images), unit(bare.encode_image(batch)), atol=1e-5)


PLACED = {
    "clip": (CLIP, True),
    "siglip": (SIGLIP, True),
    "bilinear": (changed(CLIP, interpolation="bilinear"), True),
    "oblong": (changed(CLIP, image_size=[32, 48]), False),
    "longest": ({**CLIP, "preprocess_cfg": {**CLIP["preprocess_cfg"], "resize_mode": "longest"}}, False),
}


@pytest.mark.parametrize(("config", "known"), PLACED.values(), ids=PLACED.keys())
def test_a_batch_is_resized_as_image_by_image(tmp_path, config, known):
    """What a GPU does, here on the CPU."""
    import torch
    from PIL import Image

    preprocess = loaded(tmp_path, config).preprocess
    assert (preprocess.placing is not None) == known
    if not known:
        return
    for shape in ((48, 48), (48, 48, 3), (32, 32, 3), (90, 41, 3), (20, 70), (31, 33, 3), (400, 299, 3)):
        images = pictures(3, shape)
        theirs = np.stack([np.asarray(preprocess.resized(Image.fromarray(image))) for image in images])
        pixels = torch.from_numpy(np.stack(images).reshape(3, *shape[:2], -1)).permute(0, 3, 1, 2)
        ours = preprocess.placing(pixels).expand(-1, 3, -1, -1).permute(0, 2, 3, 1)
        np.testing.assert_array_equal(ours.numpy(), theirs)


def test_a_resize_that_does_otherwise_than_torchvision_is_not_taken_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(resize, "_BITS", 8)
    resize._matrix.cache_clear()
    try:
        assert loaded(tmp_path).preprocess.placing is None
    finally:
        resize._matrix.cache_clear()


@pytest.mark.parametrize("config", [CLIP, PLACED["longest"][0]], ids=["resized-there", "resized-before"])
def test_a_gpu_sees_the_pixels_that_the_cpu_sees(tmp_path, config):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    here = loaded(tmp_path, config)
    there = model(tmp_path).load("cuda", "float32")
    mixed = [*pictures(2, (48, 48)), *pictures(2, (60, 30, 3)), *pictures(1, (48, 48))]
    seen = there.preprocess.values(there.prepare(mixed), "cuda").cpu()
    assert torch.equal(seen, here.preprocess.values(here.prepare(mixed), "cpu"))
    np.testing.assert_allclose(there.embed_images(mixed), here.embed_images(mixed), atol=1e-3)


def test_a_grey_image_is_one_with_three_equal_channels(tmp_path):
    ours = loaded(tmp_path)
    grey = pictures(3, (48, 48))
    colour = [np.repeat(image[:, :, None], 3, axis=2) for image in grey]
    np.testing.assert_array_equal(ours.embed_images(grey), ours.embed_images(colour))


def test_images_of_several_sizes_may_come_together(tmp_path):
    ours = loaded(tmp_path)
    mixed = [*pictures(2, (48, 48)), *pictures(2, (60, 30, 3))]
    apart = np.concatenate([ours.embed_images([image]) for image in mixed])
    np.testing.assert_allclose(ours.embed_images(mixed), apart, atol=1e-5)


# Towers and whether padding can be left out.
TOWERS = {
    "clip": (CLIP, True),
    "custom": (changed(CLIP, custom_text=True), True),
    "end-by-id": (text_tower(changed(CLIP, custom_text=True), pool_type="eos", eos_id=0), True),
    "biased": (text_tower(CLIP, proj_bias=True), True),
    "last-position": (text_tower(CLIP, pool_type="last"), False),
    "both-ways": (text_tower(changed(CLIP, custom_text=True), no_causal_mask=True), False),
    "class-token": (text_tower(changed(CLIP, custom_text=True), embed_cls=True), False),
    "siglip": (SIGLIP, False),
}


@pytest.mark.parametrize("tower", TOWERS)
def test_texts_are_read_as_by_open_clip(tmp_path, tower):
    config, causal = TOWERS[tower]
    ours = loaded(tmp_path, config)
    bare, _, tokenizer = theirs(tmp_path)
    texts = TEXTS if tower != "siglip" else [*TEXTS[:2], *TEXTS[3:]]
    np.testing.assert_allclose(ours.embed_texts(texts), unit(bare.encode_text(tokenizer(texts))), atol=1e-5)
    assert (CausalTexts.of(bare) is not None) == causal


def test_a_tower_that_reads_padding_would_suffer_from_less_of_it(tmp_path):
    """The control of the test above: what it compares does differ where the context is cut wrongly."""
    ours = loaded(tmp_path, TOWERS["both-ways"][0])
    right = ours.embed_texts(TEXTS)
    ours._causal = CausalTexts(ours.network.text, None)
    assert np.abs(ours.embed_texts(TEXTS) - right).max() > 1e-2


def test_what_texts_share_is_read_once_and_nothing_is_padded(tmp_path, monkeypatch):
    ours = loaded(tmp_path)
    read = []
    inner = CausalTexts._read
    monkeypatch.setattr(
        CausalTexts, "_read", lambda self, trie: read.append(len(trie.tokens)) or inner(self, trie)
    )
    texts = [f"{word} face {i}" for i in range(10, 80) for word in ("happy", "a very sad and old")]
    embedded = ours.embed_texts(texts * 3)
    distinct = {
        text[:length] for text in map(tuple, tokens_of(ours, texts)) for length in range(1, len(text) + 1)
    }
    assert read == [len(distinct)]
    np.testing.assert_array_equal(embedded[:140], embedded[280:])
    one_by_one = np.concatenate([ours.embed_texts([text]) for text in texts[:6]])
    np.testing.assert_allclose(embedded[:6], one_by_one, atol=1e-5)


def test_a_broken_sweep_of_captions_is_an_error_and_going_without_a_choice(tmp_path, monkeypatch):
    clip = loaded(tmp_path)
    plain = model(tmp_path, sweep=False).load("cpu", "float32")
    expected = clip.embed_texts(TEXTS)

    def broken(*_):
        raise TypeError("forward() got an unexpected keyword argument 'attn_mask'")

    monkeypatch.setattr(CausalTexts, "_read", broken)
    notes: dict[SlowPath, None] = {}
    with noting("clip", notes), pytest.raises(ModelError, match="sweep of captions .* broken .*attn_mask"):
        clip.embed_texts(TEXTS)
    with noting("clip", notes):
        np.testing.assert_allclose(plain.embed_texts(TEXTS), expected, atol=1e-5)
    assert [one.kind for one in notes] == ["error", "chosen"]


def test_more_texts_than_one_pass_holds(tmp_path, monkeypatch):
    ours = loaded(tmp_path)
    whole = ours.embed_texts(TEXTS)
    monkeypatch.setattr("harness.models.contrastive.network.NODES", 8)
    np.testing.assert_allclose(ours.embed_texts(TEXTS), whole, atol=1e-5)


def tokens_of(ours, texts: list[str]) -> list[list[int]]:
    """The tokens of each text up to its end."""
    rows = ours.tokenizer(texts)
    return [row[: int(row.argmax()) + 1].tolist() for row in rows]


@pytest.mark.parametrize("config", [CLIP, SIGLIP], ids=["clip", "siglip"])
def test_captions_that_the_model_would_cut_off_are_refused(tmp_path, config):
    ours = loaded(tmp_path, config)
    limit = config["model_cfg"]["text_cfg"]["context_length"]
    added = 2 if config is CLIP else 1
    ours.embed_texts(["sad " * (limit - added)])
    with pytest.raises(UsageError, match=rf"has {limit + 1} tokens; the model reads {limit}\. Shorten it"):
        ours.embed_texts(["happy", "sad " * (limit - added + 1)])


@pytest.mark.parametrize("config", [CLIP, SIGLIP], ids=["clip", "siglip"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_answers_nearly_the_same(tmp_path, config, dtype):
    whole, half = loaded(tmp_path, config), model(tmp_path).load("cpu", dtype)
    images = pictures(4, (48, 48))
    for ours, exact in (
        (half.embed_images(images), whole.embed_images(images)),
        (half.embed_texts(TEXTS[:2]), whole.embed_texts(TEXTS[:2])),
    ):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(ours, exact, atol=0.05)
    assert half.logit_scale == whole.logit_scale == pytest.approx(np.exp(3), rel=1e-6)


def test_a_hugging_face_text_tower_is_read_from_the_disk(tmp_path):
    """Such as that of roberta-ViT-B-32: open_clip itself would ask the hub for its configuration."""
    from transformers import RobertaConfig

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    RobertaConfig(vocab_size=15, pad_token_id=1, **sizes).save_pretrained(tmp_path / "tiny-roberta")
    tower = {
        "hf_model_name": str(tmp_path / "tiny-roberta"),
        "hf_model_pretrained": False,
        "hf_tokenizer_name": "somewhere/else",
        "context_length": 16,
    }
    config = copy.deepcopy(CLIP)
    config["model_cfg"] |= {"custom_text": True, "text_cfg": tower}
    save_clip(tmp_path / "clip", config=config)
    bare, _, tokenizer = theirs(tmp_path)
    tower["hf_model_name"] = "tiny-roberta"  # as the suite sees it; open_clip would look for it on the hub
    write_config(tmp_path / "clip", config)
    ours = model(tmp_path).load("cpu", "float32")
    texts = ["a happy face", "sad"]
    np.testing.assert_allclose(ours.embed_texts(texts), unit(bare.encode_text(tokenizer(texts))), atol=1e-5)
    assert model(tmp_path).identity("cpu", "float32").processor["text_tower"]


def test_it_has_the_shape_of_a_contrastive_model(tmp_path):
    ours = loaded(tmp_path)
    assert isinstance(model(tmp_path), RunnableModel)
    assert isinstance(ours, Contrastive)
    assert isinstance(ours, Preparing)
    images = pictures(3)
    prepared = ours.forward(ours.prepare(images)).numpy()
    np.testing.assert_array_equal(prepared, ours.embed_images(images))
    assert (model(tmp_path).capability, model(tmp_path).labels, model(tmp_path).trained_on) == (
        "contrastive",
        (),
        None,
    )
    assert not ours.network.training


def test_loading_leaves_the_callers_logging_alone(tmp_path, caplog):
    root = logging.getLogger()
    before = (list(root.handlers), list(root.filters))
    loaded(tmp_path)
    assert not caplog.records
    assert (root.handlers, root.filters) == before


def test_the_device_and_dtype_must_exist(tmp_path):
    loaded(tmp_path)
    with pytest.raises(UsageError, match="Device teapot cannot be used"):
        model(tmp_path).load("teapot", "float32")
    with pytest.raises(UsageError, match="--dtype to be one of float32, bfloat16, float16, but got int8"):
        model(tmp_path).load("cpu", "int8")
