"""The manifest: what napari silently ignores or accepts wrongly is checked here."""

from __future__ import annotations

import ast
import importlib
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from npe2 import PluginManifest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_dacapo"
RAW: dict[str, Any] = yaml.safe_load((ROOT / "napari.yaml").read_text("utf-8"))
CONTRIBUTIONS: dict[str, Any] = RAW["contributions"]


def used_commands() -> set[str]:
    used = set()
    for kind in ("widgets", "readers", "writers", "sample_data"):
        used |= {entry["command"] for entry in CONTRIBUTIONS.get(kind, ())}
    for items in CONTRIBUTIONS.get("menus", {}).values():
        used |= {item["command"] for item in items if "command" in item}
    return used


def test_npe2_finds_it_valid() -> None:
    manifest = PluginManifest.from_file(ROOT / "napari.yaml")
    manifest.validate_imports()


def test_its_name_is_the_distributions() -> None:
    assert RAW["name"] == "napari-dacapo" == distribution("napari-dacapo").metadata["Name"]


def test_the_packaged_manifest_is_the_root_one() -> None:
    assert (PACKAGE / "napari.yaml").read_bytes() == (ROOT / "napari.yaml").read_bytes()


def test_the_distribution_points_to_it() -> None:
    (entry,) = distribution("napari-dacapo").entry_points.select(group="napari.manifest")
    assert entry.value == "napari_dacapo:napari.yaml"


def test_every_command_that_is_used_is_declared_and_every_declared_one_exists() -> None:
    declared = {command["id"]: command for command in CONTRIBUTIONS["commands"]}
    assert len(declared) == len(CONTRIBUTIONS["commands"])
    assert used_commands() <= set(declared)
    for name, command in declared.items():
        assert name.startswith("napari-dacapo.")
        module, attribute = command["python_name"].split(":")
        assert callable(getattr(importlib.import_module(module), attribute))


def test_no_key_is_misspelled() -> None:
    """pydantic drops unknown keys without a word."""
    manifest = PluginManifest.from_file(ROOT / "napari.yaml")
    dumped = manifest.model_dump(by_alias=False)

    def compare(ours: Any, theirs: Any, where: str) -> None:
        if isinstance(ours, dict) and isinstance(theirs, dict):
            for key, value in ours.items():
                assert key in theirs, f"{where}.{key} is not known to npe2"
                compare(value, theirs[key], f"{where}.{key}")
        elif isinstance(ours, list):
            for index, (a, b) in enumerate(zip(ours, theirs, strict=True)):
                compare(a, b, f"{where}[{index}]")

    compare(RAW, dumped, "napari.yaml")


def test_menus_are_ones_that_napari_fills() -> None:
    from napari._app_model.constants._menus import MenuId

    submenus = {submenu["id"] for submenu in CONTRIBUTIONS.get("submenus", ())}
    allowed = {str(menu) for menu in MenuId.contributables()} | submenus
    assert set(CONTRIBUTIONS["menus"]) <= allowed
    assert CONTRIBUTIONS["menus"]["napari/file/io_utilities"]


def test_no_keybindings_because_napari_ignores_them() -> None:
    assert "keybindings" not in CONTRIBUTIONS


def test_categories_and_classifier() -> None:
    assert RAW["categories"] == ["Visualization", "IO", "Segmentation"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert "Framework :: napari" in project["classifiers"]


def test_samples_are_the_ones_that_are_shipped() -> None:
    from napari_dacapo.samples import SAMPLES

    assert tuple(sample["key"] for sample in CONTRIBUTIONS["sample_data"]) == SAMPLES


def test_the_reader_takes_folders() -> None:
    (reader,) = CONTRIBUTIONS["readers"]
    assert reader["accepts_directories"] is True


def test_preferences_have_types_and_defaults_that_napari_can_show() -> None:
    from napari.settings import get_plugin_settings

    python = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    settings = get_plugin_settings("napari-dacapo")
    for name, category in CONTRIBUTIONS["configurations"].items():
        for key, entry in category["properties"].items():
            assert isinstance(entry["default"], python[entry["type"]])
            assert getattr(getattr(settings, name), key) == entry["default"]


def preference_keys() -> set[tuple[str, str]]:
    """Return the (category, key) pairs that preferences.py reads or writes."""
    tree = ast.parse((PACKAGE / "preferences.py").read_text("utf-8"))
    pairs = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        names = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant)]
        called = getattr(node.func, "id", "")
        if called in {"_get", "_set"} and len(names) == 2:
            pairs.add((names[0], names[1]))
        elif called == "_get_map":
            pairs.add(("stores", names[0]))
    return pairs


def test_the_preferences_that_the_code_uses_are_declared() -> None:
    declared = {
        (name, key)
        for name, category in CONTRIBUTIONS["configurations"].items()
        for key in category["properties"]
    }
    used = preference_keys()
    assert {("stores", "default_store"), ("stores", "path_map")} <= used
    assert used <= declared


@pytest.mark.parametrize("command", sorted(used_commands()))
def test_commands_have_titles_for_the_palette(command: str) -> None:
    titles = {entry["id"]: entry["title"] for entry in CONTRIBUTIONS["commands"]}
    assert titles[command].strip()
