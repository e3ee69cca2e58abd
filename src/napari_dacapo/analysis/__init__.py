"""Post-processing and scores: volumes in, volumes and numbers out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from napari_dacapo.analysis.blocks import clear_memo, set_memo_size
    from napari_dacapo.analysis.methods import Method, method_for
    from napari_dacapo.analysis.postprocess import segment
    from napari_dacapo.analysis.scores import binary_scores, instance_scores, score
    from napari_dacapo.analysis.viewed_crop import segment_around

__all__ = [
    "Method",
    "binary_scores",
    "clear_memo",
    "instance_scores",
    "method_for",
    "score",
    "segment",
    "segment_around",
    "set_memo_size",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "blocks": ["clear_memo", "set_memo_size"],
        "methods": ["Method", "method_for"],
        "postprocess": ["segment"],
        "scores": ["binary_scores", "instance_scores", "score"],
        "viewed_crop": ["segment_around"],
    },
)
