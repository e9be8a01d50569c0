"""Fixed inputs, and what each versioned module of the harness makes of them, as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from harness.datasets.pixels import decode_image
from harness.engine.respondents.features import last_layer
from harness.models import Context, build_model
from harness.models.contrastive.zero_shot import class_weights
from harness.models.endpoint.letters import letter_scores
from harness.models.endpoint.reply import read_reply, read_usage
from harness.models.endpoint.request import data_url
from harness.models.endpoint.words import read_json
from harness.prompts import Question
from harness.restoration import build_restorer

SPECIMENS = Path(__file__).parents[2] / "fixtures/specimens/checkpoints"
LABELS = ("angry", "happy", "sad", "neutral")
# Written out, as other words in a prompt are another question and need no other version.
QUESTIONS = (
    Question(
        text="Which of these is it: angry, happy, sad, neutral?",
        labels=LABELS,
        answers=LABELS,
        captions=("a photo of a {c} face.", "they look {c}."),
        names=(("angry", "annoyed"), ("happy",), ("sad",), ("neutral",)),
        max_tokens=8,
    ),
    Question(
        system="You are tired.",
        text='Answer {"emotion": "..."} with one of: angry, happy, sad, neutral.',
        labels=LABELS,
        answers=LABELS,
        json=True,
        max_tokens=12,
    ),
    Question(
        text="Which emotion does this face show? (A) angry (B) happy (C) sad (D) neutral",
        labels=LABELS,
        answers=tuple("ABCD"),
        options=LABELS,
        score=True,
    ),
    Question(
        text="Name the emotion as JSON.",
        labels=LABELS,
        answers=tuple(f'{label}"}}' for label in LABELS),
        prefill='{"emotion": "',
        score=True,
        normalise=True,
    ),
)


def pictures(*shapes: tuple[int, ...]) -> list[NDArray[np.uint8]]:
    """Smooth pictures of these shapes, from arithmetic alone."""
    made = []
    for number, shape in enumerate(shapes):
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        layers = [
            127 + 120 * np.sin(rows / (5 + number + layer)) * np.cos(columns / (4 + layer))
            for layer in range(3)
        ]
        stacked = np.stack(layers, axis=2).round().astype(np.uint8)
        made.append(stacked if len(shape) == 3 else stacked[..., 0])
    return made


FACES = pictures((48, 48), (48, 48, 3), (60, 40, 3))


def numbers(array: Any) -> Any:
    """An array as nested lists with the digits that mean something."""
    return np.round(np.asarray(array, np.float64), 6).tolist()


def thumbnails(images: Sequence[NDArray[np.uint8]]) -> list[Any]:
    """Shape, and mean and spread of 4 x 4 fields of each picture: a codec may round a pixel otherwise."""
    told = []
    for image in images:
        fields = [np.array_split(rows, 4, axis=1) for rows in np.array_split(image.astype(float), 4)]
        figures = [[field.mean() / 255, field.std() / 255] for rows in fields for field in rows]
        told.append({"shape": list(image.shape), "fields": numbers(figures)})
    return told


def model(entry: dict[str, Any], folder: Path) -> Any:
    return build_model("golden", entry, Context(folder, folder))


def classifier(entry: dict[str, Any], folder: Path) -> Any:
    return numbers(model(entry, folder).load("cpu", "float32").classify(FACES))


def what_the_face(folder: Path) -> Any:
    pytest.importorskip("what_the_face_classification.model")
    return classifier({"adapter": "what_the_face"}, folder)


def open_clip(folder: Path) -> Any:
    loaded = model({"adapter": "open_clip", "model": str(SPECIMENS / "clip")}, folder).load("cpu", "float32")
    images = [image if image.ndim == 3 else np.stack([image] * 3, axis=2) for image in FACES]
    return {
        "images": numbers(loaded.embed_images(images)[:, :16]),
        "classes": [numbers(weights[:, :8]) for weights in class_weights(loaded, QUESTIONS[:1])],
    }


def transformers(folder: Path) -> Any:
    adapter = model({"adapter": "transformers", "model": str(SPECIMENS / "llava")}, folder)
    loaded = adapter.load("cpu", "float32")
    replies = loaded.generate(FACES, [question for question in QUESTIONS if not question.score])
    scored = [question for question in QUESTIONS if question.score]
    return {
        "rendered": [adapter.render(question) for question in QUESTIONS],
        "scores": [numbers(scores) for scores in loaded.score(FACES, scored)],
        "replies": [[reply and [reply.text, reply.finish] for reply in of_one] for of_one in replies],
    }


def openai(folder: Path) -> Any:
    told = [("Happy.", "stop"), ('{"emotion": "sad"}', "eos_token"), ("I think", "length"), ("", "safety")]
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 20}
    replies = []
    for text, finish in told:
        message = {"content": [{"type": "text", "text": text}]}
        body = {"choices": [{"finish_reason": finish, "message": message}], "usage": usage}
        read = read_json(json.dumps(body).encode(), "secret-key")
        reply = read_reply(read, read_usage(read)).reply
        replies.append([reply.text, reply.finish, reply.remark, reply.thought])
    entry = {"adapter": "openai", "model": "m", "json_mode": True, "logprobs": True, "detail": "low"}
    adapter = model(entry, folder)
    return {
        "requests": [adapter.request(question) for question in QUESTIONS],
        "picture": data_url(FACES[2])[:60],
        "replies": replies,
        "scores": numbers(letter_scores([(" A", -0.5), ("a", -2.0), ("C", -1.5)], "ABC")),
    }


def restored(entry: dict[str, Any], folder: Path) -> Any:
    restorer = build_restorer("golden", {"golden": entry}, Context(folder, folder))
    return thumbnails(restorer.load("cpu").restore(FACES))


def interpolated(folder: Path) -> Any:
    return {
        name: restored({"adapter": name, "size": 96}, folder) for name in ("nearest", "bicubic", "lanczos")
    }


def spandrel(folder: Path) -> Any:
    import torch
    from spandrel.architectures.Compact import Compact

    network = Compact(num_in_ch=3, num_out_ch=3, num_feat=4, num_conv=1, upscale=2, act_type="prelu")
    for number, tensor in enumerate(network.state_dict().values()):
        tensor.copy_(torch.sin(torch.arange(tensor.numel()) * 0.7 + number).reshape(tensor.shape) / 8)
    torch.save({"params": network.state_dict()}, folder / "net.pth")
    return restored({"adapter": "spandrel", "weights": "net.pth", "size": 96}, folder)


def decoded(folder: Path) -> Any:
    del folder
    grey, colour, _ = (Image.fromarray(face) for face in FACES)
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = Image.fromarray(FACES[0].astype(np.uint16) * 257 + 100)
    clear = colour.convert("RGBA")
    clear.putalpha(grey)
    forms: list[tuple[Image.Image, str, dict[str, Any]]] = [
        *((picture, kind, {}) for picture in (grey, colour) for kind in ("PNG", "BMP", "TIFF")),
        (colour, "JPEG", {"quality": 90, "exif": turned}),
        (colour.convert("CMYK"), "JPEG", {"quality": 90}),
        (colour.convert("P"), "PNG", {}),
        (clear, "PNG", {}),
        (deep, "PNG", {}),
    ]
    pixels = []
    for picture, kind, options in forms:
        file = io.BytesIO()
        picture.save(file, kind, **options)
        pixels.append(decode_image(file.getvalue(), "golden"))
    return thumbnails(pixels)


def features(folder: Path) -> Any:
    """What the last layer of the specimens' network reads of some pictures."""
    return numbers(last_layer(model(CNN, folder).load("cpu", "float32"), FACES)[:, :16])


CNN = {"adapter": "timm", "checkpoint": str(SPECIMENS / "cnn/cnn.safetensors")}
GFPGAN = {"adapter": "gfpgan", "weights": str(SPECIMENS / "gfpgan/gfpgan.safetensors"), "size": 96}

OUTPUTS: dict[str, Callable[[Path], Any]] = {
    "harness.datasets.pixels": decoded,
    "harness.engine.respondents.features": features,
    "harness.models.contrastive.adapter": open_clip,
    "harness.models.endpoint.adapter": openai,
    "harness.models.generative.adapter": transformers,
    "harness.models.timm_classifier": lambda folder: classifier(CNN, folder),
    "harness.models.what_the_face": what_the_face,
    "harness.restoration.gfpgan": lambda folder: restored(GFPGAN, folder),
    "harness.restoration.interpolation": interpolated,
    "harness.restoration.spandrel": spandrel,
}
