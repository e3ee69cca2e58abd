"""The loopback server that gives volumes to the neuroglancer client as zarr.

``http://127.0.0.1:<port>/<token>/<slot>/<generation>/`` is an OME-Zarr group.
The generation is part of the path because the client keeps what it once read:
a volume of which anything changed is served, and so fetched, under a new path.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tornado.httpserver import HTTPServer
from tornado.web import Application

from napari_dacapo.errors import LinkError
from napari_dacapo.viewers.daemon_executor import DaemonExecutor
from napari_dacapo.viewers.neuroglancer.access import (
    is_page_from_here,
    listening_socket,
    new_token,
    origin_of,
    page_origins,
    warn_if_open,
)
from napari_dacapo.viewers.neuroglancer.addresses import slot_address, volume_address
from napari_dacapo.viewers.neuroglancer.handlers import VolumeHandler
from napari_dacapo.viewers.neuroglancer.hosts import (
    guard_host,
    host_names,
    is_loopback,
    url_host,
)
from napari_dacapo.viewers.neuroglancer.reports import Reports
from napari_dacapo.viewers.neuroglancer.resolving import remember_server
from napari_dacapo.viewers.neuroglancer.served import ServedVolume, named_labels

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

    from napari_dacapo.volumes import Volume

__all__ = ["VolumeServer"]

# A page has six connections, all of which may wait for a file server that is silent.
_FILE_THREADS = 24
_COMPUTE_THREADS = 4

ErrorCallback = Callable[["Volume", str], None]


class VolumeServer:
    """Serves the volumes that it is given, and nothing else, read-only.

    Parameters
    ----------
    bind_address : str
        Where to listen. Any other address than the loopback is used only
        because the caller asks for it, and is warned of.
    bind_port : int
        0 takes a free one.
    origins : iterable of str
        Addresses of the pages that may read from scripts, e.g. of the
        neuroglancer client in use.
    on_error : callable, optional
        Called with the volume and a sentence, on a thread of the server, when
        something could not be read or computed.

    Attributes
    ----------
    url : str
        Address with the secret token in it, without a slash at the end.

    Raises
    ------
    OSError
        If the address or port cannot be used.
    """

    def __init__(
        self,
        *,
        bind_address: str = "127.0.0.1",
        bind_port: int = 0,
        origins: Iterable[str] = (),
        on_error: ErrorCallback | None = None,
    ) -> None:
        warn_if_open(bind_address)
        self.token = new_token()
        self.loopback = is_loopback(bind_address)
        self._address = bind_address
        self.origins = {origin_of(origin) for origin in origins}
        self._page_ports: set[int] = set()
        self.files = DaemonExecutor(_FILE_THREADS, "napari-dacapo-files")
        self.computing = DaemonExecutor(_COMPUTE_THREADS, "napari-dacapo-computing")
        self._on_error = on_error
        self._reports = Reports()
        self._lock = threading.Lock()
        self._served: dict[tuple[str, str], ServedVolume] = {}
        self._socket = listening_socket(bind_address, bind_port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{url_host(bind_address)}:{self.port}/{self.token}"
        self._app = Application(
            [(r"/([^/]+)/([^/]+)/([^/]+)/(.+)", VolumeHandler, {"server": self})],
            log_function=lambda handler: None,
        )
        guard_host(self._app, host_names(bind_address))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="napari-dacapo-server", daemon=True)
        self._thread.start()
        self._ready.wait()
        remember_server(self)

    def __enter__(self) -> VolumeServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether nothing is served any more."""
        return not self._thread.is_alive()

    def serve(self, volume: Volume) -> str:
        """Make a volume readable and return where.

        Nothing is read from disk. The same volume has the same address.

        Returns
        -------
        str
            A data source URL of neuroglancer, e.g. ``http://…/|zarr2:``.

        Raises
        ------
        UnsupportedError
            If the client cannot show the element type.
        """
        address = volume_address(volume)
        with self._lock:
            served = self._served.get(address)
            if served is None:
                served = self._served[address] = ServedVolume(volume)
        return f"{self.url}/{address[0]}/{address[1]}/|zarr{served.zarr_format}:"

    def class_names_url(self, volume: Volume) -> str | None:
        """Return the data source URL of a volume's class names; None without any."""
        if not named_labels(volume):
            return None
        self.serve(volume)
        slot, generation = volume_address(volume)
        return f"{self.url}/{slot}/{generation}/classes/|neuroglancer-precomputed:"

    def allow_origin(self, page: str) -> None:
        """Let scripts of one more page read, e.g. of a neuroglancer client elsewhere.

        Raises
        ------
        LinkError
            If it is not the address of a page.
        """
        try:
            self.origins.add(origin_of(page))
        except ValueError as error:
            raise LinkError(f"{error}.", todo="Give one that begins with https://") from error

    def allow_own_page(self, port: int) -> None:
        """Let the pages read that come from a server of ours on the same address."""
        self.origins |= page_origins(self._address, port)
        self._page_ports.add(port)

    def may_read(self, origin: str, request: HTTPServerRequest) -> bool:
        """Return whether scripts of a page may read what they ask for."""
        return origin in self.origins or is_page_from_here(origin, self._page_ports, request)

    def withdraw(self, volume: Volume) -> None:
        """Stop serving a volume; unknown ones are ignored."""
        with self._lock:
            self._served.pop(volume_address(volume), None)
        self._reports.forget(volume)

    def slot_prefix(self, slot: str) -> str:
        """Return how the addresses of all volumes of a slot begin."""
        return f"{self.url}/{slot_address(slot)}/"

    def volume_at(self, url: str) -> Volume | None:
        """Return the volume behind a data source URL of this server, or None."""
        path, _, _ = url.partition("|")
        if not path.startswith(self.url + "/"):
            return None
        parts = path[len(self.url) + 1 :].split("/")
        served = self.find(parts[0], parts[1]) if len(parts) > 1 else None
        return None if served is None else served.volume

    def find(self, slot: str, generation: str) -> ServedVolume | None:
        """Return what is served under a part of a path, or None."""
        with self._lock:
            return self._served.get((slot, generation))

    def report(self, volume: Volume, error: BaseException) -> None:
        """Hand on that something could not be read or computed."""
        text = self._reports.tell(volume, error)
        if self._on_error is not None:
            self._on_error(volume, text)

    def close(self) -> None:
        """End the server and its threads; safe to call twice and from any thread."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # closed in the meantime
                loop.call_soon_threadsafe(stop.set)
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=1)
        self.files.shutdown(wait=False, cancel_futures=True)
        self.computing.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._served.clear()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        http_server = HTTPServer(self._app, max_body_size=0, max_header_size=2**16)
        http_server.add_socket(self._socket)
        self._ready.set()
        await self._stop.wait()
        http_server.stop()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(http_server.close_all_connections(), timeout=0.5)
