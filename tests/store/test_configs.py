"""Every kind of config, in every dialect, whole and broken."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_dacapo.store import configs as c
from napari_dacapo.store.configs import RunConfig, structure

RUNS = sorted((Path(__file__).parents[1] / "data" / "stores").glob("*/configs/runs/*.yaml"))

ZARR = {"__type__": "ZarrArrayConfig", "name": "z", "file_name": "/a.zarr", "dataset": "raw"}

# Each kind with the fewest keys that DaCapo needs, as it writes them.
KINDS: dict[type[c.Family], list[dict[str, Any]]] = {
    c.ArrayConfig: [
        {**ZARR, "_axes": ["z", "y", "x"], "mode": "a", "snap_to_grid": None},
        {**ZARR, "ome_metadata": True},
        {"__type__": "IntensitiesArrayConfig", "source_array_config": ZARR, "min": 0, "max": 255},
        {"__type__": "BinarizeArrayConfig", "source_array_config": ZARR, "groupings": [("m", [])]},
        {
            "__type__": "ConcatArrayConfig",
            "channels": ["a"],
            "source_array_configs": {"a": ZARR},
            "default_config": None,
        },
        {
            "__type__": "CropArrayConfig",
            "source_array_config": ZARR,
            "roi": ((0, 8, 16), (80, 80, 80)),
        },
        {
            "__type__": "ResampledArrayConfig",
            "source_array_config": ZARR,
            "_upsample": (2, 2, 2),
            "_downsample": (1, 1, 1),
            "interp_order": True,
        },
        {
            "__type__": "ResampledArrayConfig",
            "source_array_config": ZARR,
            "upsample": (2, 2, 2),
            "downsample": (1, 1, 1),
            "interp_order": 1,
        },
        {"__type__": "OnesArrayConfig", "source_array_config": ZARR},
        {"__type__": "ConstantArrayConfig", "source_array_config": ZARR, "constant": 2},
        {"__type__": "LogicalOrArrayConfig", "source_array_config": ZARR},
        {"__type__": "MergeInstancesArrayConfig", "source_array_configs": [ZARR, ZARR]},
        {"__type__": "SumArrayConfig", "source_array_configs": [ZARR]},
        {
            "__type__": "MissingAnnotationsMaskConfig",
            "source_array_config": ZARR,
            "groupings": [("m", [1, 2])],
        },
        {
            "__type__": "TiffArrayConfig",
            "file_name": "/a.tif",
            "offset": (0, 0, 0),
            "voxel_size": (8, 8, 8),
            "axis_names": ["z", "y", "x"],
            "units": ["nm", "nm", "nm"],
        },
        {"__type__": "DVIDArrayConfig", "source": ("a", "b", "c")},
        {"__type__": "DummyArrayConfig"},
    ],
    c.TaskConfig: [
        {"__type__": "DistanceTaskConfig", "channels": ["a"], "clip_distance": 80,
         "tol_distance": 8},
        {"__type__": "InnerDistanceTaskConfig", "channels": ["a"], "clip_distance": 80,
         "tol_distance": 8},
        {"__type__": "HotDistanceTaskConfig", "channels": ["a"], "clip_distance": 80,
         "tol_distance": 8, "kernel_size": None},
        {"__type__": "AffinitiesTaskConfig", "neighborhood": [(1, 0, 0), (0, 1, 0)]},
        {"__type__": "OneHotTaskConfig", "classes": ["bg", "a"]},
        {"__type__": "DummyTaskConfig", "embedding_dims": 3, "detection_threshold": 0.1},
        {
            "__type__": "PretrainedTaskConfig",
            "sub_task_config": {"__type__": "OneHotTaskConfig", "classes": ["bg"]},
            "weights": "/w",
        },
    ],
    c.ArchitectureConfig: [
        {
            "__type__": "CNNectomeUNetConfig", "input_shape": (24, 24, 24), "fmaps_out": 8,
            "fmaps_in": 1, "num_fmaps": 6, "fmap_inc_factor": 2,
            "downsample_factors": [(2, 2, 2)], "_eval_shape_increase": (8, 8, 8),
            "kernel_size_down": [[(3, 3, 3)], [(3, 3, 3)]], "upsample_factors": [(2, 2, 2)],
        },
        {"__type__": "DummyArchitectureConfig", "num_in_channels": 1, "num_out_channels": 2},
        {"__type__": "DummyArchitectureConfig", "_num_in_channels": 1, "_num_out_channels": 2},
        {
            "__type__": "WrappedArchitectureConfig", "_module": "x", "fmaps_in": 1, "fmaps_out": 1,
            "_input_shape": (8, 8, 8), "_scale": (1, 1, 1), "trainable_parameters": None,
        },
        {"__type__": "ModelZooConfig", "model_id": "10.5281/zenodo.1", "trainable_layers": None},
    ],
    c.TrainerConfig: [
        {
            "__type__": "GunpowderTrainerConfig", "batch_size": 2, "learning_rate": 0.01,
            "augments": [
                {"__type__": "SimpleAugmentConfig", "augmentation_probability": 1.0},
                {"__type__": "ElasticAugmentConfig", "control_point_spacing": [100, 100, 100],
                 "control_point_displacement_sigma": [10.0, 10.0, 10.0],
                 "rotation_interval": (0, 1.57), "subsample": 4, "uniform_3d_rotation": True,
                 "augmentation_probability": 1.0},
                {"__type__": "GammaAugmentConfig", "gamma_range": (0.5, 1.5)},
                {"__type__": "IntensityAugmentConfig", "scale": (0.9, 1.1), "shift": (-0.1, 0.1),
                 "clip": True, "augmentation_probability": 1.0},
                {"__type__": "IntensityScaleShiftAugmentConfig", "scale": 2, "shift": -1},
                {"__type__": "NoiseAugmentConfig", "kwargs": {"mode": "gaussian"}},
            ],
        },
        {"__type__": "GunpowderTrainerConfig", "augments": [], "min_masked": 0.15,
         "clip_raw": False, "sample_strategy": None},
    ],
    c.BaseStartConfig: [
        {"__type__": "StartConfig", "run": "a", "criterion": "60"},
        {"__type__": "CosemStartConfig", "run": "setup04", "criterion": "1820500"},
    ],
    c.DatasetConfig: [
        {
            "__type__": "RawGTDatasetConfig", "raw_config": ZARR, "gt_config": ZARR,
            "mask_config": None, "sample_points": [(1, 2, 3)], "weight": 1,
        },
        {"__type__": "SimpleDataset", "path": "/a.zarr/test", "weight": 1},
        {"__type__": "DummyDatasetConfig", "raw_config": ZARR},
    ],
    c.DataSplitConfig: [
        {
            "__type__": "TrainValidateDataSplitConfig",
            "train_configs": [{"__type__": "RawGTDatasetConfig", "raw_config": ZARR}],
            "validate_configs": [],
        },
        {"__type__": "SimpleDataSplitConfig", "path": "/a.zarr", "raw_name": "raw"},
        {
            "__type__": "DummyDataSplitConfig",
            "train_config": {"__type__": "DummyDatasetConfig", "raw_config": ZARR},
        },
    ],
}  # fmt: skip
ALL = [(family, {**raw, "name": "n"}) for family, raws in KINDS.items() for raw in raws]


def _raw(path: Path) -> dict[str, Any]:
    value = yaml.load(path.read_bytes(), yaml.FullLoader)
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(("family", "raw"), ALL, ids=lambda value: str(value)[:40])
def test_every_kind(family: type[c.Family], raw: dict[str, Any]) -> None:
    problems: list[str] = []
    before = copy.deepcopy(raw)
    config = structure(family, raw, problems)
    assert problems == []
    assert type(config).__name__ == config.type_name == raw["__type__"]
    assert config.name == "n"
    assert config.to_dict() == before
    assert pickle.loads(pickle.dumps(config)) == config


def test_every_kind_is_tried() -> None:
    for family, raws in KINDS.items():
        assert {raw["__type__"] for raw in raws} == set(family.kinds)


@pytest.mark.parametrize(("family", "raw"), ALL, ids=lambda value: str(value)[:40])
def test_unknown_keys_are_kept(family: type[c.Family], raw: dict[str, Any]) -> None:
    config = structure(family, {**raw, "brand_new": [1]})
    assert config.brand_new == [1]  # type: ignore[attr-defined]
    assert config.to_dict()["brand_new"] == [1]


@pytest.mark.parametrize("family", KINDS)
def test_unknown_kinds_keep_their_mapping(family: type[c.Family]) -> None:
    raw = {"__type__": "FromTheFutureConfig", "name": "n", "_depth": {"a": [1, 2]}}
    problems: list[str] = []
    config = structure(family, raw, problems)
    assert problems == []
    assert isinstance(config, family)
    assert isinstance(config, c.UnknownConfig)
    assert (config.type_name, config.name, config.raw) == ("FromTheFutureConfig", "n", raw)
    assert config.to_dict() == raw
    assert config.problem is None


@pytest.mark.parametrize("family", KINDS)
@pytest.mark.parametrize("value", [None, 3, "text", [], {}, {"__type__": 3}, {"__type__": None}])
def test_what_is_no_config_is_unknown_with_a_problem(family: type[c.Family], value: object) -> None:
    problems: list[str] = []
    config = structure(family, value, problems)
    assert isinstance(config, c.UnknownConfig)
    assert len(problems) == 1
    assert config.problem == problems[0]
    assert family.noun in problems[0]


def test_kinds_do_not_cross_families() -> None:
    config = structure(c.TaskConfig, ZARR)
    assert isinstance(config, c.UnknownTaskConfig)
    assert config.kind == "unknown"
    assert config.type_name == "ZarrArrayConfig"


def test_types_are_never_evaluated(tmp_path: Path) -> None:
    target = tmp_path / "touched"
    text = f"open({str(target)!r}, 'w') or DistanceTaskConfig"
    config = structure(c.TaskConfig, {"__type__": text})
    assert isinstance(config, c.UnknownTaskConfig)
    assert not target.exists()


def test_configs_are_read_only() -> None:
    config = structure(c.ArrayConfig, ZARR)
    assert isinstance(config, c.ZarrArrayConfig)
    with pytest.raises(ValidationError):
        config.dataset = "gt"


def test_a_changed_copy_knows_its_own_values() -> None:
    config = structure(c.ArrayConfig, ZARR)
    assert config.model_copy().to_dict() == ZARR
    changed = config.model_copy(update={"dataset": "gt"}).to_dict()
    assert (changed["__type__"], changed["dataset"]) == ("ZarrArrayConfig", "gt")


def test_made_by_hand() -> None:
    config = c.IntensitiesArrayConfig(
        name="i", source_array_config=structure(c.ArrayConfig, ZARR), min=0, max=1
    )
    assert config.to_dict() == {
        "__type__": "IntensitiesArrayConfig",
        "name": "i",
        "source_array_config": ZARR,
        "min": 0,
        "max": 1,
    }


@pytest.mark.parametrize("spelling", ["input_shape", "_input_shape"])
def test_both_spellings(spelling: str) -> None:
    raw = {
        "__type__": "CNNectomeUNetConfig", spelling: (24, 24, 24), "fmaps_out": 8, "fmaps_in": 1,
        "num_fmaps": 6, "fmap_inc_factor": 2, "downsample_factors": [(2, 2, 2)],
    }  # fmt: skip
    config = structure(c.ArchitectureConfig, raw)
    assert isinstance(config, c.CNNectomeUNetConfig)
    assert config.input_shape == (24, 24, 24)
    assert config.to_dict() == raw


TASKS: list[tuple[dict[str, Any], str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = [
    ({"__type__": "DistanceTaskConfig", "channels": ["a", "b"]}, "distance", ("a", "b"),
     ("a", "b"), ()),
    ({"__type__": "InnerDistanceTaskConfig", "channels": ["a"]}, "distance", ("a",), ("a",), ()),
    ({"__type__": "HotDistanceTaskConfig", "channels": ["a", "b"]}, "hot_distance",
     ("a (one-hot)", "b (one-hot)", "a (distance)", "b (distance)"), ("a", "b"), ()),
    ({"__type__": "AffinitiesTaskConfig", "neighborhood": [(1, 0, 0), [0, -4, 0]]}, "affinities",
     ("(1, 0, 0)", "(0, -4, 0)"), (), ()),
    ({"__type__": "OneHotTaskConfig", "classes": ["bg", "a"]}, "one_hot", ("bg", "a"), (),
     ("bg", "a")),
    ({"__type__": "DummyTaskConfig", "embedding_dims": 1, "detection_threshold": 0}, "dummy", (),
     (), ()),
    ({"__type__": "PretrainedTaskConfig", "weights": "w",
      "sub_task_config": {"__type__": "OneHotTaskConfig", "classes": ["bg", "a"]}},
     "one_hot", ("bg", "a"), (), ("bg", "a")),
    ({"__type__": "New"}, "unknown", (), (), ()),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "kind", "channels", "gt_channels", "classes"), TASKS)
def test_what_tasks_say_about_channels(
    raw: dict[str, Any],
    kind: str,
    channels: tuple[str, ...],
    gt_channels: tuple[str, ...],
    classes: tuple[str, ...],
) -> None:
    task = structure(c.TaskConfig, {"clip_distance": 1, "tol_distance": 1, **raw})
    assert task.kind == kind
    assert task.channel_names == channels
    assert task.gt_channel_names == gt_channels
    assert task.class_names == classes


@pytest.mark.parametrize("path", RUNS, ids=lambda path: "/".join(path.parts[-4:]))
def test_real_runs(path: Path) -> None:
    raw = _raw(path)
    config = RunConfig.from_dict(copy.deepcopy(raw), name=path.stem)
    assert config.problem is None
    assert config.to_dict() == raw
    assert config.name == path.stem
    assert config.num_iterations == raw["num_iterations"]
    assert config.validation_interval == raw["validation_interval"]
    for part in ("task", "architecture", "trainer", "datasplit"):
        stored = raw[f"{part}_config"]
        made = getattr(config, f"{part}_config")
        assert type(made).__name__ == stored["__type__"]
        assert made.name == stored["name"]
    holder = raw if "batch_size" in raw else raw["trainer_config"]
    assert config.effective_batch_size == holder["batch_size"]
    assert config.effective_learning_rate == holder["learning_rate"]
    assert config.effective_snapshot_interval == holder["snapshot_interval"]
    architecture = config.architecture_config
    assert isinstance(architecture, c.CNNectomeUNetConfig)
    stored = raw["architecture_config"]
    assert architecture.input_shape == stored.get("input_shape", stored.get("_input_shape"))
    assert architecture.eval_shape_increase == stored["_eval_shape_increase"]


def test_a_real_run_in_full(stores: Path) -> None:
    path = stores / "pypi-0.3.5/configs/runs/dist_same_iso0.yaml"
    config = RunConfig.from_dict(_raw(path), name="dist_same_iso0")
    assert isinstance(config.datasplit_config, c.TrainValidateDataSplitConfig)
    first, second = config.datasplit_config.validate_configs
    assert (first.name, second.name) == ("iso0_val_a", "iso0_val_b")
    assert isinstance(first, c.RawGTDatasetConfig)
    assert isinstance(first.raw_config, c.IntensitiesArrayConfig)
    assert (first.raw_config.min, first.raw_config.max) == (0.0, 255.0)
    source = first.raw_config.source_array_config
    assert isinstance(source, c.ZarrArrayConfig)
    assert (source.file_name, source.dataset) == ("/nrs/demo/dacapo-data/iso0_val_a.zarr", "raw")
    assert isinstance(first.gt_config, c.BinarizeArrayConfig)
    assert first.gt_config.groupings == (("blob", ()),)
    assert first.mask_config is None
    assert isinstance(config.task_config, c.DistanceTaskConfig)
    assert config.task_config.scale_factor == 40.0
    assert config.start_config is None
    assert isinstance(config.trainer_config, c.GunpowderTrainerConfig)
    assert [augment.type_name for augment in config.trainer_config.augments] == [
        "SimpleAugmentConfig",
        "IntensityAugmentConfig",
    ]


def test_a_run_that_starts_from_another(stores: Path) -> None:
    path = stores / "pypi-0.3.5/configs/runs/dist_same_iso0_resumed.yaml"
    start = RunConfig.from_dict(_raw(path), name="dist_same_iso0_resumed").start_config
    assert isinstance(start, c.StartConfig)
    assert (start.run, start.criterion) == ("dist_same_iso0", "60")


def _broken(stores: Path, **changes: Any) -> RunConfig:
    raw = {**_raw(stores / "main/configs/runs/snapshot.yaml"), **changes}
    return RunConfig.from_dict({k: v for k, v in raw.items() if v is not ...}, name="snapshot")


def test_missing_parts_are_named(stores: Path) -> None:
    config = _broken(stores, task_config=..., num_iterations=...)
    assert config.problem is not None
    assert "task_config is missing" in config.problem
    assert "num_iterations is missing" in config.problem
    assert config.task_config.kind == "unknown"
    assert config.num_iterations == 0
    assert isinstance(config.architecture_config, c.CNNectomeUNetConfig)
    assert config.effective_batch_size == 2


@pytest.mark.parametrize("value", ["many", -1, None, [3], {"a": 1}, 1.5, float("nan"), 10**400])
def test_a_broken_number_leaves_the_rest(stores: Path, value: object) -> None:
    config = _broken(stores, num_iterations=value, learning_rate="fast")
    assert config.problem is not None
    assert "learning_rate" in config.problem
    assert config.validation_interval == 10
    assert config.learning_rate is None
    assert config.task_config.kind == "distance"
    if value != 10**400:
        assert "num_iterations" in config.problem
        assert config.num_iterations == 0


@pytest.mark.parametrize(
    "part", ["task_config", "architecture_config", "trainer_config", "datasplit_config"]
)
@pytest.mark.parametrize("value", [None, 3, "x", [], {}, {"__type__": "New"}])
def test_a_broken_part_leaves_the_rest(stores: Path, part: str, value: object) -> None:
    config = _broken(stores, **{part: value})
    assert isinstance(getattr(config, part), c.UnknownConfig)
    assert config.num_iterations == 20
    known = isinstance(value, dict) and "__type__" in value
    assert (config.problem is None) == known
    others = {"task_config", "architecture_config", "trainer_config", "datasplit_config"} - {part}
    assert not any(isinstance(getattr(config, other), c.UnknownConfig) for other in others)


def test_one_broken_dataset_leaves_the_others(stores: Path) -> None:
    raw = _raw(stores / "main/configs/runs/snapshot.yaml")
    split = raw["datasplit_config"]
    del split["validate_configs"][1]["raw_config"]
    split["train_configs"][0]["raw_config"]["min"] = "dark"
    config = RunConfig.from_dict(raw, name="snapshot").datasplit_config
    assert isinstance(config, c.TrainValidateDataSplitConfig)
    good, bad = config.validate_configs
    assert isinstance(good, c.RawGTDatasetConfig)
    assert isinstance(bad, c.UnknownDatasetConfig)
    assert bad.name == "iso0_val_b"
    train = config.train_configs[0]
    assert isinstance(train, c.RawGTDatasetConfig)
    assert isinstance(train.raw_config, c.UnknownArrayConfig)
    assert train.gt_config is not None
    problem = RunConfig.from_dict(raw, name="snapshot").problem
    assert problem is not None
    assert "RawGTDatasetConfig 'iso0_val_b': raw_config is missing" in problem
    assert "min" in problem


def test_the_name_of_the_file_wins(stores: Path) -> None:
    raw = _raw(stores / "main/configs/runs/snapshot.yaml")
    config = RunConfig.from_dict(raw, name="copy")
    assert config.name == "copy"
    assert config.problem == "it calls itself 'snapshot'"
    del raw["name"]
    assert RunConfig.from_dict(raw, name="copy").problem == "name is missing"


def test_odd_keys_do_no_harm(stores: Path) -> None:
    raw = {
        **_raw(stores / "main/configs/runs/snapshot.yaml"),
        3: "three", "": 1, "_": 2, "__class__": 3, "to_dict": 4, "problem": "none", "_raw": 5,
        "_options": 6, "_problem": 7, "kinds": 8, "type_name": 9, "model_fields": 10, "options": 11,
    }  # fmt: skip
    config = RunConfig.from_dict(raw, name="snapshot")
    assert config.problem is None
    assert config.options is None
    assert config.type_name == ""
    assert config.num_iterations == 20


def test_very_deep_arrays_give_an_answer(stores: Path) -> None:
    raw = _raw(stores / "main/configs/runs/snapshot.yaml")
    array = ZARR
    for _ in range(90):
        array = {"__type__": "OnesArrayConfig", "name": "o", "source_array_config": array}  # type: ignore[dict-item]
    raw["datasplit_config"]["train_configs"][0]["raw_config"] = array
    config = RunConfig.from_dict(raw, name="snapshot")
    assert config.num_iterations == 20
    assert config.to_dict() == raw


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@pytest.mark.long
@settings(max_examples=80)
@given(st.data())
def test_any_value_anywhere_gives_a_config(data: st.DataObject) -> None:
    raw = _raw(data.draw(st.sampled_from(RUNS)))
    spots: list[tuple[Any, Any]] = []
    todo: list[Any] = [raw]
    while todo:
        item = todo.pop()
        pairs = item.items() if isinstance(item, dict) else enumerate(item)
        for key, value in pairs:
            if not isinstance(item, tuple):
                spots.append((item, key))
            if isinstance(value, (dict, list, tuple)):
                todo.append(value)
    holder, key = data.draw(st.sampled_from(spots))
    holder[key] = data.draw(junk)
    config = RunConfig.from_dict(raw, name="x")
    assert config.name == "x"
    assert isinstance(config.task_config, c.TaskConfig)
    assert isinstance(config.task_config.channel_names, tuple)
    assert config.to_dict().keys() == raw.keys()
