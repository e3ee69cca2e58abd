"""What is said in the log when parts of volumes cannot be answered."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.viewers.neuroglancer.addresses import volume_address

if TYPE_CHECKING:
    from napari_dacapo.volumes import Volume

__all__ = ["Reports"]

_log = logging.getLogger(__name__)
_MOST = 10


class Reports:
    """Warns once of each thing that is wrong with a volume.

    A client asks for hundreds of chunks; where one fails, most do, for the
    same reason. Where in the code it happened is told at the level of debugging.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: dict[tuple[str, str], set[str]] = {}

    def tell(self, volume: Volume, error: BaseException) -> str:
        """Write into the log what went wrong, unless that was done before; return it in words."""
        if isinstance(error, NapariDacapoError):
            text = str(error)
        else:
            text = f"{type(error).__name__}: {error}"
        label = volume.identity.label
        _log.debug("%s: %s", label, text, exc_info=error)
        with self._lock:
            said = self._said.setdefault(volume_address(volume), set())
            if text in said or len(said) > _MOST:
                return text
            said.add(text)
            is_last = len(said) > _MOST
        if is_last:
            _log.warning("%s: more is wrong, which is told at the level of debugging only", label)
        else:
            _log.warning("%s: %s", label, text)
        return text

    def forget(self, volume: Volume) -> None:
        """Warn anew of a volume that is no longer served."""
        with self._lock:
            self._said.pop(volume_address(volume), None)
