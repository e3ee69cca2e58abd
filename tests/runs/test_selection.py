from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from napari_dacapo.runs import open_store
from napari_dacapo.runs.selection import volumes_to_show

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", ["WrappedArchitectureConfig", "ModelZooConfig", ""])
def test_checkpoints_of_networks_of_others_cannot_predict(
    stores: Path, tmp_path: Path, kind: str
) -> None:
    shutil.copytree(stores / "pypi-0.3.5", tmp_path / "store")
    store = tmp_path / "store"
    shutil.rmtree(store / "dist_same_iso0" / "validation.zarr")
    config = store / "configs" / "runs" / "dist_same_iso0.yaml"
    if kind:
        text = config.read_text().replace("CNNectomeUNetConfig", kind)
        config.write_text(text)
    mapped = {"/nrs/demo/dacapo-data": str(stores / "data")}
    chosen = volumes_to_show(open_store(store, path_map=mapped).run("dist_same_iso0"))
    (said,) = (text for text in chosen.missing if "nothing is stored of dataset" in text)
    assert ("can still predict" in said) == (kind == "")
