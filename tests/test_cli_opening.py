"""``open`` and ``demo``: what is checked before a window opens, and real windows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from imageio.v3 import imread

from napari_dacapo import cli
from napari_dacapo.cli import opening, screen
from napari_dacapo.errors import UnsupportedError
from napari_dacapo.runs import open_store
from napari_dacapo.viewers.links import make_link

if TYPE_CHECKING:
    from pathlib import Path

ANISO = ("dist_aniso", "--store")


def error_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as left:
        cli.main([str(argument) for argument in arguments])
    assert left.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.fixture
def _no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def test_what_is_not_there_is_said_before_a_window_opens(
    capsys: pytest.CaptureFixture[str], stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_show", lambda *arguments: pytest.fail("a window opened"))
    store = stores / "main"
    line = error_of(capsys, "open", *ANISO, store, "--dataset", "west")
    assert "'west'" in line
    assert "aniso_val" in line
    line = error_of(capsys, "open", *ANISO, store, "--iteration", 15)
    assert "15" in line
    assert "10, 20" in line
    line = error_of(capsys, "open", *ANISO, store, "--screenshot", "/nowhere/picture.png")
    assert "/nowhere" in line
    line = error_of(capsys, "open", "dist_anis", "--store", store)
    assert "dist_anis" in line


def test_wishes_arrive_where_the_run_is_shown(
    stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []
    monkeypatch.setattr(opening, "_show", lambda *arguments: shown.extend(arguments))
    monkeypatch.setattr(opening, "need_screen", lambda **arguments: None)
    wishes = ["--dataset", "aniso_val", "--iteration", "10", "--segmentation", "stored"]
    with pytest.raises(SystemExit) as left:
        cli.main(["open", *ANISO, str(stores / "main"), *wishes, "--parameters", "threshold_127"])
    assert left.value.code == 0
    run, *rest = shown
    assert run.name == "dist_aniso"  # type: ignore[attr-defined]
    assert rest == ["aniso_val", 10, "threshold_127", "stored", None]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--link", "https://ng.example/nothing"), "#!"),
        (("--link", "/nowhere/state.json"), "/nowhere/state.json"),
    ],
)
def test_links_that_cannot_be_opened_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert said in error_of(capsys, "open", *arguments)


@pytest.mark.parametrize("arguments", [(), ("some_run", "--link", "https://ng.example/#!{}")])
def test_either_a_run_or_a_link(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["open", *arguments])
    assert left.value.code == 2
    assert "one of the two" in capsys.readouterr().err


@pytest.mark.window
@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="xvfb-run is not installed")
def test_a_link_is_opened_in_a_window(demo_store: Path, tmp_path: Path) -> None:
    public = "https://data.example.org/runs"
    run = open_store(demo_store).run("cell_affinities")
    link = make_link(
        [v for v in run.volumes(segmentation="stored") if v.role != "raw"],
        live=False,
        url_map={str(demo_store): public},
    )
    picture = tmp_path / "link.png"
    environ = {k: v for k, v in os.environ.items() if k not in ("QT_QPA_PLATFORM", "DISPLAY")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "napari_dacapo.cli", "open", "--link", link.url),
            *("--url-map", f"{demo_store}={public}", "--screenshot", str(picture)),
        ],
        cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    canvas = imread(picture)[100:900, 350:1500, :3].astype(int)
    assert (np.ptp(canvas, axis=-1) > 40).mean() > 0.02, "no segmentation is on screen"


@pytest.mark.usefixtures("_no_screen")
@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
class TestWithoutScreen:
    def test_a_window_needs_one(self, capsys: pytest.CaptureFixture[str], stores: Path) -> None:
        line = error_of(capsys, "open", *ANISO, stores / "main")
        assert "--screenshot" in line

    def test_a_picture_needs_a_virtual_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(UnsupportedError, match="apt-get install xvfb"):
            screen.need_screen(for_picture=True)

    @pytest.mark.window
    @pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="xvfb-run is not installed")
    def test_the_demo_saves_a_picture_on_a_virtual_one(self, tmp_path: Path) -> None:
        environ = {k: v for k, v in os.environ.items() if k != "QT_QPA_PLATFORM"}
        done = subprocess.run(
            [sys.executable, "-m", "napari_dacapo.cli", "demo"],
            cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=170,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == f"Saved {tmp_path / 'demo.png'}"
        check_demo_picture(tmp_path / "demo.png")


def check_demo_picture(path: Path) -> None:
    picture = imread(path)[..., :3].astype(int)
    assert picture.shape[0] >= 800
    assert picture.shape[1] >= 1200
    middle = picture[300:800, 400:1000]
    red, green, blue = middle[..., 0], middle[..., 1], middle[..., 2]
    grey = (np.ptp(middle, axis=-1) < 60) & (middle.mean(-1) > 40)
    assert grey.mean() > 0.3, "raw is not on screen"
    coloured = np.ptp(middle, axis=-1) > 90
    assert coloured.mean() > 0.01, "neither gt nor prediction nor segmentation are on screen"
    assert len(np.unique(red * 65536 + green * 256 + blue)) > 1000
