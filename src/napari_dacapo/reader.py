"""Folders dropped on napari: a run, a store, a ``validation.zarr``, or a written prediction.

napari offers every dropped folder to every reader of folders, so the decision
(:func:`get_reader`) is a few looks at the file system and a quiet None.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dacapo.runs import Run, Store
    from napari_dacapo.viewers.napari.layers import LayerData
    from napari_dacapo.volumes import Volume

__all__ = ["get_reader", "read_run"]

PARTS = ("validation.zarr", "checkpoints", "snapshot.zarr")
SLOW = 128**3
"""Voxels up to which a watershed is computed while napari waits for the layers."""


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[Any]] | None:
    """Return a reader if the path is a run, a store, a ``validation.zarr`` or a prediction.

    Parameters
    ----------
    path : str or sequence of str
        What was dropped.

    Returns
    -------
    callable or None
        Reads the path into layers; None for anything else.
    """
    if not isinstance(path, str):
        return None
    if is_ours(Path(path)):
        return read_layers
    from napari_dacapo.viewers.written import is_written

    return read_written if is_written(Path(path)) else None


def is_ours(path: Path) -> bool:
    """Whether a path is a store, a run of one, or a run's ``validation.zarr``."""
    try:
        if path.name == "validation.zarr":
            path = path.parent
        elif (path / "configs" / "runs").is_dir():
            return True
        if not any((path / part).is_dir() for part in PARTS):
            return False
        return (path.parent / "configs" / "runs" / f"{path.name}.yaml").is_file()
    except OSError:
        return False


def read_layers(path: str) -> list[LayerData] | list[tuple[None]]:
    """Read a run, or the run of a store that changed last.

    Parameters
    ----------
    path : str
        A folder for which :func:`get_reader` returned this function.

    Returns
    -------
    list of tuple
        Layer data, as napari wants it; ``[(None,)]``, which is napari's word
        for no layer, if there is nothing to show, after a notification that
        says why.
    """
    from napari_dacapo.errors import NapariDacapoError
    from napari_dacapo.options import locate_store
    from napari_dacapo.preferences import usable_path_map
    from napari_dacapo.runs import open_store
    from napari_dacapo.viewers.napari.notifications import show_info, show_warning
    from napari_dacapo.viewers.napari.plugin_settings import use_cache_size

    use_cache_size()
    try:
        name = locate_store(path).run_name
        store = open_store(path, path_map=usable_path_map())
        if name is None:
            name = latest_run(store)
            others = len(store) - 1
            if others:
                show_info(
                    f"{name} was opened: the run that changed last. {others} more of "
                    f"{store.name} are in Plugins › DaCapo runs › Runs."
                )
        return _layers(store, name)
    except (NapariDacapoError, OSError) as error:
        show_warning(str(error))
        return [(None,)]


def read_written(path: str) -> list[LayerData] | list[tuple[None]]:
    """Read what ``napari-dacapo predict`` wrote, as :func:`read_layers` reads runs."""
    from napari_dacapo.errors import NapariDacapoError
    from napari_dacapo.viewers.napari.layers import stack_layer_data
    from napari_dacapo.viewers.napari.notifications import show_warning
    from napari_dacapo.viewers.napari.plugin_settings import use_cache_size
    from napari_dacapo.viewers.written import open_written

    use_cache_size()
    try:
        volumes = open_written(Path(path))
        return [layer for data in stack_layer_data(volumes) for layer in data]
    except (NapariDacapoError, OSError) as error:
        show_warning(str(error))
        return [(None,)]


def read_run(path: Path, name: str) -> list[LayerData]:
    """Return the layers of one run of a store.

    Parameters
    ----------
    path : Path
        The store.
    name : str
        The run.

    Raises
    ------
    RunNotFoundError, BrokenFileError, ArrayNotFoundError
        If there is nothing to show.
    """
    from napari_dacapo.preferences import usable_path_map
    from napari_dacapo.runs import open_store
    from napari_dacapo.viewers.napari.plugin_settings import use_cache_size

    use_cache_size()
    return _layers(open_store(path, path_map=usable_path_map()), name)


def latest_run(store: Store) -> str:
    """Return the run of a store that changed last, among those that can be shown.

    Raises
    ------
    RunNotFoundError
        If there is none.
    """
    from napari_dacapo.errors import RunNotFoundError

    rows = [row for row in store.rows() if row.last_change is not None and row.state != "broken"]
    if not rows:
        raise RunNotFoundError(
            f"No run of {store.name} was trained yet.", todo="There is nothing to show."
        )
    # Of several runs that changed at the same time, as after a copy, the first with a validation.
    return max(rows, key=lambda row: (row.last_change, bool(row.validated_iterations))).name


def _layers(store: Store, name: str) -> list[LayerData]:
    from napari_dacapo.runs.selection import volumes_to_show
    from napari_dacapo.viewers.napari.caretaker import await_in_current_viewer
    from napari_dacapo.viewers.napari.layers import stack_layer_data
    from napari_dacapo.viewers.napari.notifications import show_info

    run = store.run(name)
    chosen = volumes_to_show(run)
    volumes = [volume for volume in chosen.volumes if not _takes_long(run, volume)]
    if len(volumes) < len(chosen.volumes):
        show_info(
            f"The segmentation of {name} takes a while to compute and was left out: "
            "open the run from Plugins › DaCapo runs › Runs, which computes it aside."
        )
    layers = [layer for data in stack_layer_data(volumes, chosen.missing) for layer in data]
    await_in_current_viewer(layers)
    return layers


def _takes_long(run: Run, volume: Volume) -> bool:
    """Whether napari, which waits for a reader's layers, would stand still for long."""
    watershed = run.config.task_config.kind == "affinities"
    return volume.identity.variant == "computed" and watershed and prod(volume.shape) > SLOW
