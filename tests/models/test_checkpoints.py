from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_dacapo.errors import CheckpointError
from napari_dacapo.models import load_checkpoint

REAL = [
    ("pypi-0.3.5/dist_same_iso0", 60, "0.3.5", 32),
    ("pypi-0.3.5/affs_same_iso0", 20, "0.3.5", 32),
    ("pypi-0.3.5-thresholds/dist_thr_shim", 90, "0.3.5", 32),
    ("main/dist_aniso", 20, "main", 18),
    ("main/hot_iso0", 10, "main", 18),
]


@pytest.mark.parametrize(("run", "iteration", "dialect", "n_keys"), REAL)
def test_real_checkpoints(
    stores: Path, run: str, iteration: int, dialect: str, n_keys: int
) -> None:
    path = stores / run / "checkpoints" / "iterations" / str(iteration)
    weights = load_checkpoint(path)
    assert weights.dialect == dialect
    assert len(weights.model) == n_keys
    assert weights.optimizer["param_groups"][0]["betas"] == (0.9, 0.999)
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights.nonfinite == ()


def test_every_checkpoint_of_the_stores(stores: Path) -> None:
    paths = sorted(stores.glob("*/*/checkpoints/iterations/*"))
    assert len(paths) > 30
    for path in paths:
        assert load_checkpoint(path).model


def test_shape_and_values_are_those_of_the_file(stores: Path) -> None:
    path = stores / "main" / "dist_aniso" / "checkpoints" / "iterations" / "20"
    weights = load_checkpoint(path)
    assert weights.model["prediction_head.weight"].shape == (1, 8, 1, 1, 1)
    with zipfile.ZipFile(path) as archive:
        first = archive.read("20/data/0")
    stored = {bytes(value.numpy().tobytes()) for value in weights.model.values()}
    assert first in stored


@pytest.mark.long
def test_nothing_of_dacapo_is_imported(stores: Path) -> None:
    path = stores / "main" / "dist_aniso" / "checkpoints" / "iterations" / "20"
    code = (
        "import sys; from napari_dacapo.models import load_checkpoint;"
        f"load_checkpoint({str(path)!r});"
        "assert not [m for m in sys.modules if m.split('.')[0] == 'dacapo']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_plain_dict_of_older_versions(kit: Any, tmp_path: Path) -> None:
    state = OrderedDict(weight=torch.arange(6.0).reshape(2, 3))
    torch.save({"model": state, "optimizer": {}}, tmp_path / "5")
    weights = load_checkpoint(tmp_path / "5")
    assert torch.equal(weights.model["weight"], state["weight"])
    assert weights.optimizer == {}


def test_nan_weights_are_named(tmp_path: Path) -> None:
    state = {"a": torch.ones(2), "b": torch.tensor([1.0, float("nan")]), "n": torch.tensor(3)}
    torch.save({"model": state}, tmp_path / "5")
    assert load_checkpoint(tmp_path / "5").nonfinite == ("b",)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no such file.*Choose an iteration") as caught:
        load_checkpoint(tmp_path / "7")
    assert caught.value.path == tmp_path / "7"


@pytest.mark.parametrize("byte", [1, 245])
def test_an_archive_that_places_its_records_beyond_everything(real: Path, byte: int) -> None:
    content = bytearray(real.read_bytes())
    # The highest byte of where the directory of the archive begins.
    content[content.rfind(b"PK\x06\x06") + 55] = byte
    real.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(real)


@pytest.mark.parametrize("part", [0, 0.001, 0.1, 0.5, 0.9, 0.999, 0.99999])
def test_truncated(real: Path, part: float) -> None:
    data = real.read_bytes()
    real.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(CheckpointError, match="cannot be used"):
        load_checkpoint(real)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_files_are_refused_or_load(stores: Path, data: st.DataObject) -> None:
    path = stores / "main" / "dist_aniso" / "checkpoints" / "iterations" / "20"
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        damaged = Path(folder, "20")
        damaged.write_bytes(content)
        with suppress(CheckpointError):
            assert load_checkpoint(damaged).model


class Evil:
    """Runs a command when it is unpickled by an unsafe reader."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


@pytest.mark.parametrize("where", ["root", "model", "optimizer"])
def test_malicious(kit: Any, real: Path, tmp_path: Path, where: str) -> None:
    evil = Evil(f"touch {tmp_path / 'owned'}")
    value = evil if where == "root" else {"model": {}, "optimizer": {}} | {where: evil}
    kit.with_pickle(real, pickle.dumps(value, protocol=2))
    with pytest.raises(CheckpointError, match=r"(posix|os|nt)\.system.*not opened"):
        load_checkpoint(real)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "text",
    [
        b"\x80\x02cbuiltins\neval\n(X\x08\x00\x00\x00print(1)tR.",
        b"\x80\x02ctorch\nload\n(X\x0b\x00\x00\x00/etc/passwdtR.",
        b"cnumpy.core.multiarray\n_reconstruct\n.",
        b"cdacapo.store.weights_store\nos.system\n.",
        b"ctorch._utils\n_rebuild_sparse_tensor\n.",
    ],
)
def test_foreign_names_are_refused(kit: Any, real: Path, text: bytes) -> None:
    kit.with_pickle(real, text)
    with pytest.raises(CheckpointError, match="which no DaCapo checkpoint needs"):
        load_checkpoint(real)


def test_the_format_before_torch_1_6(tmp_path: Path) -> None:
    state = {"model": {"w": torch.ones(2)}}
    torch.save(state, tmp_path / "5", _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"not a zip archive.*older"):
        load_checkpoint(tmp_path / "5")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"weights": {}}, "no entry 'model'"),
        ([1, 2], "no entry 'model'"),
        ({"model": {}}, "no state"),
        ({"model": 3}, "no state"),
        ({"model": {"w": 3}}, "not a tensor"),
        ({"model": {3: torch.ones(1)}}, "not a tensor"),
    ],
)
def test_wrong_contents(tmp_path: Path, content: Any, reason: str) -> None:
    torch.save(content, tmp_path / "5")
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(tmp_path / "5")


def test_torchs_advice_to_load_unsafely_is_not_passed_on(kit: Any, tmp_path: Path) -> None:
    # A dtype is nothing that torch's safe reader calls; our stand-in for a device may be called.
    path = kit.archive_of(tmp_path / "x", b"\x80\x02ctorch\ndevice\n)R.")
    with pytest.raises(CheckpointError, match="torch refused it") as caught:
        load_checkpoint(path)
    assert "weights_only" not in str(caught.value)


def test_a_helper_writes_what_dacapo_writes(kit: Any, tmp_path: Path) -> None:
    model = torch.nn.Conv3d(1, 2, 3)
    optimizer = torch.optim.RAdam(model.parameters())
    path = kit.save_checkpoint(tmp_path / "5", model, optimizer)
    assert b"dacapo.store.weights_store\nWeights" in path.read_bytes()
    assert set(load_checkpoint(path).model) == {"weight", "bias"}
