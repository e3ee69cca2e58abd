"""Names of output folders as parameters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.store import parse_parameters


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("threshold_127", "threshold", {"threshold": 127}),
        ("threshold_-0.2", "threshold", {"threshold": -0.2}),
        ("threshold_0.0", "threshold", {"threshold": 0.0}),
        ("threshold_1e-05", "threshold", {"threshold": 1e-05}),
        (
            "ThresholdPostProcessorParameters(id=2, threshold=150)",
            "threshold",
            {"id": 2, "threshold": 150},
        ),
        (
            "WatershedPostProcessorParameters(id=2, bias=0.5, context=(32, 32, 32))",
            "watershed",
            {"id": 2, "bias": 0.5, "context": (32, 32, 32)},
        ),
        ("ArgmaxPostProcessorParameters(id=1)", "argmax", {"id": 1}),
        ("DummyPostProcessorParameters(id=9, min_size=10)", "dummy", {"id": 9, "min_size": 10}),
        ("ArgmaxPostProcessorParameters()", "argmax", {}),
        ("threshold_", "unknown", {}),
        ("threshold_nan", "unknown", {}),
        ("threshold_high", "unknown", {}),
        ("threshold_True", "unknown", {}),
        ("threshold_1e999", "unknown", {}),
        ("SomethingNew(id=1)", "unknown", {}),
        ("ArgmaxPostProcessorParameters(id=f(1))", "unknown", {}),
        ("ArgmaxPostProcessorParameters(id)", "unknown", {}),
        ("", "unknown", {}),
        ("\n", "unknown", {}),
    ],
)
def test_names(text: str, kind: str, values: dict[str, Any]) -> None:
    parameters = parse_parameters(text)
    assert (parameters.text, parameters.kind, parameters.values) == (text, kind, values)
    assert str(parameters) == text
    assert hash(parameters) == hash(parse_parameters(text))


def test_code_is_not_run() -> None:
    value = parse_parameters("ArgmaxPostProcessorParameters(id=__import__)").values["id"]
    assert value == "__import__"


@given(st.text())
def test_any_text(text: str) -> None:
    assert parse_parameters(text).text == text


@given(st.text(alphabet="(),=0123456789.e-_abc", max_size=60))
def test_any_arguments(text: str) -> None:
    assert parse_parameters(f"WatershedPostProcessorParameters({text})").kind in (
        "watershed",
        "unknown",
    )
