"""How curves look and what is said of a criterion: plain functions, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from napari_dacapo.viewers.selection import short

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dacapo.runs.criteria import Criterion
    from napari_dacapo.runs.curves import Curve

__all__ = ["GREY", "CurveLook", "criterion_label", "describe", "gaps", "legend", "look_of"]

GREY = "#8b93a1"
COLORS = ("#3d9df2", "#e69f2c", "#2fa84f", "#e0609f", "#9b7bea", "#23a6a0", "#e5534b", "#b5b35c")
LINES = ("SolidLine", "DashLine", "DotLine", "DashDotLine", "DashDotDotLine")
LINE_WORDS = ("──", "╌╌", "┈┈", "─·", "─··")


@dataclass(frozen=True, slots=True)
class CurveLook:
    """Colour and line style of a curve; the latter by Qt's name and as a few characters."""

    color: str
    line: str = LINES[0]
    word: str = LINE_WORDS[0]


def look_of(curve: Curve, curves: Sequence[Curve]) -> CurveLook:
    """Return how a curve looks among others.

    Colours tell what differs: datasets, or the parameters of the only one. If
    both differ, the line style tells the parameters.
    """
    datasets = list(dict.fromkeys(each.dataset for each in curves))
    parameters = list(dict.fromkeys(each.parameters for each in curves))
    d, p = datasets.index(curve.dataset), parameters.index(curve.parameters)
    if len(datasets) == 1:
        return CurveLook(COLORS[p % len(COLORS)])
    return CurveLook(COLORS[d % len(COLORS)], LINES[p % len(LINES)], LINE_WORDS[p % len(LINES)])


def legend(curves: Sequence[Curve], *, grey: bool = False) -> str:
    """Return rich text that names the curves, as short as that can be."""
    datasets = {curve.dataset: curve for curve in reversed(curves)}
    parameters = {curve.parameters: curve for curve in reversed(curves)}
    lines = []
    if len(datasets) > 1 or len(parameters) == 1:
        lines.append(
            [(look_of(c, curves).color, f"● {name}") for name, c in datasets.items()][::-1]
        )
    if len(parameters) > 1:
        lead, values = _lead(parameters)
        entries = []
        for value, curve in zip(values, parameters.values(), strict=True):
            look = look_of(curve, curves)
            several = len(datasets) > 1
            mark = look.word if several else "●"
            entries.append((GREY if several else look.color, f"{mark} {value}"))
        lines.append([*([(GREY, lead)] if lead else []), *entries[::-1]])
    return "<br>".join(
        "&nbsp; ".join(
            f'<span style="color:{GREY if grey else color}">'
            f"{escape(text).replace(' ', '&nbsp;')}</span>"
            for color, text in line
        )
        for line in lines
    )


def criterion_label(criterion: Criterion) -> str:
    """Return the name of a criterion with its direction, and a mark if it is doubtful.

    >>> from napari_dacapo.runs.criteria import Criterion
    >>> criterion_label(Criterion("voi", False))
    'voi ↓'
    """
    mark = "  ⚠" if criterion.doubtful or criterion.meaningless else ""
    return f"{criterion.name} {'↑' if criterion.higher_is_better else '↓'}{mark}"


def describe(criterion: Criterion) -> str:
    """Return direction, bounds and what to beware of, in few words.

    >>> from napari_dacapo.runs.criteria import Criterion
    >>> describe(Criterion("voi", False, (0.0, None)))
    'Lower is better, 0 or more.'
    """
    if criterion.meaningless:
        return f"⚠ {_consequence(criterion.doubtful) or 'These values mean nothing.'}"
    low, high = criterion.bounds
    way = "Higher is better" if criterion.higher_is_better else "Lower is better"
    if low is not None and high is not None:
        way += f", {low:g} to {high:g}"
    elif low is not None:
        way += f", {low:g} or more"
    warning = f" ⚠ {_consequence(criterion.doubtful)}" if criterion.doubtful else ""
    return f"{way}.{warning}"


def gaps(curves: Sequence[Curve]) -> str:
    """Return how many scores are not drawn, and why; empty if all are."""
    n = sum(len(curve.values) for curve in curves)
    n_nan = sum(curve.n_nan for curve in curves)
    n_missing = sum(curve.n_missing for curve in curves)
    said = []
    if n_nan and n_nan == n:
        return f"None of the {n} stored scores is a number (as of empty segmentations)."
    if n_nan:
        said.append(f"{n_nan} of {n} scores are not a number (as of an empty segmentation)")
    if n_missing:
        said.append(f"{n_missing} of {n} are missing")
    return f"Gaps: {', '.join(said)}." if said else ""


def _lead(parameters: Iterable[str]) -> tuple[str, list[str]]:
    """Return what the names of parameters begin with, all of them, and how each goes on.

    >>> _lead(["threshold_0.2", "threshold_0.5"])
    ('threshold', ['0.2', '0.5'])
    """
    names = [short(name) for name in parameters]
    cuts = [max(name.rfind(" "), name.rfind("=")) + 1 for name in names]
    leads = {name[:cut] for name, cut in zip(names, cuts, strict=True)}
    if len(leads) > 1:
        return "", names
    lead = leads.pop()
    return lead.rstrip(" ="), [name[len(lead) :] for name in names]


def _consequence(text: str) -> str:
    """Return what a warning comes down to; its reason stands before the colon."""
    _, colon, rest = text.partition(": ")
    words = rest if colon else text
    return words[:1].upper() + words[1:]
