"""Post-processing and scores: volumes in, volumes and numbers out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dacapo.analysis.blocks import clear_memo, set_memo_size
    from napari_dacapo.analysis.methods import Method, method_for
    from napari_dacapo.analysis.postprocess import segment
    from napari_dacapo.analysis.scores import binary_scores, instance_scores, score

__all__ = [
    "Method",
    "binary_scores",
    "clear_memo",
    "instance_scores",
    "method_for",
    "score",
    "segment",
    "set_memo_size",
]

_HOMES = {
    "Method": "methods",
    "binary_scores": "scores",
    "instance_scores": "scores",
    "score": "scores",
    "clear_memo": "blocks",
    "method_for": "methods",
    "segment": "postprocess",
    "set_memo_size": "blocks",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
