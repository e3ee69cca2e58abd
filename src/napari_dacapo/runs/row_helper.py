"""Rows that a second process reads, from the end of the list.

Reading a run takes milliseconds of Python, so that threads would only wait for
each other. Whoever lists runs begins at the first and meets the helper
somewhere; nothing is lost if the helper is late or ends early.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from typing import TYPE_CHECKING, Self

from napari_dacapo import own_process
from napari_dacapo.options import Options
from napari_dacapo.runs.marks import fingerprint
from napari_dacapo.runs.row_cache import KnownRow

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from napari_dacapo.runs.store import Store

__all__ = ["RowHelper"]

# Fewer are read before a process has begun.
_WORTH_A_PROCESS = 250
_BEGIN = "from napari_dacapo.runs.row_helper import answer; answer()"


class RowHelper:
    """A process that reads rows of a store of files; a context, which ends it.

    Parameters
    ----------
    store : Store
        Whose rows.
    names : sequence of str
        Runs that nothing is known of, in the order in which they are listed.
        If there are few, no process is started.
    """

    def __init__(self, store: Store, names: Sequence[str]) -> None:
        self._found: dict[str, KnownRow] = {}
        self._process: subprocess.Popen[bytes] | None = None
        if len(names) < _WORTH_A_PROCESS or not own_process.can_start():
            return
        question = {"options": store.options.model_dump(mode="json"), "names": names[::-1]}
        with contextlib.suppress(OSError):  # no process, no help
            self._process = own_process.start(_BEGIN)
        if self._process is not None:
            self._thread = threading.Thread(
                target=self._listen, args=(self._process, question), daemon=True
            )
            self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def take(self, name: str) -> KnownRow | None:
        """Return the row of a run if it has been read, once; it is met there."""
        found = self._found.pop(name, None)
        if found is not None:
            # All that come after this one were read before it.
            self._end()
        return found

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        self._thread.join()
        process.wait()

    def _listen(self, process: subprocess.Popen[bytes], question: object) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        # A process that fails says so in its own words, which help nobody: this one reads the rest.
        process.stderr.close()
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            with process.stdin:
                process.stdin.write(json.dumps(question).encode() + b"\n")
            for line in process.stdout:
                known = KnownRow.from_dict(json.loads(line))
                self._found[known.row.name] = known
        process.stdout.close()


def answer() -> None:
    """Read names from standard input, write rows to standard output, one a line."""
    from napari_dacapo.runs.store import Store

    question = json.loads(sys.stdin.buffer.readline() or "null")
    if question is None:
        return  # whoever asked is gone
    store = Store(Options.model_validate(question["options"]))
    # Nobody hears the end of a pipe that is closed.
    with contextlib.suppress(BrokenPipeError):
        for name in question["names"]:
            marks = fingerprint(store.options.runs_base_dir, name)
            print(json.dumps(store.read_row(name, marks).as_dict()), flush=True)
