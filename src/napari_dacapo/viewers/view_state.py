"""What a viewer shows and how, in words that no backend owns.

Positions are world coordinates in nanometres, corner convention: voxel ``i``
of an axis reaches from ``offset + i * voxel_size`` to ``offset + (i + 1) *
voxel_size``. Each backend translates its own camera into these values and
back; nothing here imports a viewer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from napari_dacapo.viewers.orientation import IDENTITY_ORIENTATION, Quaternion

if TYPE_CHECKING:
    from napari_dacapo.viewers.colormaps import RGBA, ColorStops

__all__ = ["LayerState", "ViewState"]


@dataclass(frozen=True, slots=True)
class LayerState:
    """How one layer looks.

    Attributes
    ----------
    slot : str
        :attr:`napari_dacapo.volumes.Identity.slot` of the volume, or "" for a
        layer that did not come from this package.
    name : str
        Name of the layer on screen.
    channel : int or None
        Index along the channel axis where a volume is split into one layer a
        channel; None where the layer shows the whole volume.
    visible : bool
        Whether it is shown.
    opacity : float
        0 (clear) to 1 (opaque).
    blending : str
        ``"translucent"``, ``"translucent_no_depth"``, ``"additive"``,
        ``"minimum"``, ``"multiplicative"`` or ``"opaque"``.
    contrast_limits : tuple of float or None
        Values shown as darkest and brightest; None for labels.
    gamma : float or None
        Exponent on the scaled value; None for labels.
    colormap : str or None
        Name of the colormap; None for labels. Names of this package's own
        colormaps are in :data:`napari_dacapo.viewers.appearance.COLORMAPS`.
    color_stops : ColorStops
        The colours of the colormap, where its name may mean nothing to
        others; empty where it does.
    selected_label : int or None
        The label that is picked; None for images.
    show_selected_label : bool
        Whether only the picked label is shown.
    label_colors : tuple of (int or None, RGBA)
        Colours that were chosen for labels, by None that of all others; empty
        where the viewer chooses them.
    """

    slot: str
    name: str = ""
    channel: int | None = None
    visible: bool = True
    opacity: float = 1.0
    blending: str = "translucent"
    contrast_limits: tuple[float, float] | None = None
    gamma: float | None = None
    colormap: str | None = None
    selected_label: int | None = None
    show_selected_label: bool = False
    color_stops: ColorStops = ()
    label_colors: tuple[tuple[int | None, RGBA], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("color_stops", "label_colors"):
            values[name] = [[place, list(color)] for place, color in values[name]]
        if self.contrast_limits is not None:
            values["contrast_limits"] = list(self.contrast_limits)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LayerState:
        """Return the state that :meth:`as_dict` wrote; unknown keys are ignored.

        Raises
        ------
        ValueError
            If a value is of the wrong kind or not finite.
        """
        picked = _known(cls, values)
        try:
            for name in ("slot", "name", "blending"):
                if name in picked:
                    picked[name] = _text(picked[name])
            for name in ("channel", "selected_label"):
                if picked.get(name) is not None:
                    picked[name] = int(picked[name])
            for name in ("visible", "show_selected_label"):
                if name in picked:
                    picked[name] = bool(picked[name])
            if "opacity" in picked:
                picked["opacity"] = _finite(picked["opacity"])
            if picked.get("gamma") is not None:
                picked["gamma"] = _finite(picked["gamma"])
            if picked.get("colormap") is not None:
                picked["colormap"] = _text(picked["colormap"])
            if picked.get("contrast_limits") is not None:
                low, high = picked["contrast_limits"]
                picked["contrast_limits"] = (_finite(low), _finite(high))
            if "color_stops" in picked:
                picked["color_stops"] = tuple(
                    (_finite(place), _color(color)) for place, color in picked["color_stops"]
                )
            if "label_colors" in picked:
                picked["label_colors"] = tuple(
                    (None if label is None else int(label), _color(color))
                    for label, color in picked["label_colors"]
                )
            return cls(**picked)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"not the state of a layer: {error}") from error


@dataclass(frozen=True, slots=True)
class ViewState:
    """Camera and layers of a viewer.

    Attributes
    ----------
    axes : tuple of str
        Names of the spatial axes in the order of :attr:`position`, slowest
        first: ``("z", "y", "x")`` or ``("y", "x")``.
    position : tuple of float
        World point in the middle of the canvas (and the plane that is shown),
        nanometres, one for each of :attr:`axes`.
    zoom : float
        Screen pixels per nanometre.
    ndisplay : {2, 3}
        Whether a plane or the volume is shown.
    order : tuple of str
        The axes in the order in which they are laid out: the last is drawn
        from left to right, the one before it from top to bottom.
    orientation : Quaternion
        ``(x, y, z, w)``, unit length; meant for 3-D. It turns the screen's
        axes (right, down, into the screen) into world axes
        (``axes[-1]``, ``axes[-2]``, ``axes[-3]``), which is neuroglancer's
        convention. A viewer that mirrors space (napari does by default) keeps
        the viewing direction and what is up.
    canvas_size : tuple of int or None
        Height and width of the canvas in screen pixels, if known.
    layers : tuple of LayerState
        From the bottom to the top.
    """

    axes: tuple[str, ...]
    position: tuple[float, ...]
    zoom: float
    ndisplay: Literal[2, 3] = 2
    order: tuple[str, ...] = ()
    orientation: Quaternion = IDENTITY_ORIENTATION
    canvas_size: tuple[int, int] | None = None
    layers: tuple[LayerState, ...] = ()

    def __post_init__(self) -> None:
        if len(self.position) != len(self.axes):
            raise ValueError(f"position {self.position} does not fit the axes {self.axes}")
        if not self.order:
            object.__setattr__(self, "order", self.axes)
        if sorted(self.order) != sorted(self.axes):
            raise ValueError(f"order {self.order} is not an order of the axes {self.axes}")
        if not (math.isfinite(self.zoom) and self.zoom > 0):
            raise ValueError(f"zoom must be positive, not {self.zoom}")
        if self.ndisplay not in (2, 3):
            raise ValueError(f"ndisplay must be 2 or 3, not {self.ndisplay}")

    def layer(self, slot: str, channel: int | None = None) -> LayerState | None:
        """Return the state of the layer in a slot, or None."""
        for state in self.layers:
            if state.slot == slot and state.channel == channel:
                return state
        return None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return {
            "axes": list(self.axes),
            "position": list(self.position),
            "zoom": self.zoom,
            "ndisplay": self.ndisplay,
            "order": list(self.order),
            "orientation": list(self.orientation),
            "canvas_size": None if self.canvas_size is None else list(self.canvas_size),
            "layers": [layer.as_dict() for layer in self.layers],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ViewState:
        """Return the state that :meth:`as_dict` wrote; unknown keys are ignored.

        Raises
        ------
        ValueError
            If a value is missing, of the wrong kind or not finite.
        """
        try:
            picked = _known(cls, values)
            axes = tuple(_text(name) for name in picked["axes"])
            orientation = tuple(_finite(v) for v in picked.get("orientation", IDENTITY_ORIENTATION))
            if len(orientation) != 4:
                raise ValueError("orientation needs four numbers")
            size = picked.get("canvas_size")
            height_width = None if size is None else tuple(int(n) for n in size)
            if height_width is not None and len(height_width) != 2:
                raise ValueError("canvas_size needs two numbers")
            return cls(
                axes=axes,
                position=tuple(_finite(v) for v in picked["position"]),
                zoom=_finite(picked["zoom"]),
                ndisplay=picked.get("ndisplay", 2),
                order=tuple(_text(name) for name in picked.get("order", axes)),
                orientation=orientation,
                canvas_size=height_width,
                layers=tuple(LayerState.from_dict(v) for v in picked.get("layers", ())),
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"not the state of a view: {error!r}") from error


def _known(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise ValueError(f"expected a mapping, not {type(values).__name__}")
    names = {f.name for f in fields(cls)}
    return {name: value for name, value in values.items() if name in names}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, not {value!r}")
    return value


def _color(value: Any) -> RGBA:
    red, green, blue, alpha = (_finite(part) for part in value)
    return red, green, blue, alpha


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not finite")
    return number
