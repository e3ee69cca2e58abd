"""What all configs share: dialects, families of kinds, and tolerance.

A family (tasks, arrays, …) is an abstract class; each kind is a subclass named
as DaCapo names it in ``__type__``, and registers itself by that name. What a
family does not know, or cannot make sense of, becomes its ``Unknown…`` kind,
which keeps the mapping as it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

__all__ = ["Config", "Family", "UnknownConfig", "describe", "structure"]

FamilyT = TypeVar("FamilyT", bound="Family")


class Config(BaseModel):
    """A config as DaCapo stores it, read-only.

    Unknown keys are kept. The leading underscore that some versions write
    before some keys is dropped: ``_input_shape`` is read as ``input_shape``.

    Attributes
    ----------
    name : str
        The name that the user gave; may be empty.
    type_name : str
        The ``__type__`` on disk, for instance ``"DistanceTaskConfig"``.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        protected_namespaces=(),
        arbitrary_types_allowed=True,
        # Values come out of YAML and BSON as plain values already.
        revalidate_instances="never",
    )

    name: str = ""
    _raw: dict[str, Any] | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _drop_underscores(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key.lstrip("_") if key[:1] == "_" else key: item
                for key, item in value.items()
                if isinstance(key, str) and key != "__type__"
            }
        return value

    @property
    def type_name(self) -> str:
        """The ``__type__`` on disk."""
        return type(self).__name__

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping as it stands in the store, with its spelling of keys.

        For a config that was made by hand: its fields, and ``__type__``.
        """
        if self._raw is not None:
            return {key: _plain(item) for key, item in self._raw.items()}
        values: dict[str, Any] = {"__type__": self.type_name} if self.type_name else {}
        values.update((field, _plain(getattr(self, field))) for field in type(self).model_fields)
        values.update(
            (field, _plain(item)) for field, item in (self.__pydantic_extra__ or {}).items()
        )
        return values

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy, possibly with other values; such a copy no longer knows its mapping on disk."""
        copy = super().model_copy(update=update, deep=deep)
        if update:
            copy._raw = None
        return copy


class Family(Config):
    """Base of the families; subclasses of a family register as its kinds."""

    kinds: ClassVar[dict[str, type[Any]]]
    unknown: ClassVar[type[Any]]
    noun: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if Family in cls.__bases__:
            cls.kinds = {}
        elif issubclass(cls, UnknownConfig):
            cls.unknown = cls
            for base in cls.__mro__:
                if Family in base.__bases__ and base is not UnknownConfig:
                    base.unknown = cls
        else:
            cls.kinds[cls.__name__] = cls


class UnknownConfig(Config):
    """Mixed into the kind that stands for whatever a family does not know.

    Attributes
    ----------
    raw : dict
        The mapping as it was read.
    problem : str or None
        Why a known kind could not be understood; None for an unknown kind.
    """

    raw: dict[str, Any] = Field(default_factory=dict)
    problem: str | None = None

    @property
    def type_name(self) -> str:
        """The ``__type__`` on disk; empty if there is none."""
        type_name = self.raw.get("__type__")
        return type_name if isinstance(type_name, str) else ""

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping as it was read."""
        return {key: _plain(item) for key, item in self.raw.items()}


def structure(family: type[FamilyT], value: Any, problems: list[str] | None = None) -> FamilyT:
    """Make a config of a family from what was read; never fails.

    Parameters
    ----------
    family : type
        For instance ``TaskConfig``.
    value : object
        A mapping with ``__type__``; anything else gives the unknown kind.
    problems : list of str, optional
        Gets a line for each part that is not as DaCapo writes it.
    """
    if isinstance(value, family):
        return value
    if not isinstance(value, dict):
        reason = "is missing" if value is None else f"should be a mapping, not {value!r:.60}"
        return _unknown(family, {}, f"the {family.noun} {reason}", problems)
    type_name = value.get("__type__")
    kind = family.kinds.get(type_name) if isinstance(type_name, str) else None
    if kind is None:
        problem = None if isinstance(type_name, str) else f"the {family.noun} has no __type__"
        return _unknown(family, value, problem, problems)
    context = {"problems": [] if problems is None else problems}
    try:
        config = kind.model_validate(value, context=context)
    except ValidationError as error:
        label = f"{type_name} {value.get('name', '')!r:.60}"
        return _unknown(family, value, f"{label}: {describe(error)}", problems)
    config._raw = value
    made: FamilyT = config
    return made


def member(family: type[FamilyT]) -> Any:
    """Return a validator for a field that holds a config of a family."""

    def validate(value: Any, info: ValidationInfo) -> FamilyT:
        return structure(family, value, (info.context or {}).get("problems"))

    return validate


def optional_member(family: type[FamilyT]) -> Any:
    """Return a validator for a field that holds a config of a family, or None."""

    def validate(value: Any, info: ValidationInfo) -> FamilyT | None:
        if value is None:
            return None
        return structure(family, value, (info.context or {}).get("problems"))

    return validate


def describe(error: ValidationError) -> str:
    """Say in one line what is wrong with a mapping."""
    parts = []
    for item in error.errors(include_url=False, include_context=False)[:3]:
        place = ".".join(map(str, item["loc"]))
        message = "is missing" if item["type"] == "missing" else item["msg"]
        parts.append(f"{place} {message}" if item["type"] == "missing" else f"{place}: {message}")
    if error.error_count() > 3:
        parts.append(f"and {error.error_count() - 3} more")
    return "; ".join(parts)


def _unknown(
    family: type[FamilyT], raw: dict[str, Any], problem: str | None, problems: list[str] | None
) -> FamilyT:
    if problem and problems is not None:
        problems.append(problem)
    raw = {str(key): item for key, item in raw.items()}
    name = raw.get("name")
    made: FamilyT = family.unknown.model_construct(
        name=name if isinstance(name, str) else "", raw=raw, problem=problem
    )
    return made


def _plain(value: Any) -> Any:
    """Copy a value, with configs in it as mappings."""
    if isinstance(value, Config):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
