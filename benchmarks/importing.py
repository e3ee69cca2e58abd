"""What ``import napari_dacapo`` costs on top of ``import numpy``."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.common import Row, ms, repeat

if TYPE_CHECKING:
    from collections.abc import Iterable


def process(statement: str) -> float:
    return repeat(lambda: subprocess.run([sys.executable, "-c", statement], check=True), 15)


def measure() -> Iterable[Row]:
    numpy = process("import numpy")
    both = process("import numpy, napari_dacapo")
    more = both - numpy
    against = f"import numpy: {ms(numpy)}"
    yield Row("import napari_dacapo, on top", ms(more), against, None, "<= 150 ms", more <= 0.15)
