"""Run the benchmarks, each in a process of its own, and print one table."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.common import Row

HELPERS = {"__init__", "__main__", "common", "window"}


def names() -> list[str]:
    here = Path(__file__).parent
    return sorted(path.stem for path in here.glob("*.py") if path.stem not in HELPERS)


def measure_in_child(name: str, console: Console) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "rows.json"
        done = subprocess.run([sys.executable, "-m", "benchmarks", "--child", name, answer])
        if done.returncode:
            console.print(f"{name}: failed with exit code {done.returncode}", style="red")
            return [Row(name, f"failed ({done.returncode})", good=False)]
        return [Row(**row) for row in json.loads(answer.read_text())]


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--child"]:
        rows = importlib.import_module(f"benchmarks.{arguments[1]}").measure()
        Path(arguments[2]).write_text(json.dumps([asdict(row) for row in rows]))
        return 0
    console = Console(width=None if sys.stdout.isatty() else 150)
    unknown = set(arguments) - set(names())
    if unknown:
        console.print(f"No benchmark {', '.join(sorted(unknown))}; there are: {', '.join(names())}")
        return 2
    table = Table("what", "ours", "against", "ratio", "wanted", box=None, header_style="bold")
    for name in arguments or names():
        console.print(f"[dim]measuring {name}…[/]")
        for row in measure_in_child(name, console):
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
            colour = {None: "default", True: "green", False: "red"}[row.good]
            table.add_row(row.what, row.value, row.against, f"[{colour}]{ratio}[/]", row.limit)
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
