"""How replies enter: unpacked up to a limit, and without the key in any log."""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from harness.models.endpoint.faults import Unread, Useless
from harness.models.endpoint.words import clean

# A hundred times what the longest thoughts take; a packed megabyte may hold a thousand.
LARGEST = 8 * 2**20


def http_library() -> Any:
    """The HTTP library that the installed client speaks with: httpx, or httpx2 since its version 3."""
    from openai import DefaultAsyncHttpxClient

    names = (base.__module__.partition(".")[0] for base in DefaultAsyncHttpxClient.__mro__)
    return import_module(next(name for name in names if name.startswith("httpx")))


@dataclass(frozen=True)
class Masked:
    """A filter of log records: at level DEBUG the libraries below write down the headers of a response.

    Attributes:
        key_env: environment variable that holds the key.
    """

    key_env: str

    def filter(self, record: logging.LogRecord) -> bool:
        """Masks the key in what a record says, and lets it pass."""
        record.msg, record.args = clean(record.getMessage(), os.environ.get(self.key_env, "").strip()), ()
        return True

    def attach(self) -> None:
        """Filters all loggers of the client and of the HTTP library, once."""
        for name in [*logging.root.manager.loggerDict]:
            if name.startswith(("openai", "httpx", "httpcore")):
                logging.getLogger(name).addFilter(self)


def receiver() -> Callable[[Any], Awaitable[None]]:
    """A hook of the HTTP library that reads each response before anything else does."""
    byte_stream = http_library().ByteStream

    async def receive(response: Any) -> None:
        packing = response.headers.pop("content-encoding", "")
        try:
            body = [part async for part in unpacked(response.stream, packing)]
        finally:
            await response.stream.aclose()
        response.stream = byte_stream(b"".join(body))

    return receive


async def unpacked(stream: AsyncIterator[bytes], packing: str) -> AsyncIterator[bytes]:
    """The bytes of a body, never more than `LARGEST` of them at hand.

    Requests ask for replies that are not packed; some gateways pack them all the same.

    Raises:
        Useless: there are more.
        Unread: they are packed in another way than gzip or deflate, or damaged.
    """
    wanted = packing.strip().casefold()
    if wanted not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise Unread(f"the reply is packed as {packing!r}, which was not asked for")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32) if wanted not in ("", "identity") else None
    left = LARGEST
    async for raw in stream:
        try:
            part = raw if unpack is None else unpack.decompress(raw, left + 1)
        except zlib.error as error:
            raise Unread(f"the reply cannot be unpacked ({error})") from None
        left -= len(part)
        if left < 0:
            raise Useless(f"the reply is larger than {LARGEST // 2**20} MB")
        yield part
