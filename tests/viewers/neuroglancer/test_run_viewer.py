"""A run in neuroglancer, followed while it is written anew step by step."""

from __future__ import annotations

import copy
import gc
import shutil
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from tests.runs.replay import Replay
from tests.runs.stale import StaleFiles

from napari_dacapo.errors import ArrayNotFoundError
from napari_dacapo.runs import BestScore, open_store
from napari_dacapo.viewers.neuroglancer.run_viewer import NeuroglancerRunViewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_dacapo.runs import RunWatcher

NAME = "dist_thr_shim"
A, B = "iso0_val_a", "iso0_val_b"
OUTPUTS = ("prediction", "segmentation")
DEADLINE = 30


@pytest.fixture
def replay(stores: Path, tmp_path: Path) -> Replay:
    return Replay(stores / "pypi-0.3.5-thresholds", NAME, tmp_path / "store")


@pytest.fixture
def show(stores: Path) -> Iterator[Callable[..., NeuroglancerRunViewer]]:
    """Make a viewer of a run of some store; it is stopped in the end."""
    made = []

    def make(folder: Path, name: str = NAME, **options: Any) -> NeuroglancerRunViewer:
        store = open_store(folder, path_map={"/nrs/demo/dacapo-data": str(stores / "data")})
        made.append(NeuroglancerRunViewer(store.run(name), **options))
        return made[-1]

    yield make
    for viewer in made:
        viewer.stop()


@pytest.fixture
def followed(replay: Replay, show: Callable[..., NeuroglancerRunViewer]) -> NeuroglancerRunViewer:
    """A viewer after the first validation; looks at the store only if it is told to."""
    replay.validate(30)
    viewer = show(replay.target)
    viewer.start()
    look(viewer)
    return viewer


def look(viewer: NeuroglancerRunViewer) -> None:
    watcher = viewer.run_thread
    assert watcher is not None
    watcher.stop()
    watcher.poll()


def layers(viewer: NeuroglancerRunViewer) -> dict[str, Any]:
    """Return the layers by dataset and role."""
    state = viewer.viewer.raw_state
    return {" ".join(layer["name"].split(" · ")[1:]): layer for layer in state["layers"]}


def shown(viewer: NeuroglancerRunViewer) -> set[str]:
    return {key for key, layer in layers(viewer).items() if layer.get("visible", True)}


def messages(viewer: NeuroglancerRunViewer) -> dict[str, str]:
    return dict(viewer.viewer.config_state.state.status_messages.to_json() or {})


def title(viewer: NeuroglancerRunViewer) -> str:
    return str(viewer.viewer.raw_state["title"])


def names(*datasets: str) -> set[str]:
    return {f"{d} {role}" for d in datasets for role in ("raw", "gt", *OUTPUTS)}


def test_shows_all_datasets_one_of_them_visible(followed: NeuroglancerRunViewer) -> None:
    assert followed.datasets == (A, B)
    assert set(layers(followed)) == names(A, B)
    assert shown(followed) == names(A)
    assert followed.dataset == A
    for role in ("raw", "gt", "segmentation"):
        volume = getattr(followed, role)
        assert (volume.identity.dataset, volume.identity.role) == (A, role)
    assert "Dataset 1 of 2: iso0_val_a" in messages(followed)["notes"]


def test_the_title_says_iteration_criterion_and_score(followed: NeuroglancerRunViewer) -> None:
    value = followed.best_score.value
    assert value is not None
    for part in (NAME, A, "iteration 30", f"f1_score {value.value:.4g}", "mean over datasets"):
        assert part in title(followed)
    # DaCapo's f1_score is not what its name says; that is said, too.
    assert "doubtful" in title(followed)
    assert "DaCapo divides" in messages(followed)["score"]
    followed.show_dataset(B)
    assert B in title(followed)


def test_another_dataset_can_be_made_visible(followed: NeuroglancerRunViewer) -> None:
    followed.show_dataset(B)
    assert shown(followed) == names(B)
    assert followed.raw is not None
    assert followed.raw.identity.dataset == B
    gt = followed.gt
    assert gt is not None
    middle = [o + n / 2 + 4 for o, n in zip(*gt.roi, strict=True)]  # of a voxel of 8 nm
    state = followed.viewer.state
    np.testing.assert_allclose(state.position * np.array(state.dimensions.scales) * 1e9, middle)
    with pytest.raises(ValueError, match=r"no validation dataset 'c'; there is: iso0_val_a, iso"):
        followed.show_dataset("c")


def test_a_key_on_the_page_goes_to_the_next_dataset(followed: NeuroglancerRunViewer) -> None:
    bindings = followed.viewer.config_state.state.input_event_bindings.viewer
    followed.viewer.actions.invoke(bindings["shift+keyd"], {})
    assert followed.dataset == B
    followed.viewer.actions.invoke(bindings["shift+keyd"], {})
    assert followed.dataset == A
    assert shown(followed) == names(A)


def test_what_the_user_hid_is_hidden_when_he_comes_back(followed: NeuroglancerRunViewer) -> None:
    with followed.viewer.txn() as state:
        state.layers[1].visible = False
    followed.show_dataset(B)
    assert shown(followed) == names(B)
    followed.show_dataset(A)
    assert shown(followed) == names(A) - {f"{A} gt"}


def test_a_new_best_replaces_its_own_layers_and_nothing_else(
    followed: NeuroglancerRunViewer, replay: Replay
) -> None:
    with followed.viewer.txn() as state:
        state.position = [3, 4, 5]
        state.cross_section_scale = 0.125
        state.layout = "xy"
        state.layers.append(name="notes", layer={"type": "annotation", "source": "local://annot"})
        for layer in state.layers:
            if layer.name.endswith("prediction"):
                layer.opacity = 0.3
                layer.shader_controls = {"contrast_0": {"range": [-0.5, 0.5]}}
            if layer.name.endswith("segmentation"):
                layer.selected_alpha = 0.7
                layer.segments = [1]
            if layer.name.endswith("gt"):
                layer.visible = False
                layer.segments = [1]
    before = copy.deepcopy(followed.viewer.raw_state)
    replay.validate(60)
    look(followed)
    after = followed.viewer.raw_state
    changed = {"title", "layers"}
    assert {k: v for k, v in after.items() if k not in changed} == {
        k: v for k, v in before.items() if k not in changed
    }
    assert [layer["name"] for layer in after["layers"]] == [
        layer["name"] for layer in before["layers"]
    ]
    for old, new in zip(before["layers"], after["layers"], strict=True):
        if not old["name"].endswith(OUTPUTS):
            assert new == old
            continue
        assert new["source"] != old["source"]
        kept = {"source", "segments"}
        assert {k: v for k, v in new.items() if k not in kept} == {
            k: v for k, v in old.items() if k not in kept
        }
        assert "segments" not in new, "ids of another segmentation mean other objects"
    assert "iteration 60" in title(followed)
    assert followed.most_recent_iteration == 60
    assert followed.segmentation is not None
    assert followed.segmentation.identity.iteration == 60
    assert followed.segmentation.identity.parameters == followed.best_score.parameter


def test_the_page_gets_the_new_elements(
    followed: NeuroglancerRunViewer, replay: Replay, fetch: Callable[..., Any]
) -> None:
    replay.validate(60)
    look(followed)
    url = layers(followed)[f"{A} prediction"]["source"][0]["url"].partition("|")[0]
    stored = replay.run_folder / "validation.zarr" / "60" / f"ds_{A}" / "prediction"
    key = "/".join(["0"] * 4) if (stored / "0").is_dir() else ".".join(["0"] * 4)
    assert fetch(url + f"0/{key}").body == (stored / key).read_bytes()


def test_a_validation_that_is_not_better_changes_nothing(
    followed: NeuroglancerRunViewer, replay: Replay
) -> None:
    replay.validate(90)
    look(followed)
    with followed.viewer.txn() as state:
        state.layers[3].segments = [1]
    before = copy.deepcopy(followed.viewer.raw_state)
    replay.validate(120)
    look(followed)
    assert followed.most_recent_iteration == 120
    assert followed.best_score.iteration == 90
    assert followed.viewer.raw_state == before, "neither the title nor the selection"
    followed.update_best_layer()
    followed.update_neuroglancer()
    assert followed.viewer.raw_state == before


@pytest.mark.parametrize("cut", [0, 1, 300])
def test_torn_scores_leave_the_page_as_it_is(
    followed: NeuroglancerRunViewer, replay: Replay, cut: int
) -> None:
    before = copy.deepcopy(followed.viewer.raw_state)
    replay.train(60)
    replay.write_arrays(60)
    whole = replay.scores_until(60)
    replay.tear_scores(whole[:cut])
    look(followed)
    assert followed.viewer.raw_state == before
    replay.tear_scores(whole)
    look(followed)
    assert "iteration 60" in title(followed)
    assert layers(followed)[f"{A} segmentation"] != before["layers"][3]
    look(followed)
    assert "following" not in messages(followed)


def test_scores_that_stay_torn_are_said_on_the_page(
    followed: NeuroglancerRunViewer, replay: Replay
) -> None:
    replay.tear_scores(replay.scores_until(30)[:50])
    for _ in range(5):
        look(followed)
    assert "stats/validation_scores" in messages(followed)["following"]
    replay.validate(60)
    look(followed)
    assert "following" not in messages(followed)


def test_half_written_arrays_are_read_again(
    followed: NeuroglancerRunViewer, replay: Replay
) -> None:
    before = copy.deepcopy(followed.viewer.raw_state)
    replay.train(60)
    replay.score(60)
    replay.predict(60, f"ds_{A}")
    look(followed)
    assert followed.viewer.raw_state == before
    replay.write_arrays(60)
    metadata = next(replay.run_folder.glob(f"validation.zarr/60/ds_{A}/output/*/.zarray"))
    whole = metadata.read_bytes()
    metadata.write_bytes(whole[:30])
    look(followed)
    assert followed.viewer.raw_state == before
    metadata.write_bytes(whole)
    look(followed)
    assert "iteration 60" in title(followed)


def test_what_fails_at_one_look_is_shown_at_the_next(
    followed: NeuroglancerRunViewer, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails after the watcher has seen the validation."""
    replay.validate(60)
    look_for_best = BestScore.does_new_best_exist

    def fail(_: BestScore) -> bool:
        raise OSError("Stale file handle")

    monkeypatch.setattr(BestScore, "does_new_best_exist", fail)
    look(followed)
    assert "Stale file handle" in messages(followed)["following"]
    assert "iteration 30" in title(followed)
    monkeypatch.setattr(BestScore, "does_new_best_exist", look_for_best)
    look(followed)
    assert "iteration 60" in title(followed)
    assert "following" not in messages(followed)


@pytest.mark.parametrize("part", ["validation.zarr", "checkpoints", "validation.zarr/60"])
def test_a_silent_file_server_takes_nothing_off_the_page(
    followed: NeuroglancerRunViewer, replay: Replay, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    stale = StaleFiles(monkeypatch, replay.target)
    watcher = followed.run_thread
    assert watcher is not None
    replay.validate(60)
    # Silent from the moment on in which the watcher has seen the validation.
    with stale.when(lambda path: bool(heard) and part in path):
        heard: list[object] = []
        watcher.validation.connect(heard.append)
        look(followed)
        assert heard
        assert set(layers(followed)) == names(A, B)
        assert "iteration 30" in title(followed)
        assert "Stale file handle" in messages(followed)["following"]
    look(followed)
    assert "iteration 60" in title(followed)
    assert "following" not in messages(followed)


def test_a_run_that_is_begun_anew(followed: NeuroglancerRunViewer, replay: Replay) -> None:
    replay.validate(90)
    look(followed)
    assert "iteration 90" in title(followed)
    shutil.rmtree(replay.run_folder)
    replay.validate(30)
    look(followed)
    look(followed)
    assert "iteration 30" in title(followed)
    assert followed.segmentation is not None
    assert followed.segmentation.identity.iteration == 30


def test_a_run_that_is_gone_is_said(followed: NeuroglancerRunViewer, replay: Replay) -> None:
    before = copy.deepcopy(followed.viewer.raw_state)
    for path in replay.target.iterdir():
        shutil.rmtree(path)
    look(followed)
    look(followed)
    assert messages(followed)["following"] == f"Run {NAME} is no longer in the store."
    assert followed.viewer.raw_state == before


def test_a_better_score_without_its_segmentation_is_said(
    followed: NeuroglancerRunViewer, replay: Replay
) -> None:
    replay.validate(60)
    shutil.rmtree(replay.run_folder / "validation.zarr" / "60")
    # A later one, so that the watcher does not wait for the arrays.
    replay.validate(90)
    shutil.rmtree(replay.run_folder / "validation.zarr" / "90")
    for _ in range(5):
        look(followed)
    assert "iteration 90 is not stored" in messages(followed)["score"]
    assert "iteration 30" in title(followed)


@pytest.mark.parametrize("name", ["dist_same_iso0", "onehot_iso0", "hot_iso0"])
def test_without_a_usable_score_the_last_validation_is_shown(
    show: Callable[..., NeuroglancerRunViewer], stores: Path, name: str
) -> None:
    viewer = show(stores / "pypi-0.3.5", name)
    viewer.start_neuroglancer()
    assert "no usable score" in title(viewer)
    assert f"iteration {viewer.most_recent_iteration}" in title(viewer)
    assert viewer.segmentation is not None
    assert viewer.segmentation.identity.iteration == viewer.most_recent_iteration
    assert viewer.run_thread is None


def test_a_run_that_waits_for_its_first_validation(
    replay: Replay, show: Callable[..., NeuroglancerRunViewer]
) -> None:
    viewer = show(replay.target)
    viewer.start()
    look(viewer)
    assert set(layers(viewer)) == {f"{d} {role}" for d in (A, B) for role in ("raw", "gt")}
    assert "no validation yet" in title(viewer)
    assert "has not been trained" in messages(viewer)["notes"]
    replay.validate(30)
    look(viewer)
    assert set(layers(viewer)) == names(A, B)
    assert shown(viewer) == names(A)
    assert "iteration 30" in title(viewer)
    assert "has not been trained" not in messages(viewer)["notes"]


def test_affinities_by_voi(show: Callable[..., NeuroglancerRunViewer], stores: Path) -> None:
    viewer = show(stores / "pypi-0.3.5", "affs_same_iso0")
    viewer.start_neuroglancer()
    value = viewer.best_score.value
    assert value is not None
    assert f"iteration {value.iteration} · voi {value.value:.4g}" in title(viewer)
    assert not value.higher_is_better


def test_by_another_criterion_and_dataset(
    show: Callable[..., NeuroglancerRunViewer], stores: Path
) -> None:
    viewer = show(stores / "pypi-0.3.5-thresholds", NAME, criterion="voi", dataset=B)
    viewer.start_neuroglancer()
    assert viewer.dataset == B
    assert "voi 0.9433 · threshold_0.2" in title(viewer)
    with pytest.raises(ValueError, match="no criterion 'beauty'"):
        show(stores / "pypi-0.3.5-thresholds", NAME, criterion="beauty").start()


def test_a_run_of_which_nothing_can_be_shown(
    replay: Replay, show: Callable[..., NeuroglancerRunViewer]
) -> None:
    viewer = NeuroglancerRunViewer(open_store(replay.target).run(NAME))  # without path map
    with pytest.raises(FileNotFoundError, match=r"Nothing of run .* can be shown. raw: .*path map"):
        viewer.start()
    assert viewer.viewer is None
    assert viewer.run_thread is None
    viewer.stop()


# Arrays of the user's own


def test_an_array_in_a_layer_keeps_its_look(followed: NeuroglancerRunViewer) -> None:
    with followed.viewer.txn() as state:
        state.layers[2].opacity = 0.25
    before = layers(followed)
    mine = np.random.default_rng(0).random((8, 8, 8), "f4")
    followed.updated_neuroglancer_layer("prediction", mine)
    after = layers(followed)
    assert after[f"{A} prediction"]["opacity"] == 0.25
    assert after[f"{A} prediction"]["source"] != before[f"{A} prediction"]["source"]
    assert {k: v for k, v in after.items() if k != f"{A} prediction"} == {
        k: v for k, v in before.items() if k != f"{A} prediction"
    }


def test_an_array_in_a_layer_by_the_name_of_the_layer(followed: NeuroglancerRunViewer) -> None:
    name = f"{NAME} · {B} · segmentation"
    followed.updated_neuroglancer_layer(name, np.ones((8, 8, 8), "i8"))
    (volume,) = [
        v for layer, v in followed._page._backend.shown_state()[1] if layer["name"] == name
    ]  # type: ignore[union-attr]
    assert (volume.identity.dataset, volume.kind) == (B, "labels")
    assert volume.shape == (8, 8, 8)


def test_an_array_in_a_layer_of_its_own_survives_a_new_best(
    followed: NeuroglancerRunViewer, replay: Replay
) -> None:
    followed.updated_neuroglancer_layer("mine", np.zeros((8, 8, 8), "u1"))
    assert [layer.name for layer in followed.viewer.state.layers][-1] == "mine"
    replay.validate(60)
    look(followed)
    assert [layer.name for layer in followed.viewer.state.layers][-1] == "mine"
    followed.updated_neuroglancer_layer("mine", np.ones((4, 4, 4), "u1"))
    assert [layer.name for layer in followed.viewer.state.layers].count("mine") == 1


def test_an_array_that_does_not_say_its_range_is_seen(
    followed: NeuroglancerRunViewer, tmp_path: Path
) -> None:
    values = np.arange(512, dtype="i4").reshape(8, 8, 8)
    array = zarr.create_array(tmp_path / "mine.zarr", data=values)
    followed.updated_neuroglancer_layer("mine", array)
    assert "range=[0, 511]" in followed.viewer.state.layers["mine"].shader


def test_arrays_that_cannot_be_shown_in_a_layer(
    followed: NeuroglancerRunViewer, replay: Replay
) -> None:
    before = copy.deepcopy(followed.viewer.raw_state)
    with pytest.raises(ValueError, match=r"^segmentation: .*needs integers"):
        followed.updated_neuroglancer_layer("segmentation", np.zeros((4, 4, 4)))
    with pytest.raises(ValueError, match=r"^prediction: list is no array"):
        followed.updated_neuroglancer_layer("prediction", [1, 2])
    gone = followed.segmentation
    shutil.rmtree(replay.run_folder / "validation.zarr")
    with pytest.raises(FileNotFoundError, match=r"^segmentation: .* does not exist"):
        followed.updated_neuroglancer_layer("segmentation", gone)
    assert followed.viewer.raw_state == before


# Stopping


def ends(thread: threading.Thread) -> bool:
    thread.join(DEADLINE)
    return not thread.is_alive()


def test_stop_without_a_start_and_twice(
    show: Callable[..., NeuroglancerRunViewer], replay: Replay
) -> None:
    viewer = show(replay.target)
    viewer.stop()
    viewer.stop()
    assert repr(viewer) == f"<NeuroglancerRunViewer of run '{NAME}', not started>"


def test_stop_ends_thread_and_server(
    followed: NeuroglancerRunViewer, fetch: Callable[..., Any]
) -> None:
    followed.new_validation_checker()
    page, watcher = followed.viewer, followed.run_thread
    assert watcher is not None
    assert watcher.running
    assert fetch(page.get_viewer_url()).status == 200
    followed.stop()
    assert not watcher.running
    assert (followed.viewer, followed.run_thread) == (None, None)
    for url in (page.get_viewer_url(), page.volumes.url):
        with pytest.raises(ConnectionRefusedError):
            fetch(url)


def test_a_stopped_viewer_can_be_started_again(
    followed: NeuroglancerRunViewer, replay: Replay
) -> None:
    followed.show_dataset(B)
    followed.stop()
    replay.validate(60)
    followed.start()
    assert set(layers(followed)) == names(A, B)
    assert shown(followed) == names(B)
    assert "iteration 60" in title(followed)


def test_the_thread_follows_by_itself(
    show: Callable[..., NeuroglancerRunViewer], replay: Replay
) -> None:
    replay.validate(30)
    viewer = show(replay.target, interval=0.01)
    viewer.start()
    seen = threading.Event()
    viewer.viewer.shared_state.add_changed_callback(
        lambda: seen.set() if "iteration 60" in title(viewer) else None
    )
    replay.validate(60)
    assert seen.wait(DEADLINE)


class Stuck:
    """Makes looking for a better score hang until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        look_for_best = BestScore.does_new_best_exist

        def hang(best: BestScore) -> bool:
            self.reached.set()
            assert self.go_on.wait(DEADLINE)
            return look_for_best(best)

        monkeypatch.setattr(BestScore, "does_new_best_exist", hang)


@pytest.mark.long
def test_stop_while_the_follower_reads(
    followed: NeuroglancerRunViewer,
    replay: Replay,
    fetch: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuck = Stuck(monkeypatch)
    watcher = followed.run_thread
    assert watcher is not None
    replay.validate(60)
    url = followed.viewer.get_viewer_url()
    watcher.start()
    assert stuck.reached.wait(DEADLINE)
    # The page still answers, and so do those who do not read.
    followed.show_dataset(B)
    followed.stop()
    with pytest.raises(ConnectionRefusedError):
        fetch(url)
    thread: threading.Thread = watcher._thread  # type: ignore[assignment]
    assert thread.is_alive(), "it is in the middle of a read, which nobody can end"
    stuck.go_on.set()
    assert ends(thread)
    assert followed.viewer is None, "and nothing comes back to life"


def test_stop_while_it_is_being_started(
    replay: Replay,
    show: Callable[..., NeuroglancerRunViewer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replay.validate(30)
    stuck = Stuck(monkeypatch)
    viewer = show(replay.target)
    starting = threading.Thread(target=viewer.start)
    starting.start()
    assert stuck.reached.wait(DEADLINE)
    viewer.stop()
    stuck.go_on.set()
    assert ends(starting)
    assert (viewer.viewer, viewer.run_thread) == (None, None)


def test_stop_from_the_thread_that_follows(followed: NeuroglancerRunViewer, replay: Replay) -> None:
    watcher: RunWatcher = followed.run_thread  # type: ignore[assignment]

    def stop(_: object) -> None:
        followed.stop()

    watcher.validation.connect(stop)
    replay.validate(60)
    watcher.start()
    assert ends(watcher._thread)  # type: ignore[arg-type]
    assert (followed.viewer, followed.run_thread) == (None, None)


@pytest.mark.long
def test_stop_from_the_page(followed: NeuroglancerRunViewer) -> None:
    page = followed.viewer
    done = threading.Event()

    def stop(_: object) -> None:
        followed.stop()
        done.set()

    page.actions.add("stop", stop)
    page.defer_callback(page.actions.invoke, "stop", {})
    assert done.wait(DEADLINE)
    assert ends(page._own_server._thread)


def test_as_a_context(replay: Replay, show: Callable[..., NeuroglancerRunViewer]) -> None:
    with show(replay.target) as viewer:
        page = viewer.start()
    assert page.closed


def test_it_lives_as_long_as_its_page(stores: Path, replay: Replay) -> None:
    replay.validate(30)
    store = open_store(replay.target, path_map={"/nrs/demo/dacapo-data": str(stores / "data")})
    frame = NeuroglancerRunViewer(store.run(NAME), embedded=True).start()
    gc.collect()
    viewer = frame.viewer.run_viewer
    replay.validate(60)
    look(viewer)
    assert "iteration 60" in title(viewer)
    viewer.new_validation_checker()
    watcher, server = viewer.run_thread, frame.viewer._own_server._thread
    del frame, viewer
    gc.collect()
    assert not watcher.running
    assert ends(server)


def test_many_threads_at_once(followed: NeuroglancerRunViewer, replay: Replay) -> None:
    """The follower shows a new best while others switch, move and look."""
    problems: list[BaseException] = []
    moved = 50

    def attempt(what: Callable[[int], Any], times: int) -> threading.Thread:
        def work() -> None:
            try:
                for i in range(times):
                    what(i)
            except BaseException as error:
                problems.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def move(_: int) -> None:
        with followed.viewer.txn() as state:
            state.cross_section_scale += 1

    with followed.viewer.txn() as state:
        state.cross_section_scale = 1
    replay.validate(90)
    threads = [
        attempt(move, moved),
        attempt(lambda i: followed.show_dataset((A, B)[i % 2]), 10),
        attempt(lambda _: look(followed), 3),
        attempt(lambda _: followed.update_with_new_validation_if_possible(), 3),
        attempt(lambda _: followed.update_best_info(), 3),
    ]
    assert all(map(ends, threads))
    if problems:
        raise problems[0]
    assert followed.viewer.state.cross_section_scale == 1 + moved, "no move of the user's is lost"
    assert set(layers(followed)) == names(A, B)
    assert shown(followed) == names(followed.dataset)
    assert "iteration 90" in title(followed)


def test_embedded(show: Callable[..., NeuroglancerRunViewer], replay: Replay) -> None:
    replay.validate(30)
    viewer = show(replay.target, embedded=True)
    frame = viewer.start()
    assert frame.src == viewer.viewer.get_viewer_url()
    assert (frame.width, frame.height) == (1500, 600)


def test_a_prediction_whose_segmentation_went_is_not_shown_with_an_old_one(
    followed: NeuroglancerRunViewer, replay: Replay
) -> None:
    for output in replay.run_folder.glob(f"validation.zarr/30/ds_{B}/*"):
        shutil.rmtree(output)
    followed.update_best_layer()
    assert f"{B} segmentation" not in layers(followed)
    assert f"{B} prediction" not in layers(followed)
    followed.show_dataset(B)
    assert shown(followed) == {f"{B} raw", f"{B} gt"}
    assert "prediction" in messages(followed)["notes"]


def test_the_missing_array_error_is_one_of_ours() -> None:
    assert issubclass(ArrayNotFoundError, FileNotFoundError)


def test_elements_are_those_of_the_zarr(followed: NeuroglancerRunViewer, replay: Replay) -> None:
    segmentation = followed.segmentation
    assert segmentation is not None
    path = replay.run_folder / "validation.zarr" / "30" / f"ds_{A}" / "output"
    stored = zarr.open_array(path / str(segmentation.identity.parameters), mode="r")
    np.testing.assert_array_equal(np.asarray(segmentation.data), stored[:])
