"""Questions go through the model's own chat template."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import Environment
from tiny_vlms import CHATML_TEMPLATE, INSTRUCT_TEMPLATE, LLAVA_TEMPLATE
from vlm_questions import ask

from harness.errors import ModelError
from harness.models.generative.chat import Chat


def chat(template: str) -> Chat:
    """A processor that has a template and nothing else."""
    environment = Environment()

    def refuse(message: str) -> None:
        raise ValueError(message)

    environment.globals["raise_exception"] = refuse

    def apply(messages: list[Any], *, add_generation_prompt: bool, tokenize: bool) -> str:
        assert not tokenize
        return environment.from_string(template).render(
            messages=messages, add_generation_prompt=add_generation_prompt
        )

    return Chat(SimpleNamespace(apply_chat_template=apply), "tiny")


QUESTION = ask(("happy", "sad"), text="Which emotion?")


@pytest.mark.parametrize(
    ("template", "prompt", "joint"),
    [
        (LLAVA_TEMPLATE, "USER: <image>\nWhich emotion? ASSISTANT:", " "),
        (INSTRUCT_TEMPLATE, "[INST] <image>\nWhich emotion? [/INST] ", ""),
        (
            CHATML_TEMPLATE.replace("IMAGE", "<img>"),
            "<|im_start|>user\n<img>Which emotion?<|im_end|>\n<|im_start|>assistant\n",
            "",
        ),
    ],
    ids=["llava", "instruct", "chatml"],
)
def test_answers_follow_as_the_template_writes_them(template, prompt, joint):
    ours = chat(template)
    assert ours.prompt(QUESTION) == prompt
    assert ours.continuations(QUESTION) == [joint + "happy", joint + "sad"]
    prefilled = ask(("happy", "sad"), text="Which emotion?", prefill='{"emotion": "')
    assert ours.prompt(prefilled) == prompt + joint + '{"emotion": "'
    assert ours.continuations(prefilled) == ["happy", "sad"]


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        (LLAVA_TEMPLATE, "Be glad. USER: <image>\nWhich emotion? ASSISTANT:"),
        (INSTRUCT_TEMPLATE, "[INST] <image>\nBe glad.\n\nWhich emotion? [/INST] "),
        (  # system messages in plain words only
            "{% for m in messages %}{% if m.role == 'system' %}<<{{ m.content }}>>{% else %}"
            "<image>{{ m.content[-1].text }}{% endif %}{% endfor %}:",
            "<<Be glad.>><image>Which emotion?:",
        ),
        (  # system messages dropped in silence
            "{% for m in messages if m.role == 'user' %}<image>{{ m.content[-1].text }}{% endfor %}:",
            "<image>Be glad.\n\nWhich emotion?:",
        ),
    ],
    ids=["list", "none", "plain", "dropped"],
)
def test_a_system_message_is_said_once_however_the_template_takes_it(template, prompt):
    assert chat(template).prompt(ask(text="Which emotion?", system="Be glad.")) == prompt


@pytest.mark.parametrize(
    ("ending", "joint"), [("Assistant:", " "), ("[/INST]", " "), ("assistant\n", "")], ids=repr
)
def test_a_template_that_cannot_write_answers_gets_one_space_unless_it_ends_in_one(ending, joint):
    template = "{% for m in messages %}{% if m.role == 'user' %}<image>{{ m.content[-1].text }}"
    template += "{% else %}{{ raise_exception('ask only') }}{% endif %}{% endfor %}" + f"{{{{ {ending!r} }}}}"
    assert chat(template).continuations(QUESTION) == [joint + "happy", joint + "sad"]


@pytest.mark.parametrize(
    "template",
    ["{{ raise_exception('no') }}", "<image>", "{% for m in messages %}{{ m.content }}{% endfor %}"],
    ids=["refuses", "drops-the-question", "prints-lists"],
)
def test_a_template_that_cannot_ask_is_named(template):
    with pytest.raises(ModelError, match="processor of tiny has no chat template that takes an image and a"):
        chat(template).prompt(QUESTION)
