"""Answers one HTTP request for a part of a volume."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from napari_dacapo.errors import ArrayNotFoundError
from napari_dacapo.viewers.neuroglancer.access import same_token
from napari_dacapo.viewers.neuroglancer.chunk_files import PIECE, FilePieces

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from napari_dacapo.viewers.neuroglancer.served import ServedVolume
    from napari_dacapo.viewers.neuroglancer.server import VolumeServer

__all__ = ["VolumeHandler", "parse_range"]

T = TypeVar("T")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_JSON, _BINARY = "application/json", "application/octet-stream"


class VolumeHandler(RequestHandler):
    """GET, HEAD and the question of a browser whether it may (OPTIONS)."""

    SUPPORTED_METHODS = ("GET", "HEAD", "OPTIONS")

    def initialize(self, server: VolumeServer) -> None:
        """Take the server whose volumes are read."""
        self._server = server
        self._work: asyncio.Future[Any] | None = None
        self._left = False

    def set_default_headers(self) -> None:
        """Nothing of the user's data stays in a browser's cache."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Vary", "Origin")
        self.clear_header("Server")

    def prepare(self) -> None:
        """Refuse what has not the token or comes from a foreign page."""
        origin = self.request.headers.get("Origin")
        if origin is not None and not self._server.may_read(origin, self.request):
            self._refuse(403, "This page may not read from here.")
            return
        if origin is not None:
            self.set_header("Access-Control-Allow-Origin", origin)
            self.set_header("Access-Control-Expose-Headers", "Content-Range, Content-Length")
        if not same_token(self.path_args[0] or "", self._server.token):
            self._refuse(404, "There is nothing here.")

    async def options(self, *_: str) -> None:
        """Say what a page of the right origin may do."""
        self.set_header("Access-Control-Allow-Methods", "GET, HEAD")
        self.set_header("Access-Control-Allow-Headers", "range")
        self.set_header("Access-Control-Max-Age", "600")
        # A page from the internet may ask the loopback interface only if told so.
        if self.request.headers.get("Access-Control-Request-Private-Network") == "true":
            self.set_header("Access-Control-Allow-Private-Network", "true")
        self.set_status(204)

    async def head(self, *args: str) -> None:
        """As GET, without the body."""
        await self.get(*args)

    async def get(self, token: str, slot: str, generation: str, key: str) -> None:
        """Send metadata or a chunk."""
        served = self._server.find(slot, generation)
        if served is None:
            # Not 404: the client would take that for a chunk full of zeros.
            return self._refuse(410, "This volume is no longer served.")
        try:
            answer = await self._answer(served, key)
            if answer is None:
                return self._refuse(404, "There is no such chunk.")
            await self._send(answer, key)
        except StreamClosedError:
            return None
        except asyncio.CancelledError:
            if not self._left:
                raise
        except ArrayNotFoundError as error:
            self._server.report(served.volume, error)
            return self._refuse(410, str(error))
        except Exception as error:
            self._server.report(served.volume, error)
            return self._refuse(500, f"{type(error).__name__}: {error}")
        return None

    async def _answer(self, served: ServedVolume, key: str) -> bytes | FilePieces | None:
        try:
            answer = served.at_once(key)
        except KeyError:
            return None
        if answer is not None:
            return answer
        pool = self._server.computing if served.computes(key) else self._server.files
        return await self._in(pool, partial(served.answer, key))

    def on_connection_close(self) -> None:
        """Do not begin work that nobody waits for any more."""
        self._left = True
        if self._work is not None:
            self._work.cancel()

    async def _in(self, pool: Executor, work: Callable[[], T]) -> T:
        self._work = future = asyncio.get_running_loop().run_in_executor(pool, work)
        return await future

    async def _send(self, answer: bytes | FilePieces, key: str) -> None:
        is_json = key.endswith((".zarray", ".zattrs", ".zgroup", ".json", "/info"))
        size = len(answer) if isinstance(answer, bytes) else answer.size
        header = self.request.headers.get("Range")
        part = range(size)
        if header is not None:
            asked = parse_range(header, size)
            if asked is None:
                self.set_header("Content-Range", f"bytes */{size}")
                return self._refuse(416, "There are no such bytes.")
            part = asked
            self.set_status(206)
            self.set_header("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}")
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Content-Type", _JSON if is_json else _BINARY)
        self.set_header("Content-Length", str(len(part)))
        if self.request.method == "HEAD":
            return None
        if isinstance(answer, bytes):
            self.write(answer if len(part) == size else answer[part.start : part.stop])
            return None
        for begin in range(part.start, part.stop, PIECE):
            count = min(PIECE, part.stop - begin)
            self.write(await self._in(self._server.files, partial(answer.read, begin, count)))
            await self.flush()
        return None

    def _refuse(self, status: int, text: str) -> None:
        if self._headers_written:
            # Too late for a status: cut the connection, so that the client sees a failure.
            self.request.connection.stream.close()  # type: ignore[union-attr]
            return
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{text}\n")

    def compute_etag(self) -> None:
        """None: answers are not kept, so there is nothing to compare with."""

    def log_exception(self, *args: Any) -> None:
        """Nothing: what goes wrong is reported where it happens."""


def parse_range(header: str, size: int) -> range | None:
    """Return the bytes that a Range header asks for.

    Parameters
    ----------
    header : str
        ``bytes=<first>-<last>``, ``bytes=<first>-`` or ``bytes=-<count>``.
    size : int
        Bytes that there are.

    Returns
    -------
    range or None
        Never empty; None if there are no such bytes or the header is of
        another form (several ranges, other units).
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.group(1) == found.group(2) == "":
        return None
    if found.group(1) == "":
        begin, end = max(0, size - int(found.group(2))), size
    else:
        begin = int(found.group(1))
        end = size if found.group(2) == "" else min(int(found.group(2)) + 1, size)
    return range(begin, end) if begin < end else None
