"""Which way requests go: straight, or by way of the proxy that the environment names."""

from __future__ import annotations

import ipaddress
import socket
from importlib.util import find_spec
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from harness.errors import Unavailable

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


def proxy_for(url: str) -> str | None:
    """The proxy between here and an address, or None where requests go straight.

    This machine itself is never asked by way of a proxy, which would carry the images away and ask another
    machine. For others `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` hold, in small letters or
    capitals; `no_proxy` may name networks, such as 10.0.0.0/8.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    if is_here(host) or _exempt(parts, proxies.get("no", "")) or proxy_bypass(parts.netloc):
        return None
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def is_here(host: str) -> bool:
    """Whether a host is this machine: loopback, or the address that servers print when they listen to all."""
    name = host.casefold().rstrip(".")
    if name in ("localhost", "localhost.localdomain", "ip6-localhost") or name.endswith(".localhost"):
        return True
    address = _address(name)
    if address is None:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def require_reachable(url: str, place: str) -> None:
    """Checks the first step of the way: a server on this machine, or the proxy. Strangers are not disturbed.

    Args:
        url: the address.
        place: what of it may be printed.

    Raises:
        Unavailable: nobody listens there, or the proxy's address is none.
    """
    parts, proxy = urlsplit(url), proxy_for(url)
    if proxy is not None:
        fix = f"Start it, mend the variable, or name {parts.hostname} in NO_PROXY."
        to = _proxy_parts(proxy, place, fix)
        _knock(to, f"The proxy {place_of(proxy)}, on the way to {place}, does not answer", fix)
    elif is_here(parts.hostname or ""):
        _knock(parts, f"No server listens at {place}", "Start it or mend base_url.")


def place_of(proxy: str) -> str:
    """Host and port of a proxy, without the user and password that its address may hold."""
    return proxy.rpartition("://")[2].partition("/")[0].rpartition("@")[2]


def _proxy_parts(proxy: str, place: str, fix: str) -> SplitResult:
    try:
        parts = urlsplit(proxy)
        known = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        parts, known = urlsplit(""), False
    if not known:  # what stands there is not printed: it may hold a password
        raise Unavailable(f"The proxy variable on the way to {place} holds no address of a proxy. {fix}")
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise Unavailable(
            f"Package socksio, for the SOCKS proxy on the way to {place}, is not installed. Install with: "
            f"pip install socksio. Or name {place.partition('/')[0]} in NO_PROXY."
        )
    return parts


def _knock(parts: SplitResult, absent: str, fix: str) -> None:
    try:
        port = parts.port or PORTS[parts.scheme]
        socket.create_connection((parts.hostname or "", port), timeout=2).close()
    except OSError as error:
        raise Unavailable(f"{absent} ({error.strerror or error}). {fix}") from error


def _exempt(parts: SplitResult, listed: str) -> bool:
    """Whether `no_proxy` names the host; beyond the standard library's reading: `*.name` and networks."""
    host = (parts.hostname or "").rstrip(".")
    address = _address(host)
    for entry in (one.strip().casefold() for one in listed.split(",")):
        if entry == "*" or (entry.startswith("*.") and host.endswith(entry[1:])):
            return True
        try:
            if address is not None and address in ipaddress.ip_network(entry.strip("[]"), strict=False):
                return True
        except ValueError:  # a name, which the standard library reads
            continue
    return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
