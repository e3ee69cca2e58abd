"""Parameters of a post-processor, from the name of a folder.

DaCapo names the folder of an output by ``str(parameters)``; nothing else in a
store says with which parameters it was made.
"""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Parameters", "parse_parameters"]

ParametersKind = Literal["threshold", "watershed", "argmax", "dummy", "unknown"]

_CLASSES: dict[str, ParametersKind] = {
    "ThresholdPostProcessorParameters": "threshold",
    "WatershedPostProcessorParameters": "watershed",
    "ArgmaxPostProcessorParameters": "argmax",
    "DummyPostProcessorParameters": "dummy",
}
_THRESHOLD = re.compile(r"threshold_(.{1,40})")
_CALL = re.compile(r"(\w{1,80})\((.{0,400})\)")
# A value is a number, a word, or a flat tuple.
_ITEM = re.compile(r"\s*(\w{1,40})=(\([^()]{0,200}\)|[^,()]{1,100})(?:,|$)")


@dataclass(frozen=True)
class Parameters:
    """Parameters of a post-processor.

    Attributes
    ----------
    text : str
        The name of the folder, and the name by which outputs are asked for.
    kind : {"threshold", "watershed", "argmax", "dummy", "unknown"}
        Which post-processor.
    values : dict
        For instance ``{"id": 2, "bias": 0.5, "context": (32, 32, 32)}``.
    """

    text: str
    kind: ParametersKind
    values: dict[str, Any] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.text


def parse_parameters(text: str) -> Parameters:
    """Read parameters; never fails (``kind`` is then ``"unknown"``).

    Examples
    --------
    >>> parse_parameters("threshold_-0.2").values
    {'threshold': -0.2}
    >>> parse_parameters("WatershedPostProcessorParameters(id=2, bias=0.5)").kind
    'watershed'
    """
    if match := _THRESHOLD.fullmatch(text):
        value = _value(match[1])
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            return Parameters(text, "threshold", {"threshold": value})
        return Parameters(text, "unknown")
    if (match := _CALL.fullmatch(text)) and match[1] in _CLASSES:
        values: dict[str, Any] = {}
        position = 0
        while position < len(match[2]):
            item = _ITEM.match(match[2], position)
            if item is None:
                return Parameters(text, "unknown")
            values[item[1]] = _value(item[2])
            position = item.end()
        return Parameters(text, _CLASSES[match[1]], values)
    return Parameters(text, "unknown")


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text.strip()
