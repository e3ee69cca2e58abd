"""Who may ask our servers: the right token, the right host, the right page.

A server on the loopback interface can be reached by every page that the user
has open. The token keeps other programs and pages out; the check of the Host
header keeps out a page whose own name was made to resolve to 127.0.0.1 (DNS
rebinding); the check of the Origin header keeps out pages that learned the
address.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
import warnings
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tornado.routing import Matcher, Rule
from tornado.web import Application, RequestHandler

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

__all__ = [
    "guard_host",
    "host_names",
    "is_loopback",
    "listening_socket",
    "new_token",
    "origin_of",
    "same_token",
    "url_host",
    "warn_if_open",
]


def new_token() -> str:
    """Return 256 random bits as text that needs no quoting in a URL."""
    return secrets.token_urlsafe(32)


def same_token(given: str, token: str) -> bool:
    """Compare without telling by the time it takes how much was right."""
    return hmac.compare_digest(given.encode(), token.encode())


def is_loopback(address: str) -> bool:
    """Return whether only programs on this machine can reach an address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def warn_if_open(address: str) -> None:
    """Say so when a server can be reached from other machines."""
    if not is_loopback(address):
        warnings.warn(
            f"Arrays are served on {address} over plain http: whoever has the link can read "
            "them, and whoever can listen on the network can learn the link.",
            UserWarning,
            stacklevel=3,
        )


def host_names(address: str) -> frozenset[str]:
    """Return the names under which a server that listens on an address is asked for."""
    if is_loopback(address):
        return frozenset({"127.0.0.1", "localhost", "::1", address})
    if address in ("", "0.0.0.0", "::"):
        names = {"127.0.0.1", "localhost", "::1", socket.gethostname(), socket.getfqdn()}
        return frozenset(names | _own_addresses())
    return frozenset({address})


def _own_addresses() -> set[str]:
    try:
        found = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return set()
    return {str(entry[4][0]) for entry in found}


def listening_socket(address: str, port: int) -> socket.socket:
    """Return a socket that listens; nothing stays open if it cannot.

    Raises
    ------
    OSError
        If the address or port cannot be used.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.create_server((address, port), family=family)
    listening.setblocking(False)
    return listening


def url_host(address: str) -> str:
    """Return what to write into a URL for an address that a server listens on."""
    if address in ("", "0.0.0.0", "::"):
        return socket.getfqdn()
    return f"[{address}]" if ":" in address else address


def origin_of(url: str) -> str:
    """Return scheme, host and port of a page, as a browser sends them.

    Raises
    ------
    ValueError
        If the URL is not of a web page.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not the address of a web page")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    standard = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, standard) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


class _ForeignHost(Matcher):
    """Matches requests whose Host header is not one of ours."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def match(self, request: HTTPServerRequest) -> dict[str, object] | None:
        try:
            name = urlsplit(f"//{request.headers.get('Host', '')}").hostname
        except ValueError:
            name = None
        return None if name in self._names else {}


class _Refused(RequestHandler):
    def prepare(self) -> None:
        self.set_status(403)
        self.finish("This name is not served here.\n")


def guard_host(app: Application, names: frozenset[str]) -> None:
    """Refuse every request to an application whose Host header is not one of ``names``."""
    lowered = frozenset(name.lower() for name in names)
    app.default_router.rules.insert(0, Rule(_ForeignHost(lowered), _Refused))
