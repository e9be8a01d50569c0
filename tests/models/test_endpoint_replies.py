"""What servers really send: a text that came is taken, once, and paid for whatever becomes of it."""

from __future__ import annotations

import json
import math
import time

import pytest
from fault_server import answer, completion, grey, model_at, question, raw, refusal

from harness.models.endpoint import Budget, calls

SURROGATE = "sad \ud83d"


def sends(data, kind="application/json"):
    """A body whose JSON may hold what strict JSON may not."""
    body = json.dumps(data).encode()
    return lambda handler, seen: handler.send(200, body, {"Content-Type": kind})


def load(server, folder, budget=None, **options):
    model = model_at(server, folder, **{"price": [1e6, 0], "retries": 6, **options})  # a dollar per token in
    model.budget = budget
    return model.load("cpu", "float32")


def ask(server, folder, data, **options):
    """The reply to one question, asked once."""
    server.plan = lambda seen: sends(data)
    reply = load(server, folder, **options).generate(grey(1), [question()])[0][0]
    assert len(server.seen) == 1
    return reply


def ended(reason):
    data = completion("happy")
    data["choices"][0]["finish_reason"] = reason
    return data


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        *((word, "stop") for word in ("eos", "eos_token", "STOP", "end_turn", "", None, "tool_calls")),
        ("<|eos|>", "stop"),
        ("FinishReason.STOP", "stop"),
        ({"type": "stop", "matched": 2}, "stop"),  # SGLang
        *((word, "length") for word in ("MAX_TOKENS", "max_output_tokens", "model_length", "limit")),
        *((word, "content_filter") for word in ("SAFETY", "refusal", "sensitive")),
        ("content_filter: PROHIBITED_CONTENT", "content_filter"),  # Gemini
    ],
    ids=str,
)
def test_every_word_for_an_end_is_known(server, tmp_path, reason, finish):
    reply = ask(server, tmp_path, ended(reason))
    assert (reply.text, reply.finish, reply.error, reply.remark) == ("happy", finish, "", "")
    assert reply.cost == 100


@pytest.mark.parametrize("kind", ["text/plain", "text/html; charset=utf-8", "application/octet-stream", ""])
def test_json_by_another_name_is_read(server, tmp_path, kind):
    server.plan = lambda seen: sends(completion("happy"), kind)
    reply = load(server, tmp_path).generate(grey(1), [question()])[0][0]
    assert (reply.text, len(server.seen)) == ("happy", 1)


def test_no_field_for_the_end_is_an_end(server, tmp_path):
    data = completion("happy")
    del data["choices"][0]["finish_reason"]
    assert ask(server, tmp_path, data).text == "happy"


@pytest.mark.parametrize("reason", ["flummoxed", "终止", 7], ids=str)
def test_an_unknown_end_is_an_answer_with_a_remark(server, tmp_path, reason):
    reply = ask(server, tmp_path, ended(reason))
    assert (reply.text, reply.finish, reply.error) == ("happy", "stop", "")
    assert reply.remark == f"it ended for a reason unknown to the harness: {str(reason)!r}"


@pytest.mark.parametrize("reason", ["abort", "error", "network_error", "insufficient_system_resource"])
def test_a_reply_that_broke_off_fails_and_is_paid(server, tmp_path, reason):
    budget = Budget(1000)
    reply = ask(server, tmp_path, ended(reason), budget=budget)
    assert reply.text is None
    assert reply.error == f"the server broke the reply off ({reason!r}): after 'happy'"
    assert (reply.cost, budget.spent) == (100, 100)


def test_a_filter_may_leave_no_message(server, tmp_path):
    data = completion("happy")
    data["choices"] = [{"index": 0, "finish_reason": "content_filter: PROHIBITED_CONTENT"}]
    reply = ask(server, tmp_path, data)
    assert (reply.text, reply.finish, reply.error, reply.cost) == ("", "content_filter", "", 100)


def test_a_gateway_says_why_a_reply_broke_off(server, tmp_path):
    data = ended("error")
    data["choices"][0]["error"] = {"code": 502, "message": "upstream died"}
    assert ask(server, tmp_path, data).error == "the server broke the reply off ('error'): upstream died"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "hap"}, {"type": "text", "text": "py"}], "happy"),
        (["hap", "py"], "happy"),
        ({"type": "text", "text": "happy"}, "happy"),
        ([{"type": "output_text", "text": "happy", "annotations": []}], "happy"),
        # Mistral
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "sad?"}]}, "happy"], "happy"),
        ([{"type": "refusal", "refusal": "I cannot."}], "I cannot."),
        ([{"type": "text", "text": {"content": "happy"}}, None, 3], "happy"),
    ],
    ids=json.dumps,
)
def test_parts_of_a_content_are_its_text(server, tmp_path, content, text):
    reply = ask(server, tmp_path, completion(content))
    assert (reply.text, reply.error, reply.remark) == (text, "", "")


@pytest.mark.parametrize("form", [{"delta": {"content": "happy"}}, {"text": "happy"}], ids=json.dumps)
@pytest.mark.parametrize("finish", ["stop", None])
def test_what_gateways_send_in_the_place_of_a_message_is_one(server, tmp_path, form, finish):
    data = completion()
    data["choices"] = [{"index": 0, "finish_reason": finish, **form}]
    reply = ask(server, tmp_path, data)
    assert (reply.text, reply.error, reply.remark, reply.cost) == ("happy", "", "", 100)


@pytest.mark.parametrize("message", ["", 7, {"content": 7}, {"content": {}}, {}], ids=str)
def test_a_reply_without_text_is_judged_once(server, tmp_path, message):
    data = completion()
    data["choices"][0]["message"] = message
    reply = ask(server, tmp_path, data)
    assert not reply.text
    assert reply.remark == "the reply is empty"
    assert reply.cost == 100


@pytest.mark.parametrize("choices", [[], None, {}, [None], ["happy"]], ids=str)
def test_what_counts_tokens_was_paid_even_without_choices(server, tmp_path, choices):
    budget = Budget(1000)
    reply = ask(server, tmp_path, {**completion(), "choices": choices}, budget=budget)
    assert reply.text is None
    assert reply.error.startswith("a reply without a message came: {")
    assert (reply.cost, budget.spent) == (100, 100)


THOUGHT = {
    "reasoning": completion("", "length", reasoning="They smile, so"),
    "reasoning_content": completion(None, "length", reasoning_content="They smile, so"),
    "part": completion([{"type": "thinking", "thinking": "They smile, so"}], "length"),
    "counted": {
        **completion("", "length"),
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 64,
            "completion_tokens_details": {"reasoning_tokens": 64},
        },
    },
    "hidden": {
        **completion("", "length"),
        "usage": {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 73},
    },
}


@pytest.mark.parametrize("name", THOUGHT)
def test_thoughts_without_an_answer_are_told(server, tmp_path, name):
    reply = ask(server, tmp_path, THOUGHT[name])
    assert (reply.text, reply.finish, reply.thought) == ("", "length", True)
    assert reply.remark == "thoughts came and no answer; switch thinking off"


def test_thoughts_beside_an_answer_are_no_part_of_it(server, tmp_path):
    reply = ask(server, tmp_path, completion("happy", reasoning_content="sad? no"))
    assert (reply.text, reply.thought, reply.remark) == ("happy", True, "")


def test_hidden_thoughts_are_paid_for(server, tmp_path):
    data = {**completion(), "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 73}}
    reply = ask(server, tmp_path, data, price=[0, 1e6])
    assert (reply.tokens_out, reply.cost) == (64, 64)


def test_tokens_by_other_names_are_counted(server, tmp_path):
    reply = ask(server, tmp_path, {**completion(), "usage": {"input_tokens": 9, "output_tokens": 2}})
    assert (reply.tokens_in, reply.tokens_out) == (9, 2)


ODD = {
    "surrogate": completion(SURROGATE),
    "count": completion(usage=(10**25, 5)),
    "negative": completion(usage=(-1, 5)),
    "word": completion(usage=("many", 5)),
    "nan": completion(usage=(math.nan, 5)),
    "usage": {**completion(), "usage": ["x"]},
    "no message": {**completion(), "choices": [{"finish_reason": "stop"}]},
    "no choices": {**completion(), "choices": []},
    "list": [completion()],
    "word alone": "happy",
    "deep": {"choices": [{"message": {"content": [[["happy"]]]}}]},
    "logprobs": {**completion(), "choices": [{**completion()["choices"][0], "logprobs": {"content": [7]}}]},
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_reply_in_a_batch_costs_the_others_nothing(server, tmp_path, name):
    """At most that one fails; nothing of the batch is asked again, but for what cannot be read: once."""
    images = grey(6)
    server.plan = lambda seen: sends(ODD[name]) if (seen.pixels[..., 0] == images[2]).all() else answer("sad")
    replies = load(server, tmp_path, concurrency=6).generate(images, [question()])[0]
    assert [reply.text for i, reply in enumerate(replies) if i != 2] == ["sad"] * 5
    odd = replies[2]
    assert bool(odd.error) == (odd.text is None)
    assert odd.error or odd.remark or name in ("deep", "logprobs")
    assert len(server.seen) == (7 if name in ("list", "word alone") else 6)
    json.dumps([reply.text for reply in replies], ensure_ascii=False).encode()


def test_half_a_character_is_replaced(server, tmp_path):
    reply = ask(server, tmp_path, completion(SURROGATE))
    assert (reply.text, reply.remark) == ("sad \ufffd", "characters of it came damaged")


@pytest.mark.parametrize("count", [10**25, -1, "many", math.nan, 1.5, True], ids=str)
def test_what_is_no_count_is_none_and_draws_on_the_budget(server, tmp_path, count):
    """The answer is kept, its cost is not made up; the budget takes it for the dearest that it can be."""
    budget = Budget(1e9)
    reply = ask(server, tmp_path, completion(usage=(count, 5)), budget=budget)
    assert (reply.text, reply.tokens_in, reply.tokens_out, reply.cost) == ("happy", None, 5, None)
    assert reply.remark == f"the server counts {count!r} tokens"
    assert budget.spent == len(json.dumps(server.seen[0].body))  # a dollar each


@pytest.mark.parametrize(
    "act",
    [
        sends(completion(finish="flummoxed", usage=(1, 0))),
        sends(completion(finish="abort", usage=(1, 0))),
        sends(completion([{"type": "text", "text": "happy"}], usage=(1, 0))),
        sends({**completion(usage=(1, 0)), "choices": []}),
        sends(completion(SURROGATE, usage=(1, 0))),
        sends(completion(usage=(10**25, 0))),
        raw(json.dumps(completion(usage=(1, 0))).encode()[:-1]),
    ],
    ids=["flummoxed", "abort", "parts", "no choices", "surrogate", "count", "cut"],
)
def test_no_reply_is_too_odd_for_the_budget(server, tmp_path, act):
    """Four are in flight when it ends."""
    budget = Budget(5)
    server.plan = lambda seen: act
    load(server, tmp_path, budget, concurrency=4).generate(grey(30), [question()])
    assert budget.spent >= 5
    assert len(server.seen) <= 5 + 4


def test_repetitions_draw_on_the_budget_too(server, tmp_path, monkeypatch):
    """The budget ends while a call waits for its next attempt, which is then not made."""
    monkeypatch.setattr(calls, "FIRST_PAUSE", 1)

    def paid_later(handler, seen):
        time.sleep(0.2)
        answer(usage=(1, 0))(handler, seen)

    server.plan = lambda seen: refusal(500) if seen.text == "first" else paid_later
    model = load(server, tmp_path, Budget(1), concurrency=2)
    failed, paid = model.generate(grey(1), [question("first"), question("second")])
    assert (failed, paid[0].cost) == ([None], 1)
    assert len(server.seen) == 2
