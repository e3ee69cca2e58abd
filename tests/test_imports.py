"""Imports point one way only, and what is heavy is imported at the moment of first use."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SRC = Path(__file__).parents[1] / "src"
PACKAGE = SRC / "napari_dacapo"

# A module imports from its own layer and from those before it.
LAYERS = (
    {"errors", "plain_yaml", "_version", "options", "own_process", "samples"},
    {"store"},
    {"volumes"},
    {"models", "analysis"},
    {"runs"},
    {"viewers", "preferences"},
    {"widgets", "reader", "view", "commands", "cli"},
)
LAYER = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# Who may import what, wherever in the module the import stands.
ONLY_IN = {
    "torch": ("models/", "benchmarks/"),
    "neuroglancer": ("viewers/neuroglancer/", "view.py"),
    "pymongo": ("store/mongo.py",),
    "bson": ("store/mongo.py",),
    "qtpy": ("widgets/", "viewers/napari/", "commands.py", "cli/window.py"),
    "superqt": ("widgets/", "viewers/napari/", "commands.py"),
    "pyqtgraph": ("widgets/",),
    "typer": ("cli/", "cli.py"),
    "PyQt6": (),
    "PySide6": (),
    "dacapo": (),
    "pickle": ("store/safe_pickle.py",),
    "pickletools": ("models/description.py",),
}

HEAVY = (
    "torch", "neuroglancer", "pymongo", "qtpy", "napari", "distributed", "IPython", "matplotlib",
)  # fmt: skip

MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield the full names that a module imports at run time, functions included."""
    package = path.relative_to(SRC).parent.parts
    stack: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            stack.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
                module = ".".join((*base, *((node.module or "").split(".") if node.module else ())))
            else:
                module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)
        stack.extend(ast.iter_child_nodes(node))


def identify(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_imports_point_to_lower_layers(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        pytest.skip("the lazy public names point everywhere")
    assert own in LAYER, f"{own} belongs to no layer: add it to LAYERS"
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "napari_dacapo" and len(parts) > 1 and parts[1] in LAYER:
            assert LAYER[parts[1]] <= LAYER[own], f"{identify(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_libraries_stay_where_they_belong(path: Path) -> None:
    place = identify(path)
    for name in imported(path):
        allowed = ONLY_IN.get(name.split(".")[0])
        if allowed is not None:
            assert any(place.startswith(prefix) for prefix in allowed), f"{place} imports {name}"


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules that are loaded in a fresh interpreter after a statement."""
    code = f"import sys; {statement}; print(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_importing_the_package_costs_nothing() -> None:
    loaded = loaded_after("import napari_dacapo")
    assert not loaded & {"numpy", "dask", "pydantic", "zarr", "tensorstore", "yaml", *HEAVY}


@pytest.mark.parametrize(
    "module", ["options", "store", "volumes", "analysis", "runs", "viewers", "commands", "cli"]
)
def test_nothing_heavy_is_imported_before_it_is_needed(module: str) -> None:
    loaded = loaded_after(f"import napari_dacapo.{module}")
    assert not loaded & set(HEAVY)


def test_every_public_name_can_be_had() -> None:
    import napari_dacapo

    for name in napari_dacapo.__all__:
        assert getattr(napari_dacapo, name) is not None
    assert dir(napari_dacapo) == sorted(napari_dacapo.__all__)
