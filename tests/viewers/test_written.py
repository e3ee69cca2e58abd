"""What ``predict`` wrote opens at its place: here, and by napari's own reader."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from napari_builtins.io import napari_get_reader

from napari_dacapo.cli import main
from napari_dacapo.reader import get_reader
from napari_dacapo.viewers.written import is_written, open_written

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module", params=[True, False], ids=["segmented", "plain"])
def output(request: Any, stores: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 12 x 64 x 64 voxels of 40 x 4 x 4 nm at (1200, 800, 440) nm."""
    path = tmp_path_factory.mktemp("written") / "out.zarr"
    arguments = ["dist_aniso", "--store", stores / "main", "--iteration", 10, "--output", path]
    arguments += ["--input", stores / "data" / "aniso_val.zarr" / "raw"]
    arguments += ["--roi", "1200:1680,800:1056,440:696", *(["--segment"] * request.param)]
    with pytest.raises(SystemExit) as left:
        main(["predict", *map(str, arguments)])
    assert not left.value.code
    return path


def read(path: Path) -> list[Any]:
    reader = get_reader(str(path))
    assert reader is not None
    return reader(str(path))


def test_opens_with_our_reader_at_the_right_place(output: Path) -> None:
    layers = read(output)
    segmented = (output / "labels").exists()
    assert [kind for _, _, kind in layers] == ["image", "labels"][: 1 + segmented]
    for (data, keywords, _), array in zip(
        layers, ("image/s0", "labels/segmentation/s0"), strict=False
    ):
        assert keywords["scale"] == [40, 4, 4]
        assert keywords["translate"] == [1220, 802, 442]
        assert keywords["units"] == ["nanometer"] * 3
        assert "dist_aniso" in keywords["name"]
        assert keywords["metadata"]["napari-dacapo"]["iteration"] == 10
        elements = zarr.open_array(output / array, mode="r")[:]
        np.testing.assert_array_equal(np.asarray(data), elements.reshape(12, 64, 64))
    assert layers[0][1]["contrast_limits"] == (-1, 1)


def test_opens_with_naparis_own_reader(output: Path) -> None:
    """It knows no places; but it shows the prediction, not an error or the labels."""
    reader = napari_get_reader(str(output))
    ((data, *_),) = reader(str(output))
    elements = zarr.open_array(output / "image" / "s0", mode="r")[:]
    np.testing.assert_array_equal(np.asarray(data[0]), elements)
    assert elements.dtype == np.float32


def test_parts_open_at_the_right_place(output: Path) -> None:
    from napari_dacapo import open_volume

    for path in (output / "image", output / "image" / "s0"):
        volume = open_volume(path)
        assert volume.offset == (1200, 800, 440)
        assert volume.voxel_size == (40, 4, 4)
    if (output / "labels").exists():
        ((_, keywords, kind),) = read(output / "labels" / "segmentation")
        assert kind == "labels"
        assert keywords["translate"] == [1220, 802, 442]


def test_what_is_not_finished_says_so(output: Path, tmp_path: Path) -> None:
    import shutil

    path = shutil.copytree(output, tmp_path / "out.zarr")
    metadata = json.loads((path / "zarr.json").read_text())
    assert not any("not finished" in note for note in open_written(path)[0].notes)
    metadata["attributes"]["napari-dacapo"]["complete"] = False
    (path / "zarr.json").write_text(json.dumps(metadata))
    assert any("not finished" in note for note in open_written(path)[0].notes)


@pytest.mark.parametrize(
    "changes",
    [
        {"run": 7, "dataset": None, "iteration": "x"},
        {"channel_names": "blob", "class_names": [1], "value_range": [1, -1]},
        {"channel_names": ["a", "b"], "class_names": {"x": 1}, "value_range": ["a", 1]},
        {"notes": {"a": 1}},
    ],
)
def test_attributes_that_make_no_sense(
    output: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    import shutil

    path = shutil.copytree(output, tmp_path / "out.zarr")
    metadata = json.loads((path / "zarr.json").read_text())
    metadata["attributes"]["napari-dacapo"]["prediction"] |= changes
    (path / "zarr.json").write_text(json.dumps(metadata))
    assert len(read(path)) >= 1


@pytest.mark.parametrize("content", ["{", "[]", '{"attributes": {"napari-dacapo": 1}}', "{}"])
def test_other_folders_are_not_ours(tmp_path: Path, stores: Path, content: str) -> None:
    (tmp_path / "zarr.json").write_text(content)
    assert not is_written(tmp_path)
    assert get_reader(str(tmp_path)) is None
    assert not is_written(tmp_path / "gone")
    assert not is_written(stores / "data" / "aniso_val.zarr")


def test_a_missing_array_is_said(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    path = shutil.copytree(output, tmp_path / "out.zarr")
    shutil.rmtree(path / "image" / "s0")
    assert read(path) == [(None,)]
    with pytest.raises(SystemExit) as left:
        main(["open", str(path)])
    assert left.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "s0" in line
    with pytest.raises(SystemExit) as left:
        main(["open", str(output), "--iteration", "10"])
    assert left.value.code == 2


@pytest.mark.long
@pytest.mark.window
@pytest.mark.skipif(
    os.environ.get("QT_QPA_PLATFORM") == "offscreen", reason="Qt offscreen has no OpenGL"
)
@pytest.mark.parametrize("output", [True], indirect=True, ids=["segmented"])
def test_open_command(output: Path, tmp_path: Path) -> None:
    from imageio.v3 import imread

    picture = tmp_path / "window.png"
    with pytest.raises(SystemExit) as left:
        main(["open", str(output), "--screenshot", str(picture)])
    assert not left.value.code
    assert len(np.unique(imread(picture).reshape(-1, 4), axis=0)) > 100
