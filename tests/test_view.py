"""The names of ``dacapo.utils.view``: each documented example, and every kind of array."""

from __future__ import annotations

import copy
import inspect
import io
import re
import subprocess
import sys
import warnings
import zlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dask.array as da
import h5py
import neuroglancer
import numpy as np
import pytest
import tensorstore as ts
import zarr

import napari_dacapo.runs
import napari_dacapo.view
from napari_dacapo.runs import open_store
from napari_dacapo.view import add_scalar_layer, add_seg_layer, get_viewer
from napari_dacapo.volumes import open_volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_dacapo.runs import Run

SHAPE = (10, 12, 14)
Viewer = Any


@pytest.fixture(autouse=True)
def _close_viewers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close every viewer that a test makes."""
    from napari_dacapo.viewers.neuroglancer.viewer import OwnViewer

    made: list[OwnViewer] = []
    make = OwnViewer.__init__

    def remembered(self: OwnViewer, **options: Any) -> None:
        make(self, **options)
        made.append(self)

    monkeypatch.setattr(OwnViewer, "__init__", remembered)
    yield
    for viewer in made:
        viewer.close()


@pytest.fixture
def run(stores: Path) -> Run:
    store = open_store(
        stores / "pypi-0.3.5-thresholds", path_map={"/nrs/demo/dacapo-data": str(stores / "data")}
    )
    return store.run("dist_thr_shim")


def client_reads(viewer: Viewer, name: str) -> np.ndarray[Any, Any]:
    """Return the elements of a layer as the client gets them, from whichever server."""
    url = viewer.state.layers[name].source[0].url
    if url.startswith("python://"):
        local = viewer.volume_manager.volumes[url.rpartition(".")[2]]
        ones = ",".join("1" * local.rank)
        content, _ = local.get_encoded_subvolume(
            "npz", np.zeros(local.rank, int), np.array(local.shape), ones
        )
        read: np.ndarray[Any, Any] = np.load(io.BytesIO(zlib.decompress(content)))
        return read
    address, _, kind = url.partition("|")
    driver = {"zarr2:": "zarr", "zarr3:": "zarr3"}[kind]
    spec = {"driver": driver, "kvstore": f"{address}0/"}
    return np.asarray(ts.open(spec, open=True, read=True).result())


# The documentation's examples, only with the import line changed


@pytest.fixture
def as_in_the_examples(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Let ``Run()`` stand for a run retrieved from the store."""
    monkeypatch.setenv("NAPARI_DACAPO_STORE", str(run.store.options.runs_base_dir))
    monkeypatch.setattr(napari_dacapo.view, "Run", lambda: run)
    return run


def example(code: str) -> dict[str, Any]:
    """Run the lines of an example and return its names."""
    code = re.sub(r"from dacapo\.experiments\.run import", "from napari_dacapo.view import", code)
    code = code.replace("from dacapo.utils.view import", "from napari_dacapo.view import")
    lines = re.findall(r"^\s*(?:>>>|\.\.\.) ?(.*)$", code, re.MULTILINE)
    names: dict[str, Any] = {}
    exec(compile("\n".join(lines), "example", "exec"), names)
    return names


def test_example_of_get_viewer() -> None:
    names = example("""
        >>> import numpy as np
        >>> import neuroglancer
        >>> from dacapo.utils.view import get_viewer
        >>> arrays = {
        ...     "raw": {
        ...         "array": np.random.rand(100, 100, 100)
        ...     },
        ...     "seg": {
        ...         "array": np.random.randint(0, 10, (100, 100, 100)),
        ...         "is_seg": True
        ...     }
        ... }
        >>> viewer = get_viewer(arrays)
        >>> viewer
    """)
    viewer, arrays = names["viewer"], names["arrays"]
    assert isinstance(viewer, neuroglancer.Viewer)
    assert [layer.type for layer in viewer.state.layers] == ["image", "segmentation"]
    np.testing.assert_array_equal(
        client_reads(viewer, "raw"), arrays["raw"]["array"].astype("float32")
    )
    np.testing.assert_array_equal(client_reads(viewer, "seg"), arrays["seg"]["array"])
    assert viewer.get_viewer_url() in viewer._repr_html_()


def test_example_of_add_seg_layer() -> None:
    state = example("""
        >>> import numpy as np
        >>> import neuroglancer
        >>> from dacapo.utils.view import add_seg_layer
        >>> state = neuroglancer.ViewerState()
        >>> data = np.random.randint(0, 10, (100, 100, 100))
        >>> voxel_size = [1, 1, 1]
        >>> add_seg_layer(state, "seg", data, voxel_size)
    """)["state"]
    assert [(layer.name, layer.type) for layer in state.layers] == [("seg", "segmentation")]


def test_example_of_add_scalar_layer() -> None:
    state = example("""
        >>> import numpy as np
        >>> import neuroglancer
        >>> from dacapo.utils.view import add_scalar_layer
        >>> state = neuroglancer.ViewerState()
        >>> data = np.random.rand(100, 100, 100)
        >>> voxel_size = [1, 1, 1]
        >>> add_scalar_layer(state, "raw", data, voxel_size)
    """)["state"]
    assert [(layer.name, layer.type) for layer in state.layers] == [("raw", "image")]


def test_examples_of_the_stores(as_in_the_examples: Run) -> None:
    names = example("""
        >>> from dacapo.utils.view import create_array_store, create_stats_store
        >>> arrays = create_array_store()
        >>> stats = create_stats_store()
    """)
    name = as_in_the_examples.name
    assert names["arrays"].validated_iterations(name)
    assert names["stats"].retrieve_training_stats(name)
    assert type(names["arrays"]).__name__ == "LocalArrayStore"
    assert type(names["stats"]).__name__ == "FileStatsStore"


def test_example_of_get_validation_scores(run: Run) -> None:
    scores = napari_dacapo.view.Run.get_validation_scores(run.config)
    assert scores.iterations == run.validation_scores.iterations


def test_example_of_get_ds(as_in_the_examples: Run) -> None:
    # Iteration 0 was not validated; the documented error says so.
    with pytest.raises(FileNotFoundError, match="iteration 0 is not stored"):
        example("""
            >>> from dacapo.experiments.run import Run
            >>> from dacapo.utils.view import BestScore
            >>> run = Run()
            >>> best_score = BestScore(run)
            >>> iteration = 0
            >>> validation_dataset = run.datasplit.validate[0]
            >>> best_score.get_ds(iteration, validation_dataset)
        """)


def test_example_of_does_new_best_exist(as_in_the_examples: Run) -> None:
    names = example("""
        >>> from dacapo.experiments.run import Run
        >>> from dacapo.utils.view import BestScore
        >>> run = Run()
        >>> best_score = BestScore(run)
        >>> new_best_exists = best_score.does_new_best_exist()
    """)
    assert names["new_best_exists"] is True


def test_example_of_updated_neuroglancer_layer(as_in_the_examples: Run) -> None:
    viewer = example("""
        >>> from dacapo.experiments.run import Run
        >>> from dacapo.utils.view import NeuroglancerRunViewer
        >>> run = Run()
        >>> viewer = NeuroglancerRunViewer(run)
        >>> layer_name = "prediction"
        >>> ds = viewer.run.datasplit.validate[0].raw._source_array
        >>> viewer.updated_neuroglancer_layer(layer_name, ds)
    """)["viewer"]
    (layer,) = viewer.viewer.state.layers
    assert layer.name.endswith("prediction")
    raw = as_in_the_examples.datasplit.validate[0].raw
    shown = client_reads(viewer.viewer, layer.name)
    np.testing.assert_array_equal(shown, np.asarray(raw.data).astype("f4"))


@pytest.mark.parametrize(
    "method",
    [
        "deprecated_start_neuroglancer", "start_neuroglancer", "start", "update_best_info",
        "update_best_layer", "new_validation_checker", "update_with_new_validation_if_possible",
        "update_neuroglancer", "get_datasets", "stop",
    ],
)  # fmt: skip
@pytest.mark.parametrize("embedded", [False, True])
def test_examples_of_the_viewer_of_a_run(
    as_in_the_examples: Run, method: str, embedded: bool
) -> None:
    """Each is called first of all, before anything is started."""
    viewer = napari_dacapo.view.NeuroglancerRunViewer(as_in_the_examples, embedded=embedded)
    try:
        if method.startswith("deprecated"):
            with pytest.warns(DeprecationWarning, match="start_neuroglancer"):
                returned = getattr(viewer, method)()
        else:
            returned = getattr(viewer, method)()
        if method == "get_datasets":
            raw, gt = returned
            assert (raw.role, gt.role) == ("raw", "gt")
            assert viewer.viewer is None
        elif method == "stop":
            assert returned is None
            assert viewer.viewer is None
        elif method == "update_neuroglancer":
            assert returned is None
            assert len(viewer.viewer.state.layers) == 8
        elif embedded:
            assert type(returned).__name__ == "IFrame"
            assert returned.src == viewer.viewer.get_viewer_url()
        else:
            assert returned is viewer.viewer
            assert len(returned.state.layers) == 8
    finally:
        viewer.stop()


def test_example_of_open_from_array_identitifier(as_in_the_examples: Run, tmp_path: Path) -> None:
    names = example("""
        >>> from dacapo.experiments.run import Run
        >>> from dacapo.utils.view import NeuroglancerRunViewer
        >>> run = Run()
        >>> viewer = NeuroglancerRunViewer(run)
        >>> array_identifier = viewer.run.datasplit.validate[0].raw._source_array
        >>> ds = viewer.open_from_array_identitifier(array_identifier)
    """)
    assert names["ds"] is names["array_identifier"]
    viewer, store = names["viewer"], names["viewer"].array_store
    stored = store.validation_prediction_array("dist_thr_shim", 90, "iso0_val_a")
    opened = viewer.open_from_array_identitifier(stored)
    assert opened.shape == zarr.open_array(stored.path, mode="r").shape
    missing = store.validation_prediction_array("dist_thr_shim", 91, "iso0_val_a")
    assert viewer.open_from_array_identitifier(missing) is None
    gone = opened.with_(source=type(opened.source)(tmp_path / "gone", "zarr2"))
    assert viewer.open_from_array_identitifier(gone) is None


def test_every_name_of_the_documentation_is_there(run: Run) -> None:
    documented = {
        "Run": "name train_until validation_interval task architecture trainer datasplit "
        "training_stats validation_scores start move_optimizer get_validation_scores",
        "BestScore": "run score iteration parameter validation_parameters array_store "
        "stats_store ds get_ds does_new_best_exist",
        "NeuroglancerRunViewer": "run best_score embedded viewer raw gt segmentation "
        "most_recent_iteration run_thread array_store",
    }
    objects = {
        "Run": run,
        "BestScore": napari_dacapo.view.BestScore(run),
        "NeuroglancerRunViewer": napari_dacapo.view.NeuroglancerRunViewer(run),
    }
    for name, attributes in documented.items():
        assert isinstance(objects[name], getattr(napari_dacapo.view, name))
        for attribute in attributes.split():
            assert hasattr(objects[name], attribute), f"{name}.{attribute}"
    assert {"model", "optimizer"} <= set(dir(run))  # made when asked for: they need torch
    assert napari_dacapo.view.Run is napari_dacapo.runs.Run


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("get_viewer", "arrays width=1500 height=600 headless=True"),
        ("add_seg_layer", "state name data voxel_size meshes=False"),
        ("add_scalar_layer", "state name data voxel_size"),
        ("create_array_store", ""),
        ("create_stats_store", ""),
        ("Run", "run_config load_starter_model=True"),
        ("BestScore", "run"),
        ("NeuroglancerRunViewer", "run embedded=False"),
    ],
)
def test_signatures(name: str, parameters: str) -> None:
    """Ours may take more, but only by keyword and with a default."""
    signature = inspect.signature(getattr(napari_dacapo.view, name))
    positional, extra = [], []
    for parameter in signature.parameters.values():
        text = re.sub(r": [^=]*", "", str(parameter)).replace(" ", "")
        (extra if parameter.kind is parameter.KEYWORD_ONLY else positional).append(text)
    if name.startswith("create"):
        assert all("=" in text for text in positional)
    else:
        assert positional == parameters.split()
    assert all("=" in text for text in extra)


@pytest.mark.long
def test_importing_it_is_light() -> None:
    code = "import sys, napari_dacapo.view; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "IPython", "pymongo", "napari", "qtpy"} & set(done.stdout.split())


# get_viewer: arrays


def of_kind(kind: str, values: np.ndarray[Any, Any], folder: Path) -> Any:
    if kind == "numpy":
        return values
    if kind == "dask":
        return da.from_array(values, chunks=5)
    if kind == "zarr":
        return zarr.create_array(folder / "a.zarr", data=values, chunks=(5, 5, 5))
    if kind == "h5py":
        return h5py.File(folder / "a.h5", "w").create_dataset("a", data=values, chunks=(5, 5, 5))
    if kind == "tensorstore":
        return ts.array(values)
    if kind == "volume":
        zarr.create_array(folder / "a.zarr", data=values, chunks=(5, 5, 5), zarr_format=2)
        return open_volume(folder / "a.zarr")
    if kind == "funlib":
        return SimpleNamespace(
            data=da.from_array(values), voxel_size=(1, 1, 1), axis_names=["z", "y", "x"],
            roi=SimpleNamespace(offset=(0, 0, 0)), units=["nm"] * 3,
        )  # fmt: skip
    if kind == "gunpowder":
        roi = SimpleNamespace(offset=(0, 0, 0))
        return SimpleNamespace(data=values, spec=SimpleNamespace(voxel_size=(1, 1, 1), roi=roi))
    assert kind == "LocalVolume"
    space = neuroglancer.CoordinateSpace(names=["z", "y", "x"], units="nm", scales=[1, 1, 1])
    return neuroglancer.LocalVolume(values, space, volume_type="image")


KINDS = [
    "numpy", "dask", "zarr", "h5py", "tensorstore", "volume", "funlib", "gunpowder", "LocalVolume",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_every_library(kind: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 250, SHAPE, "u1")
    viewer = get_viewer({"a": {"array": of_kind(kind, values, tmp_path)}})
    assert viewer.state.layers["a"].type == "image"
    np.testing.assert_array_equal(client_reads(viewer, "a"), values)
    assert list(viewer.state.display_dimensions) == ["x", "y", "z"]
    np.testing.assert_allclose(viewer.state.position, np.array(SHAPE) // 2 + 0.5)


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
@pytest.mark.parametrize(
    "dtype",
    ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">i2", ">f4"],
)
def test_images_of_every_type(kind: str, dtype: str, tmp_path: Path) -> None:
    values = (np.arange(np.prod(SHAPE)).reshape(SHAPE) % 100 - 3).astype(dtype)
    viewer = get_viewer({"a": {"array": of_kind(kind, values, tmp_path)}})
    read = client_reads(viewer, "a")
    assert read.dtype.name in {
        "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "float32",
    }  # fmt: skip
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", ">u4"])
def test_segmentations_of_every_type(kind: str, dtype: str, tmp_path: Path) -> None:
    values = (np.arange(np.prod(SHAPE)).reshape(SHAPE) % 100).astype(dtype)
    viewer = get_viewer({"a": {"array": of_kind(kind, values, tmp_path), "is_seg": True}})
    read = client_reads(viewer, "a")
    assert read.dtype.kind == "u"
    np.testing.assert_array_equal(read, values)


def test_ids_beyond_2_to_the_53_are_exact() -> None:
    ids = np.array([[0, 2**53 + 1], [2**63 - 1, 5]], "i8")
    viewer = get_viewer({"a": {"array": ids, "is_seg": True}})
    np.testing.assert_array_equal(client_reads(viewer, "a"), ids.astype("u8"))


class Forbidden:
    """An array that may be asked for its shape and type, and for nothing else."""

    shape, ndim = (4096,) * 3, 3

    def __init__(self, dtype: str = "u8") -> None:
        self.dtype = np.dtype(dtype)

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError(f"{index} was read")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("all of it was read")


def test_nothing_is_read_of_an_array() -> None:
    wrapped = SimpleNamespace(data=Forbidden(), voxel_size=(8, 8, 8), offset=(0, 0, 0))
    arrays = {"raw": {"array": Forbidden("u1")}, "seg": {"array": wrapped, "is_seg": True}}
    assert len(get_viewer(arrays).state.layers) == 2
    # Of images with more to their type, unless it is said what to show.
    get_viewer({"raw": {"array": Forbidden(), "shader_range": (0, 1000)}})
    with pytest.warns(UserWarning, match=r"raw: no sample.*was read.*Give shader_range"):
        get_viewer({"raw": {"array": Forbidden()}})
    with pytest.warns(UserWarning, match="seg: it is too large for surfaces"):
        get_viewer({"seg": {"array": wrapped, "is_seg": True, "meshes": True}})
    state = neuroglancer.ViewerState()
    add_seg_layer(state, "seg", Forbidden(), 1)
    add_scalar_layer(state, "raw", Forbidden("u1"), 1)
    assert len(state.layers) == 2


def test_a_large_dask_array_goes_where_it_is_made_coarser() -> None:
    data = da.zeros((64, 64, 4096), dtype="u1", chunks=64)
    url = get_viewer({"a": {"array": data}}).state.layers["a"].source[0].url
    assert url.startswith("python://"), "our server has no coarser copies of it"


def test_the_dict_of_the_caller_is_not_changed() -> None:
    raw, seg = np.zeros(SHAPE, "u1"), np.ones(SHAPE, "u4")
    arrays = {
        "raw": {"array": raw, "shader_range": (0, 10)},
        "seg": {"array": seg, "is_seg": True, "meshes": True, "voxel_size": [8, 8, 8]},
    }
    before = {name: copy.copy(entry) for name, entry in arrays.items()}
    get_viewer(arrays)
    assert arrays == before
    assert arrays["raw"]["array"] is raw
    assert arrays["seg"]["array"] is seg


def test_place_and_look() -> None:
    array = np.zeros(SHAPE, "f4")
    entry = {"array": array, "voxel_size": (40, 4, 4), "offset": (400, 10, 2)}
    viewer = get_viewer({"raw": {**entry, "shader_range": (-1, 3)}})
    state = viewer.state
    np.testing.assert_allclose(state.dimensions.scales, [40e-9, 4e-9, 4e-9])
    assert list(state.dimensions.names) == ["z", "y", "x"]
    # In voxels of those dimensions: 10 and 2.5 and 0.5 voxels away from 0.
    np.testing.assert_allclose(
        state.layers["raw"].source[0].transform.matrix,
        [[1, 0, 0, 10], [0, 1, 0, 2.5], [0, 0, 1, 0.5]],
    )
    np.testing.assert_allclose(state.position, [15.5, 9, 8])
    assert "range=[-1.0, 3.0]" in state.layers["raw"].shader
    assert state.layout.type == "4panel"


def test_what_holds_for_all_arrays_and_what_for_one() -> None:
    array = np.zeros(SHAPE, "f4")
    state = get_viewer(
        {"a": {"array": array}, "b": {"array": array, "voxel_size": 2, "units": "nm"}},
        voxel_size=(0.04, 0.004, 0.004), units="um", offset=(0.4, 0, 0), shader_range=(-1, 3),
    ).state  # fmt: skip
    np.testing.assert_allclose(state.dimensions.scales, [2e-9] * 3)
    first, second = (state.layers[name].source[0].transform for name in "ab")
    np.testing.assert_allclose(first.output_dimensions.scales, [40e-9, 4e-9, 4e-9])
    np.testing.assert_allclose(np.asarray(first.matrix)[:, -1], [10, 0, 0])
    np.testing.assert_allclose(second.output_dimensions.scales, [2e-9] * 3)
    assert all("range=[-1.0, 3.0]" in layer.shader for layer in state.layers)
    state = get_viewer({"a": {"array": array}}, axis_names=("c", "y", "x")).state
    assert list(state.dimensions.names) == ["y", "x"]


def test_units_of_a_layer() -> None:
    state = neuroglancer.ViewerState()
    add_scalar_layer(state, "raw", np.zeros(SHAPE), 0.004, offset=(1, 2, 3), units="um")
    add_seg_layer(state, "seg", np.ones(SHAPE, "u1"), 4, units=["nm"] * 3)
    np.testing.assert_allclose(state.dimensions.scales, [4e-9] * 3)
    matrix = np.asarray(state.layers["raw"].source[0].transform.matrix)
    np.testing.assert_allclose(matrix[:, -1], [250, 500, 750])
    with pytest.raises(ValueError, match=r"^seg: units 'parsec' are not known"):
        add_seg_layer(state, "seg", np.ones(SHAPE, "u1"), 4, units="parsec")


def test_entries_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^5: two entries have this name"):
        get_viewer({"5": {"array": np.zeros(SHAPE)}, 5: {"array": np.ones(SHAPE)}})


def test_masked_integers_are_refused_and_masked_floats_are_no_values() -> None:
    values = np.ma.MaskedArray(np.ones(SHAPE, "f4"), np.zeros(SHAPE, bool))
    values[0] = np.ma.masked
    read = client_reads(get_viewer({"a": {"array": values}}), "a")
    assert np.isnan(read[0]).all()
    assert (read[1:] == 1).all()
    with pytest.raises(ValueError, match=r"^a: elements of it are masked"):
        get_viewer({"a": {"array": values.astype("i4")}})
    seg = get_viewer({"a": {"array": values.astype("i4"), "is_seg": True}})
    assert set(np.unique(client_reads(seg, "a")[0])) == {0}


# LocalVolumes


def placed(values: np.ndarray[Any, Any], **more: Any) -> neuroglancer.LocalVolume:
    space = neuroglancer.CoordinateSpace(names=["z", "y", "x"], units="nm", scales=[40, 4, 4])
    return neuroglancer.LocalVolume(values, space, voxel_offset=(10, 0, 5), **more)


def test_a_local_volume_has_a_range() -> None:
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype("i4")
    state = get_viewer({"a": {"array": placed(values)}}).state
    assert f"range=[0, {values.max()}]" in state.layers["a"].shader
    state = get_viewer({"a": {"array": placed(values), "shader_range": (5, 50)}}).state
    assert "range=[5, 50]" in state.layers["a"].shader
    assert list(state.display_dimensions) == ["x", "y", "z"]
    np.testing.assert_allclose(state.position, [15.5, 6.5, 12.5])


def test_a_local_volume_with_channels_or_without_lengths_has_a_range() -> None:
    values = np.zeros((6, 8, 3), "u1")
    space = neuroglancer.CoordinateSpace(
        names=["y", "x", "c^"], units=["nm", "nm", ""], scales=[4, 4, 1]
    )
    viewer = get_viewer({"a": {"array": neuroglancer.LocalVolume(values, space)}})
    assert "contrast_2(range=[0, 255], channel=2)" in viewer.state.layers["a"].shader
    bare = get_viewer({"a": {"array": neuroglancer.LocalVolume(values)}}).state
    assert "contrast_0(range=[0, 255])" in bare.layers["a"].shader
    assert not bare.display_dimensions, "it does not say how long anything is"


def test_surfaces_of_a_local_volume() -> None:
    values = np.zeros(SHAPE, "u4")
    values[2:5, 2:5, 2:5] = 3
    entry = {"array": placed(values), "is_seg": True, "meshes": True}
    layer = get_viewer({"a": entry}).state.layers["a"]
    assert list(layer.segments) == [3]
    volume, surfaces = layer.source
    assert volume.subsources["meshes"].enabled is False
    begin = np.asarray(surfaces.transform.matrix)[:, -1]
    np.testing.assert_allclose(begin, [10.5, 0.5, 5.5])
    plain = get_viewer({"a": {"array": placed(values), "is_seg": True}}).state.layers["a"]
    assert len(plain.source) == 1
    assert len(plain.segments) == 0


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"voxel_size": (40, 4, 4)}, None),
        ({"voxel_size": (0.04, 0.004, 0.004), "units": "um"}, None),
        ({"offset": (400, 0, 20)}, None),
        ({"axis_names": ("z", "y", "x")}, None),
        ({"voxel_size": 1}, "voxel_size is .40.0, 4.0, 4.0. in the LocalVolume"),
        ({"voxel_size": (40, 4, 4), "units": "um"}, "voxel_size is"),
        ({"offset": 0}, "offset is .400.0, 0.0, 20.0. in the LocalVolume"),
        ({"axis_names": ("x", "y", "z")}, "axis_names are"),
        ({"shader_range": (1, 0)}, "shader_range"),
        ({"meshes": True}, "only segmentations"),
    ],
)
def test_what_is_said_of_a_local_volume_must_be_so(
    said: dict[str, Any], problem: str | None
) -> None:
    entry = {"array": placed(np.zeros(SHAPE, "u1")), **said}
    if problem is None:
        assert len(get_viewer({"mine": entry}).state.layers) == 1
        return
    with pytest.raises(ValueError, match=f"^mine: {problem}"):
        get_viewer({"mine": entry})


def test_two_dimensions_and_channels() -> None:
    viewer = get_viewer(
        {
            "flat": {"array": np.zeros((5, 6), "u1")},
            "rgb": {"array": np.zeros((3, 5, 6), "u1"), "voxel_size": (4, 4)},
            "last": {"array": np.zeros((5, 6, 3), "u1"), "axis_names": ("y", "x", "c^")},
        }
    )
    state = viewer.state
    assert list(state.display_dimensions) == ["x", "y"]
    assert state.layout.type == "xy"
    assert client_reads(viewer, "last").shape == (3, 5, 6)
    volume = get_viewer({"affs": {"array": np.zeros((3, *SHAPE), "f4")}})
    assert list(volume.state.layers["affs"].source[0].transform.output_dimensions.names) == [
        "c^", "z", "y", "x",
    ]  # fmt: skip


def test_a_local_volume_is_shown_where_it_lies() -> None:
    space = neuroglancer.CoordinateSpace(
        names=["z", "y", "x"], units=["nm", "nm", "um"], scales=[40, 4, 0.004]
    )
    local = neuroglancer.LocalVolume(
        np.ones(SHAPE, "u4"), space, voxel_offset=(10, 0, 0), volume_type="segmentation"
    )
    state = get_viewer({"seg": {"array": local}}).state
    assert state.layers["seg"].type == "segmentation"
    np.testing.assert_allclose(state.position, [15.5, 6.5, 7.5])
    np.testing.assert_allclose(state.dimensions.scales, [40e-9, 4e-9, 4e-9])


def local_volume(dtype: str, volume_type: str, **more: Any) -> Any:
    space = neuroglancer.CoordinateSpace(names=["y", "x"], units="nm", scales=[1, 1])
    return neuroglancer.LocalVolume(np.zeros((4, 4), dtype), space, volume_type=volume_type, **more)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (np.zeros(SHAPE), 'give a dict with an "array", not ndarray'),
        ({"data": np.zeros(SHAPE)}, 'give a dict with an "array"'),
        ({"array": [1, 2]}, "list is no array"),
        ({"array": np.zeros(SHAPE), "is_seg": True}, "needs integers, not float64"),
        ({"array": np.zeros(SHAPE, complex)}, "complex128"),
        ({"array": np.zeros(SHAPE), "meshes": True}, "only segmentations have meshes"),
        ({"array": np.zeros((4, 4), "u1"), "is_seg": True, "meshes": True}, "three spatial axes"),
        ({"array": np.zeros((2, *SHAPE), "u1"), "is_seg": True, "meshes": True}, "one channel"),
        ({"array": np.zeros(SHAPE), "voxel_size": "8 nm"}, "voxel_size must be numbers"),
        ({"array": np.zeros(SHAPE), "shader_range": 3}, "shader_range must be two numbers"),
        ({"array": np.zeros(SHAPE), "shader_range": (3, 3)}, "shader_range must rise"),
        ({"array": np.zeros(SHAPE), "shader_range": (0, np.inf)}, "shader_range must rise"),
        ({"array": local_volume("int64", "segmentation")}, "LocalVolume of int64"),
        ({"array": local_volume("int32", "segmentation")}, "LocalVolume of int32"),
        ({"array": local_volume("bool", "image")}, "LocalVolume of bool"),
        ({"array": local_volume("float16", "image")}, "LocalVolume of float16"),
        ({"array": local_volume("uint8", "image", encoding="raw")}, "encoding"),
        ({"array": local_volume("uint8", "image"), "is_seg": True}, "volume_type='image'"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(entry: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^my layer: .*{said}"):
        get_viewer({"fine": {"array": np.zeros(SHAPE)}, "my layer": entry})


@pytest.mark.parametrize("arrays", [np.zeros(SHAPE), [], None])
def test_arrays_must_be_a_dict(arrays: Any) -> None:
    with pytest.raises(ValueError, match="give a dict"):
        get_viewer(arrays)


def test_an_option_that_does_not_exist_is_said() -> None:
    with pytest.warns(
        UserWarning, match=r"raw: is_segmentation is ignored; there is: array.*is_seg"
    ):
        get_viewer({"raw": {"array": np.zeros(SHAPE), "is_segmentation": True}})


def test_no_arrays_are_an_empty_page() -> None:
    assert len(get_viewer({}).state.layers) == 0


# The page


def test_the_page_is_served_to_this_machine_only(fetch_status: Callable[[str], int]) -> None:
    viewer = get_viewer({"a": {"array": np.zeros(SHAPE)}})
    url = viewer.get_viewer_url()
    assert url.startswith("http://127.0.0.1:")
    assert fetch_status(url) == 200
    viewer.close()
    with pytest.raises(OSError, match="refused"):
        fetch_status(url)


@pytest.fixture
def fetch_status() -> Callable[[str], int]:
    import urllib.request

    def fetch(url: str) -> int:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)

    return fetch


def test_another_address_only_on_request_and_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"0\.0\.0\.0"):
        viewer = get_viewer({}, bind_address="0.0.0.0")
    assert not viewer.allow_credentials


def test_a_port_of_choice() -> None:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert f":{port}/" in get_viewer({}, bind_port=port).get_viewer_url()


def test_a_frame_for_a_notebook(fetch_status: Callable[[str], int]) -> None:
    frame = get_viewer({"a": {"array": np.zeros(SHAPE)}}, 800, 300, headless=False)
    from IPython.display import IFrame

    assert isinstance(frame, IFrame)
    assert (frame.width, frame.height) == (800, 300)
    html = frame._repr_html_()
    assert 'width="800"' in html
    assert frame.viewer.get_viewer_url() in html
    assert fetch_status(frame.src) == 200


def test_a_frame_without_ipython_is_refused_and_nothing_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import threading

    from napari_dacapo.errors import UnsupportedError

    monkeypatch.setitem(sys.modules, "IPython.display", None)
    before = threading.active_count()
    with pytest.raises(UnsupportedError, match="Install IPython"):
        get_viewer({}, headless=False)
    assert threading.active_count() <= before


# add_scalar_layer, add_seg_layer


def test_layers_of_one_name_replace_each_other() -> None:
    state = neuroglancer.ViewerState()
    add_scalar_layer(state, "a", np.zeros(SHAPE), 1)
    add_scalar_layer(state, "b", np.zeros(SHAPE), 1)
    add_seg_layer(state, "a", np.ones(SHAPE, "u1"), 1)
    assert [(layer.name, layer.type) for layer in state.layers] == [
        ("a", "segmentation"), ("b", "image"),
    ]  # fmt: skip


def test_layers_within_a_transaction_of_any_viewer() -> None:
    """Also of one that is not ours, whose client reads them as well."""
    values = np.random.default_rng(0).integers(0, 9, SHAPE)
    viewer = neuroglancer.Viewer()
    try:
        with viewer.txn() as state:
            add_scalar_layer(state, "raw", values.astype("f8"), [40, 4, 4], offset=(80, 0, 0))
            add_seg_layer(state, "seg", values, [40, 4, 4], offset=(80, 0, 0))
        np.testing.assert_array_equal(client_reads(viewer, "raw"), values)
        np.testing.assert_array_equal(client_reads(viewer, "seg"), values)
        assert list(viewer.state.display_dimensions) == ["x", "y", "z"]
        np.testing.assert_allclose(viewer.state.position, [2 + 5.5, 6.5, 7.5])
    finally:
        neuroglancer.stop()


def test_a_state_that_looks_somewhere_stays_there() -> None:
    state = neuroglancer.ViewerState()
    add_scalar_layer(state, "a", np.zeros(SHAPE), 1)
    state.position = [1, 2, 3]
    add_scalar_layer(state, "b", np.zeros(SHAPE), 8)
    assert list(state.position) == [1, 2, 3]
    np.testing.assert_allclose(state.dimensions.scales, [1e-9] * 3)


def test_layers_say_which_one_cannot_be_shown() -> None:
    state = neuroglancer.ViewerState()
    with pytest.raises(ValueError, match=r"^mine: .*float64"):
        add_seg_layer(state, "mine", np.zeros(SHAPE), 1)
    with pytest.raises(ValueError, match=r"^mine: .*shader_range"):
        add_scalar_layer(state, "mine", np.zeros(SHAPE), 1, shader_range=(1, 0))
    assert len(state.layers) == 0


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        get_viewer({"a": {"array": np.ones(SHAPE, "u4"), "is_seg": True, "meshes": True}})
