"""Shaders: how values become colours, and what the user can set.

Each channel has a range (``contrast_0``), an exponent (``gamma_0``) and a
switch (``show_0``); the colormaps are written into the code, with their names
in comments, so that a link that comes back tells which they were, and what
they look like where the names are not known.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_dacapo.viewers.colormaps import COLORMAPS, RGBA, ColorStops

__all__ = [
    "ChannelLook",
    "channel_looks",
    "color_stops",
    "controls_json",
    "image_shader",
    "shader_range",
]

_SOLID: Mapping[str, tuple[float, float, float]] = {
    "gray": (1, 1, 1), "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1),
    "cyan": (0, 1, 1), "magenta": (1, 0, 1), "yellow": (1, 1, 0),
}  # fmt: skip
_COMMENT = re.compile(r"^// channel ([0-9]{1,2}): ([^\n\\]{1,80})$", re.MULTILINE)
_RANGE = re.compile(
    r"^#uicontrol invlerp contrast_([0-9]{1,2})\(range=\[([^,\]\n]{1,40}), ([^,\]\n]{1,40})\]",
    re.MULTILINE,
)
_NUMBER = re.compile(
    r"^#uicontrol float gamma_([0-9]{1,2}) [^\n]{0,80}default=([^)\n]{1,40})\)", re.MULTILINE
)
_SWITCH = re.compile(
    r"^#uicontrol bool show_([0-9]{1,2}) checkbox\(default=(true|false)\)", re.MULTILINE
)
_COLORS = re.compile(
    r"^vec4 colors_([0-9]{1,2})\(float v\) \{\n((?:  c? ?[^\n]{1,200}\n){1,80})\}", re.M
)
_FIRST = re.compile(r"^  vec4 c = vec4\(([^)\n]{1,80})\);")
_NEXT = re.compile(
    r"^  c = mix\(c, vec4\(([^)\n]{1,80})\), clamp\(\(v - ([0-9.e-]{1,20})\) / ([0-9.e-]{1,20}), ",
    re.MULTILINE,
)
_GAMMA_RANGE = (0.01, 10.0)


@dataclass(frozen=True, slots=True)
class ChannelLook:
    """How one channel is turned into colour.

    Attributes
    ----------
    colormap : str
        Of :data:`COLORMAPS`, or a name that napari knows.
    contrast_limits : tuple of float
        Values shown as the first and last colour.
    gamma : float
        Exponent on the scaled value.
    visible : bool
        Whether it takes part.
    stops : ColorStops
        The colours of the colormap; empty if its name says them.
    """

    colormap: str
    contrast_limits: tuple[float, float]
    gamma: float = 1.0
    visible: bool = True
    stops: ColorStops = ()


def color_stops(name: str) -> ColorStops:
    """Return the stops of a colormap; gray if nobody knows the name."""
    if name in COLORMAPS:
        return COLORMAPS[name]
    if name in _SOLID:
        red, green, blue = _SOLID[name]
        return ((0.0, (0.0, 0.0, 0.0, 1.0)), (1.0, (red, green, blue, 1.0)))
    return _napari_stops(name) or color_stops("gray")


def _napari_stops(name: str) -> ColorStops | None:
    from napari.utils.colormaps import AVAILABLE_COLORMAPS, ensure_colormap

    from napari_dacapo.viewers.napari.colormaps import colormap_stops

    return colormap_stops(ensure_colormap(name)) if name in AVAILABLE_COLORMAPS else None


def image_shader(
    looks: Sequence[ChannelLook], *, has_channel_axis: bool, dtype: str, multiply: bool
) -> str:
    """Return the code of an image layer's shader.

    Parameters
    ----------
    looks : sequence of ChannelLook
        One for each channel; one also without a channel axis. Its settings
        become the defaults of the controls.
    has_channel_axis : bool
        Whether the data has an axis ``c^``.
    dtype : str
        Type of the elements as the client sees them; ranges of integers are
        integers.
    multiply : bool
        Whether channels darken what lies below (affinities) instead of lying
        on top of it.
    """
    lines = [f"// channel {i}: {_plain(look.colormap)}" for i, look in enumerate(looks)]
    for i, look in enumerate(looks):
        low, high = shader_range(look.contrast_limits, dtype)
        channel = f", channel={i}" if has_channel_axis else ""
        lines.append(f"#uicontrol invlerp contrast_{i}(range=[{low}, {high}]{channel})")
        lines.append(
            f"#uicontrol float gamma_{i} slider(min={_GAMMA_RANGE[0]}, max={_GAMMA_RANGE[1]}, "
            f"default={_float(_clamped(look.gamma))})"
        )
        if len(looks) > 1:
            shown = "true" if look.visible else "false"
            lines.append(f"#uicontrol bool show_{i} checkbox(default={shown})")
    stops = [look.stops or color_stops(look.colormap) for look in looks]
    for i, colors in enumerate(stops):
        lines += _colormap_function(i, colors)
    lines += ["void main() {", "  vec4 c;", *_start(multiply)]
    for i, colors in enumerate(stops):
        value = f"pow(clamp(contrast_{i}(), 0.0, 1.0), gamma_{i})"
        step = f"c = colors_{i}({value}); {_mix(colors, multiply)}"
        conditions = [f"show_{i}"] if len(looks) > 1 else []
        if dtype.startswith("float"):
            # NaN is no value: it is clear, where the client would draw it as the lowest.
            conditions.append(f"!isnan(getDataValue({i if has_channel_axis else ''}))")
        when = f"if ({' && '.join(conditions)}) {{ {step} }}" if conditions else step
        lines.append(f"  {when}")
    if multiply:
        lines.append("  sum.a = 1.0 - min(sum.r, min(sum.g, sum.b));")
    lines += ["  emitRGBA(sum);", "}", ""]
    return "\n".join(lines)


def controls_json(looks: Sequence[ChannelLook], dtype: str) -> dict[str, Any]:
    """Return ``shaderControls`` that set all controls of a layer."""
    controls: dict[str, Any] = {}
    for i, look in enumerate(looks):
        low, high = shader_range(look.contrast_limits, dtype)
        controls[f"contrast_{i}"] = {"range": [low, high]}
        controls[f"gamma_{i}"] = _clamped(look.gamma)
        if len(looks) > 1:
            controls[f"show_{i}"] = look.visible
    return controls


def channel_looks(shader: Any, controls: Any) -> tuple[ChannelLook, ...]:
    """Read back how channels look, from a shader of ours and its controls.

    Values that the client left out, because they are the defaults, are taken
    from the code. Empty if the code is not ours, or was changed beyond
    recognition.
    """
    if not isinstance(shader, str) or len(shader) > 2**20:
        return ()
    controls = controls if isinstance(controls, Mapping) else {}
    names = {int(number): name for number, name in _COMMENT.findall(shader)}
    ranges = {int(number): (low, high) for number, low, high in _RANGE.findall(shader)}
    gammas = {int(number): value for number, value in _NUMBER.findall(shader)}
    shown = {int(number): value == "true" for number, value in _SWITCH.findall(shader)}
    colors = {int(number): _stops_in(code) for number, code in _COLORS.findall(shader)}
    if not names or set(names) != set(ranges) or set(names) != set(range(len(names))):
        return ()
    looks = []
    for i, name in sorted(names.items()):
        chosen = controls.get(f"contrast_{i}")
        chosen = chosen.get("range") if isinstance(chosen, Mapping) else None
        limits = _pair(chosen) or _pair(ranges[i])
        gamma = _finite(controls.get(f"gamma_{i}")) or _finite(gammas.get(i)) or 1.0
        visible = controls.get(f"show_{i}", shown.get(i, True))
        if limits is None:
            return ()
        stops = () if name in COLORMAPS else colors.get(i, ())
        looks.append(ChannelLook(name, limits, gamma, visible is not False, stops))
    return tuple(looks)


def shader_range(limits: tuple[float, float], dtype: str) -> tuple[float, float]:
    """Return a range that the client accepts for a type of elements."""
    low, high = (float(value) for value in limits)
    if dtype.startswith("float"):
        return low, high
    info = np.iinfo(dtype)
    first = min(max(round(low), int(info.min)), int(info.max) - 1)
    return first, min(max(round(high), first + 1), int(info.max))


def _clamped(gamma: float) -> float:
    return min(max(float(gamma), _GAMMA_RANGE[0]), _GAMMA_RANGE[1])


def _start(multiply: bool) -> list[str]:
    return [f"  vec4 sum = vec4({'1.0, 1.0, 1.0, 1.0' if multiply else '0.0, 0.0, 0.0, 0.0'});"]


def _mix(colors: ColorStops, multiply: bool) -> str:
    if multiply:
        return "sum.rgb *= c.rgb;"
    if all(color[3] == 1.0 for _, color in colors):
        return "sum = vec4(min(sum.rgb + c.rgb, 1.0), 1.0);"
    # The usual way of laying one translucent colour over another.
    return (
        "float a = c.a + sum.a * (1.0 - c.a); "
        "sum = vec4((c.rgb * c.a + sum.rgb * sum.a * (1.0 - c.a)) / max(a, 1e-6), a);"
    )


def _colormap_function(index: int, stops: ColorStops) -> list[str]:
    """GLSL that interpolates between the stops."""
    first = stops[0]
    lines = [f"vec4 colors_{index}(float v) {{", f"  vec4 c = {_vec4(first[1])};"]
    for (low, _), (high, color) in itertools.pairwise(stops):
        width = max(high - low, 1e-6)
        weight = f"clamp((v - {_float(low)}) / {_float(width)}, 0.0, 1.0)"
        lines.append(f"  c = mix(c, {_vec4(color)}, {weight});")
    return [*lines, "  return c;", "}"]


def _stops_in(code: str) -> ColorStops:
    """Read back the stops that :func:`_colormap_function` wrote; empty if they make no sense."""
    first = _FIRST.match(code)
    found = [(0.0, _color(first.group(1) if first else ""))]
    for color, low, width in _NEXT.findall(code):
        begin, length = _finite(low), _finite(width)
        end = math.nan if begin is None or length is None else begin + length
        found.append((round(end, 6), _color(color)))
    stops = [(place, color) for place, color in found if color is not None]
    places = [place for place, _ in stops]
    rising = all(a < b for a, b in itertools.pairwise(places))
    if len(stops) < max(2, len(found)) or not rising or abs(places[-1] - 1) > 1e-5:
        return ()
    return (*stops[:-1], (1.0, stops[-1][1]))


def _color(text: str) -> RGBA | None:
    parts = [_finite(part) for part in text.split(",")]
    numbers = [part for part in parts if part is not None and 0 <= part <= 1]
    if len(parts) != 4 or len(numbers) != 4:
        return None
    red, green, blue, alpha = numbers
    return red, green, blue, alpha


def _vec4(color: Sequence[float]) -> str:
    return f"vec4({', '.join(_float(value) for value in color)})"


def _float(value: float) -> str:
    text = repr(round(float(value), 6))
    return text if any(c in text for c in ".en") else f"{text}.0"


def _plain(name: str) -> str:
    return re.sub(r"[^\w .·,:+'()#\[\]-]", "", name)[:80] or "gray"


def _pair(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        return None
    low, high = _finite(value[0]), _finite(value[1])
    return None if low is None or high is None else (low, high)


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
