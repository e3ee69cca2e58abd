"""``napari-dacapo runs`` on a store of 1,000 runs, whole process."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import napari_dacapo
from benchmarks.common import Row, timed

if TYPE_CHECKING:
    from collections.abc import Iterable

RUNS = 1000
REAL = "mito_distance"


def make_store(folder: Path) -> None:
    """Multiply a real run; its files are hard links, so that the disk stays as it is."""
    from napari_dacapo.samples import unpack_store

    source = unpack_store(cache=folder / "source")
    config = (source / "configs" / "runs" / f"{REAL}.yaml").read_text("utf-8")
    for part in ("configs/runs", "stats/training_stats", "stats/validation_scores"):
        (folder / "store" / part).mkdir(parents=True)
    for i in range(RUNS):
        name = f"run_{i:04d}"
        place = folder / "store" / "configs" / "runs" / f"{name}.yaml"
        place.write_text(config.replace(f"name: {REAL}\n", f"name: {name}\n"), "utf-8")
        for kind in ("training_stats", "validation_scores"):
            shutil.copy(source / "stats" / kind / REAL, folder / "store" / "stats" / kind / name)
        shutil.copytree(source / REAL, folder / "store" / name, copy_function=os.link)


def measure() -> Iterable[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_store(folder)
        # As pip does when it installs a package; the interpreter may be told not to.
        compileall.compile_dir(os.path.dirname(napari_dacapo.__file__), quiet=1)
        command = [sys.executable, "-m", "napari_dacapo.cli", "runs", str(folder / "store")]
        environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}

        def list_runs() -> None:
            done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
            assert done.stdout.count("run_") == RUNS

        for what, limit in (("cold", 3.0), ("warm", 1.0)):
            seconds = timed(list_runs)
            yield Row(
                f"list {RUNS} runs, {what}",
                f"{seconds:.2f} s",
                limit=f"<= {limit:g} s",
                good=seconds <= limit,
            )
