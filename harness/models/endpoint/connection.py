"""Where an endpoint is, and how patiently it is asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import Unavailable
from harness.models.endpoint.arrival import Masked, http_library, receiver
from harness.models.endpoint.route import place_of, proxy_for, require_reachable
from harness.models.endpoint.words import clean

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
        key = self.secret
        if not key:
            raise Unavailable(
                f"The key for {self.place} is not here. Set the environment variable {self.key_env}."
            )
        if not (key.isascii() and key.isprintable()):  # the HTTP library would print it in its complaint
            raise Unavailable(f"The variable {self.key_env} holds characters that no key has. Set it again.")
        return key

    def probe(self) -> None:
        """Goes the first step of the way that requests go.

        Raises:
            Unavailable: no server listens where the address is on this machine, or no proxy where the
                environment names one.
        """
        require_reachable(self.base_url, self.place)

    @property
    def by_way_of(self) -> str:
        """What to say about the proxy, or ""."""
        proxy = proxy_for(self.base_url)
        return f" by way of the proxy {place_of(proxy)}" if proxy else ""

    @property
    def fix(self) -> str:
        """What to do when nobody answers."""
        if proxy_for(self.base_url):
            return "Mend the proxy's variable, name the host in NO_PROXY, or correct base_url."
        return "Start the server or correct base_url."

    def client(self) -> AsyncOpenAI:
        """A client for one event loop. Its own retries are off: `calls` knows which faults pass."""
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

        http = http_library()
        patience = Timeout(self.timeout, connect=min(10, self.timeout / 2))
        # A transport of our own: the library's would read the proxies of the environment itself.
        transport = http.AsyncHTTPTransport(
            proxy=proxy_for(self.base_url), limits=http.Limits(max_connections=self.concurrency)
        )
        if self.key_env:
            Masked(self.key_env).attach()
        # The client would send the organisation and project of OpenAI's variables to any host.
        elsewhere = None if self.key_env == "OPENAI_API_KEY" else ""
        return AsyncOpenAI(
            base_url=self.base_url,
            api_key=self.key() or "none",
            organization=elsewhere,
            project=elsewhere,
            timeout=patience,
            max_retries=0,
            default_headers={"Accept-Encoding": "identity"},
            # A redirect would carry the images to whatever host it names.
            http_client=DefaultAsyncHttpxClient(
                transport=transport,
                follow_redirects=False,
                timeout=patience,
                event_hooks={"response": [receiver()]},
            ),
        )

    @property
    def secret(self) -> str:
        """What may stand in no text that is kept or shown, or ""."""
        return os.environ.get(self.key_env or "", "").strip()

    def hide(self, text: str) -> str:
        """A server's words in one short line, without the key where the server repeats it."""
        line = " ".join(clean(text, self.secret).split())
        return line if len(line) <= 300 else f"{line[:297]}..."
