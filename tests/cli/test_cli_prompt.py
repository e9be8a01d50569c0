"""What `harness prompt` prints is what is asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import NO_TORCH, process
from tiny_suite import SUITE, write_suite

from harness.cli.asking import asked
from harness.cli.prompt import lines
from harness.labels import LabelSpace, label_space
from harness.models.base import Contrastive
from harness.models.contrastive.zero_shot import class_weights
from harness.prompts import Prompt, ask, label_order
from harness.suite import Suite

SPACE = LabelSpace.of("tiny", ("angry", "happy", "sad"))
ASKED = """
[prompts.orders]
order = "permutations-3"
mode = "score"
[prompts.gloomy]
persona = "negative"
answer = "letter"
[prompts.free]
labels = "absent"
[prompts.stages]
form = "two-stage"

[models.gpt]
adapter = "openai"
model = "gpt-4o"
[models.clip]
adapter = "open_clip"
model = "ViT-B-32"
pretrained = "openai"
[models.far]
adapter = "transformers"
model = "nobody/has-it"
"""
SECRET = "sk-a-key-that-nobody-may-read"


@pytest.fixture
def asking(harness, suite, monkeypatch):
    """`harness prompt` on the tiny suite, whose images are not there; gives what it says."""
    suite.write_text(SUITE + ASKED)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("HARNESS_DATA", "nowhere")

    def asking(*arguments: str, dataset: str = "tiny"):
        return harness("prompt", *arguments, "--dataset", dataset)

    return asking


def test_a_design_stands_for_all_of_its_members(asking):
    found = asking("orders", "--json").json
    assert [question["prompt"] for question in found] == [f"orders.{i:02d}" for i in range(1, 7)]
    for number, question in enumerate(found, start=1):
        prompt = Prompt(order=f"permutations-3.{number}", mode="score")
        assert question["labels"] == list(label_order(prompt, SPACE))
        (right,) = ask(prompt, SPACE)
        assert question["messages"] == [{"role": "user", "content": ["<image>", right.text]}]
        assert question["decoding"]["mode"] == "score"
    assert len({tuple(question["labels"]) for question in found}) == 6
    (third,) = asking("orders.03", "--json").json
    assert third == found[2]


def test_people_read_the_texts_as_they_are_sent(asking):
    (question,) = ask(Prompt(persona="negative", answer="letter"), SPACE)
    shown = asking("gloomy").out
    assert f"--- system\n{question.system}\n--- user\n<image>\n{question.text}\n" in shown
    assert "--- labels, in the order shown\nangry, happy, sad\n" in shown
    assert "--- answers expected\nA, B, C\n" in shown
    assert "max_tokens 64, temperature 0" in shown


def test_two_stages_are_two_questions_and_what_is_not_shown_is_said_so(asking, suite):
    suite.write_text(suite.read_text().replace('space = ["angry", "happy", "sad"]', 'space = "fer2013"'))
    found = asking("stages", "--json").json
    assert [question["question"] for question in found] == [1, 2]
    assert found[0]["labels"] == ["emotional", "neutral"]
    assert "--- labels, not shown\nangry, disgust," in asking("free").out


def test_an_endpoint_shows_its_request_without_the_key(asking):
    (found,) = asking("gloomy", "--model", "gpt", "--json").json
    assert found["read"]["url"] == "https://api.openai.com/v1/chat/completions"
    body = found["read"]["body"]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("gpt-4o", 0, 64)
    assert body["messages"][0] == {"role": "system", "content": found["messages"][0]["content"]}
    assert body["messages"][1]["content"][1]["text"] == found["messages"][1]["content"][1]
    shown = asking("gloomy", "--model", "gpt").out
    assert json.loads(shown.partition("--- as gpt reads it\n")[2]) == found["read"]
    assert SECRET not in shown + json.dumps(found)


def test_a_contrastive_model_shows_the_captions_that_it_compares(asking):
    """All that it embeds, without its weights."""

    class Recorder(Contrastive):
        logit_scale = 1.0

        def embed_texts(self, texts):
            self.texts = list(texts)
            return np.ones((len(texts), 2), np.float32)

    for name, prompt in (("plain", Prompt()), ("free", Prompt(labels="absent"))):
        recorder = Recorder()
        class_weights(recorder, ask(prompt, SPACE))
        (found,) = asking(name, "--model", "clip", "--json").json
        shown = [caption for captions in found["read"].values() for caption in captions]
        assert list(dict.fromkeys(shown)) == recorder.texts
    assert list(asking("plain", "--model", "clip", "--json").json[0]["read"]) == ["angry", "happy", "sad"]


@pytest.mark.parametrize(
    ("arguments", "dataset", "message"),
    [
        (["gloomi"], "tiny", "Prompt gloomi is not in evals/suite.toml. Use one of plain, orders, gloomy"),
        (["gloomi"], "tiny", "Nearest: gloomy."),
        (["orders.9"], "tiny", "Nearest: orders"),
        (["gloomy"], "tinny", "Dataset tinny is not in evals/suite.toml. Use one of tiny. Nearest: tiny."),
        (["gloomy", "--model", "gtp"], "tiny", "Model gtp is not in evals/suite.toml. Nearest: gpt"),
        (["gloomy", "--model", "good"], "tiny", "Model good reads no prompt. Use one of gpt, clip, far."),
        (["gloomy", "--model", "far"], "tiny", "Fetch it with `hf download nobody/has-it`"),
        (["orders", "--model", "gpt"], "tiny", "gpt gives no log-probabilities"),
        (["stages"], "tiny", "sets the neutral label apart"),
    ],
)
def test_errors_are_one_line_with_the_fix_and_status_2(asking, arguments, dataset, message):
    assert message in asking(*arguments, dataset=dataset).error


def test_labels_that_only_the_files_tell_are_read_from_them(asking, suite, tmp_path):
    (tmp_path / "own_faces.py").write_text(
        "from harness.datasets import load_dataset\n"
        "def load(root, split, *, name):\n"
        "    entry = {'adapter': 'images', 'path': 'tiny', 'space': ['sad', 'angry', 'happy']}\n"
        "    return load_dataset(entry, name, split, root)\n"
    )
    suite.write_text(f"{suite.read_text()}\n[datasets.own]\nadapter = 'own_faces:load'\n")
    assert "does not tell its labels. Write --dataset own:SPLIT" in asking("plain", dataset="own").error
    assert "own is not here: looked for" in asking("plain", dataset="own:test").error
    data = ("--data-root", str(tmp_path / "data"))
    (found,) = asking("plain", "--json", *data, dataset="own:test").json
    assert found["labels"] == ["sad", "angry", "happy"]


def test_every_prompt_of_this_project_is_shown_in_full():
    suite = Suite.read(Path(__file__).parents[2] / "evals/suite.toml")
    space = label_space("fer2013")
    for entry in dict.fromkeys(prompt.entry for prompt in suite.prompts.values()):
        for found in asked(suite, entry, space):
            shown = "\n".join(lines(found, None))
            assert all(part in shown for message in found["messages"] for part in message["content"])


def test_as_a_process_it_imports_nothing_heavy(tmp_path):
    suite = write_suite(tmp_path, SUITE + ASKED)
    for more in ([], ["--model", "clip"], ["--model", "gpt"]):
        done = process(
            tmp_path, "prompt", "gloomy", "--dataset", "tiny", "--suite", suite, *more, then=NO_TORCH
        )
        assert done.status == 0, done.err
