"""Whether files that another process writes are written to their end."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from napari_dacapo.errors import BrokenFileError, NapariDacapoError
from napari_dacapo.store.paths import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.store import LocalArrayStore, StoredValidation

__all__ = ["checkpoint_is_complete", "validation_is_readable"]

_ZIP_START, _ZIP_END = b"PK\x03\x04", b"PK\x05\x06"
_ZIP_END_BYTES = 22
_MAX_COMMENT = 2**16
_MAX_METADATA = 2**20


def checkpoint_is_complete(path: Path) -> bool:
    """Return whether a checkpoint ends as a zip file does.

    A checkpoint of another kind (from before torch 1.6) never counts.
    """
    with open(path, "rb") as file:
        if file.read(len(_ZIP_START)) != _ZIP_START:
            return False
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _ZIP_END_BYTES - _MAX_COMMENT))
        return _ZIP_END in file.read()


def validation_is_readable(
    array_store: LocalArrayStore, run: str, validation: StoredValidation
) -> bool:
    """Return whether the metadata of all arrays of a validation is whole.

    Raises
    ------
    BrokenFileError
        If that cannot be told, because the files cannot be read just now.
    """
    iteration = validation.iteration
    try:
        for folder in validation.predictions:
            path = array_store.validation_prediction_array(run, iteration, folder).path
            if not _metadata_is_whole(path):
                return False
        for folder, names in validation.outputs.items():
            for name in names:
                path = array_store.validation_output_array(run, iteration, name, folder).path
                if not _metadata_is_whole(path):
                    return False
    except NapariDacapoError as error:
        if error.passing:
            raise
        return False
    return True


def _metadata_is_whole(array: Path) -> bool:
    found = False
    for name in (".zarray", ".zattrs", "zarr.json", "attributes.json"):
        try:
            content = json.loads(read_file(array / name, _MAX_METADATA))
        except FileNotFoundError:
            continue
        except BrokenFileError as error:
            if error.passing:
                raise
            return False
        except (OSError, ValueError, RecursionError):
            return False
        if not isinstance(content, dict):
            return False
        found = found or name != ".zattrs"
    return found
