"""A second process that reads rows of long lists."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from napari_dacapo import own_process
from napari_dacapo.runs import Store, open_store, row_helper
from napari_dacapo.runs import store as store_module
from napari_dacapo.runs.marks import fingerprint
from napari_dacapo.runs.row_helper import RowHelper

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def _for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_helper, "_WORTH_A_PROCESS", 2)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Processes that were started."""
    processes: list[subprocess.Popen[bytes]] = []
    start = own_process.start

    def remember(code: str) -> subprocess.Popen[bytes]:
        processes.append(start(code))
        return processes[-1]

    monkeypatch.setattr(own_process, "start", remember)
    return processes


@pytest.fixture
def odd_store(stores: Path, tmp_path: Path) -> Store:
    """Real runs, and one each whose config is torn, hostile or of another name."""
    folder = shutil.copytree(stores / "main", tmp_path / "store")
    configs = folder / "configs" / "runs"
    (configs / "torn.yaml").write_text("architecture_config:\n  name: [unet")
    (configs / "evil.yaml").write_text("!!python/object/apply:os.system ['true']")
    shutil.copy(configs / "snapshot.yaml", configs / "été \udcff.yaml")
    return open_store(folder, path_map={"/nrs/demo/dacapo-data": str(stores / "data")})


@pytest.mark.usefixtures("_for_few")
def test_it_reads_what_is_read_here(odd_store: Store) -> None:
    names = odd_store.run_names()
    assert len(names) == 9
    with RowHelper(odd_store, names) as helper:
        helper._thread.join()
        rows = {name: helper.take(name) for name in names}
    folder = odd_store.options.runs_base_dir
    here = {name: odd_store.read_row(name, fingerprint(folder, name)) for name in names}
    assert repr(rows) == repr(here), "repr, because losses may be NaN"
    assert helper.take(names[0]) is None, "once only"


@pytest.mark.usefixtures("_for_few")
def test_what_it_read_is_not_read_again(
    odd_store: Store,
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    helpers: list[RowHelper] = []
    here: list[str] = []
    read_row = Store.read_row

    class Waited(RowHelper):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            helpers.append(self)

    def read_when_it_is_done(self: Store, name: str, marks: object = None) -> object:
        here.append(name)
        helpers[-1]._thread.join()
        return read_row(self, name, marks)  # type: ignore[arg-type]

    monkeypatch.setattr(store_module, "RowHelper", Waited)
    monkeypatch.setattr(Store, "read_row", read_when_it_is_done)
    cold = list(odd_store.rows())
    assert here == odd_store.run_names()[:1]
    (process,) = started
    assert process.returncode is not None
    warm = list(odd_store.rows())
    assert here == odd_store.run_names()[:1], "its rows are kept like others"
    assert repr(warm) == repr(cold)
    assert len(started) == 1


@pytest.mark.usefixtures("_for_few")
@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(3)",
        "print('{')",
        "print('[]')",
        'print(\'{"row": {}, "progress": {}}\')',
        "import sys; sys.stdin.close(); print('null')",
    ],
)
def test_one_that_fails_is_done_without(
    open_real: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    store = open_real("main")
    monkeypatch.setattr(row_helper, "_BEGIN", code)
    rows = list(store.rows())
    assert [row.name for row in rows] == store.run_names()
    assert {row.state for row in rows} == {"finished", "failed validations", "configured"}


@pytest.mark.usefixtures("_for_few")
@pytest.mark.parametrize("how", [OSError("no more processes"), None])
def test_a_system_that_starts_none(
    open_real: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch, how: OSError | None
) -> None:
    def refuse(code: str) -> None:
        assert how is not None, "there is nothing to start"
        raise how

    monkeypatch.setattr(own_process, "start", refuse)
    if how is None:
        monkeypatch.setattr(own_process, "can_start", lambda: False)
    assert len(list(open_real("main").rows())) == 6


@pytest.mark.usefixtures("_for_few")
def test_it_ends_with_the_listing(
    open_real: Callable[[str], Store], started: list[subprocess.Popen[bytes]]
) -> None:
    rows = open_real("main").rows()
    next(rows)
    rows.close()
    assert started[0].returncode is not None


def test_few_runs_are_read_at_once(
    open_real: Callable[[str], Store], started: list[subprocess.Popen[bytes]]
) -> None:
    assert len(list(open_real("pypi-0.3.5").rows())) == 12
    assert not started


@pytest.mark.usefixtures("_for_few")
def test_whoever_asked_is_gone() -> None:
    process = own_process.start(row_helper._BEGIN)
    assert process.communicate(b"") == (b"", b"")
    assert process.returncode == 0
