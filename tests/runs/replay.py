"""A real run written anew, step by step, as its trainer did."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any


class Replay:
    """Writes parts of a finished run into a store.

    Parameters
    ----------
    source : Path
        A real store.
    name : str
        A run in it.
    target : Path
        Folder of the store to write.
    """

    def __init__(self, source: Path, name: str, target: Path) -> None:
        self.source, self.name, self.target = source, name, target
        (target / "configs" / "runs").mkdir(parents=True)
        shutil.copy(source / "configs" / "runs" / f"{name}.yaml", target / "configs" / "runs")
        self._stats: list[Any] = self._load("training_stats")
        self._scores: list[Any] = self._load("validation_scores")

    @property
    def run_folder(self) -> Path:
        return self.target / self.name

    def train(self, until: int) -> None:
        self._write("training_stats", pickle.dumps(self._stats[:until], protocol=4))

    def checkpoint(self, iteration: int) -> Path:
        return self._copy(Path("checkpoints") / "iterations" / str(iteration))

    def predict(self, iteration: int, dataset: str) -> Path:
        return self._copy(Path("validation.zarr") / str(iteration) / dataset / "prediction")

    def post_process(self, iteration: int, dataset: str) -> Path:
        return self._copy(Path("validation.zarr") / str(iteration) / dataset / "output")

    def write_arrays(self, iteration: int) -> None:
        for dataset in (self.source / self.name / "validation.zarr" / str(iteration)).iterdir():
            self.predict(iteration, dataset.name)
            self.post_process(iteration, dataset.name)

    def score(self, until: int) -> None:
        self._write("validation_scores", self.scores_until(until))

    def scores_until(self, until: int) -> bytes:
        done = [entry for entry in self._scores if entry["iteration"] <= until]
        return pickle.dumps(done, protocol=4)

    def tear_scores(self, content: bytes) -> None:
        self._write("validation_scores", content)

    def validate(self, iteration: int) -> None:
        """Do all that DaCapo does at one validation."""
        self.train(iteration)
        self.checkpoint(iteration)
        self.write_arrays(iteration)
        self.score(iteration)

    def _load(self, kind: str) -> list[Any]:
        path = self.source / "stats" / kind / self.name
        if not path.exists():
            return []
        entries = pickle.loads(path.read_bytes())
        return [{**e, "scores": _plain(e["scores"])} if "scores" in e else e for e in entries]

    def _write(self, kind: str, content: bytes) -> None:
        path = self.target / "stats" / kind / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def _copy(self, part: Path) -> Path:
        source, target = self.source / self.name / part, self.run_folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
        return target


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list) else float(value)
