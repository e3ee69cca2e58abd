"""Errors say what is wrong and what to do."""

from __future__ import annotations

import errno

import pytest

from napari_dacapo import errors

ALL = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", ALL)
def test_messages(kind: type[errors.NapariDacapoError]) -> None:
    error = kind("It is 'broken'.", todo="Mend it.", path="/a/b")
    assert str(error) == "It is 'broken'. Mend it."
    assert (error.message, error.todo, error.path) == ("It is 'broken'.", "Mend it.", "/a/b")
    assert str(kind("It is broken.")) == "It is broken."
    assert isinstance(error, errors.NapariDacapoError)


def test_they_are_also_what_python_calls_them() -> None:
    assert issubclass(errors.ArrayNotFoundError, FileNotFoundError)
    assert issubclass(errors.StoreNotFoundError, FileNotFoundError)
    assert issubclass(errors.RunNotFoundError, errors.ConfigNotFoundError)
    assert issubclass(errors.ConfigNotFoundError, KeyError)
    assert issubclass(errors.ReadOnlyError, PermissionError)
    assert issubclass(errors.UnsafeFileError, errors.BrokenFileError)


@pytest.mark.parametrize(
    ("cause", "passing"),
    [
        (OSError(errno.ESTALE, "Stale file handle"), True),
        (TimeoutError(), True),
        (FileNotFoundError(), False),
        (NotADirectoryError(), False),
        (PermissionError(), False),
        (ValueError(), False),
        (None, False),
    ],
)
def test_what_may_be_over_the_next_time(cause: Exception | None, passing: bool) -> None:
    with pytest.raises(errors.BrokenFileError) as raised:
        raise errors.BrokenFileError("It cannot be read.") from cause
    assert raised.value.passing is passing


def test_all_are_named() -> None:
    kinds = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert kinds == set(errors.__all__)
