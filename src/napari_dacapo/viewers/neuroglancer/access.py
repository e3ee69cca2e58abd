"""Who may ask our servers: the right token, the right host, the right page.

A server on the loopback interface can be reached by every page that the user
has open. The token keeps other programs and pages out; the check of the Host
header (see ``hosts``) keeps out a page whose own name was made to resolve to
127.0.0.1; the check of the Origin header keeps out pages that learned the
address.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import warnings
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from napari_dacapo.viewers.neuroglancer.hosts import (
    host_names,
    is_loopback,
    is_where_it_came_in,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from tornado.httputil import HTTPServerRequest

__all__ = [
    "is_page_from_here",
    "listening_socket",
    "new_token",
    "origin_of",
    "page_origins",
    "same_token",
    "warn_if_open",
]


def new_token() -> str:
    """Return 256 random bits as text that needs no quoting in a URL."""
    return secrets.token_urlsafe(32)


def same_token(given: str, token: str) -> bool:
    """Compare without telling by the time it takes how much was right."""
    return hmac.compare_digest(given.encode(), token.encode())


def warn_if_open(address: str) -> None:
    """Say so when a server can be reached from other machines."""
    if not is_loopback(address):
        warnings.warn(
            f"Arrays are served on {address or '::'} over plain http: whoever has the link can "
            "read them, and whoever can listen on the network can learn the link.",
            UserWarning,
            stacklevel=3,
        )


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


def page_origins(address: str, port: int) -> frozenset[str]:
    """Return the origins of pages that come from a server on an address and port."""
    names = (f"[{name}]" if ":" in name else name for name in host_names(address))
    return frozenset(origin_of(f"http://{name}:{port}") for name in names)


def is_page_from_here(origin: str, ports: Collection[int], request: HTTPServerRequest) -> bool:
    """Return whether a page is of a server of this machine, at the address that was asked.

    Parameters
    ----------
    origin : str
        As the browser sends it.
    ports : collection of int
        Where our servers of pages listen.
    request : HTTPServerRequest
        What the page asks.
    """
    try:
        parts = urlsplit(origin)
        known = parts.port in ports and origin == origin_of(origin)
    except ValueError:
        return False
    return known and parts.scheme == "http" and is_where_it_came_in(parts.hostname, request)
