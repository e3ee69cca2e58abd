"""Which devices a network can run on here; imports torch, so not for the main thread."""

from __future__ import annotations

from napari_dacapo.errors import PredictionError

__all__ = ["DEVICES", "find_devices"]

DEVICES = ("auto", "cpu", "cuda", "mps")


def find_devices() -> dict[str, str]:
    """Return why a device cannot be used, by its name; empty if it can.

    That of "auto" is the device that it stands for.
    """
    from napari_dacapo.models.network import choose_device

    reasons = {"auto": choose_device("auto")}
    for device in DEVICES[1:]:
        try:
            choose_device(device)
        except PredictionError as error:
            reasons[device] = error.message
        else:
            reasons[device] = ""
    return reasons
