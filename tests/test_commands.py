"""What the manifest names, called as napari calls it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from napari_dacapo import commands

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("sample", "run", "n_layers"),
    [
        (commands.sample_mito_distance, "mito_distance", 4),
        (commands.sample_cell_affinities, "cell_affinities", 9),
    ],
)
def test_samples_are_layers(sample: Callable[[], list[Any]], run: str, n_layers: int) -> None:
    layers = sample()
    assert len(layers) == n_layers
    assert {k["metadata"]["napari-dacapo"]["run"] for _, k, _ in layers} == {run}


def test_reader_and_samples_need_no_qt() -> None:
    code = (
        "import sys; from napari_dacapo.commands import get_reader; get_reader('/');"
        "assert not {'qtpy', 'napari', 'torch', 'tensorstore'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_widget_is_found_and_others_are_not() -> None:
    from napari_dacapo.widgets.runs_widget import RunsWidget

    assert commands.RunsWidget is RunsWidget
    with pytest.raises(AttributeError):
        commands.nothing  # noqa: B018
