"""What a prompt comes to: the questions of its members, and how a model of the suite would be asked them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.datasets import load_dataset
from harness.errors import Unavailable, UsageError
from harness.labels import LabelSpace, label_space, label_spaces
from harness.models import Context, build_model
from harness.models.base import READERS
from harness.models.contrastive.zero_shot import class_texts
from harness.prompts import Prompt, Question, ask
from harness.suite import Suite
from harness.suite.parts import matches_prompt
from harness.tools.nearest import nearest

IMAGE = "<image>"
# Question -> what a model reads: a text, captions by label, or the body of a request.
Reading = Callable[[Question], Any]


def asked(suite: Suite, name: str, space: LabelSpace, reading: Reading | None = None) -> list[dict[str, Any]]:
    """The questions of a prompt, or of all members of a design, as plain values.

    Args:
        suite: the suite.
        name: an entry of [prompts], or one of its members, such as `orders.01`.
        space: the labels of the data set that is asked about.
        reading: see `reading_of`; None where no model is asked.

    Raises:
        UsageError: there is no such prompt, or it does not fit the labels.
    """
    members = [member for member in suite.prompts if matches_prompt(member, (name,))]
    if not members:
        entries = dict.fromkeys(prompt.entry for prompt in suite.prompts.values())
        raise UsageError(
            f"Prompt {name} is not in {suite.path}. Use one of {', '.join(entries)}. "
            f"{nearest(name, [*entries, *suite.prompts])}"
        )
    return [
        _described(member, number, question, suite.prompts[member].prompt, reading)
        for member in members
        for number, question in enumerate(ask(suite.prompts[member].prompt, space), start=1)
    ]


def _described(
    name: str, number: int, question: Question, prompt: Prompt, reading: Reading | None
) -> dict[str, Any]:
    system = [{"role": "system", "content": question.system}] if question.system else []
    limit = {} if question.score else {"max_tokens": question.max_tokens, "temperature": 0}
    return {
        "prompt": name,
        "question": number,
        "messages": [*system, {"role": "user", "content": [IMAGE, question.text]}],
        "prefill": question.prefill,
        "labels": list(question.labels),
        "labels_shown": question.shown,
        "answers": list(question.answers),
        "decoding": {"mode": prompt.mode, **limit, "json": question.json, "repeat": question.repeat},
        **({} if reading is None else {"read": reading(question)}),
    }


def reading_of(suite: Suite, name: str, data_root: Path) -> Reading:
    """How a model of the suite reads a question; of one behind an endpoint the request, without its key.

    Raises:
        UsageError: the suite has no such model, or it reads no prompt.
        Unavailable: its files are absent, or it cannot be asked so.
    """
    if name not in suite.models:
        known = list(suite.models)
        raise UsageError(f"Model {name} is not in {suite.path}. {nearest(name, known)}")
    if suite.capability(name) == "contrastive":
        return captions
    model: Any = build_model(name, suite.models[name], Context(data_root, suite.path.parent))
    if not hasattr(model, "render"):
        readers = [other for other in suite.models if suite.capability(other) in READERS]
        raise UsageError(f"Model {name} reads no prompt. Use one of {', '.join(readers)}.")

    def read(question: Question) -> Any:
        mode = "score" if question.score else "generate"
        if mode not in model.modes:
            raise Unavailable(
                f"Model {name} gives no log-probabilities, so its answers cannot be scored. Ask it with a "
                "prompt of mode = 'generate'."
            )
        if question.score and hasattr(model, "check_score"):
            model.check_score(question)
        return model.request(question) if hasattr(model, "request") else model.render(question)

    return read


def captions(question: Question) -> dict[str, list[str]]:
    """What a contrastive model compares an image with: for each label, or each free name, its captions."""
    names = question.labels if question.shown else [group[0] for group in question.names]
    return dict(zip(names, class_texts(question), strict=True))


def space_of(suite: Suite, source: str, data_root: Path) -> LabelSpace:
    """The labels of a data set, for which its files need not be here where its entry tells them.

    Args:
        suite: the suite.
        source: `dataset`, or `dataset:split`.
        data_root: the data root.

    Raises:
        UsageError: the suite has no such data set, or nothing tells its labels.
        Unavailable: only its files tell them, and they are absent.
    """
    name, _, split = source.partition(":")
    if name not in suite.datasets:
        known = ", ".join(suite.datasets)
        raise UsageError(
            f"Dataset {name} is not in {suite.path}. Use one of {known}. {nearest(name, suite.datasets)}"
        )
    entry = suite.datasets[name]
    if (told := _told(name, entry)) is not None:
        return told
    named = [one for profile in suite.profiles.values() for one in profile.datasets]
    splits = [split] if split else [one.partition(":")[2] for one in named if one.partition(":")[0] == name]
    if not splits:
        raise UsageError(
            f"The entry of dataset {name} does not tell its labels. Write --dataset {name}:SPLIT."
        )
    return load_dataset(entry, name, splits[0], data_root).space


def _told(name: str, entry: Mapping[str, Any]) -> LabelSpace | None:
    space = entry.get("space", entry.get("adapter", name))
    if isinstance(space, list):
        return LabelSpace.of(name, tuple(space))
    return label_space(space) if space in label_spaces() else None
