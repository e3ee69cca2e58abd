"""From one DaCapo's names of parameters to the other's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dacapo.models.checkpoints import Dialect, dialect_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from napari_dacapo.models.build import Model

__all__ = ["canonical", "parameter_order", "translate"]

_Prefixes = tuple[tuple[str, str], ...]

_OLD: _Prefixes = (
    ("architecture.unet.", "net."),
    ("architecture.conv.", "net."),
    ("chain.0.unet.", "net."),
    ("chain.0.conv.", "net."),
)
_BOTH: _Prefixes = (("prediction_head.", "head."), ("chain.1.", "head."))
_MAIN: _Prefixes = (("chain.0.", "net."),)


def canonical(key: str, dialect: Dialect) -> str:
    """Return a name that is the same in both dialects: ``net.…`` or ``head.…``."""
    for prefix, name in (*_BOTH, *(_OLD if dialect == "0.3.5" else _MAIN)):
        if key.startswith(prefix):
            return name + key[len(prefix) :]
    return key


def translate(state: Mapping[str, Tensor], model: Model) -> dict[str, Tensor]:
    """Return a state dict under the names that a model has, whichever it was written with.

    What the model does not know keeps its name.
    """
    dialect = dialect_of(state)
    if dialect == model.dialect:
        return dict(state)
    known = {canonical(key, dialect): value for key, value in state.items()}
    own = {key: canonical(key, model.dialect) for key in model.state_dict()}
    result = {key: known[name] for key, name in own.items() if name in known}
    result.update((name, known[name]) for name in known.keys() - set(own.values()))
    return result


def parameter_order(names: Iterable[str], dialect: Dialect) -> list[str]:
    """Return the canonical names of parameters in the order in which an optimizer counts them."""
    return list(dict.fromkeys(canonical(name, dialect) for name in names))


def reorder(optimizer: Mapping[str, Any], old: list[str], new: list[str]) -> dict[str, Any]:
    """Return an optimizer's state for parameters that are counted in another order."""
    place = {index: new.index(name) for index, name in enumerate(old)}
    state = {place.get(index, index): value for index, value in optimizer["state"].items()}
    return {"state": state, "param_groups": list(optimizer["param_groups"])}
