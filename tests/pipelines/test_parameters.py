"""Parameters are read from their cell and converted to the types in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.parameters import convert, is_json, read_parameters
from mlops_jupyter.pipelines.pipeline import Parameter
from mlops_jupyter.pipelines.source import SourceCell

PATH = Path("study.ipynb")


def read(source: str) -> dict[str, Any]:
    cell = SourceCell(0, "code", source, ("parameters",), {})
    return {p.name: p.default for p in read_parameters(cell, PATH)}


def test_defaults_that_papermill_reads_wrong_are_read_right() -> None:
    assert read(
        'query = "a=b"  # the filter\n'
        "colour = '#fff'\n"
        "depth: int | None = None\n"
        "l, m = 1, 2\n"
        "s = t = 3\n"
        "rate: float = 1\n"
        "names: 'list[str]' = ['x', \"y\"]\n"
        'long = """two\nlines"""; negative = -0.5\n'
        "nested = {'a': [1, {'b': True}]}\n"
        "hour = 60 * 60\n"
    ) == {
        "query": "a=b",
        "colour": "#fff",
        "depth": None,
        "l": 1,
        "m": 2,
        "s": 3,
        "t": 3,
        "rate": 1.0,
        "names": ["x", "y"],
        "long": "two\nlines",
        "negative": -0.5,
        "nested": {"a": [1, {"b": True}]},
        "hour": 3600,
    }
    assert isinstance(read("rate: float = 1")["rate"], float)


@pytest.mark.parametrize("source", ["# nothing yet", "n: int"])
def test_a_cell_that_binds_nothing_has_no_parameters(source: str) -> None:
    assert read(source) == {}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("p = dict(x=1)", "'p' is not bound to a literal"),
        ("import os", "'os' is not bound to a literal"),
        ("n = 1\nif n: m = 2", "'m' is not bound to a literal"),
        ("pair = (1, 2)", "the default of 'pair' is (1, 2) (tuple)"),
        ("many = {1, 2}", "the default of 'many' is {1, 2} (set)"),
        ("by_year = {2013: 'a'}", "the default of 'by_year'"),
        ("raw = b'x'", "the default of 'raw' is b'x' (bytes)"),
        ("big = 1e999", "the default of 'big' is inf (float)"),
        ("odd = '\\ud800'", "the default of 'odd'"),
        ("n = (", "cannot be read"),
        ("from settings import *", "cannot be read"),
    ],
)
def test_a_default_that_json_cannot_carry_is_refused(source: str, words: str) -> None:
    with pytest.raises(UsageError, match="cell 1") as caught:
        read(source)
    assert words in str(caught.value)
    assert caught.value.hint


DEFAULTS = {
    "flag": True, "n": 3, "rate": 0.5, "name": "x", "names": ["a"], "options": {}, "anything": None,
}  # fmt: skip
PARAMETERS = [Parameter(name, default) for name, default in DEFAULTS.items()]


@pytest.mark.parametrize(
    ("name", "value", "converted"),
    [
        ("flag", "no", False),
        ("flag", "TRUE", True),
        ("flag", np.True_, True),
        ("n", "-7", -7),
        ("n", np.int64(7), 7),
        ("rate", "1e-3", 0.001),
        ("rate", 2, 2.0),
        ("rate", np.float32(0.5), 0.5),
        ("name", "12", "12"),
        ("name", "", ""),
        ("names", "[b, 1, null]", ["b", 1, None]),
        ("names", '["a=b"]', ["a=b"]),
        ("options", "{depth: 3}", {"depth": 3}),
        ("anything", "2.5", 2.5),
        ("anything", "none", "none"),
        ("anything", "null", None),
        ("anything", [1], [1]),
    ],
)
def test_values_become_what_their_defaults_are(name: str, value: Any, converted: Any) -> None:
    result = convert(PARAMETERS, {name: value})
    assert result == {name: converted}
    assert type(result[name]) is type(converted)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flag", "maybe"),
        ("flag", 1),
        ("n", "1.5"),
        ("n", 1.0),
        ("n", True),
        ("rate", "fast"),
        ("rate", "nan"),
        ("rate", float("inf")),
        ("rate", False),
        ("name", 3),
        ("names", "a"),
        ("names", "[1"),
        ("names", (1, 2)),
        ("options", "[1]"),
        ("options", {1: 2}),
        ("anything", "2013-01-01"),
        ("anything", {1, 2}),
        ("anything", np.zeros(2)),
    ],
)
def test_values_of_another_type_are_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"parameter '{name}'"):
        convert(PARAMETERS, {name: value})


def test_an_unknown_parameter_is_refused_with_a_near_name() -> None:
    with pytest.raises(NotFoundError, match="no parameter 'rates'") as caught:
        convert(PARAMETERS, {"n": 1, "rates": 2})
    assert caught.value.hint == "did you mean 'rate'?"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)  # fmt: skip


@given(JSON)
def test_a_default_is_read_as_python_writes_it(value: object) -> None:
    assert is_json(value)
    assert read(f"value = {value!r}") == {"value": value}
