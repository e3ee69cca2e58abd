"""``open`` and ``demo``: what is checked before a window opens, and real windows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from imageio.v3 import imread
from napari.utils.notifications import notification_manager, show_console_notification, show_info

from napari_dacapo import cli
from napari_dacapo.cli import screen, window
from napari_dacapo.errors import UnsupportedError
from napari_dacapo.runs import open_store
from napari_dacapo.viewers.links import make_link

if TYPE_CHECKING:
    from pathlib import Path

ANISO = ("dist_aniso", "--store")
SHIM = ("dist_thr_shim", "--store")


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


@pytest.mark.usefixtures("_no_screen")
def test_what_is_not_there_is_said_before_a_window_opens(
    capsys: pytest.CaptureFixture[str], stores: Path
) -> None:
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


@pytest.mark.usefixtures("_no_screen")
@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (("--parameters", "bogus"), "'bogus'"),
        (("--parameters", "bogus"), "threshold_-0.2, threshold_0.0, threshold_0.2"),
        (("--parameters", "bogus", "--segmentation", "computed"), "'bogus'"),
        (("--parameters", "0.7", "--segmentation", "stored"), "threshold_0.7 is not stored"),
        (("--dataset", "iso0_train", "--parameters", "0.2"), "iso0_train"),
        (("--dataset", "iso0_train", "--iteration", "30"), "iso0_train"),
    ],
)
def test_a_segmentation_that_cannot_be_had_is_said_before_a_window_opens(
    capsys: pytest.CaptureFixture[str], stores: Path, wishes: tuple[str, ...], said: str
) -> None:
    store = stores / "pypi-0.3.5-thresholds"
    path_map = f"/nrs/demo/dacapo-data={stores / 'data'}"
    line = error_of(capsys, "open", *SHIM, store, "--path-map", path_map, *wishes)
    assert said in line
    assert "screen" not in line


@pytest.mark.usefixtures("_no_screen")
def test_a_run_with_nothing_to_show_says_why_once(
    capsys: pytest.CaptureFixture[str], stores: Path
) -> None:
    line = error_of(capsys, "open", "never_trained", "--store", stores / "main")
    assert line.count("/nrs/demo/dacapo-data/iso0_val_a.zarr/raw") == 1


@pytest.mark.usefixtures("_no_screen")
def test_an_iteration_that_only_some_datasets_have_can_be_asked_for(
    capsys: pytest.CaptureFixture[str], stores: Path
) -> None:
    arguments = ("open", "hot_iso0", "--store", stores / "main", "--iteration")
    assert "There is no screen" in error_of(capsys, *arguments, 10)
    assert "Validated iterations: 10." in error_of(capsys, *arguments, 20)


@pytest.mark.usefixtures("_no_screen")
@pytest.mark.parametrize(
    ("name", "said"), [("", "is a folder"), ("x.jpgfoo", ".png"), ("picture", ".png")]
)
def test_pictures_are_png_files(
    capsys: pytest.CaptureFixture[str], stores: Path, tmp_path: Path, name: str, said: str
) -> None:
    picture = tmp_path / name
    line = error_of(capsys, "open", *ANISO, stores / "main", "--screenshot", picture)
    assert str(picture) in line
    assert said in line
    line = error_of(capsys, "demo", "--screenshot", picture)
    assert said in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.window
@pytest.mark.skipif(
    os.environ.get("QT_QPA_PLATFORM") == "offscreen", reason="Qt offscreen has no OpenGL"
)
class TestInAWindow:
    """The whole way, with a look at the layers when the picture is taken."""

    @pytest.fixture
    def photographed(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = []
        save = window.save_picture

        def look_and_save(viewer: Any, path: Path) -> None:
            for layer in viewer.layers:
                said = layer.metadata["napari-dacapo"]
                shown.append({**said, "elements": np.asarray(layer.data)})
            save(viewer, path)

        monkeypatch.setattr(window, "save_picture", look_and_save)
        return shown

    @pytest.mark.parametrize(
        ("wishes", "threshold", "variant"),
        [
            (("--parameters", "0.7"), 0.7, "computed"),
            (("--parameters", "0.2"), 0.2, "stored"),
        ],
    )
    def test_wishes_arrive_on_screen(
        self,
        photographed: list[dict[str, Any]],
        stores: Path,
        tmp_path: Path,
        wishes: tuple[str, ...],
        threshold: float,
        variant: str,
    ) -> None:
        store, picture = stores / "pypi-0.3.5-thresholds", tmp_path / "picture.PNG"
        asked = ("--dataset", "iso0_val_b", "--iteration", "90", *wishes)
        with pytest.raises(SystemExit) as left:
            cli.main(["open", *SHIM, str(store), *asked, "--screenshot", str(picture)])
        assert left.value.code == 0
        assert imread(picture).shape[0] >= 800
        *_, prediction, segmentation = photographed
        assert (segmentation["iteration"], segmentation["variant"]) == (90, variant)
        folder = store / "dist_thr_shim/validation.zarr/90/ds_iso0_val_b"
        stored = zarr.open_array(folder / "prediction", mode="r")[0]
        np.testing.assert_array_equal(prediction["elements"], stored)
        expected = stored > threshold
        if variant == "stored":
            expected = zarr.open_array(folder / f"output/threshold_{threshold}", mode="r")[0]
        np.testing.assert_array_equal(segmentation["elements"] > 0, expected > 0)

    @pytest.mark.long
    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
    def test_a_picture_that_cannot_be_written_is_one_line(
        self, capsys: pytest.CaptureFixture[str], stores: Path, tmp_path: Path
    ) -> None:
        picture = tmp_path / "picture.png"
        picture.symlink_to("/dev/full")
        line = error_of(capsys, "open", *ANISO, stores / "main", "--screenshot", picture)
        assert line == f"napari-dacapo: {picture} cannot be written: No space left on device."

    def test_a_link(self, demo_store: Path, tmp_path: Path) -> None:
        public = "https://data.example.org/runs"
        run = open_store(demo_store).run("cell_affinities")
        link = make_link(
            [v for v in run.volumes(segmentation="stored") if v.role != "raw"],
            live=False,
            url_map={str(demo_store): public},
        )
        picture = tmp_path / "link.png"
        wishes = ("--url-map", f"{demo_store}={public}", "--screenshot", str(picture))
        with pytest.raises(SystemExit) as left:
            cli.main(["open", "--link", link.url, *wishes])
        assert left.value.code == 0
        canvas = imread(picture)[100:900, 350:1500, :3].astype(int)
        assert (np.ptp(canvas, axis=-1) > 40).mean() > 0.02, "no segmentation is on screen"


def test_napari_leaves_the_console_to_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    console = notification_manager.notification_ready
    console.connect(show_console_notification)
    try:
        with window.quiet_console():
            show_info("said by the command")
        show_info("said by napari")
    finally:
        console.disconnect(show_console_notification)
    assert capsys.readouterr().out == "INFO: said by napari\n"


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

    @pytest.mark.long
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
