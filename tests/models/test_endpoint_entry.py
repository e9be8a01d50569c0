"""What an entry of an endpoint says, and what may never be said: its key."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import ClassVar

import pytest
from fault_server import FaultServer, answer, grey, model_at, question, refusal

from harness.errors import ModelError, Unavailable, UsageError
from harness.models import Context, RunnableModel
from harness.models.base import Rendering
from harness.models.endpoint import Budget, EndpointModel
from harness.models.endpoint.prices import tomllib

SECRET = "sk-proj-4f0ZenE7vErPr1nTtH1s"
PRICES = """
[gpt-4o]
input = 2.5
output = 10
date = 2026-01-31
"""


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "prices.toml").write_text(PRICES)
    return Context(tmp_path, tmp_path)


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)


def test_it_has_the_shape_of_a_model_before_it_is_loaded(context):
    model = EndpointModel(context=context, model="gpt-4o")
    assert isinstance(model, RunnableModel)
    assert isinstance(model, Rendering)
    assert (model.capability, model.labels, model.trained_on, model.correct) == ("generative", (), None, {})
    assert (model.modes, model.deterministic, model.budget) == (("generate",), False, None)
    assert EndpointModel(context=context, model="m", logprobs=True).modes == ("generate", "score")


@pytest.mark.parametrize(
    ("options", "note"),
    [
        (
            {"model": "gpt-4o", "logprobs": True},
            "gpt-4o at api.openai.com/v1: writes answers and scores letters; 2.50 / 10.00 USD per million "
            "tokens in / out (2026-01-31)",
        ),
        (
            {"model": "llava", "base_url": "http://localhost:11434/v1", "price": [0, 0]},
            "llava at localhost:11434/v1: answers by generate only; no log-probabilities; free of charge",
        ),
        (
            {"model": "new", "base_url": "https://Example.org/v1/"},
            "new at example.org/v1: answers by generate only; no log-probabilities; no price known",
        ),
    ],
)
def test_a_note_says_what_can_be_asked_and_what_it_costs(context, options, note):
    assert EndpointModel(context=context, **options).note == note


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"concurrency": 0}, "concurrency = 0"),
        ({"timeout": 0}, "timeout = 0"),
        ({"retries": -1}, "retries = -1"),
        ({"price": [1]}, "Write two prices"),
        ({"price": [1, -1]}, "Write two prices"),
        ({"extra": {"stream": True, "seed": 1}}, "extra fields of model m name stream"),
        ({"extra": {"max_tokens": 9}}, "name max_tokens"),
        ({"extra": {"since": date(2026, 1, 31)}}, "extra fields of model m are not JSON .*date"),
        ({"base_url": "http://[::1/v1"}, "base_url of model m is not an http address"),
        ({"base_url": "localhost:8000"}, "base_url of model m is not an http address"),
        ({"base_url": "ftp://host/v1"}, "base_url of model m is not an http address"),
    ],
)
def test_a_wrong_option_is_named(context, options, message):
    with pytest.raises(UsageError, match=message):
        EndpointModel(context=context, **{"model": "m", **options})


class TestKeys:
    """The key is in the environment, and goes to its own host only."""

    @pytest.mark.parametrize("value", [None, "", "  "])
    def test_without_a_key_the_model_cannot_be_asked_but_its_answers_have_a_name(
        self, context, monkeypatch, value
    ):
        known = EndpointModel(context=context, model="gpt-4o").identity("cpu", "float32")
        monkeypatch.delenv("OPENAI_API_KEY")
        if value is not None:
            monkeypatch.setenv("OPENAI_API_KEY", value)
        model = EndpointModel(context=context, model="gpt-4o")
        assert model.identity("cpu", "float32") == known
        with pytest.raises(Unavailable, match=r"api\.openai\.com/v1 is not here\. Set .* OPENAI_API_KEY\."):
            model.load("cpu", "float32")

    def test_a_local_server_that_is_not_started_is_said_before_anything_is_asked(self, context):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        model = EndpointModel(context=context, model="llava", base_url=f"http://localhost:{port}/v1")
        with pytest.raises(Unavailable, match=f"No server listens at localhost:{port}/v1 .*Start it"):
            model.probe()

    def test_another_host_has_its_own_variable(self, context, monkeypatch):
        entry = {"model": "gemini", "base_url": "https://gemini.example/v1", "api_key_env": "GEMINI_API_KEY"}
        monkeypatch.delenv("GEMINI_API_KEY", raising=False)
        with pytest.raises(Unavailable, match=r"gemini\.example/v1 is not here\. Set .* GEMINI_API_KEY\."):
            EndpointModel(context=context, **entry).probe()
        monkeypatch.setenv("GEMINI_API_KEY", "other")
        assert EndpointModel(context=context, **entry).connection.key() == "other"

    def test_a_key_with_characters_that_no_key_has_is_not_printed(self, context, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\n{SECRET}")
        with pytest.raises(Unavailable, match="OPENAI_API_KEY holds characters") as caught:
            EndpointModel(context=context, model="gpt-4o").probe()
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize(
        "options", [{"api_key_env": SECRET}, {"base_url": f"https://user:{SECRET}@host/v1"}]
    )
    def test_a_key_in_the_entry_is_refused_and_not_printed(self, context, options):
        with pytest.raises(UsageError, match="variable") as caught:
            EndpointModel(context=context, model="m", **options)
        assert SECRET not in str(caught.value)

    def test_a_host_without_a_variable_gets_no_secret_of_openai(self, tmp_path, monkeypatch):
        for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
            monkeypatch.setenv(name, SECRET)
        monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere.invalid/v1")
        with FaultServer() as server:
            model_at(server, tmp_path).load("cpu", "float32").generate(grey(1), [question()])
        assert SECRET not in str(server.seen[0].headers)

    def test_it_is_sent_and_nowhere_kept_or_printed(self, tmp_path, monkeypatch, capfd, caplog):
        """The server repeats the key in every complaint, as some do."""
        monkeypatch.setenv("FAULT_KEY", SECRET)
        caplog.set_level(logging.DEBUG)
        said = []
        with FaultServer() as server:
            model = model_at(server, tmp_path, api_key_env="FAULT_KEY", retries=0)
            echo = f"key Bearer {SECRET} of {SECRET}"
            for status in (400, 403, 500, 429):
                server.plan = lambda seen, status=status: refusal(status, message=echo)
                said.append(model.load("cpu", "float32").generate(grey(1), [question()])[0][0])
            for status in (401, 404):
                server.plan = lambda seen, status=status: refusal(status, message=echo)
                with pytest.raises(ModelError) as caught:
                    model.load("cpu", "float32").generate(grey(1), [question()])
                said.append(str(caught.value))
            loaded = model.load("cpu", "float32")
        assert all(seen.headers["authorization"] == f"Bearer {SECRET}" for seen in server.seen)
        said += [model.identity("cpu", "float32").as_dict(), model.template(), model.render(question())]
        said += [model.note, vars(model), vars(loaded), repr(model), repr(loaded)]
        assert "Bearer *** of ***" in said[0].error
        assert SECRET not in str(said) + caplog.text + "".join(capfd.readouterr())


class TestIdentity:
    """Two runs share paid answers exactly when nothing that moves an answer differs."""

    BASE: ClassVar = {"model": "m", "base_url": "http://host:8000/v1"}

    def digest(self, context, **options):
        return EndpointModel(context=context, **{**self.BASE, **options}).identity("", "").digest()

    @pytest.mark.parametrize(
        "options",
        [
            {"model": "n"},
            {"base_url": "http://host:8001/v1"},
            {"base_url": "http://other:8000/v1"},
            {"base_url": "http://host:8000/v2"},
            {"revision": "abc"},
            {"json_mode": True},
            {"detail": "low"},
            {"extra": {"seed": 1}},
            {"max_tokens_field": "max_completion_tokens"},
        ],
        ids=str,
    )
    def test_what_moves_an_answer_matters(self, context, options):
        assert self.digest(context, **options) != self.digest(context)

    @pytest.mark.parametrize(
        "options",
        [
            {"base_url": "http://HOST:8000/v1/"},
            {"concurrency": 1},
            {"timeout": 5},
            {"retries": 0},
            {"price": [1, 2]},
            {"logprobs": True},
            {"api_key_env": "OPENAI_API_KEY"},
            {"deterministic": True},
        ],
        ids=str,
    )
    def test_what_does_not_move_one_does_not(self, context, options):
        assert self.digest(context, **options) == self.digest(context)

    def test_nothing_of_this_machine_has_a_part_in_it(self, context):
        model = EndpointModel(context=context, model="gpt-4o")
        assert model.identity("cpu", "float32") == model.identity("cuda", "bfloat16")
        assert model.identity("cpu", "float32").packages == {}


class TestRendering:
    """What the model reads is told without a network, and without the image."""

    def test_the_messages_are_canonical_json(self, context):
        model = EndpointModel(context=context, model="m", base_url="http://h/v1", detail="high")
        assert json.loads(model.render(question("Which?", system="Be brief."))) == {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "<image>", "detail": "high"}},
                        {"type": "text", "text": "Which?"},
                    ],
                },
            ]
        }

    def test_it_is_what_is_sent_but_for_the_image(self, tmp_path):
        asked = question("Which?", system="表情", json=True)
        with FaultServer() as server:
            model = model_at(server, tmp_path, json_mode=True)
            model.load("cpu", "float32").generate(grey(1), [asked])
        sent = {name: server.seen[0].body[name] for name in ("messages", "response_format")}
        sent["messages"][1]["content"][0]["image_url"]["url"] = "<image>"
        assert json.loads(model.render(asked)) == sent

    def test_only_what_is_read_moves_it(self, context):
        model = EndpointModel(context=context, model="m", base_url="http://h/v1", json_mode=True)
        asked = question()
        for change in ({"text": "x"}, {"system": "x"}, {"json": True}):
            assert model.render(replace(asked, **change)) != model.render(asked)
        for change in ({"max_tokens": 9}, {"repeat": 1}, {"score": True}):
            assert model.render(replace(asked, **change)) == model.render(asked)

    def test_the_template_tells_forms_apart(self, context):
        entries = [{}, {"json_mode": True}, {"detail": "low"}, {"extra": {"seed": 1}}]
        forms = [EndpointModel(context=context, model="m", base_url="http://h/v1", **e) for e in entries]
        assert len({form.template() for form in forms}) == len(entries)


class TestPrices:
    """A price is that of the entry, else that of the table, else none."""

    def test_of_the_table(self, context):
        price = EndpointModel(context=context, model="gpt-4o").price
        assert price.cost(1_000_000, 100_000) == 3.5
        assert price.cost(None, 5) is None

    def test_of_the_entry_first(self, context):
        assert EndpointModel(context=context, model="gpt-4o", price=[1, 2]).price.cost(0, 10**6) == 2

    @pytest.mark.parametrize("name", ["gpt-4o-mini", "GPT-4o"])
    def test_a_model_that_is_not_in_it_has_none(self, context, name):
        assert EndpointModel(context=context, model=name).price is None

    def test_no_table_no_price(self, tmp_path):
        assert EndpointModel(context=Context(tmp_path, tmp_path), model="gpt-4o").price is None

    @pytest.mark.parametrize(
        "text",
        ["[gpt-4o]\ninput = 1\ndate = 2026-01-31", "[gpt-4o]\ninput = 'x'\noutput = 1", "gpt-4o = 3", "["],
    )
    def test_a_damaged_table_is_named(self, context, text):
        (context.suite_folder / "prices.toml").write_text(text)
        with pytest.raises(UsageError, match=r"prices\.toml"):
            EndpointModel(context=context, model="gpt-4o")

    def test_a_budget_needs_a_price(self, context):
        model = EndpointModel(context=context, model="unknown")
        model.budget = Budget(1.0)
        with pytest.raises(UsageError, match="--max-cost cannot be kept for unknown, .* prices.toml"):
            model.load("cpu", "float32")
        model.budget = Budget(None)
        assert model.load("cpu", "float32")


def test_every_price_of_the_suite_can_be_read():
    table = Path(__file__).parents[2] / "evals" / "prices.toml"
    names = tomllib.loads(table.read_text())
    assert {"gpt-4o", "gemini-2.0-flash"} <= names.keys()
    for name in names:
        price = EndpointModel(context=Context(table.parent, table.parent), model=name).price
        assert 0 < price.input < price.output
        assert price.date.startswith("202")


def test_an_entry_is_explained_without_importing_anything_heavy(context):
    code = (
        "import sys; from pathlib import Path; from harness.models import Context;"
        "from harness.models.endpoint import EndpointModel;"
        "m = EndpointModel(context=Context(Path(), Path()), model='gpt-4o', base_url='http://h/v1');"
        "m.identity('', ''); m.template(); m.note;"
        "print([n for n in ('openai', 'tenacity', 'torch', 'PIL', 'httpx2', 'httpx') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_absent_package_is_named_with_its_extra(context, monkeypatch):
    monkeypatch.setattr("harness.models.network.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"Package openai is not installed.*emotion-harness\[api\]"):
        EndpointModel(context=context, model="gpt-4o")


def test_the_openai_host_gets_its_organisation(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    with FaultServer() as server:
        server.plan = lambda seen: answer()
        model = model_at(server, tmp_path, api_key_env="OPENAI_API_KEY")
        model.load("cpu", "float32").generate(grey(1), [question()])
    assert server.seen[0].headers["openai-organization"] == "org-1"
