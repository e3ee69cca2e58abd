"""What can go wrong, as one family of exceptions.

Every message names the run, file or array that it is about and says what to
do, so that a dialog or a command line can show ``str(error)`` as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

__all__ = [
    "AnalysisError",
    "ArrayFormatError",
    "ArrayNotFoundError",
    "ArrayTooLargeError",
    "BrokenFileError",
    "CancelledError",
    "CheckpointError",
    "ConfigNotFoundError",
    "LinkError",
    "NapariDacapoError",
    "OptionsError",
    "PredictionError",
    "ReadOnlyError",
    "RunNotFoundError",
    "SelectionError",
    "StoreNotFoundError",
    "UnsafeFileError",
    "UnsupportedError",
]

# What the file system says of a file itself, and not of its own troubles.
_LASTING = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


class NapariDacapoError(Exception):
    """Base of all errors that this package raises on purpose.

    Parameters
    ----------
    message : str
        What is wrong, in one line.
    todo : str, optional
        What the user can do about it.
    path : path-like, optional
        The file or folder that the message is about.
    """

    def __init__(
        self, message: str, *, todo: str = "", path: str | PathLike[str] | None = None
    ) -> None:
        self.message = message
        self.todo = todo
        self.path = path
        super().__init__(" ".join(part for part in (message, todo) if part))

    @property
    def passing(self) -> bool:
        """Whether it may be over the next time: a file server that does not answer, e.g."""
        return isinstance(self.__cause__, OSError) and not isinstance(self.__cause__, _LASTING)


class OptionsError(NapariDacapoError):
    """The options file, the environment or an argument is not usable."""


class StoreNotFoundError(NapariDacapoError, FileNotFoundError):
    """There is no store at the given place."""

    __str__ = Exception.__str__


class ConfigNotFoundError(NapariDacapoError, KeyError):
    """The store has no config of that kind and name."""

    __str__ = Exception.__str__


class RunNotFoundError(ConfigNotFoundError):
    """The store has no run of that name."""


class SelectionError(NapariDacapoError, ValueError):
    """A run has no dataset, iteration or parameters of that name."""


class BrokenFileError(NapariDacapoError, ValueError):
    """A file is truncated, torn, or not what its name says."""


class UnsafeFileError(BrokenFileError):
    """A file asks for something that only a malicious or foreign file needs."""


class ArrayNotFoundError(NapariDacapoError, FileNotFoundError):
    """An array is not where it should be."""

    __str__ = Exception.__str__


class ArrayFormatError(NapariDacapoError, ValueError):
    """An array's metadata cannot be understood or makes no sense."""


class ArrayTooLargeError(ArrayFormatError, MemoryError):
    """Elements that are to be read at once do not fit into memory."""


class UnsupportedError(NapariDacapoError, NotImplementedError):
    """Something that exists but that this package (or DaCapo) cannot do."""


class ReadOnlyError(NapariDacapoError, PermissionError):
    """A writing method of a store was called; stores are never written."""

    __str__ = Exception.__str__


class AnalysisError(NapariDacapoError, RuntimeError):
    """A post-processing could not be carried out."""


class CancelledError(NapariDacapoError):
    """Work was given up because nobody waits for it."""


class CheckpointError(NapariDacapoError, ValueError):
    """A checkpoint is broken, unsafe, or does not fit its config."""


class PredictionError(NapariDacapoError, RuntimeError):
    """A network could not be run on the given volume."""


class LinkError(NapariDacapoError, ValueError):
    """A link cannot be made, or is not one that can be opened."""
