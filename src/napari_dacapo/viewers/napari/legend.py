"""Words on the canvas: which iteration is on screen, and what must be said of it.

Layer names stay the same from iteration to iteration, and a note in some
layer's metadata is seen by nobody: an empty mask or a repaired offset has to
be said where one looks. A few words, though: they cover what one looks at. All
notes are in the dock, in the layers' metadata and, of the selected layer, in
the status bar.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from napari.components.overlays import TextOverlay

from napari_dacapo.store.parameters import parse_parameters
from napari_dacapo.viewers.napari.layers import METADATA_KEY, place
from napari_dacapo.viewers.napari.plugin_settings import settings_of
from napari_dacapo.viewers.notes import ordered_notes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["LEGEND", "legend_text", "show_legend", "update_legend"]

LEGEND = "napari_dacapo"
"""Key of the overlay in ``viewer.canvas.overlays``."""

_FONT_SIZE = 9
_PIXELS_PER_CHARACTER = 8
_PART_OF_CANVAS = 0.65
_MIN_COLUMNS = 24
_MAX_LINES = 3
_MAX_GROUPS = 4
_BOX = (0.0, 0.0, 0.0, 0.45)


def update_legend(viewer: ViewerModel) -> None:
    """Say on the canvas what the layers of this package show.

    Whether the words are visible is for the user to say, in the preferences or
    of the overlay.
    """
    width = viewer.canvas.size[1]
    columns = max(_MIN_COLUMNS, int(_PART_OF_CANVAS * width / _PIXELS_PER_CHARACTER))
    text = legend_text(viewer.layers, columns)
    overlays = viewer.canvas.overlays
    if LEGEND not in overlays:
        if not text:
            return
        overlays[LEGEND] = TextOverlay(
            position="top_left", font_size=_FONT_SIZE, color="white", box_color=_BOX
        )
        show_legend(viewer)
    overlays[LEGEND].text = text
    overlays[LEGEND].box = bool(text)


def show_legend(viewer: ViewerModel) -> None:
    """Show or hide the words as the preferences say."""
    legend = viewer.canvas.overlays.get(LEGEND)
    if legend is not None:
        legend.visible = bool(getattr(settings_of("display"), "legend", True))


def legend_text(layers: Iterable[Layer], columns: int) -> str:
    """Return a few lines for each run and dataset of which anything is visible.

    Parameters
    ----------
    layers : iterable of Layer
        All layers of a viewer.
    columns : int
        How long a line may be, in characters.
    """
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    seen = set()
    for layer in layers:
        said = layer.metadata.get(METADATA_KEY)
        if said is not None:
            groups.setdefault(place(said), []).append(said)
            if layer.visible:
                seen.add(place(said))
    visible = [(where, group) for where, group in groups.items() if where in seen]
    lines: list[str] = []
    for (_, run, dataset), group in visible[:_MAX_GROUPS]:
        head = _title([part for part in (run, dataset) if part], _facts(group), columns)
        lines += head
        n_lines = _MAX_LINES - len(head) if len(visible) == 1 else 1
        lines += _most_important(_notes(group), columns, n_lines)
    if len(visible) > _MAX_GROUPS:
        lines.append(f"… and {len(visible) - _MAX_GROUPS} more")
    # napari measures text a little too narrow for its box, and many lines as one too few.
    return "\n".join(f"{line}   " for line in [*lines, *([""] if len(lines) > 3 else [])])


def _title(names: list[str], facts: list[str], columns: int) -> list[str]:
    """Return lines that are broken between what they say, so that a number stays by its word."""
    lines = _packed([*names, *facts], columns)
    if max(map(len, lines)) > columns:
        lines = _packed([*names, *(fact.removeprefix("segmentation ") for fact in facts)], columns)
    return [_shortened(line, columns) for line in lines]


def _packed(parts: list[str], columns: int) -> list[str]:
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]} · {part}" if lines else ""
        if joined and (len(joined) <= columns or len(lines) == _MAX_LINES - 1):
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def _shortened(line: str, columns: int) -> str:
    """Leave out the middle: names of runs differ at their ends."""
    if len(line) <= columns:
        return line
    half = (columns - 1) // 2
    return f"{line[: columns - 1 - half]}…{line[-half:]}"


def _most_important(notes: list[str], columns: int, n_lines: int) -> list[str]:
    if not notes:
        return []
    more = f" (+{len(notes) - 1} more)" if len(notes) > 1 else ""
    *lines, last = textwrap.wrap(
        notes[0], columns - len(more), initial_indent="! ", subsequent_indent="   ",
        max_lines=n_lines, placeholder=" …",
    )  # fmt: skip
    return [*lines, f"{last}{more}"]


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
    general = [note for said in group for note in said["run_notes"]]
    of_roles = [(said["role"], note) for said in group for note in said["notes"]]
    return ordered_notes(general, of_roles)
