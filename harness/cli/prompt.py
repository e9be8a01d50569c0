"""`harness prompt`: what a model is asked, word for word."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from harness.cli.options import DataRoot, JsonFlag, SuiteOption, data_root_of, read_suite
from harness.cli.show import print_json


def prompt(
    name: Annotated[
        str, typer.Argument(help="A prompt of the suite; of a design all members, or one, as orders.01.")
    ],
    dataset: Annotated[str, typer.Option("--dataset", help="Whose labels are asked for, e.g. fer2013.")],
    model: Annotated[
        str | None,
        typer.Option("--model", help="Show also what this model reads: its text, captions or request."),
    ] = None,
    suite: SuiteOption = None,
    data_root: DataRoot = None,
    as_json: JsonFlag = False,
) -> None:
    """Prints the questions of a prompt: messages, order of the labels, answers, and how they are taken.

    Nothing is asked, and no weights are loaded.
    """
    from harness.cli.asking import asked, reading_of, space_of

    read, root = read_suite(suite), data_root_of(data_root)
    space = space_of(read, dataset, root)
    questions = asked(read, name, space, reading_of(read, model, root) if model else None)
    if as_json:
        print_json(questions)
        return
    for question in questions:
        for line in lines(question, model):
            typer.echo(line)


def lines(question: Mapping[str, Any], model: str | None) -> Iterator[str]:
    """A question for people; its texts stand as they are sent."""
    yield f"=== {question['prompt']}, question {question['question']}"
    for message in question["messages"]:
        content = message["content"]
        yield f"--- {message['role']}"
        yield content if isinstance(content, str) else "\n".join(content)
    if question["prefill"]:
        yield f"--- the answer begins with\n{question['prefill']}"
    shown = "labels, in the order shown" if question["labels_shown"] else "labels, not shown"
    yield f"--- {shown}\n{', '.join(question['labels'])}"
    yield f"--- answers expected\n{', '.join(question['answers'])}"
    yield f"--- decoding\n{', '.join(f'{key} {value}' for key, value in question['decoding'].items())}"
    if "read" in question:
        read = question["read"]
        yield f"--- as {model} reads it"
        yield read if isinstance(read, str) else json.dumps(read, indent=1, ensure_ascii=False)
    yield ""
