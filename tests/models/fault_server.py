"""A server of chat completions that misbehaves on order and remembers everything it was sent."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models import Context
from harness.models.endpoint import EndpointModel
from harness.prompts.question import Question


@dataclass(frozen=True)
class Seen:
    """One request: body, headers (small letters), the how manieth with this body it is, when it came."""

    body: dict[str, Any]
    headers: dict[str, str]
    attempt: int
    at: float

    @property
    def text(self) -> str:
        """What the user asks."""
        return next(part["text"] for part in self._content if part["type"] == "text")

    @property
    def png(self) -> bytes:
        """The image, as it was sent."""
        url = next(part["image_url"]["url"] for part in self._content if part["type"] == "image_url")
        head, _, data = url.partition(",")
        assert head == "data:image/png;base64"
        return base64.b64decode(data, validate=True)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The image, decoded."""
        from PIL import Image

        with Image.open(io.BytesIO(self.png)) as image:
            assert image.format == "PNG"
            return np.asarray(image)

    @property
    def _content(self) -> list[dict[str, Any]]:
        return self.body["messages"][-1]["content"]


Act = Callable[["Handler", Seen], None]


def completion(
    text: str | None = "happy",
    finish: str | None = "stop",
    usage: tuple[int, int] | None = (100, 5),
    top: Sequence[tuple[str, float]] | None = None,
    **message: Any,
) -> dict[str, Any]:
    """The JSON of a chat completion; `top` are the first token's likeliest values."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
    choice["message"] = {"role": "assistant", "content": text, **message}
    if top is not None:
        listed = [{"token": token, "logprob": logprob, "bytes": None} for token, logprob in top]
        choice["logprobs"] = {"content": [{"token": listed[0]["token"], "top_logprobs": listed}]}
    body: dict[str, Any] = {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}
    if usage is not None:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return body


def answer(*args: Any, **options: Any) -> Act:
    """A good reply, see `completion`."""
    return lambda handler, seen: handler.reply(200, completion(*args, **options))


def raw(body: bytes, kind: str = "application/json") -> Act:
    """A reply of any bytes."""
    return lambda handler, seen: handler.send(200, body, {"Content-Type": kind})


def refusal(status: int, headers: Mapping[str, str] | None = None, **error: Any) -> Act:
    """An error status with OpenAI's error body."""
    error = {"message": f"status {status}", "code": None, **error}
    return lambda handler, seen: handler.reply(status, {"error": error}, headers)


def reset(handler: Handler, seen: Seen) -> None:
    """Half of a reply, then the connection is reset."""
    handler.begin(json.dumps(completion()).encode())
    # Lingering for no time at all makes closing send RST instead of FIN; the handler's files keep the socket
    # open beyond its own `close`.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())
    handler.close_connection = True


def cut(handler: Handler, seen: Seen) -> None:
    """Half of a reply, then the connection is closed properly."""
    handler.begin(json.dumps(completion()).encode())
    handler.close_connection = True


def drop(handler: Handler, seen: Seen) -> None:
    """No reply at all: the connection is closed."""
    handler.close_connection = True


def stall(handler: Handler, seen: Seen) -> None:
    """Never answers."""
    handler.server.closing.wait()
    handler.close_connection = True


def drip(handler: Handler, seen: Seen) -> None:
    """Sends a byte now and then, so that the connection is never silent for long, and never ends."""
    handler.begin(b" " * 100_000)
    while not handler.server.closing.wait(0.05):
        try:
            handler.wfile.write(b" ")
        except OSError:  # the other side has given up, as it should
            break
    handler.close_connection = True


def script(*acts: Act) -> Callable[[Seen], Act]:
    """Each distinct request gets the acts one after the other, and the last one for ever."""
    return lambda seen: acts[min(seen.attempt, len(acts) - 1)]


class FaultServer(ThreadingHTTPServer):
    """Use as a context manager; set `plan` to say what each request gets.

    Attributes:
        plan: what a request gets.
        seen: all requests, in the order in which they came.
        peak: how many requests were in flight at a time, at most.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: Callable[[Seen], Act] = script(answer())
        self.seen: list[Seen] = []
        self.peak = self._flying = 0
        self.closing = threading.Event()
        self._attempts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __enter__(self) -> FaultServer:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that the client gives up are part of the tests."""

    def take(self, body: dict[str, Any], headers: Mapping[str, str]) -> Seen:
        with self._lock:
            key = json.dumps(body, sort_keys=True)
            seen = Seen(
                body,
                {name.lower(): value for name, value in headers.items()},
                self._attempts[key],
                time.time(),
            )
            self._attempts[key] += 1
            self.seen.append(seen)
            self._flying += 1
            self.peak = max(self.peak, self._flying)
        return seen

    def done(self) -> None:
        with self._lock:
            self._flying -= 1


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the plan."""

    protocol_version = "HTTP/1.1"
    server: FaultServer

    def do_POST(self) -> None:
        assert self.path.endswith("/v1/chat/completions")  # a proxy is sent the whole address
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen = self.server.take(body, self.headers)
        try:
            self.server.plan(seen)(self, seen)
        finally:
            self.server.done()

    def reply(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        about = {"Content-Type": "application/json", **(headers or {})}
        self.send(status, json.dumps(body).encode(), about)

    def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def begin(self, body: bytes) -> None:
        """Promises a body and sends half of it."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


def model_at(server: FaultServer, folder: Path, **options: Any) -> EndpointModel:
    """A model behind the server, patient for two retries and a generous second each."""
    given = {"model": "m", "base_url": server.base_url, "retries": 2, "timeout": 20, **options}
    return EndpointModel(context=Context(folder, folder), **given)


def question(text: str = "Which emotion?", **options: Any) -> Question:
    """A question with three labels."""
    labels = ("happy", "sad", "neutral")
    return Question(**{"text": text, "labels": labels, "answers": labels, **options})


def grey(n: int, size: tuple[int, int] = (8, 8)) -> list[NDArray[np.uint8]]:
    """Grey images that differ."""
    return list(np.random.default_rng(0).integers(0, 256, (n, *size), dtype=np.uint8))
