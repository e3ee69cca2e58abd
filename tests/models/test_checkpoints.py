from __future__ import annotations

import hashlib
import os
import pickle
import re
import shutil
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


@pytest.fixture
def real(stores: Path, tmp_path: Path) -> Path:
    """A copy of a real checkpoint."""
    source = stores / "main" / "dist_aniso" / "checkpoints" / "iterations" / "20"
    return Path(shutil.copy(source, tmp_path / "20"))


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


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_as_description(stores: Path, data: bytes) -> None:
    from napari_dacapo.models.claims import _read_description

    with suppress(CheckpointError):
        _read_description(data, {})


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (b"\x80\x02}r\xff\xff\xff\x7f.", "numbers a value 2147483647"),
        (b"\x80\x02}q\xff.", "numbers a value 255"),
        (b"\x80\x02}p9999999999\n.", "instruction PUT"),
        (b"\x80\x05\x96\x00\x00\x00\x00\x01\x00\x00\x00abc.", "damaged|BYTEARRAY8"),
        (b"\x80\x05\x8e\x00\x00\x00\x00\x01\x00\x00\x00abc.", "damaged|BINBYTES8"),
        (b"\x80\x02\x8b\xff\xff\xff\x7fabc.", "damaged|LONG4"),
    ],
)
def test_a_few_bytes_do_not_claim_the_memory(
    tmp_path: Path, description: bytes, reason: str
) -> None:
    # Python's unpickler would reserve (and for the first, fill) many gigabytes.
    path = archive_of(tmp_path / "x", description, 24)
    code = (
        "import resource, sys, pathlib; from napari_dacapo.models.claims import check_claims\n"
        "from napari_dacapo.errors import CheckpointError\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_AS)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, hard))\n"
        "try: check_claims(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "except CheckpointError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(reason, done.stdout)
    assert "MemoryError" not in done.stdout


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


def storage_claim(numel: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """Describe one tensor over a storage of float32, by hand."""

    def integer(n: int) -> bytes:
        return b"\x8a" + bytes([8]) + n.to_bytes(8, "little", signed=True)

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(integer, values)) + b"t"

    def text(value: bytes) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value

    claim = text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu")
    storage = b"(" + claim + integer(numel) + b"tQ"
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage + integer(0) + numbers(size) + numbers(stride)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )  # fmt: skip
    return b"\x80\x02}" + text(b"model") + b"}" + text(b"w") + tensor + b"ss."


def archive_of(path: Path, description: bytes, n_bytes: int) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", description)
        archive.writestr("x/byteorder", "little")
        archive.writestr("x/data/0", bytes(n_bytes))
        archive.writestr("x/version", "3\n")
    return path


def test_a_tensor_described_by_hand_loads(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "x", storage_claim(6, (2, 3), (3, 1)), 24)
    assert load_checkpoint(path).model["w"].shape == (2, 3)


@pytest.mark.parametrize(
    ("numel", "size", "stride", "reason"),
    [
        (10**12, (2, 3), (3, 1), "claims 1000000000000 elements"),
        (7, (2, 3), (3, 1), "claims 7 elements"),
        (-1, (2, 3), (3, 1), "claims -1 elements"),
        (6, (10**6, 10**6), (0, 0), "claims 1000000000000 elements"),
        (6, (2, 4), (3, 1), "8 elements"),
        (6, (2, 3), (100, 1), "6 elements"),
        (6, (-2, 3), (3, 1), "impossible size"),
        (6, (2, 3), (3,), "impossible size"),
    ],
)
def test_size_claims(
    tmp_path: Path, numel: int, size: tuple[int, ...], stride: tuple[int, ...], reason: str
) -> None:
    path = archive_of(tmp_path / "x", storage_claim(numel, size, stride), 24)
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(path)


def test_torchs_advice_to_load_unsafely_is_not_passed_on(tmp_path: Path) -> None:
    # A dtype is nothing that torch's safe reader calls; our stand-in for a device may be called.
    path = archive_of(tmp_path / "x", b"\x80\x02ctorch\ndevice\n)R.", 24)
    with pytest.raises(CheckpointError, match="torch refused it") as caught:
        load_checkpoint(path)
    assert "weights_only" not in str(caught.value)


def test_a_missing_record(kit: Any, real: Path) -> None:
    kit.rewrite(real, lambda name, content: None if name == "data/3" else content)
    with pytest.raises(CheckpointError, match="record of storage '3' is missing"):
        load_checkpoint(real)


def test_a_zip_bomb(real: Path) -> None:
    with zipfile.ZipFile(real, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", b"\x80\x02}.")
        archive.writestr("x/data/0", bytes(10**7))
    assert real.stat().st_size < 20_000
    with pytest.raises(CheckpointError, match="compressed"):
        load_checkpoint(real)


def test_overlapping_records(real: Path) -> None:
    data = real.read_bytes()
    with zipfile.ZipFile(real) as archive:
        infos = archive.infolist()
    # The central directory names one large record many times, under other names.
    big = max(infos, key=lambda info: info.file_size)
    from napari_dacapo.models import claims

    copies = []
    for i in range(1000):
        copy = zipfile.ZipInfo(f"20/data/{1000 + i}")
        copy.file_size = copy.compress_size = big.file_size
        copies.append(copy)
    with pytest.raises(CheckpointError, match="overlap"):
        claims._record_sizes([*infos, *copies], len(data))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_doubled_records(real: Path) -> None:
    with zipfile.ZipFile(real, "a") as archive:
        archive.writestr("20/data.pkl", b"\x80\x02}.")
    with pytest.raises(CheckpointError, match="doubled"):
        load_checkpoint(real)


def test_torchscript(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "trace.pt", "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py"):
            archive.writestr(f"trace/{name}", b"\x80\x02}.")
    with pytest.raises(CheckpointError, match="TorchScript"):
        load_checkpoint(tmp_path / "trace.pt")


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


def test_deeply_nested(kit: Any, real: Path) -> None:
    kit.with_pickle(real, b"]" * 200_000 + b"a" * 199_999 + b".")
    with pytest.raises(CheckpointError):
        load_checkpoint(real)


def test_a_helper_writes_what_dacapo_writes(kit: Any, tmp_path: Path) -> None:
    model = torch.nn.Conv3d(1, 2, 3)
    optimizer = torch.optim.RAdam(model.parameters())
    path = kit.save_checkpoint(tmp_path / "5", model, optimizer)
    assert b"dacapo.store.weights_store\nWeights" in path.read_bytes()
    assert set(load_checkpoint(path).model) == {"weight", "bias"}
