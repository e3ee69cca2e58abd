"""Real training runs that come with the package, unpacked on first use.

They are one compressed archive in the package; a copy in the user's cache
directory is what gets opened. ``scripts/make_samples.py`` says which files
of which runs they are.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import shutil
import tarfile
import tempfile
from contextlib import suppress
from importlib.resources import files
from io import BytesIO
from pathlib import Path, PurePath, PurePosixPath

from platformdirs import user_cache_path

from napari_dacapo.errors import BrokenFileError, NapariDacapoError, RunNotFoundError

__all__ = ["SAMPLES", "is_sample_store", "unpack_sample", "unpack_store"]

SAMPLES = ("mito_distance", "cell_affinities")
_NAME = "samples"  # what lists of stores show
_ARCHIVE = "samples.tar.xz"
_LISTING = ".napari-dacapo-samples.json"


def unpack_sample(name: str, *, cache: Path | None = None) -> Path:
    """Return the folder of a sample run, unpacking the samples if need be.

    Parameters
    ----------
    name : {"mito_distance", "cell_affinities"}
        Distance task on mitochondria, or affinities task on cells.
    cache : Path, optional
        Where to keep the copy; by default the user's cache directory.

    Returns
    -------
    Path
        The run's folder; the folder that it lies in is the store.

    Raises
    ------
    RunNotFoundError
        If there is no sample of that name.
    NapariDacapoError
        If the copy cannot be written.
    """
    if name not in SAMPLES:
        raise RunNotFoundError(
            f"There is no sample run {name!r}.", todo=f"There are: {', '.join(SAMPLES)}."
        )
    return unpack_store(cache=cache) / name


def unpack_store(*, cache: Path | None = None) -> Path:
    """Return the store that holds the sample runs, unpacking it if need be.

    It lies in a folder named after the archive's contents, so that a new
    version of the package never meets the samples of an old one. It appears at
    once and whole; a copy that has lost files since (caches get cleaned) is
    replaced.

    Parameters
    ----------
    cache : Path, optional
        Where to keep the copy; by default the user's cache directory.

    Returns
    -------
    Path
        A DaCapo store: ``configs``, ``stats`` and the folders of the runs.
    """
    packed = files("napari_dacapo").joinpath("data", _ARCHIVE).read_bytes()
    version = hashlib.sha256(packed).hexdigest()[:12]
    store = (cache or _cache()) / f"samples-{version}" / _NAME
    if _is_whole(store):
        return store
    try:
        _unpack(packed, store)
    except OSError as error:
        raise NapariDacapoError(
            f"The sample runs cannot be unpacked to {store} ({error.strerror or error}).",
            todo="Make room or choose another place with XDG_CACHE_HOME.",
            path=store,
        ) from error
    except (lzma.LZMAError, EOFError, tarfile.TarError) as error:
        raise BrokenFileError(
            f"The archive of the sample runs is broken ({error}).",
            todo="Install napari-dacapo again.",
            path=store,
        ) from error
    return store


def is_sample_store(path: str) -> bool:
    """Tell whether a path is that of sample runs in the user's cache directory, of any version."""
    parts = PurePath(path)
    return parts.name == _NAME and parts.parent.parent == _cache()


def _cache() -> Path:
    return user_cache_path("napari-dacapo", appauthor=False)


def _is_whole(store: Path) -> bool:
    try:
        listing = json.loads((store / _LISTING).read_text("utf-8"))
        return all((store / name).stat().st_size == size for name, size in listing.items())
    except (OSError, ValueError, AttributeError):
        return False


def _extract(tar: tarfile.TarFile, folder: Path) -> dict[str, int]:
    """Write the files of an archive below a folder and return their sizes.

    The archive holds nothing but files, so nothing else is taken. (The filters
    of :mod:`tarfile` came with Python 3.11.4; Debian 12 has 3.11.2.)
    """
    sizes = {}
    for member in tar:
        parts = PurePosixPath(member.name).parts
        stream = tar.extractfile(member) if member.isreg() else None
        if stream is None or not parts or parts[0] == "/" or ".." in parts:
            raise tarfile.ExtractError(f"{member.name!r} is not a file below the store")
        place = folder.joinpath(*parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(stream.read())
        os.utime(place, (member.mtime, member.mtime))
        sizes[member.name] = member.size
    return sizes


def _unpack(packed: bytes, store: Path) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.parent, prefix=".unpacking-") as folder:
        fresh = Path(folder) / "store"
        fresh.mkdir()
        with tarfile.open(fileobj=BytesIO(lzma.decompress(packed)), mode="r:") as tar:
            listing = _extract(tar, fresh)
        (fresh / _LISTING).write_text(json.dumps(listing), "utf-8")
        with suppress(FileNotFoundError):  # there is none, as a rule
            # Out of the way in one step: others see the whole old copy or the whole new one.
            os.replace(store, Path(folder) / "old")
        try:
            os.replace(fresh, store)
        except OSError:
            # Another process was quicker; its copy is as good as ours.
            if not _is_whole(store):
                raise
        shutil.rmtree(Path(folder) / "old", ignore_errors=True)
