"""What napari does once is done before its layers are made on the main thread."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from napari_dacapo.viewers.napari.first_layers import warm_up

SCRIPT = """
import sys
from threading import Thread

import numpy as np
from napari.components import ViewerModel
from numba.core.event import install_recorder

from napari_dacapo.viewers.napari.backend import NapariBackend
from napari_dacapo.viewers.napari.first_layers import warm_up
from napari_dacapo.volumes import Identity, Volume
import dask.array as da

def volume(role, dtype, **more):
    return Volume(
        da.zeros((4, 8, 8), dtype=dtype), ("z", "y", "x"), (8.0,) * 3, (0.0,) * 3,
        Identity("run", "val", role), "image" if role == "raw" else "labels", **more,
    )

volumes = [
    volume("raw", "u1"),
    volume("gt", "u8"),
    volume("segmentation", "?", channel_names=("blob",)),
]
if sys.argv[1] == "warm":
    thread = Thread(target=warm_up, args=(volumes,))
    thread.start()
    thread.join()
modules = set(sys.modules)
with install_recorder("numba:compile") as compiled:
    NapariBackend(ViewerModel()).show(volumes)
late = {name.partition(".")[0] for name in set(sys.modules) - modules}
print(len(compiled.buffer), "xarray" in late)
"""


@pytest.mark.long
@pytest.mark.parametrize("state", ["cold", "warm"])
def test_nothing_is_compiled_when_layers_are_made(state: str) -> None:
    command = [sys.executable, "-c", SCRIPT, state]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=True)
    compiled, imports = done.stdout.split()
    if state == "cold":
        assert int(compiled) > 0, "napari compiles nothing any more: nothing is to be warmed up"
    else:
        assert (int(compiled), imports) == (0, "False")


@pytest.mark.parametrize("dtype", ["f4", "c8", "U1"])
def test_labels_that_napari_refuses_are_left_to_it(make_volume, dtype: str) -> None:
    warm_up([make_volume(np.zeros((2, 4, 4), dtype), role="segmentation", kind="labels")])
