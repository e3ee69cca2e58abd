"""A checkpoint shown as a lazy layer: asked for, computed where one looks, compared.

Knows neither Qt nor, at import, torch.
"""

from __future__ import annotations

from napari_dacapo.viewers.live_prediction.controller import LivePredictions
from napari_dacapo.viewers.live_prediction.request import Mode, RawSource, Request
from napari_dacapo.viewers.live_prediction.state import LiveState

__all__ = ["LivePredictions", "LiveState", "Mode", "RawSource", "Request"]
