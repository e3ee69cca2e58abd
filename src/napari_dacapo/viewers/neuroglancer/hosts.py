"""Under which names our servers are asked for, and under which they answer.

A page from the internet can make a name of its own lead to this machine (DNS
rebinding), and then read here what that page may read: everything. So a
server answers to names that are known to be its own. An address in numbers is
nobody's to give away, and always right if the request came in by it.
"""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tornado.routing import Matcher, Rule
from tornado.web import Application, RequestHandler

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

__all__ = [
    "guard_host",
    "host_names",
    "is_loopback",
    "is_where_it_came_in",
    "url_host",
]

_EVERYWHERE = ("", "0.0.0.0", "::")
# Addresses of documentation: a way to there is the way out, and nothing is sent.
_FAR_AWAY = {socket.AF_INET: "198.51.100.1", socket.AF_INET6: "2001:db8::1"}
_LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def is_loopback(address: str) -> bool:
    """Return whether only programs on this machine can reach an address."""
    if address == "localhost":
        return True
    number = _number(address)
    return number is not None and number.is_loopback


def host_names(address: str) -> frozenset[str]:
    """Return the names under which a server that listens on an address is asked for."""
    if is_loopback(address):
        return frozenset({"127.0.0.1", "localhost", "::1", address})
    if address in _EVERYWHERE:
        names = {"127.0.0.1", "localhost", "::1", socket.gethostname(), socket.getfqdn()}
        return frozenset(names | _own_addresses(socket.AF_INET) | _own_addresses(socket.AF_INET6))
    return frozenset({address})


def url_host(address: str) -> str:
    """Return what to write into a URL for an address that a server listens on.

    For a server that listens everywhere, that is the address that other
    machines see; names are no help, they often lead to the loopback.
    """
    if address in _EVERYWHERE:
        address = _outward_address(socket.AF_INET6 if address == "::" else socket.AF_INET)
    return f"[{address}]" if ":" in address else address


def is_where_it_came_in(host: str | None, request: HTTPServerRequest) -> bool:
    """Return whether a host is, in numbers, the address of ours that a request came to."""
    number = _number(host or "")
    if number is None:
        return False
    try:
        asked = request.connection.stream.socket.getsockname()[0]  # type: ignore[union-attr]
    except (AttributeError, OSError):  # the connection is closed
        return False
    return number == _number(asked)


def guard_host(app: Application, names: frozenset[str]) -> None:
    """Refuse requests to an application whose Host header is not one of ours.

    Ours are `names`, and the address that the request came to.
    """
    lowered = frozenset(name.lower() for name in names)
    app.default_router.rules.insert(0, Rule(_ForeignHost(lowered), _Refused))


class _ForeignHost(Matcher):
    """Matches requests whose Host header is not one of ours."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def match(self, request: HTTPServerRequest) -> dict[str, object] | None:
        try:
            name = urlsplit(f"//{request.headers.get('Host', '')}").hostname
        except ValueError:
            name = None
        return None if name in self._names or is_where_it_came_in(name, request) else {}


class _Refused(RequestHandler):
    def prepare(self) -> None:
        self.set_status(403)
        self.finish("This name is not served here.\n")


def _number(address: str) -> Address | None:
    """Return an address in numbers; None for a name."""
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = number.ipv4_mapped if isinstance(number, ipaddress.IPv6Address) else None
    return mapped or number


def _own_addresses(family: socket.AddressFamily) -> set[str]:
    import psutil

    entries = [entry for found in psutil.net_if_addrs().values() for entry in found]
    # Those with a % are of one cable only, and cannot be written into a URL.
    return {e.address for e in entries if e.family == family and "%" not in e.address}


def _outward_address(family: socket.AddressFamily) -> str:
    """Return the address of this machine that others see."""
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as way_out:
        way_out.connect((_FAR_AWAY[family], 9))
        return str(way_out.getsockname()[0])
    others = sorted(a for a in _own_addresses(family) if not is_loopback(a))
    return others[0] if others else _LOOPBACK[family]
