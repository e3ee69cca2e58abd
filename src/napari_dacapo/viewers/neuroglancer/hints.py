"""What neuroglancer has no words for, kept where its client keeps it: in comments of code.

The client drops what it does not know from a state, but not the code of
shaders: of an image its own, of a segmentation that of skeletons, which our
segmentations do not have. One line of it says what a layer shows and what
napari knows of its look, for whoever opens the link with this package. It may
have been written by anybody.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

from napari_dacapo.volumes import Identity, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dacapo.viewers.neuroglancer.layers import Json
    from napari_dacapo.volumes import Volume

__all__ = ["identity_in", "name_volume", "named_as", "read_hints", "without_hints", "write_hints"]

_LINE = re.compile(r"^// napari-dacapo: (\{[^\n]{0,65536}\})$\n?", re.MULTILINE)
_SKELETONS = "void main() {\n  emitDefault();\n}\n"  # neuroglancer's own default
_TEXTS = ("run", "dataset", "variant", "store")
_MAX_TEXT = 4096
_MAX_NAMES = 1000


def read_hints(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hints in a layer; empty without any."""
    code = _code(layer)
    found = _LINE.search(code) if code is not None else None
    if found is None:
        return {}
    try:
        hints = json.loads(found.group(1))
    except (ValueError, RecursionError):
        return {}
    return hints if isinstance(hints, dict) else {}


def write_hints(layer: Json, **hints: Any) -> None:
    """Write hints into a layer, in place; those of other names stay.

    Nothing is written to an image layer that leaves its shader to the client.
    """
    hints = {**read_hints(layer), **hints}
    if not hints:
        return
    text = json.dumps(hints, separators=(",", ":"))
    line = f"// napari-dacapo: {text}\n"
    code = _LINE.sub("", _code(layer) or "")
    if layer.get("type") != "segmentation":
        if code:
            layer["shader"] = line + code
        return
    rendering = layer.get("skeletonRendering")
    rendering = rendering if isinstance(rendering, dict) else {}
    layer["skeletonRendering"] = {**rendering, "shader": line + (code or _SKELETONS)}


def without_hints(code: Any) -> Any:
    """Return the code of a shader as it was before hints were written into it."""
    return _LINE.sub("", code) if isinstance(code, str) else code


def identity_in(layer: Mapping[str, Any]) -> Identity | None:
    """Return what a layer is said to be; None if it does not say, or says nonsense.

    Its hints say it, or else its name. Nothing that is said here may be opened
    as a path.
    """
    said = read_hints(layer).get("identity")
    if not isinstance(said, dict):
        return _named(layer.get("name"))
    texts = {key: said.get(key) for key in _TEXTS}
    if not all(isinstance(text, str) and len(text) <= _MAX_TEXT for text in texts.values()):
        return None
    iteration, parameters, role = said.get("iteration"), said.get("parameters"), said.get("role")
    if role not in get_args(Role):
        return None
    if isinstance(iteration, bool) or not isinstance(iteration, int | None):
        return None
    if not isinstance(parameters, str | None) or len(parameters or "") > _MAX_TEXT:
        return None
    return Identity(role=role, iteration=iteration, parameters=parameters, **texts)  # type: ignore[arg-type]


def name_volume(layer: Json, volume: Volume) -> None:
    """Write into a layer what volume it shows, in place, and what its values are called."""
    names: dict[str, Any] = {"identity": volume.identity.as_dict()}
    if volume.channel_names:
        names["channel_names"] = list(volume.channel_names)
    if volume.class_names:
        names["class_names"] = {str(v): name for v, name in volume.class_names.items()}
    write_hints(layer, **names)


def named_as(layer: Mapping[str, Any], volume: Volume) -> Volume:
    """Return a volume whose channels and classes are called as a layer says, if that fits it."""
    hints = read_hints(layer)
    channels, classes = hints.get("channel_names"), hints.get("class_names")
    axis = volume.channel_axis
    n_channels = 0 if axis is None else volume.shape[axis]
    if isinstance(channels, list) and len(channels) == n_channels and all(map(_is_name, channels)):
        volume = volume.with_(channel_names=tuple(channels))
    if isinstance(classes, dict) and volume.kind == "labels":
        found = {
            int(value): name
            for value, name in list(classes.items())[:_MAX_NAMES]
            if re.fullmatch(r"[0-9]{1,9}", value) and _is_name(name)
        }
        volume = volume.with_(class_names=found)
    return volume


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT


def _code(layer: Mapping[str, Any]) -> str | None:
    code = layer.get("shader")
    if layer.get("type") == "segmentation":
        rendering = layer.get("skeletonRendering")
        code = rendering.get("shader") if isinstance(rendering, dict) else None
    return code if isinstance(code, str) and len(code) <= 2**20 else None


def _named(name: Any) -> Identity | None:
    """Read ``run · dataset · role``, the name that we give to layers."""
    parts = name.split(" · ") if isinstance(name, str) and len(name) <= _MAX_TEXT else []
    if len(parts) < 3 or parts[2] not in get_args(Role):
        return None
    return Identity(parts[0], parts[1], parts[2])  # type: ignore[arg-type]
