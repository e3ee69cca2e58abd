"""A neuroglancer viewer with a server of its own, which ends with it.

neuroglancer keeps one server for the whole process: a bind address that is
set after it started is ignored without a word, and stopping it takes every
other viewer along. Here each viewer owns its server, which also checks the
Host header and hands out no credentials.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any

import neuroglancer
from neuroglancer import viewer_base
from neuroglancer.server import Server
from neuroglancer.trackable_state import ConcurrentModificationError

from napari_dacapo.viewers.daemon_executor import DaemonExecutor
from napari_dacapo.viewers.neuroglancer.access import listening_socket, new_token
from napari_dacapo.viewers.neuroglancer.hosts import (
    guard_host,
    host_names,
    is_loopback,
    url_host,
)
from napari_dacapo.viewers.neuroglancer.server import VolumeServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.viewers.neuroglancer.layers import Json
    from napari_dacapo.volumes import Volume

__all__ = ["OwnViewer"]


class _ViewerServer(Server):  # type: ignore[misc]
    """neuroglancer's server, for one viewer."""

    def __init__(self, bind_address: str, bind_port: int, token: str) -> None:
        super().__init__(bind_address, bind_port, token)
        # In the place of a pool that Python waits for at its end; nothing has begun in it.
        self.executor = DaemonExecutor(os.cpu_count() or 1, "napari-dacapo-local")

    def _attempt_to_start_server(self) -> None:
        super()._attempt_to_start_server()
        guard_host(self.app, host_names(self._bind_address))

    async def _stop(self) -> None:
        self.http_server.stop()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.http_server.close_all_connections(), timeout=0.5)
        self.executor.shutdown(wait=False, cancel_futures=True)
        # Event streams wake up when their connection closes; give them the turn to end.
        others = asyncio.all_tasks(self.loop) - {asyncio.current_task(self.loop)}
        if others:
            _, pending = await asyncio.wait(others, timeout=0.2)
            for task in pending:
                task.cancel()
        self.loop.stop()


class _LinkPage(viewer_base.UnsynchronizedViewerBase):  # type: ignore[misc]
    """What the server knows of pages that were opened with a link: how they are set up."""


class OwnViewer(neuroglancer.Viewer):  # type: ignore[misc]
    """A :class:`neuroglancer.Viewer` that owns its servers.

    Parameters
    ----------
    bind_address : str
        Where to listen; any other address than the loopback is warned of.
    bind_port : int
        Of the viewer; 0 takes a free one. Volumes have a port of their own.
    allow_credentials : bool
        Whether the client may ask for the credentials that are stored on this
        machine (for example for Google's cloud); only on the loopback.

    Attributes
    ----------
    volumes : VolumeServer
        Serves volumes to this viewer's client.
    link_page : neuroglancer viewer
        Stands for the pages at :attr:`link_prefix`.

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
        allow_credentials: bool = False,
    ) -> None:
        # neuroglancer.Viewer.__init__ would start the server of the process.
        viewer_base.ViewerBase.__init__(
            self,
            token=new_token(),
            allow_credentials=allow_credentials and is_loopback(bind_address),
        )
        # Only the caller may keep the viewer alive: the server must not.
        say = weakref.WeakMethod(self._say_error)
        self.volumes = VolumeServer(
            bind_address=bind_address, on_error=lambda volume, text: _call(say(), volume, text)
        )
        try:
            if bind_port:
                # tornado would leave a socket open when it finds the port in use.
                listening_socket(bind_address, bind_port).close()
            self._own_server = _ViewerServer(bind_address, bind_port, new_token())
        except BaseException:
            self.volumes.close()
            raise
        self._own_server.viewers[self.token] = self
        self.link_page = _LinkPage(token=new_token(), allow_credentials=False)
        self._own_server.viewers[self.link_page.token] = self.link_page
        self._end = weakref.finalize(self, _end, self.volumes, self._own_server)
        self._origin = f"http://{url_host(bind_address)}:{self._own_server.port}"
        self.volumes.allow_own_page(self._own_server.port)

    def get_viewer_url(self) -> str:
        """Return the address of the page."""
        return f"{self._origin}/v/{self.token}/"

    @property
    def link_prefix(self) -> str:
        """Address of a page whose state is in its link and not in this viewer."""
        return f"{self._origin}/v/{self.link_page.token}/"

    def defer_callback(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call something on the thread of the server."""
        self._own_server.loop.call_soon_threadsafe(lambda: callback(*args, **kwargs))

    @property
    def raw_state(self) -> Json:
        """The state as the client last sent it or we last set it; not to be changed."""
        state: Json = self.shared_state.raw_state
        return state

    def change(self, make: Callable[[Json], Json]) -> Json:
        """Replace the state in one step, as a function of what it is.

        Parameters
        ----------
        make : callable
            Takes the state, which it must not change, and returns the new
            one. Called again if the user moved something in between, so that
            nothing of it is lost; must be quick.

        Returns
        -------
        dict
            The state that was set.
        """
        while True:
            state, generation = self.shared_state.raw_state_and_generation
            new = make(state)
            try:
                self.shared_state.set_state(new, existing_generation=generation)
            except ConcurrentModificationError:
                continue
            return new

    def say(self, key: str, text: str | None) -> None:
        """Show a message at the bottom of the page, or take it away again."""

        def change(config: Any) -> None:
            if text is None:
                config.status_messages.pop(key, None)
            else:
                config.status_messages[key] = text

        self.config_state.retry_txn(change, lock=True)

    def close(self) -> None:
        """End the servers; safe to call twice and from any thread.

        Happens by itself when nothing refers to the viewer any more.
        """
        self._end()

    @property
    def closed(self) -> bool:
        """Whether the servers have ended."""
        return not self._end.alive

    def _say_error(self, volume: Volume, text: str) -> None:
        if not self.closed:
            self.say(volume.identity.slot, f"{volume.identity.label}: {text}")


def _end(volumes: VolumeServer, server: _ViewerServer) -> None:
    volumes.close()
    server.request_stop()
    if server._thread is not threading.current_thread():
        server._thread.join(timeout=1)


def _call(method: Callable[[Volume, str], None] | None, volume: Volume, text: str) -> None:
    if method is not None:
        method(volume, text)
