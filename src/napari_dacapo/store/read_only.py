"""Stores of this package never write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from napari_dacapo.errors import ReadOnlyError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_only"]

ClassT = TypeVar("ClassT", bound=type[Any])


def read_only(*names: str) -> Callable[[ClassT], ClassT]:
    """Give a class DaCapo's writing methods of these names; each raises `ReadOnlyError`."""

    def decorate(cls: ClassT) -> ClassT:
        for name in names:
            setattr(cls, name, _refusal(cls.__name__, name))
        return cls

    return decorate


def _refusal(owner: str, name: str) -> Callable[..., NoReturn]:
    def method(self: object, *args: object, **kwargs: object) -> NoReturn:
        raise ReadOnlyError(
            f"{name} is not done: napari-dacapo never writes to a store.",
            todo="Use DaCapo itself for that.",
        )

    method.__name__ = name
    method.__qualname__ = f"{owner}.{name}"
    method.__doc__ = "Raise `ReadOnlyError`: stores are never written."
    return method
