"""Where an endpoint is, and how patiently it is asked."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.errors import Unavailable

if TYPE_CHECKING:
    from openai import AsyncOpenAI


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Address, key and patience. The key itself is in the environment only.

    Attributes:
        base_url: address of the API.
        place: host, port and path of it, for messages and identities.
        key_env: environment variable that holds the key, or None for a server that wants none.
        concurrency: requests in flight at a time.
        timeout: seconds until a request counts as lost.
        retries: how often a call that failed for a passing reason is repeated.
    """

    base_url: str
    place: str
    key_env: str | None
    concurrency: int
    timeout: float
    retries: int

    def key(self) -> str:
        """The key, or "" where none is wanted.

        Raises:
            Unavailable: the variable is not set, or holds what cannot be a key.
        """
        if self.key_env is None:
            return ""
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise Unavailable(
                f"The key for {self.place} is not here. Set the environment variable {self.key_env}."
            )
        if not (key.isascii() and key.isprintable()):  # the HTTP library would print it in its complaint
            raise Unavailable(f"The variable {self.key_env} holds characters that no key has. Set it again.")
        return key

    def require_local_server(self) -> None:
        """Checks that somebody listens where the address is on this machine; others are not disturbed.

        Raises:
            Unavailable: nobody does.
        """
        parts = urlsplit(self.base_url)
        if parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            return
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            socket.create_connection((parts.hostname, port), timeout=2).close()
        except OSError as error:
            raise Unavailable(
                f"No server listens at {self.place} ({error.strerror or error}). Start it or mend base_url."
            ) from error

    def client(self) -> AsyncOpenAI:
        """A client for one event loop. Its own retries are off: `calls` knows which faults pass."""
        from openai import AsyncOpenAI, Timeout

        # The client would send the organisation and project of OpenAI's variables to any host.
        elsewhere = None if self.key_env == "OPENAI_API_KEY" else ""
        return AsyncOpenAI(
            base_url=self.base_url,
            api_key=self.key() or "none",
            organization=elsewhere,
            project=elsewhere,
            timeout=Timeout(self.timeout, connect=min(10, self.timeout / 2)),
            max_retries=0,
        )

    def hide(self, text: str) -> str:
        """A server's words in one short line, without the key where the server repeats it."""
        key = os.environ.get(self.key_env or "", "").strip()
        line = " ".join((text.replace(key, "***") if key else text).split())
        return line if len(line) <= 300 else f"{line[:297]}..."
