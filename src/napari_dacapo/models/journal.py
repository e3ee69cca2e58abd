"""Which shards of an output are finished: a file that is only ever added to.

A line is written after the shard's own file is complete and on disk. What was
being written when the power went is a torn last line, or a shard without a
line; both are simply done again.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Self

from napari_dacapo.errors import PredictionError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["JOURNAL", "Journal"]

# Within an array's folder: zarr warns of files that it does not know in a group's, and napari
# shows the warning.
JOURNAL = "image/s0/.napari-dacapo.jsonl"

Index = tuple[int, ...]
Key = tuple[str, int, Index]


class Journal:
    """The journal of one output; held by one process at a time.

    Parameters
    ----------
    folder : Path
        The output.
    name : str
        Names what is being written: another prediction has another name.
    resume : bool
        Whether to go on where an earlier process stopped.

    Attributes
    ----------
    done : dict
        Bytes of the finished shards by (image, level, shard).

    Raises
    ------
    PredictionError
        If there is something else in the folder, if there is nothing to
        resume, or if another process is writing there.
    """

    def __init__(self, folder: Path, name: str, *, resume: bool) -> None:
        self._folder = folder
        self._path = folder / JOURNAL
        self.done: dict[Key, int] = {}
        if folder.exists() and not folder.is_dir():
            raise PredictionError(
                f"{folder} is no folder.", todo="Choose another place.", path=folder
            )
        if not resume and folder.exists() and any(folder.iterdir()):
            raise PredictionError(
                f"{folder} exists and is not empty.",
                todo="Choose another place, delete it, or go on with --resume.",
                path=folder,
            )
        if resume and self._path.exists():
            self._check_name(name)
        elif resume and folder.exists() and any(folder.iterdir()):
            raise PredictionError(
                f"{folder} was not written by this command, so it cannot be resumed.",
                todo="Choose another place.",
                path=folder,
            )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
        except OSError as error:
            raise self._cannot_write(error) from error
        self._lock()
        self._read()
        if self._file.tell() == 0:
            self._append({"writes": name})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def add(self, key: Key, n_bytes: int) -> None:
        """Note that a shard is finished, and on disk with this many bytes."""
        image, level, shard = key
        self._append({"image": image, "level": level, "shard": shard, "bytes": n_bytes})
        self.done[key] = n_bytes

    def _append(self, entry: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(entry).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> PredictionError:
        return PredictionError(
            f"Cannot write to {self._folder}: {error}.",
            todo="Check the space and permissions there.",
            path=self._folder,
        )

    def _check_name(self, name: str) -> None:
        with self._path.open("rb") as file:
            first = file.readline()
        # An empty or torn first line: killed before anything was written.
        if first.endswith(b"\n") and _entry(first).get("writes") != name:
            raise PredictionError(
                f"{self._folder} holds another prediction: another checkpoint, raw volume, "
                "ROI or tiling.",
                todo="Choose another place, or repeat the command as it was, with --resume.",
                path=self._folder,
            )

    def _read(self) -> None:
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            self._file.truncate(len(whole))
        self._file.seek(0, os.SEEK_END)
        for line in whole.splitlines():
            entry = _entry(line)
            try:
                key = (str(entry["image"]), int(entry["level"]), tuple(map(int, entry["shard"])))
                self.done[key] = int(entry["bytes"])
            except (KeyError, TypeError, ValueError):
                continue

    def _lock(self) -> None:
        """Keep other processes of this machine out, until this one ends in any way."""
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise PredictionError(
                f"Another process is writing to {self._folder}.",
                todo="Wait for it, or choose another place.",
                path=self._folder,
            ) from error
        except OSError:
            # Some network file systems have no locks.
            return


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
