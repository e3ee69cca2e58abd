"""A run and its arrays, against the zarr files themselves."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from tests.runs.conftest import CLUSTER

from napari_dacapo.errors import (
    ArrayFormatError,
    ArrayNotFoundError,
    BrokenFileError,
    RunNotFoundError,
)
from napari_dacapo.runs import Run, Store, open_store
from napari_dacapo.runs.datasets import SAMPLE_NOTE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUNS = [
    (store, run)
    for store, runs in {
        "pypi-0.3.5": (
            "affs_same_iso0", "dist_2d", "dist_aniso", "dist_same_iso0", "dist_same_iso0_resumed",
            "hot_iso0", "never_trained", "no_validation", "onehot_iso0", "simple_split",
            "snapshot_crash", "snapshot_nomask",
        ),
        "pypi-0.3.5-thresholds": ("dist_thr_shim",),
        "main": (
            "dist_aniso", "dist_valid_iso", "hot_iso0", "never_trained", "no_validation",
            "snapshot",
        ),
    }.items()
    for run in runs
]  # fmt: skip


def _read(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(zarr.open_array(path, mode="r")[...])


def _attributes(path: Path) -> dict[str, Any]:
    return dict(json.loads((path / ".zattrs").read_text()))


def _folder(container: Path, iteration: int, dataset: str) -> Path:
    folder = container / str(iteration) / f"ds_{dataset}"
    return folder if folder.exists() else container / str(iteration) / dataset


@pytest.mark.parametrize(("store", "name"), RUNS)
@pytest.mark.parametrize("mapped", [True, False], ids=["with originals", "without originals"])
def test_every_run_opens_or_says_why_not(
    open_real: Callable[..., Store], store: str, name: str, mapped: bool
) -> None:
    run = open_real(store, mapped=mapped).run(name)
    volumes, missing = run.volumes(), run.missing()
    roles = [volume.role for volume in volumes]
    assert roles == [r for r in ("raw", "gt", "prediction", "segmentation") if r in roles]
    said = {reason.partition(":")[0] for reason in missing}
    wanted = {"raw", "gt"} if name == "no_validation" else {"raw", "gt", "prediction"}
    assert wanted <= said | set(roles)
    assert not said & set(roles)
    if not mapped and "raw" in said:
        assert CLUSTER in next(reason for reason in missing if reason.startswith("raw"))
        assert "path map" in missing[0]
    for volume in volumes:
        assert volume.identity.run == name
        assert np.asarray(volume.data).shape == volume.shape


@pytest.mark.parametrize(("store", "name"), RUNS)
def test_stored_arrays_are_those_of_the_files(
    open_real: Callable[..., Store], stores: Path, store: str, name: str
) -> None:
    run = open_real(store).run(name)
    container = stores / store / name / "validation.zarr"
    for iteration in run.validated_iterations:
        for dataset in run.datasplit.validate:
            folder = _folder(container, iteration, dataset.name)
            prediction = run.prediction(dataset, iteration)
            assert prediction is not None
            np.testing.assert_array_equal(np.asarray(prediction.data), _read(folder / "prediction"))
            attributes = _attributes(folder / "prediction")
            assert prediction.axis_names == tuple(attributes["axis_names"])
            assert prediction.voxel_size == tuple(attributes["voxel_size"])
            assert prediction.offset == tuple(attributes["offset"])
            assert prediction.identity.iteration == iteration
            assert prediction.channel_names == run.task.channel_names
            outputs = run.outputs(dataset, iteration)
            assert set(outputs) == {path.name for path in (folder / "output").iterdir()}
            for parameters, output in outputs.items():
                stored = _read(folder / "output" / parameters)
                np.testing.assert_array_equal(np.asarray(output.data), stored)
                assert output.kind == "labels"
                assert output.identity.parameters == parameters
                assert output.identity.variant == "stored"
                assert any("empty" in note for note in output.notes) == (
                    not stored.any() and not list((folder / "output" / parameters).glob("[0-9]*"))
                )


@pytest.mark.parametrize(
    ("dataset", "array", "role"), [("iso0_val_a", "raw", "raw"), ("iso0_val_b", "labels", "gt")]
)
def test_originals_are_as_the_config_makes_them(
    open_real: Callable[..., Store], stores: Path, dataset: str, array: str, role: str
) -> None:
    run = open_real("pypi-0.3.5").run("dist_same_iso0")
    volume = getattr(run.dataset(dataset), role)
    original = _read(stores / "data" / f"{dataset}.zarr" / array)
    expected = original / 255 if role == "raw" else (original != 0).astype(np.uint8)[None]
    np.testing.assert_array_equal(np.asarray(volume.data), expected)
    assert volume.value_range == ((0.0, 1.0) if role == "raw" else None)
    assert volume.notes == ()


@pytest.mark.parametrize("role", ["raw", "gt"])
def test_copies_serve_where_originals_are_out_of_reach(
    open_real: Callable[..., Store], stores: Path, role: str
) -> None:
    run = open_real("main", mapped=False).run("dist_aniso")
    volume = getattr(run.dataset("aniso_val"), role)
    path = stores / "main" / "dist_aniso" / "validation.zarr" / "inputs" / "aniso_val" / role
    np.testing.assert_array_equal(np.asarray(volume.data), _read(path))
    assert volume.offset == ((1120, 768, 408) if role == "raw" else (1200, 800, 440))
    assert "copy" in volume.notes[-1]
    assert volume.identity.role == role


def test_a_torn_copy_is_said_beside_the_original(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    torn = folder / "dist_aniso" / "validation.zarr" / "inputs" / "aniso_val" / "gt" / ".zarray"
    torn.write_bytes(torn.read_bytes()[:20])
    run = open_store(folder).run("dist_aniso")
    with pytest.raises(ArrayNotFoundError) as info:
        _ = run.dataset("aniso_val").gt
    message = str(info.value)
    assert message.startswith(f"{CLUSTER}/aniso_val.zarr/labels does not exist.")
    assert f"copy that the validation made cannot be read either: {torn}" in message
    assert "path map" in message
    assert any(str(torn) in reason for reason in run.missing())
    assert run.dataset("aniso_val").copy("gt") is None
    assert run.dataset("aniso_val").raw.notes


def test_a_copy_outside_of_the_store_is_said(copy_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = copy_run("main", "dist_aniso")
    gt = folder / "dist_aniso" / "validation.zarr" / "inputs" / "aniso_val" / "gt"
    gt.rename(tmp_path / "gt")
    gt.symlink_to(tmp_path / "gt")
    with pytest.raises(ArrayNotFoundError, match=r"either: .*gt is a link to .*outside the store"):
        _ = open_store(folder).run("dist_aniso").dataset("aniso_val").gt


def test_a_path_map_that_does_not_count_is_said_where_it_is_missed(
    copy_run: Callable[..., Path], stores: Path, tmp_path: Path
) -> None:
    copy_run("main", "dist_aniso", into="project/store")
    file = tmp_path / "project" / "dacapo.yaml"
    file.write_text(f"runs_base_dir: ./store\npath_map: {{{CLUSTER}: {stores / 'data'}}}\n")
    said = f"The path_map of {file} is not used"
    dataset = open_store(tmp_path / "project").run("dist_aniso").dataset("aniso_val")
    assert dataset.raw.notes[-1].startswith(said)
    shutil.rmtree(tmp_path / "project" / "store" / "dist_aniso" / "validation.zarr" / "inputs")
    dataset = open_store(tmp_path / "project").run("dist_aniso").dataset("aniso_val")
    with pytest.raises(ArrayNotFoundError, match=said):
        _ = dataset.raw
    assert open_store(file).run("dist_aniso").dataset("aniso_val").raw.notes == ()


def test_copies_in_the_samples_ask_for_no_path_map(user_samples: Path, tmp_path: Path) -> None:
    # Nobody but their maker has the originals.
    notes = [volume.notes for volume in open_store(user_samples).run("mito_distance").volumes()[:2]]
    assert notes == [(SAMPLE_NOTE,)] * 2
    shutil.copytree(user_samples, tmp_path / "mine")
    raw = open_store(tmp_path / "mine").run("mito_distance").dataset().raw
    assert "path map" in raw.notes[0]


def test_the_defect_of_0_3_5_is_repaired(stores: Path, copy_run: Callable[..., Path]) -> None:
    folder = copy_run("pypi-0.3.5", "dist_aniso")
    raw = folder / "dist_aniso" / "validation.zarr" / "inputs" / "aniso_val" / "raw"
    assert _attributes(raw)["offset"] == [28, 192, 102]
    copy = open_store(folder).run("dist_aniso").dataset("aniso_val").copy("raw")
    assert copy is None, "it holds nothing: the validation failed"
    shutil.copytree(
        stores / "main" / "dist_aniso" / "validation.zarr" / "inputs" / "aniso_val" / "raw" / "0",
        raw / "0",
    )
    repaired = open_store(folder).run("dist_aniso").dataset("aniso_val").copy("raw")
    assert repaired is not None
    assert repaired.offset == (1120, 768, 408)
    assert any("stored this array's offset in voxels" in note for note in repaired.notes)


@pytest.fixture
def open_with_units(
    copy_run: Callable[..., Path], stores: Path, tmp_path: Path
) -> Callable[..., Run]:
    """Open a run whose data name units; DaCapo drops them from what it writes."""
    folder, data = copy_run("main", "dist_aniso"), tmp_path / "data"

    def open_it(**units: str) -> Run:
        for name in ("aniso_train.zarr", "aniso_val.zarr"):
            shutil.copytree(stores / "data" / name, data / name)
            for array in ("raw", "labels"):
                attributes = data / name / array / ".zattrs"
                content = json.loads(attributes.read_text()) | {"units": [units.get(array, "")] * 3}
                attributes.write_text(json.dumps(content))
        return open_store(folder, path_map={CLUSTER: str(data)}).run("dist_aniso")

    return open_it


@pytest.mark.parametrize("units", [{"raw": "um", "labels": "um"}, {"raw": "um"}, {"labels": "um"}])
def test_all_of_a_dataset_is_in_the_unit_of_its_data(
    open_with_units: Callable[..., Run], stores: Path, units: dict[str, str]
) -> None:
    run = open_with_units(**units)
    dataset = run.dataset("aniso_val")
    volumes = [*run.volumes(), *run.outputs(dataset, 20).values(), dataset.copy("gt")]
    assert len(volumes) > 5
    raw = _attributes(stores / "data" / "aniso_val.zarr" / "raw")["offset"]
    for volume in volumes:
        assert volume.voxel_size == (40_000, 4_000, 4_000)
        stored = raw if volume.role == "raw" else (1200, 800, 440)
        assert volume.offset == tuple(1000 * value for value in stored)
        assert not any("unit" in note for note in volume.notes)
    assert run.dataset("aniso_train").raw.voxel_size == (40_000, 4_000, 4_000)
    assert run.input_voxel_size == (40_000, 4_000, 4_000)


def test_units_that_contradict_each_other_are_said(open_with_units: Callable[..., Run]) -> None:
    dataset = open_with_units(raw="um", labels="nm").dataset("aniso_val")
    assert dataset.gt.voxel_size == dataset.raw.voxel_size == (40_000, 4_000, 4_000)
    assert "another unit" in dataset.gt.notes[-1]
    assert not dataset.raw.notes


def test_copies_are_in_the_unit_that_the_run_is_trained_on(
    open_with_units: Callable[..., Run], tmp_path: Path
) -> None:
    run = open_with_units(raw="um", labels="um")
    shutil.rmtree(tmp_path / "data" / "aniso_val.zarr")
    for volume in run.volumes():
        assert volume.voxel_size == (40_000, 4_000, 4_000)
    assert "copy" in run.dataset("aniso_val").raw.notes[-1]


@pytest.mark.parametrize("case", ["heeded", "not heeded", "not heeded but used"])
def test_ome_metadata_counts_as_it_did_for_dacapo(
    copy_run: Callable[..., Path], stores: Path, tmp_path: Path, case: str
) -> None:
    folder, name = copy_run("main", "dist_aniso"), "aniso_val.zarr"
    source = stores / "data" / name / "raw"
    place = _attributes(source)
    group = zarr.open_group(tmp_path / "data" / name, mode="w", zarr_format=2)
    group.create_array("raw", data=_read(source), chunks=(16, 16, 16))
    axes = [{"name": n, "type": "space", "unit": "nanometer"} for n in "zyx"]
    steps = [
        {"type": "scale", "scale": place["voxel_size"]},
        {"type": "translation", "translation": place["offset"]},
    ]
    datasets = [{"path": "raw", "coordinateTransformations": steps}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    config = folder / "configs" / "runs" / "dist_aniso.yaml"
    if case == "heeded":
        text = config.read_text()
        config.write_text(text.replace("ome_metadata: false", "ome_metadata: true"))
    copy = folder / "dist_aniso" / "validation.zarr" / "inputs" / "aniso_val" / "raw"
    if case == "not heeded":
        shutil.rmtree(copy)
    options = {CLUSTER: str(tmp_path / "data")}
    raw = open_store(folder, path_map=options).run("dist_aniso").dataset("aniso_val").raw
    if case == "not heeded":
        assert (raw.voxel_size, raw.offset) == ((1, 1, 1), (0, 0, 0))
        assert any("ome_metadata: false" in note for note in raw.notes)
        return
    assert (list(raw.voxel_size), list(raw.offset)) == (place["voxel_size"], place["offset"])
    at = [
        int((o - p) / v)
        for o, p, v in zip(
            _attributes(copy)["offset"], place["offset"], place["voxel_size"], strict=True
        )
    ]
    part = tuple(slice(a, a + n) for a, n in zip(at, _read(copy).shape, strict=True))
    np.testing.assert_array_equal(np.asarray(raw.data)[part], _read(copy))


def test_offsets_are_repaired_where_gt_shows_that_they_are_wrong(
    open_with_units: Callable[..., Run],
) -> None:
    """Of what wrote an array its attributes tell less than the place of gt."""
    run = open_with_units(raw="um", labels="um")
    folder = run.store.options.runs_base_dir / "dist_aniso" / "validation.zarr" / "20"
    path = folder / "ds_aniso_val" / "prediction" / ".zattrs"
    content = json.loads(path.read_text())
    expected = (1_200_000, 800_000, 440_000)
    # As 0.3.5 names things, but with the offset in its right place; as main names them, but not.
    right = {key: value for key, value in content.items() if key != "types"}
    for attributes in (right, content | {"offset": [30, 200, 110]}):
        path.write_text(json.dumps(attributes))
        prediction = run.prediction("aniso_val", 20)
        assert prediction is not None
        assert prediction.offset == expected
    assert "(30, 200, 110)" in prediction.notes[-1]


def test_missing_originals_name_what_to_map(open_real: Callable[..., Store]) -> None:
    dataset = open_real("main", mapped=False).run("never_trained").dataset("iso0_val_a")
    with pytest.raises(ArrayNotFoundError, match=r"iso0_val_a\.zarr/raw.*path map"):
        _ = dataset.raw
    assert dataset.raw_or_none is None
    assert dataset.mask_or_none is None
    assert dataset.why_not("mask") is None
    with pytest.raises(ArrayNotFoundError, match="has no mask"):
        _ = dataset.mask


def test_simple_datasplits_are_found_by_their_files(open_real: Callable[..., Store]) -> None:
    split = open_real("pypi-0.3.5").run("simple_split").datasplit
    assert [dataset.name for dataset in split.train] == ["train"]
    assert [dataset.name for dataset in split.validate] == ["test"]
    assert split.problem is None


def test_simple_datasets_scale_raw(open_real: Callable[..., Store], stores: Path) -> None:
    dataset = open_real("pypi-0.3.5").run("simple_split").dataset("test")
    raw = _read(stores / "data" / "simple.zarr" / "test" / "raw")
    np.testing.assert_allclose(np.asarray(dataset.raw.data), raw / 255, rtol=1e-6)
    labels = _read(stores / "data" / "simple.zarr" / "test" / "labels")
    np.testing.assert_array_equal(np.asarray(dataset.gt.data), labels)


def test_simple_datasplits_out_of_reach_are_known_by_their_validations(
    open_real: Callable[..., Store],
) -> None:
    run = open_real("pypi-0.3.5", mapped=False).run("simple_split")
    assert [dataset.name for dataset in run.datasplit.validate] == ["test"]
    assert "path map" in str(run.datasplit.problem)
    assert [volume.role for volume in run.volumes()] == ["raw", "gt", "prediction", "segmentation"]


def test_simple_datasplits_of_all_layouts(
    copy_run: Callable[..., Path], stores: Path, tmp_path: Path
) -> None:
    folder = copy_run("pypi-0.3.5", "simple_split")
    source = stores / "data" / "simple.zarr" / "test"

    def names(*groups: str) -> list[str]:
        data = tmp_path / "-".join(("data", *groups)).replace("/", "_") / "simple.zarr"
        for group in groups:
            shutil.copytree(source, data / group)
        store = open_store(folder, path_map={CLUSTER: str(data.parent)})
        return [dataset.name for dataset in store.run("simple_split").datasplit.validate]

    assert names(".") == ["simple"]
    assert names("test") == ["test"]
    assert names("test/b", "test/a.zarr", "test/deep/er") == ["a", "b", "er"]


def test_a_trained_dataset_has_no_prediction(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5").run("dist_same_iso0")
    assert [v.role for v in run.volumes(dataset="iso0_train")] == ["raw", "gt"]
    assert run.missing("iso0_train") == []


def test_unknown_datasets_are_refused_with_the_known_names(
    open_real: Callable[..., Store],
) -> None:
    run = open_real("pypi-0.3.5").run("dist_same_iso0")
    with pytest.raises(ValueError, match=r"no dataset 'x'.*iso0_val_a, iso0_val_b, iso0_train"):
        run.volumes(dataset="x")


def test_defaults_are_the_last_validation_and_the_best_parameters(
    open_real: Callable[..., Store],
) -> None:
    run = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim")
    *_, segmentation = run.volumes()
    assert segmentation.identity.iteration == 120
    assert segmentation.identity.variant == "stored"
    assert segmentation.identity.parameters == "threshold_-0.2"
    *_, chosen = run.volumes(dataset="iso0_val_b", iteration=60, parameters="threshold_0.2")
    assert chosen.identity.as_dict() == {
        "run": "dist_thr_shim", "dataset": "iso0_val_b", "role": "segmentation", "iteration": 60,
        "parameters": "threshold_0.2", "variant": "stored", "store": run.store.label,
    }  # fmt: skip


def test_empty_masks_are_replaced_by_computed_ones(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5").run("dist_same_iso0")
    *_, prediction, segmentation = run.volumes(iteration=60, parameters="threshold_127")
    assert segmentation.identity.variant == "computed"
    assert "threshold_127" in segmentation.notes[-1]
    expected = np.asarray(prediction.data) > 0
    np.testing.assert_array_equal(np.asarray(segmentation.data), expected)
    assert expected.any()
    *_, stored = run.volumes(iteration=60, segmentation="stored")
    assert stored.identity.variant == "stored"
    assert not np.asarray(stored.data).any()
    assert "127" in stored.notes[0]


def test_computed_segmentations_on_request(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5").run("affs_same_iso0")
    *_, stored = run.volumes(segmentation="stored")
    *_, computed = run.volumes(segmentation="computed", parameters=stored.identity.parameters)
    assert computed.identity.variant == "computed"
    assert computed.identity.slot == stored.identity.slot
    np.testing.assert_array_equal(np.asarray(computed.data), np.asarray(stored.data))
    *_, other = run.volumes(segmentation="computed", parameters="bias_0.6")
    assert other.identity.parameters == "bias_0.6"


def test_a_threshold_that_is_not_stored_is_computed(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim")
    *_, prediction, segmentation = run.volumes(iteration=90, parameters="threshold_0.1")
    assert segmentation.identity.variant == "computed"
    np.testing.assert_array_equal(np.asarray(segmentation.data), np.asarray(prediction.data) > 0.1)


def test_numbers_name_stored_parameters(open_real: Callable[..., Store], stores: Path) -> None:
    run = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim")
    *_, segmentation = run.volumes(iteration=90, parameters="0.2")
    path = stores / "pypi-0.3.5-thresholds/dist_thr_shim/validation.zarr/90/ds_iso0_val_a/output"
    np.testing.assert_array_equal(np.asarray(segmentation.data), _read(path / "threshold_0.2"))
    assert segmentation.identity.variant == "stored"
    *_, computed = run.volumes(iteration=90, parameters="0.7", segmentation="computed")
    assert computed.identity.parameters == "threshold_0.7"


def test_why_parameters_are_missing_is_said(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim")
    wanted = {"iteration": 90, "parameters": "threshold_0.7", "segmentation": "stored"}
    assert [volume.role for volume in run.volumes(**wanted)] == ["raw", "gt", "prediction"]
    (reason,) = run.missing(**wanted)
    assert "threshold_0.7 is not stored" in reason
    assert "threshold_0.2" in reason
    assert run.missing(iteration=90) == []


def test_what_is_not_there_is_said(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim")
    assert [volume.role for volume in run.volumes(iteration=45)] == ["raw", "gt"]
    assert any(
        "45" in reason and "30, 60, 90, 120" in reason for reason in run.missing(iteration=45)
    )
    assert run.prediction("iso0_val_a", 45) is None
    assert run.outputs("iso0_val_a", 45) == {}
    with pytest.raises(ValueError, match="stored"):
        run.volumes(segmentation="nonsense")  # type: ignore[arg-type]


def test_an_unfinished_validation_can_be_looked_at(open_real: Callable[..., Store]) -> None:
    run = open_real("main").run("hot_iso0")
    assert run.validated_iterations == ()
    assert run.validations.iterations == (10,)
    roles = [volume.role for volume in run.volumes(dataset="iso0_val_a")]
    assert roles == ["raw", "gt", "prediction", "segmentation"]
    assert any("iso0_val_b" in reason for reason in run.missing("iso0_val_b"))


@pytest.mark.parametrize(
    "metadata",
    [b"", b"{", b"[]", b'{"zarr_format": 2, "shape": [-1]}', b'{"shape": "a", "zarr_format": 2}'],
)
def test_a_torn_array_is_said_and_the_rest_opens(
    copy_run: Callable[..., Path], metadata: bytes
) -> None:
    folder = copy_run("main", "dist_aniso")
    validation = folder / "dist_aniso" / "validation.zarr" / "20" / "ds_aniso_val"
    (validation / "prediction" / ".zarray").write_bytes(metadata)
    run = open_store(folder).run("dist_aniso")
    assert [volume.role for volume in run.volumes()] == ["raw", "gt", "segmentation"]
    assert any(str(validation / "prediction") in reason for reason in run.missing())
    with pytest.raises((ArrayFormatError, BrokenFileError)):
        run.prediction("aniso_val", 20)


def _chunks(array: Path) -> list[Path]:
    return sorted(path for path in array.rglob("[0-9]*") if path.is_file())


def test_a_prediction_that_is_half_written_says_so(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "hot_iso0")
    prediction = folder / "hot_iso0" / "validation.zarr" / "10" / "ds_iso0_val_a" / "prediction"
    first, second = _chunks(prediction)
    whole = open_store(folder).run("hot_iso0").prediction("iso0_val_a", 10)
    assert whole is not None
    assert whole.notes == ()
    first.unlink()
    run = open_store(folder).run("hot_iso0")
    half = run.prediction("iso0_val_a", 10)
    assert half is not None
    assert any("1 of 2 chunks" in note for note in half.notes)
    second.unlink()
    nothing = run.prediction("iso0_val_a", 10)
    assert nothing is not None
    assert any("0 of 2 chunks" in note for note in nothing.notes)


def test_a_list_knows_when_the_first_chunk_is_written(
    copy_run: Callable[..., Path], tmp_path: Path
) -> None:
    folder = copy_run("main", "dist_aniso")
    prediction = folder / "dist_aniso/validation.zarr/20/ds_aniso_val/prediction"
    (prediction / "0").rename(tmp_path / "kept")

    def validated() -> tuple[int, ...]:
        (row,) = open_store(folder).rows()
        return row.validated_iterations

    assert validated() == (10,)
    assert validated() == (10,)
    run = open_store(folder).run("dist_aniso")
    assert run.validated_iterations == (10,)
    assert {volume.identity.iteration for volume in run.volumes()} == {None, 10}
    (tmp_path / "kept").rename(prediction / "0")
    assert validated() == (10, 20)


def test_links_out_of_the_store_are_not_followed(
    copy_run: Callable[..., Path], stores: Path
) -> None:
    folder = copy_run("main", "dist_aniso")
    prediction = folder / "dist_aniso" / "validation.zarr" / "20" / "ds_aniso_val" / "prediction"
    shutil.rmtree(prediction)
    elsewhere = stores / "main" / "dist_aniso" / "validation.zarr" / "20" / "ds_aniso_val"
    prediction.symlink_to(elsewhere / "prediction")
    run = open_store(folder).run("dist_aniso")
    assert run.validated_iterations == (10,)
    assert run.prediction("aniso_val", 20) is None
    allowed = open_store(folder, path_map={str(elsewhere): str(elsewhere)}).run("dist_aniso")
    assert allowed.validated_iterations == (10, 20)
    assert allowed.prediction("aniso_val", 20) is not None


def test_chunks_that_are_links_out_of_the_store_are_not_read(
    copy_run: Callable[..., Path], tmp_path: Path
) -> None:
    folder = copy_run("main", "dist_aniso")
    raw = folder / "dist_aniso" / "validation.zarr" / "inputs" / "aniso_val" / "raw"
    chunk = next(path for path in raw.rglob("0") if path.is_file())
    secret = tmp_path / "secret" / "chunk"
    secret.parent.mkdir()
    chunk.rename(secret)
    chunk.symlink_to(secret)
    run = open_store(folder).run("dist_aniso")
    assert run.dataset("aniso_val").copy("raw") is None
    assert [volume.role for volume in run.volumes()] == ["gt", "prediction", "segmentation"]
    allowed = open_store(folder, path_map={str(secret.parent): str(secret.parent)})
    raw_again = allowed.run("dist_aniso").dataset("aniso_val").raw
    np.testing.assert_array_equal(np.asarray(raw_again.data), _read(raw))


@pytest.mark.parametrize("name", ["../../elsewhere", "/etc", "a/../../b", "..", "\0"])
def test_names_of_datasets_cannot_lead_out(copy_run: Callable[..., Path], name: str) -> None:
    folder = copy_run("main", "dist_aniso")
    config = folder / "configs" / "runs" / "dist_aniso.yaml"
    quoted = json.dumps(name)
    config.write_text(config.read_text().replace("name: aniso_val\n", f"name: {quoted}\n"))
    run = open_store(folder).run("dist_aniso")
    assert run.validated_iterations == ()
    assert "prediction" not in [volume.role for volume in run.volumes()]
    assert any(reason.startswith("raw") for reason in run.missing())


def test_names_of_datasets_with_slashes(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    config = folder / "configs" / "runs" / "dist_aniso.yaml"
    config.write_text(config.read_text().replace("name: aniso_val\n", "name: lab/aniso/val\n"))
    container = folder / "dist_aniso" / "validation.zarr"
    for iteration in ("10", "20"):
        (container / iteration / "ds_aniso_val").rename(container / iteration / "ds_lab_aniso_val")
    (container / "inputs" / "lab" / "aniso").mkdir(parents=True)
    (container / "inputs" / "aniso_val").rename(container / "inputs" / "lab" / "aniso" / "val")
    run = open_store(folder).run("dist_aniso")
    assert run.validated_iterations == (10, 20)
    assert [volume.role for volume in run.volumes()] == ["raw", "gt", "prediction", "segmentation"]


def test_bare_names_as_0_3_0_wrote_them(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    container = folder / "dist_aniso" / "validation.zarr"
    for iteration in ("10", "20"):
        (container / iteration / "ds_aniso_val").rename(container / iteration / "aniso_val")
        output = container / iteration / "aniso_val" / "output"
        for i, threshold in enumerate((100, 127, 150)):
            name = f"ThresholdPostProcessorParameters(id={i}, threshold={threshold})"
            shutil.copytree(output / "threshold_127", output / name)
        shutil.rmtree(output / "threshold_127")
    run = open_store(folder).run("dist_aniso")
    assert run.validated_iterations == (10, 20)
    assert [name.partition("(")[2] for name in run.outputs("aniso_val", 20)] == [
        "id=0, threshold=100)", "id=1, threshold=127)", "id=2, threshold=150)",
    ]  # fmt: skip


def test_attributes_that_dacapo_users_know(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5").run("dist_same_iso0_resumed")
    assert run.name == "dist_same_iso0_resumed"
    assert run.train_until == run.num_iterations == 20
    assert run.validation_interval == 10
    assert run.task.name == "dist_blob"
    assert run.architecture.name == "unet_same"
    assert run.trainer.name == "gp_simple"
    assert (run.start.run, run.start.criterion) == ("dist_same_iso0", "60")
    assert run.validation_scores.criteria == Run.get_validation_scores(run.config).criteria


def test_a_run_by_config_or_name_finds_its_store(
    stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = open_store(stores / "main").config_store.retrieve_run_config("dist_aniso")
    assert Run(config).checkpoints == (10, 20)
    monkeypatch.setenv("NAPARI_DACAPO_STORE", str(stores / "main"))
    assert Run("dist_aniso", load_starter_model=False).checkpoints == (10, 20)
    with pytest.raises(RunNotFoundError):
        Run("no_such_run")


def test_scores_need_a_task_and_a_datasplit(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    config = folder / "configs" / "runs" / "dist_aniso.yaml"
    config.write_text(config.read_text().replace("  __type__: DistanceTaskConfig\n", ""))
    run_config = open_store(folder).config_store.retrieve_run_config("dist_aniso")
    with pytest.raises(AssertionError, match="task"):
        Run.get_validation_scores(run_config)


def test_a_run_is_read_anew_after_a_refresh(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    run = open_store(folder).run("dist_aniso")
    assert run.checkpoints == (10, 20)
    (folder / "dist_aniso" / "checkpoints" / "iterations" / "30").write_bytes(b"")
    assert run.checkpoints == (10, 20)
    run.refresh()
    assert run.checkpoints == (10, 20, 30)
    assert run.iteration == 30


def test_an_unknown_task_still_shows_its_arrays(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    config = folder / "configs" / "runs" / "dist_aniso.yaml"
    config.write_text(config.read_text().replace("DistanceTaskConfig", "WeirdTaskConfig"))
    run = open_store(folder).run("dist_aniso")
    assert run.row().task == "WeirdTask"
    # Its only mask is empty, and nothing can be computed for a task that is not known.
    assert [(v.role, v.identity.variant) for v in run.volumes()] == [
        ("raw", ""), ("gt", ""), ("prediction", ""), ("segmentation", "stored"),
    ]  # fmt: skip
