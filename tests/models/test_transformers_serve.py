"""A real server, `transformers serve`, of a tiny LLaVA: it answers as the model itself does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from inspect import signature
from pathlib import Path

import pytest
from fault_server import question
from tiny_vlms import pictures, save_llava

from harness.errors import ModelError
from harness.models import Context
from harness.models.endpoint import EndpointModel

if absent := [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]:
    pytest.skip(f"{absent[0]} is not installed: pip install 'transformers[serving]'", allow_module_level=True)

pytestmark = pytest.mark.xdist_group("transformers serve")  # one server

LETTERS = {"answers": ("A", "B", "C"), "options": ("happy", "sad", "neutral"), "score": True}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_llava(tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="module")
def base_url(checkpoint, tmp_path_factory) -> Iterator[str]:
    """Address of a server of the checkpoint; it takes some 9 s of processor time to start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "server.txt"
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", *_model(checkpoint)]
    command += ["--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the whole tree: it is the leader of its group
        process.wait()


def _model(checkpoint: Path) -> list[str]:
    return ["--force-model", str(checkpoint)] if _is_early() else [str(checkpoint)]


def _is_early() -> bool:
    """Whether the server takes the model by an option.

    Such a one, of transformers 5.0, counts no tokens, goes by any name, and to a system message or a grey
    image answers otherwise than the model itself.
    """
    from transformers.cli.serve import Serve

    told = signature(Serve.__init__).parameters["force_model"].annotation.__metadata__[0]
    return type(told).__name__ == "OptionInfo"


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"transformers serve does not answer:\n{log.read_text()[-2000:]}")


@pytest.fixture
def model(base_url, checkpoint, tmp_path) -> EndpointModel:
    return EndpointModel(
        context=Context(tmp_path, tmp_path), model=str(checkpoint), base_url=base_url, logprobs=True
    )


def written_here(checkpoint: Path, image, asked) -> tuple[str, int, int]:
    """What the model itself writes, and how many tokens it reads and writes."""
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(checkpoint)
    network = AutoModelForImageTextToText.from_pretrained(checkpoint).eval()
    picture = {"type": "image", "image": Image.fromarray(image).convert("RGB")}
    system = [{"role": "system", "content": [{"type": "text", "text": asked.system}]}] if asked.system else []
    messages = [*system, {"role": "user", "content": [picture, {"type": "text", "text": asked.text}]}]
    inputs = processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    with torch.inference_mode():
        output = network.generate(**inputs, do_sample=False, max_new_tokens=asked.max_tokens)
    before = inputs["input_ids"].shape[1]
    new = output[0, before:]
    return processor.decode(new, skip_special_tokens=True), before, len(new)


@pytest.fixture
def faithful() -> None:
    if _is_early():
        pytest.skip("the server of this transformers does not answer as the model does")


@pytest.mark.usefixtures("faithful")
def test_the_answers_are_those_of_the_model(model, checkpoint):
    """Random weights see every pixel, so that an image altered on its way would be answered otherwise."""
    images = pictures((48, 48), (60, 40, 3), (48, 48))
    questions = [
        question("Which emotion is the face?", max_tokens=8),
        question("Answer with one word.", system="You feel sad.", max_tokens=5),
    ]
    replies = model.load("cpu", "float32").generate(images, questions)
    for asked, of_question in zip(questions, replies, strict=True):
        for image, reply in zip(images, of_question, strict=True):
            expected = written_here(checkpoint, image, asked)
            assert (reply.text, reply.tokens_in, reply.tokens_out) == expected
            assert (reply.error, reply.cost) == ("", None)
            assert reply.finish == ("length" if reply.tokens_out == asked.max_tokens else "stop")
    assert len({reply.text for reply in replies[0]}) > 1


def test_it_gives_no_log_probabilities_and_that_is_noticed(model):
    with pytest.raises(ModelError, match="gives no log-probabilities. Remove logprobs = true"):
        model.load("cpu", "float32").score(pictures((48, 48)), [question(**LETTERS)])


@pytest.mark.usefixtures("faithful")
def test_a_model_that_it_does_not_serve_is_a_failure_with_its_words(base_url, tmp_path):
    other = EndpointModel(context=Context(tmp_path, tmp_path), model="other", base_url=base_url)
    reply = other.load("cpu", "float32").generate(pictures((48, 48)), [question()])[0][0]
    assert reply.text is None
    assert "400: Server is pinned to" in reply.error
