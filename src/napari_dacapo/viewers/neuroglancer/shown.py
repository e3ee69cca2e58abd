"""What is to be linked: what a viewer shows, layers, or volumes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from napari_dacapo.errors import LinkError
from napari_dacapo.volumes import Role, Volume

if TYPE_CHECKING:
    from napari_dacapo.viewers.view_state import ViewState

__all__ = ["PRIVATE", "Shown", "leave_out", "what_is_shown"]

#: Stands for all layers without a public address.
PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be linked.

    Attributes
    ----------
    volumes : sequence of Volume
        From the bottom to the top, each once.
    view : ViewState or None
        Camera and looks; None for how volumes look at first.
    notes : tuple of str
        What is left out.
    state : mapping or None
        The state of a neuroglancer viewer, if that is what is linked.
    layers : sequence of (layer, Volume)
        The layers of that state that show volumes of ours.
    """

    volumes: Sequence[Volume]
    view: ViewState | None = None
    notes: tuple[str, ...] = ()
    state: Mapping[str, Any] | None = None
    layers: Sequence[tuple[Mapping[str, Any], Volume]] = ()


def what_is_shown(given: Any) -> Shown:
    """Return what a viewer shows, or what layers or volumes are.

    Raises
    ------
    LinkError
        If it is something else.
    """
    if hasattr(given, "shown_state"):
        state, layers = given.shown_state()
        volumes = {volume.identity.slot: volume for _, volume in layers}
        return Shown(list(volumes.values()), state=state, layers=layers)
    if hasattr(given, "layers") and hasattr(given, "dims"):
        return _of_napari(given)
    if isinstance(given, Volume) or not isinstance(given, Sequence | Mapping):
        given = [given]
    things = list(given)
    if all(isinstance(thing, Volume) for thing in things):
        return Shown(things)
    return _of_layers(things)


def leave_out(shown: Shown, without: Collection[str] | str) -> Shown:
    """Return what is left to be linked.

    Parameters
    ----------
    shown : Shown
        Everything.
    without : collection of str
        Roles, and names of layers; :data:`PRIVATE` is for others to see to.

    Raises
    ------
    LinkError
        If there is no layer of a name, or if none is left.
    """
    unwanted = {without} if isinstance(without, str) else set(without)
    unwanted.discard(PRIVATE)
    if not unwanted:
        return shown
    in_page = [] if shown.state is None else list(shown.state.get("layers", ()))
    ours = {id(layer): volume for layer, volume in shown.layers}
    named = {str(layer.get("name")) for layer in in_page}
    known = set().union(named, *(_names(volume) for volume in shown.volumes))
    if unknown := sorted(unwanted - known - set(get_args(Role))):
        raise LinkError(
            f"There is no layer {unknown[0]!r:.100} to leave out.",
            todo=f"There is: {', '.join(sorted(known))}.",
        )
    volumes = [volume for volume in shown.volumes if not unwanted & _names(volume)]
    kept = [
        layer
        for layer in in_page
        if str(layer.get("name")) not in unwanted
        and (id(layer) not in ours or not unwanted & _names(ours[id(layer)]))
    ]
    if not volumes:
        raise LinkError("Nothing is left to link to.", todo="Leave out less.")
    state = None if shown.state is None else {**shown.state, "layers": kept}
    layers = [(layer, ours[id(layer)]) for layer in kept if id(layer) in ours]
    return replace(shown, volumes=volumes, state=state, layers=layers)


def _names(volume: Volume) -> set[str]:
    """Return by what a volume may be called."""
    from napari_dacapo.viewers.neuroglancer.from_napari import FOREIGN

    identity = volume.identity
    own = {identity.run} if identity.variant == FOREIGN else set()
    return {identity.role, identity.label} | own


def _of_napari(viewer: Any) -> Shown:
    from napari_dacapo.viewers.napari.view_state import get_view
    from napari_dacapo.viewers.neuroglancer.from_napari import layer_volumes, with_slots

    volumes, notes = layer_volumes(viewer.layers)
    return Shown(volumes, with_slots(get_view(viewer), volumes), notes)


def _of_layers(layers: Sequence[Any]) -> Shown:
    from napari.layers import Layer

    from napari_dacapo.viewers.neuroglancer.from_napari import layer_volumes

    if not all(isinstance(layer, Layer) for layer in layers):
        kinds = ", ".join(sorted({type(layer).__name__ for layer in layers}))
        raise LinkError(
            f"A link cannot be made of {kinds}.",
            todo="Give a viewer, napari layers, or Volumes.",
        )
    volumes, notes = layer_volumes(layers)
    return Shown(volumes, None, notes)
