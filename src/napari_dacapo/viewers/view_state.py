"""What a viewer shows and how, in words that no backend owns.

Positions are world coordinates in nanometres, corner convention: voxel ``i``
of an axis reaches from ``offset + i * voxel_size`` to ``offset + (i + 1) *
voxel_size``. Each backend translates its own camera into these values and
back; nothing here imports a viewer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

__all__ = [
    "IDENTITY_ORIENTATION",
    "LayerState",
    "Quaternion",
    "ViewState",
    "directions_from_orientation",
    "orientation_from_directions",
]

Quaternion = tuple[float, float, float, float]
Vector = tuple[float, float, float]

IDENTITY_ORIENTATION: Quaternion = (0.0, 0.0, 0.0, 1.0)


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
    selected_label : int or None
        The label that is picked; None for images.
    show_selected_label : bool
        Whether only the picked label is shown.
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

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
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


def orientation_from_directions(forward: Sequence[float], up: Sequence[float]) -> Quaternion:
    """Return the orientation of a camera that looks along ``forward``.

    Parameters
    ----------
    forward : sequence of 3 floats
        Direction into the screen, in world axes ``(x, y, z)``.
    up : sequence of 3 floats
        Direction towards the top of the screen; made orthogonal to
        ``forward``.

    Returns
    -------
    Quaternion
        See :attr:`ViewState.orientation`; ``w`` is never negative.

    Raises
    ------
    ValueError
        If a direction has no length or both are parallel.
    """
    f = _unit(forward)
    along = _dot(up, f)
    d = _unit([along * b - a for a, b in zip(up, f, strict=True)])
    r = _cross(d, f)
    # The columns of the rotation matrix are r, d, f. The largest of the four
    # components is found first, so that nothing is divided by almost zero.
    squares = (
        1 + r[0] - d[1] - f[2],
        1 - r[0] + d[1] - f[2],
        1 - r[0] - d[1] + f[2],
        1 + r[0] + d[1] + f[2],
    )
    mixed = (
        (squares[0], r[1] + d[0], f[0] + r[2], d[2] - f[1]),
        (r[1] + d[0], squares[1], f[1] + d[2], f[0] - r[2]),
        (f[0] + r[2], f[1] + d[2], squares[2], r[1] - d[0]),
        (d[2] - f[1], f[0] - r[2], r[1] - d[0], squares[3]),
    )
    best = max(range(4), key=squares.__getitem__)
    x, y, z, w = mixed[best]
    norm = math.copysign(math.sqrt(x * x + y * y + z * z + w * w), w if w else 1.0)
    return (x / norm, y / norm, z / norm, w / norm)


def directions_from_orientation(orientation: Quaternion) -> tuple[Vector, Vector]:
    """Return ``forward`` and ``up`` of an orientation, in world axes ``(x, y, z)``.

    Raises
    ------
    ValueError
        If the quaternion has no length.
    """
    length = math.hypot(*orientation)
    if not (math.isfinite(length) and length > 0):
        raise ValueError(f"{orientation} is not an orientation")
    x, y, z, w = (value / length for value in orientation)
    forward = (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y))
    up = (-2 * (x * y - w * z), -(1 - 2 * (x * x + z * z)), -2 * (y * z + w * x))
    return forward, up


def _unit(vector: Sequence[float]) -> Vector:
    length = math.hypot(*vector)
    if not (math.isfinite(length) and length > 1e-9):
        raise ValueError(f"{tuple(vector)} gives no direction")
    x, y, z = (value / length for value in vector)
    return (x, y, z)


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(p * q for p, q in zip(a, b, strict=True))


def _cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _known(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise ValueError(f"expected a mapping, not {type(values).__name__}")
    names = {f.name for f in fields(cls)}
    return {name: value for name, value in values.items() if name in names}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, not {value!r}")
    return value


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not finite")
    return number
