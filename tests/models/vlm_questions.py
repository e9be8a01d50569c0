"""Questions put to tiny vision-language models, and what the plain forward pass says of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.models import Context
from harness.models.generative import LoadedVlm, TransformersModel
from harness.prompts import Question

LABELS = ("happy", "sad", "angry", "disgusted", "fearful", "surprised", "neutral")


def load(folder: Path, dtype: str = "float32") -> LoadedVlm:
    """The model in a folder, on the CPU."""
    model = TransformersModel(context=Context(folder.parent, folder.parent), model=folder.name)
    return model.load("cpu", dtype)


def ask(labels: Sequence[str] = LABELS, **changes: Any) -> Question:
    """A question that names labels last and scores them."""
    text = f"Which emotion does the face show? Choose one of: {', '.join(labels)}."
    options = {"text": text, "labels": tuple(labels), "answers": tuple(labels), "score": True}
    return Question(**{**options, **changes})


MIXED = (
    ask(),
    ask(LABELS[::-1]),
    ask(LABELS[3:] + LABELS[:3]),
    ask(LABELS[:4]),
    ask(answers=tuple("ABCDEFG")),
    ask(prefill='{"emotion": "'),
    ask(prefill="("),
    ask(system="You are in a good mood."),
    ask(answers=tuple(f"{label} person" for label in LABELS), normalise=True),
    ask(text="この顔の感情は？", answers=("喜び", "悲しみ", "怒り", "嫌悪", "恐れ", "驚き", "中立")),
)


def plainly(model: LoadedVlm, question: Question, image: NDArray[np.uint8]) -> list[float]:
    """Log-likelihoods of a question's answers as a user of transformers would compute them: one by one.

    The tokens that count are those after what the prompt and all prompts with an answer begin with.
    """
    import torch

    processor, prompt = model.encoder.processor, model.chat.prompt(question)
    picture = Image.fromarray(image).convert("RGB")
    bos = processor.tokenizer.bos_token
    special = {"add_special_tokens": False} if bos and prompt.startswith(bos) else {}
    inputs = [
        processor(text=[prompt + answer], images=[picture], return_tensors="pt", **special)
        for answer in ["", *model.chat.continuations(question)]
    ]
    ids = [one["input_ids"][0].tolist() for one in inputs]
    start = next(at for at in range(len(ids[0]) + 1) if len({tuple(one[: at + 1]) for one in ids}) > 1)
    sums = []
    for whole, tokens in zip(inputs[1:], ids[1:], strict=True):
        with torch.no_grad():
            logits = model.model(**whole).logits[0].double()
        each = [logits[at - 1].log_softmax(0)[tokens[at]].item() for at in range(start, len(tokens))]
        sums.append(sum(each) / (len(each) if question.normalise else 1))
    return sums
