"""The sample runs: which files they are, and how they get to the user's disk."""

from __future__ import annotations

import io
import lzma
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import pytest

from napari_dacapo import samples
from napari_dacapo.errors import BrokenFileError, NapariDacapoError, RunNotFoundError

ROOT = Path(__file__).parents[1]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".napari-dacapo")
    }


def archive_bytes() -> bytes:
    return files("napari_dacapo").joinpath("data", "samples.tar.xz").read_bytes()


def test_a_sample_is_a_run_folder_in_a_store(tmp_path: Path) -> None:
    run = samples.unpack_sample("mito_distance", cache=tmp_path)
    assert run.name == "mito_distance"
    assert (run.parent / "configs" / "runs" / "mito_distance.yaml").is_file()
    assert (run.parent / "stats" / "validation_scores" / "mito_distance").is_file()
    iterations = {path.name for path in (run / "validation.zarr").iterdir()} - {"inputs"}
    checkpoints = {path.name for path in (run / "checkpoints" / "iterations").iterdir()}
    assert iterations == checkpoints == {"300", "600", "900", "1200", "1500"}


@pytest.mark.long
@pytest.mark.parametrize("name", samples.SAMPLES)
def test_every_sample_has_what_it_takes_to_be_shown(name: str, tmp_path: Path) -> None:
    run = samples.unpack_sample(name, cache=tmp_path)
    arrays = {path.parent.relative_to(run).as_posix() for path in run.rglob(".zarray")}
    last = max(int(p.name) for p in (run / "checkpoints" / "iterations").iterdir())
    for dataset in ("val_west", "val_east"):
        assert f"validation.zarr/inputs/{dataset}/raw" in arrays
        assert f"validation.zarr/inputs/{dataset}/gt" in arrays
        assert f"validation.zarr/{last}/ds_{dataset}/prediction" in arrays
        assert any(a.startswith(f"validation.zarr/{last}/ds_{dataset}/output/") for a in arrays)


@pytest.mark.long
def test_the_copy_is_the_archive_byte_by_byte(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive_bytes()), mode="r:xz") as tar:
        expected = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]
    assert contents(samples.unpack_store(cache=tmp_path)) == expected


def test_it_is_unpacked_to_the_users_cache_only_once() -> None:
    store = samples.unpack_store()
    assert Path.home() in store.parents  # the home that the tests give themselves
    marker = store / "mito_distance" / "checkpoints" / "iterations" / "300"
    before = marker.stat().st_ino
    assert samples.unpack_store() == store
    assert marker.stat().st_ino == before
    assert [path.name for path in store.parent.iterdir()] == [store.name]


@pytest.mark.long
@pytest.mark.parametrize("damage", ["missing", "truncated", "no listing", "garbled listing"])
def test_a_damaged_copy_is_replaced(tmp_path: Path, damage: str) -> None:
    store = samples.unpack_store(cache=tmp_path)
    expected = contents(store)
    victim = store / "stats" / "training_stats" / "mito_distance"
    listing = store / ".napari-dacapo-samples.json"
    if damage == "missing":
        victim.unlink()
    elif damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:100])
    elif damage == "no listing":
        listing.unlink()
    else:
        listing.write_text("[1, 2")
    assert samples.unpack_store(cache=tmp_path) == store
    assert contents(store) == expected
    assert [path.name for path in store.parent.iterdir()] == [store.name]


@pytest.mark.long
def test_several_may_unpack_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        places = list(pool.map(lambda cache: samples.unpack_store(cache=cache), [tmp_path] * 3))
    assert len(set(places)) == 1
    assert samples._is_whole(places[0])
    assert [path.name for path in places[0].parent.iterdir()] == [places[0].name]


def test_unknown_samples_are_named() -> None:
    with pytest.raises(RunNotFoundError, match=r"'nucleus'.*mito_distance, cell_affinities"):
        samples.unpack_sample("nucleus")


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    with pytest.raises(NapariDacapoError, match="XDG_CACHE_HOME"):
        samples.unpack_store(cache=blocker)


@pytest.mark.parametrize("cut", [0, 10, 1000, -5])
def test_a_broken_archive_is_said_and_leaves_nothing(
    tmp_path: Path, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "package"
    (broken / "data").mkdir(parents=True)
    (broken / "data" / "samples.tar.xz").write_bytes(archive_bytes()[:cut])
    monkeypatch.setattr(samples, "files", lambda package: broken)
    with pytest.raises(BrokenFileError, match="Install napari-dacapo again"):
        samples.unpack_store(cache=tmp_path / "cache")
    assert not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))


@pytest.mark.parametrize("evil", ["../outside", "/outside", "a/../../outside", "link/outside"])
def test_nothing_leaves_the_cache(tmp_path: Path, evil: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        if evil.startswith("link/"):
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
            tar.addfile(link)
        entry = tarfile.TarInfo(evil)
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"evil"))
    with pytest.raises(tarfile.ExtractError):
        samples._unpack(lzma.compress(buffer.getvalue()), tmp_path / "samples" / "version")
    assert not any(path.name.startswith("outside") for path in tmp_path.rglob("*"))


@pytest.mark.long
def test_packing_the_samples_again_gives_the_same_files_in_one(tmp_path: Path) -> None:
    store = samples.unpack_store(cache=tmp_path)
    output = tmp_path / "again.tar.xz"
    script = ROOT / "scripts" / "make_samples.py"
    quick = ["--output", output, "--preset", "0"]
    subprocess.run([sys.executable, script, store, *quick], check=True)
    assert lzma.decompress(output.read_bytes()) == lzma.decompress(archive_bytes())


def test_the_archive_leaves_room_for_the_code_below_12_mb() -> None:
    assert len(archive_bytes()) < 11.5e6
