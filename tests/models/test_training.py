from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_dacapo.errors import CheckpointError, ReadOnlyError, UnsupportedError
from napari_dacapo.models import build_model, create_weights_store, load_checkpoint
from napari_dacapo.models.dialects import canonical, parameter_order, translate
from napari_dacapo.models.training import radam, resume, start_from
from napari_dacapo.runs import Run, open_store
from napari_dacapo.store.configs import WrappedArchitectureConfig, structure
from napari_dacapo.store.configs.starts import BaseStartConfig, CosemStartConfig, StartConfig

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_has_model_and_optimizer(stores: Path) -> None:
    run = open_store(stores / "pypi-0.3.5").run("dist_same_iso0")
    assert isinstance(run.model, torch.nn.Module)
    assert run.model.training
    assert run.model is run.model
    assert isinstance(run.optimizer, torch.optim.RAdam)
    assert run.optimizer.defaults["lr"] == 0.01
    assert run.optimizer.defaults["decoupled_weight_decay"] is True
    assert run.optimizer.state == {}


@pytest.mark.parametrize(
    ("store", "name", "iteration"),
    [("pypi-0.3.5", "affs_same_iso0", 60), ("main", "dist_aniso", 20)],
)
def test_load_weights(stores: Path, store: str, name: str, iteration: int) -> None:
    run = open_store(stores / store).run(name)
    weights = load_checkpoint(run.checkpoint_path(iteration))
    run.load_weights(iteration)
    state = run.model.state_dict()
    assert list(state) == list(weights.model)
    assert all(torch.equal(state[key], value) for key, value in weights.model.items())
    kept = run.optimizer.state_dict()
    assert kept["param_groups"][0]["lr"] == weights.optimizer["param_groups"][0]["lr"]
    for index, values in weights.optimizer["state"].items():
        assert torch.equal(kept["state"][index]["exp_avg"], values["exp_avg"])
    # The next step of training runs.
    run.model(torch.rand(1, 1, *run.model.input_shape)).sum().backward()
    run.optimizer.step()


def test_the_weights_store(stores: Path) -> None:
    store = open_store(stores / "main")
    weights_store = create_weights_store(store.options)
    run = store.run("dist_aniso")
    assert weights_store.latest_iteration("dist_aniso") == 20
    assert weights_store.retrieve_weights("dist_aniso", 10).model.keys()
    assert weights_store.retrieve_weights(run, 10).sha256
    weights_store.load_weights(run, 10)
    key = "prediction_head.bias"
    expected = weights_store.retrieve_weights(run, 10).model[key]
    assert torch.equal(run.model.state_dict()[key], expected)
    with pytest.raises(CheckpointError, match="no checkpoint of iteration 11"):
        weights_store.load_weights(run, 11)
    with pytest.raises(CheckpointError, match="no stored best"):
        weights_store.load_best(run, None, "f1_score")
    with pytest.raises(ReadOnlyError):
        weights_store.store_weights(run, 3)


def test_move_optimizer(stores: Path) -> None:
    run = open_store(stores / "main").run("dist_aniso")
    run.load_weights(20)
    run.move_optimizer("meta")
    tensors = [
        value for state in run.optimizer.state.values() for value in state.values()
        if isinstance(value, torch.Tensor)
    ]  # fmt: skip
    assert len(tensors) == 48
    assert all(value.device.type == "meta" for value in tensors)
    run.move_optimizer(torch.device("meta"), empty_cuda_cache=True)


@pytest.mark.parametrize("state", [[1], {0: [1]}])
def test_move_optimizer_without_a_dictionary(stores: Path, state: Any) -> None:
    run = open_store(stores / "main").run("dist_aniso")
    run.optimizer.state = state
    with pytest.raises(AssertionError, match="not a dictionary"):
        run.move_optimizer("cpu")


def test_started_from_another_run(stores: Path) -> None:
    store = open_store(stores / "pypi-0.3.5")
    run = store.run("dist_same_iso0_resumed")
    starter = load_checkpoint(store.run("dist_same_iso0").checkpoint_path(60))
    state = run.model.state_dict()
    assert run.start_notes == ()
    assert all(torch.equal(state[key], value) for key, value in starter.model.items())


def test_not_started(stores: Path) -> None:
    store = open_store(stores / "pypi-0.3.5")
    config = store.config_store.retrieve_run_config("dist_same_iso0_resumed")
    run = Run(config, load_starter_model=False, store=store)
    starter = load_checkpoint(store.run("dist_same_iso0").checkpoint_path(60))
    key = "prediction_head.weight"
    assert not torch.equal(run.model.state_dict()[key], starter.model[key])


def started(stores: Path, start: Any, name: str = "dist_same_iso0_resumed") -> Run:
    store = open_store(stores / "pypi-0.3.5")
    config = store.config_store.retrieve_run_config(name)
    return Run(config.model_copy(update={"start_config": start}), store=store)


def test_starting_across_tasks_is_reported(stores: Path) -> None:
    run = started(stores, StartConfig(run="affs_same_iso0", criterion="60"))
    state = run.model.state_dict()
    starter = load_checkpoint(run.store.run("affs_same_iso0").checkpoint_path(60)).model
    key = "architecture.unet.l_conv.0.conv_pass.0.weight"
    assert torch.equal(state[key], starter[key])
    assert "channel 'blob' is not in the checkpoint's head; stays random" in run.start_notes
    assert any("'(1, 0, 0)' of the checkpoint's head" in note for note in run.start_notes)


@pytest.mark.parametrize(
    ("start", "error", "reason"),
    [
        (StartConfig(run="dist_same_iso0", criterion="61"), CheckpointError, "'61'"),
        (StartConfig(run="nobody", criterion="60"), CheckpointError, "nobody"),
        (CosemStartConfig(run="setup04", criterion="1820500"), UnsupportedError, "own package"),
    ],
)
def test_starts_that_cannot_be(stores: Path, start: Any, error: Any, reason: str) -> None:
    run = started(stores, start)
    with pytest.raises(error, match=reason):
        _ = run.model
    assert run.name
    assert run.row().name == "dist_same_iso0_resumed"


@pytest.mark.parametrize("name", ["ds_val/voi.json", "voi.json"])
def test_a_start_from_the_best_by_a_criterion(stores: Path, tmp_path: Path, name: str) -> None:
    store = tmp_path / "store"
    shutil.copytree(stores / "pypi-0.3.5", store)
    marker = store / "dist_same_iso0" / "checkpoints" / name
    marker.parent.mkdir(exist_ok=True)
    marker.write_text('{"iteration": 60}')
    run = open_store(store).run("dist_same_iso0")
    weights = run.weights_store.retrieve_start("dist_same_iso0", "voi")
    assert weights.path == run.checkpoint_path(60)


def test_a_start_config_that_is_none(stores: Path) -> None:
    run = started(stores, structure(BaseStartConfig, "hello"))
    with pytest.raises(UnsupportedError, match=r"start_config of run .* cannot be used: "):
        _ = run.model


def test_a_start_does_not_leave_the_store(stores: Path) -> None:
    run = started(stores, StartConfig(run="dist_same_iso0", criterion="../../../secret"))
    with pytest.raises(Exception, match=r"\.\."):
        _ = run.model


def test_networks_of_others_leave_the_row_usable(stores: Path) -> None:
    store = open_store(stores / "main")
    config = store.config_store.retrieve_run_config("dist_aniso")
    changed = config.model_copy(update={"architecture_config": WrappedArchitectureConfig(name="w")})
    run = Run(changed, store=store)
    with pytest.raises(UnsupportedError, match="needs its own package"):
        _ = run.model
    assert run.row().checkpoints == (10, 20)
    assert run.volumes()


class TestHeads:
    def test_matched_by_name(self, kit: Any) -> None:
        old = build_model(kit.unet(), kit.distance("er", "mito", "nucleus"), dialect="0.3.5")
        new = build_model(kit.unet(), kit.distance("mito", "golgi"))
        fresh = new.state_dict()["prediction_head.weight"].clone()
        notes = start_from(new, old.state_dict(), ("mito", "golgi"), ("er", "mito", "nucleus"))
        head = new.state_dict()["chain.1.weight"]
        assert torch.equal(head[0], old.state_dict()["prediction_head.weight"][1])
        assert torch.equal(head[1], fresh[1])
        assert notes == [
            "channel 'golgi' is not in the checkpoint's head; stays random",
            "channel 'er' of the checkpoint's head is not predicted here; left out",
            "channel 'nucleus' of the checkpoint's head is not predicted here; left out",
        ]
        key = "l_conv.0.conv_pass.0.weight"
        assert torch.equal(
            new.state_dict()[f"chain.0.{key}"], old.state_dict()[f"architecture.unet.{key}"]
        )

    def test_names_not_known(self, kit: Any) -> None:
        old = build_model(kit.unet(), kit.distance("a", "b"))
        new = build_model(kit.unet(), kit.distance("c"))
        notes = start_from(new, old.state_dict(), ("c",), ())
        assert notes == [
            "head.weight has shape (2, 4, 1, 1, 1) in the checkpoint, (1, 4, 1, 1, 1) here; "
            "stays random",
            "head.bias has shape (2,) in the checkpoint, (1,) here; stays random",
        ]

    def test_another_network(self, kit: Any) -> None:
        old = build_model(kit.unet(num_fmaps=5, batch_norm=True), kit.distance())
        new = build_model(kit.unet(), kit.distance())
        before = {key: value.clone() for key, value in new.state_dict().items()}
        notes = start_from(new, old.state_dict(), ("a",), ("a",))
        assert any(
            note.startswith("net.l_conv.0.conv_pass.1.running_mean is not in") for note in notes
        )
        assert any("(5, 1, 3, 3, 3) in the checkpoint, (3, 1, 3, 3, 3) here" in n for n in notes)
        kept = [k for k, v in new.state_dict().items() if torch.equal(before[k], v)]
        assert len(kept) >= 10

    def test_a_head_that_is_not_what_its_config_says(self, kit: Any) -> None:
        old = build_model(kit.unet(), kit.distance("a", "b", "c"))
        new = build_model(kit.unet(), kit.distance("a"))
        notes = start_from(new, old.state_dict(), ("a",), ("a", "b"))
        assert any(note.startswith("head.weight has shape") for note in notes)


class TestDialects:
    def test_a_checkpoint_of_the_other_dialect(self, kit: Any, tmp_path: Path) -> None:
        """Same network, names and order of parameters of the other DaCapo."""
        old = build_model(kit.unet(), kit.distance(), dialect="0.3.5")
        optimizer = radam(old, 1e-3)
        x = torch.rand(1, 1, 12, 12, 12)
        old(x).mean().backward()
        optimizer.step()
        weights = load_checkpoint(kit.save_checkpoint(tmp_path / "1", old, optimizer))
        assert weights.dialect == "0.3.5"

        new = build_model(kit.unet(), kit.distance())
        new_optimizer = radam(new, 0.5)
        resume(new, new_optimizer, weights)
        with torch.no_grad():
            np.testing.assert_array_equal(new(x).numpy(), old(x).numpy())
        # The head is counted first by main, and last by 0.3.5.
        head = new_optimizer.state_dict()["state"][0]["exp_avg"]
        n = len(optimizer.state_dict()["state"])
        assert torch.equal(head, optimizer.state_dict()["state"][n - 2]["exp_avg"])
        # Both go on in the same way.
        for model, stepper in ((old, optimizer), (new, new_optimizer)):
            model.zero_grad()
            model(x).mean().backward()
            stepper.step()
        with torch.no_grad():
            torch.testing.assert_close(new(x), old(x))

    def test_names(self) -> None:
        assert canonical("architecture.unet.l_conv.0.x", "0.3.5") == "net.l_conv.0.x"
        assert canonical("chain.0.unet.l_conv.0.x", "0.3.5") == "net.l_conv.0.x"
        assert canonical("chain.0.l_conv.0.x", "main") == "net.l_conv.0.x"
        assert canonical("chain.1.bias", "main") == "head.bias"
        assert canonical("else", "main") == "else"

    def test_what_is_not_known_keeps_its_name(self, kit: Any) -> None:
        model = build_model(kit.unet(), kit.distance())
        other = build_model(kit.unet(), kit.distance(), dialect="0.3.5").state_dict()
        other["architecture.unet.more"] = torch.ones(1)
        translated = translate(other, model)
        assert set(translated) - set(model.state_dict()) == {"net.more"}
        same = model.state_dict()
        assert translate(same, model) == dict(same)

    def test_order(self, kit: Any) -> None:
        names = [name for name, _ in build_model(kit.unet(), kit.distance()).named_parameters()]
        assert parameter_order(names, "main")[:2] == ["head.weight", "head.bias"]


class TestOptimizerStates:
    def weights(self, kit: Any, tmp_path: Path, change: Any) -> Any:
        model = build_model(kit.unet(), kit.distance())
        optimizer = radam(model, 0.1)
        model(torch.rand(1, 1, 12, 12, 12)).sum().backward()
        optimizer.step()
        state = optimizer.state_dict()
        change(state)
        torch.save({"model": model.state_dict(), "optimizer": state}, tmp_path / "1")
        return load_checkpoint(tmp_path / "1")

    @pytest.mark.parametrize(
        "change",
        [
            lambda s: s.pop("state"),
            lambda s: s.update(param_groups=3),
            lambda s: s["param_groups"][0].update(params=[0]),
            lambda s: s["state"].update({99: dict(s["state"][0])}),
            lambda s: s["state"][0].update(exp_avg=torch.ones(7, 7)),
            lambda s: s["state"].update({0: 5}),
            lambda s: s["state"][0].update(step="x"),
            lambda s: s["state"][0].update(step=torch.ones(2)),
            lambda s: s["state"][0].update(exp_avg=torch.ones(1)),
            lambda s: s["param_groups"][0].update(params=["a"] * len(s["param_groups"][0])),
        ],
    )
    def test_states_that_make_no_sense(self, kit: Any, tmp_path: Path, change: Any) -> None:
        weights = self.weights(kit, tmp_path, change)
        model = build_model(kit.unet(), kit.distance())
        before = {key: value.clone() for key, value in model.state_dict().items()}
        optimizer = radam(model, 0.1)
        with pytest.raises(CheckpointError, match="optimizer's state"):
            resume(model, optimizer, weights)
        assert optimizer.state == {}
        assert (
            optimizer.state_dict()["param_groups"] == radam(model, 0.1).state_dict()["param_groups"]
        )
        assert all(torch.equal(before[key], v) for key, v in model.state_dict().items())

    def test_an_optimizer_that_is_no_state(self, kit: Any, tmp_path: Path) -> None:
        model = build_model(kit.unet(), kit.distance())
        torch.save({"model": model.state_dict(), "optimizer": [1, 2]}, tmp_path / "1")
        with pytest.raises(CheckpointError, match="its optimizer is no state but list"):
            load_checkpoint(tmp_path / "1")

    def test_no_state_at_all(self, kit: Any, tmp_path: Path) -> None:
        model = build_model(kit.unet(), kit.distance())
        torch.save({"model": model.state_dict()}, tmp_path / "1")
        other = build_model(kit.unet(), kit.distance())
        optimizer = radam(other, None)
        resume(other, optimizer, load_checkpoint(tmp_path / "1"))
        assert optimizer.defaults["lr"] == 1e-3
        assert optimizer.state == {}


def test_the_voxel_size_of_the_training(stores: Path) -> None:
    mapped = open_store(stores / "main", path_map={"/nrs/demo/dacapo-data": str(stores / "data")})
    assert mapped.run("dist_aniso").input_voxel_size == (40, 4, 4)
    # From the validation's copy of raw, where the originals are out of reach.
    assert open_store(stores / "main").run("dist_aniso").input_voxel_size == (40, 4, 4)
    assert open_store(stores / "main").run("no_validation").input_voxel_size is None


def test_a_changed_config_is_told(store_copy: Any) -> None:
    store = store_copy("main")
    path = store.options.runs_base_dir / "configs" / "runs" / "dist_aniso.yaml"
    path.write_text(path.read_text().replace("num_fmaps: 6", "num_fmaps: 7"))
    run = store.run("dist_aniso")
    with pytest.raises(CheckpointError, match=r"does not fit the config.*has shape"):
        run.load_weights(20)


def test_a_torn_checkpoint_leaves_the_run_as_it_was(store_copy: Any) -> None:
    store = store_copy("main")
    run = store.run("dist_aniso")
    run.load_weights(10)
    before = run.model.state_dict()["chain.1.bias"].clone()
    path = run.checkpoint_path(20)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="truncated"):
        run.load_weights(20)
    assert torch.equal(run.model.state_dict()["chain.1.bias"], before)
    shutil.copy(run.checkpoint_path(10), path)
    run.load_weights(20)


def test_unknown_starts(stores: Path) -> None:
    run = started(stores, structure(BaseStartConfig, {"__type__": "NewStart"}))
    with pytest.raises(UnsupportedError, match="NewStart"):
        _ = run.model
