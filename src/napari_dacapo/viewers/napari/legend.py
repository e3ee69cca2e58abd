"""Words on the canvas: which iteration is on screen, and what must be said of it.

Layer names stay the same from iteration to iteration, and a note in some
layer's metadata is seen by nobody: an empty mask or a repaired offset has to
be said where one looks.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from napari.components.overlays import TextOverlay

from napari_dacapo.store.parameters import parse_parameters
from napari_dacapo.viewers.napari.layers import METADATA_KEY, place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["LEGEND", "legend_text", "update_legend"]

LEGEND = "napari_dacapo"
"""Key of the overlay in ``viewer.canvas.overlays``."""

_WIDTH = 80
_MAX_NOTES = 6


def update_legend(viewer: ViewerModel) -> None:
    """Say on the canvas what the layers of this package show."""
    text = legend_text(viewer.layers)
    overlays = viewer.canvas.overlays
    if LEGEND not in overlays:
        if not text:
            return
        overlays[LEGEND] = TextOverlay(position="top_left", font_size=9, box=True)
    overlays[LEGEND].text = text
    overlays[LEGEND].visible = bool(text)


def legend_text(layers: Iterable[Layer]) -> str:
    """Return one line for each run and dataset on screen, and the notes below it."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for layer in layers:
        said = layer.metadata.get(METADATA_KEY)
        if said is not None:
            groups.setdefault(place(said), []).append(said)
    lines: list[str] = []
    for (_, run, dataset), group in groups.items():
        title = " · ".join(part for part in (run, dataset, *_facts(group)) if part)
        lines += textwrap.wrap(title, _WIDTH, subsequent_indent="   ")
        notes = _notes(group)
        for note in notes[:_MAX_NOTES]:
            lines += textwrap.wrap(note, _WIDTH, initial_indent="! ", subsequent_indent="   ")
        if len(notes) > _MAX_NOTES:
            lines.append(f"! … and {len(notes) - _MAX_NOTES} more")
    # napari measures text a little too narrow for its box, and many lines as one too few.
    return "\n".join(f"{line}   " for line in [*lines, *([""] if len(lines) > 3 else [])])


def _facts(group: list[dict[str, Any]]) -> list[str]:
    iterations = dict.fromkeys(said["iteration"] for said in group if said["iteration"] is not None)
    facts = [f"iteration {number}" for number in iterations]
    for said in group:
        if said["role"] == "segmentation" and (said["parameters"] or said["variant"]):
            words = (said["variant"], _in_words(said["parameters"] or ""))
            facts.append("segmentation " + " ".join(word for word in words if word))
    return list(dict.fromkeys(facts))


def _in_words(text: str) -> str:
    """Return parameters as one says them: folder names are too long to be read."""
    parameters = parse_parameters(text)
    if parameters.kind == "threshold":
        return f"threshold {parameters.values['threshold']}"
    if parameters.kind == "watershed" and "bias" in parameters.values:
        return f"watershed bias {parameters.values['bias']}"
    return "argmax" if parameters.kind == "argmax" else text


def _notes(group: list[dict[str, Any]]) -> list[str]:
    """Return all notes; what is to be said of several layers is said once."""
    roles: dict[str, dict[str, None]] = {}
    for said in group:
        for note in said["notes"]:
            roles.setdefault(note, {})[said["role"]] = None
        for note in said["run_notes"]:
            roles.setdefault(note, {})
    return [f"{', '.join(who)}: {note}" if who else note for note, who in roles.items()]
