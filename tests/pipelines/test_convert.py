"""What was given becomes what the parameter is, or is refused."""

from __future__ import annotations

import contextlib
import enum
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.pipelines.convert import UnfitError, convert
from mlops_jupyter.pipelines.kind import Kind
from mlops_jupyter.pipelines.literal import Reference, Timestamp
from tests.pipelines.test_contract import only


def kind(annotation: str) -> Kind:
    return only(f"n: {annotation} = None").kind if annotation != "Any" else Kind("any")


class Colour(enum.StrEnum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        ("bool", "TRUE", True),
        ("bool", "yes", True),
        ("bool", "1", True),
        ("bool", "no", False),
        ("bool", "0", False),
        ("int", "-7", -7),
        ("int", "1_000", 1000),
        ("int", str(2**200), 2**200),
        ("float", "1e-3", 0.001),
        ("float", "2", 2.0),
        ("float", "inf", math.inf),
        ("float", "-.inf", -math.inf),
        ("str", "12", "12"),
        ("str", "a=b", "a=b"),
        ("str", "[a]", "[a]"),
        ("str", "a # b", "a # b"),
        ("str", "null", None),
        ("str", "none", "none"),
        ("int", "none", None),
        ("date", "2024-01-31", date(2024, 1, 31)),
        ("datetime", "2024-01-31", datetime(2024, 1, 31)),  # noqa: DTZ001
        ("datetime", "2024-01-31T12:00Z", datetime(2024, 1, 31, 12, tzinfo=UTC)),
        ("Timestamp", "2024-01-31 12:00", Timestamp("2024-01-31 12:00")),
        ("Path", "a/b c.csv", Path("a/b c.csv")),
        ("Decimal", "1.10", Decimal("1.10")),
        ("Secret", "env:KEY", Reference("KEY")),
        ("Secret", "env:key", Reference("key")),
        ("str", "env:HF_KEY", Reference("HF_KEY")),
        ("str", "env:prod", "env:prod"),
        ("list", "[b, 1, null, 'null', 1.5, yes]", ["b", 1, None, "null", 1.5, "yes"]),
        ("list", '["a=b", "\\ud83d\\ude00", "2"]', ["a=b", "😀", "2"]),
        ("list[str]", "[hour, 1, no, null]", ["hour", "1", "no", "null"]),
        ("list[int]", "[1, '2']", [1, 2]),
        ("list[date]", "[2024-01-01]", [date(2024, 1, 1)]),
        ("list[list[int]]", "[[1], []]", [[1], []]),
        ("tuple[int, str]", "[1, 2]", (1, "2")),
        ("tuple[float, ...]", "[1, 2]", (1.0, 2.0)),
        ("set[int]", "[1, 1]", {1}),
        ("frozenset[int]", "[1]", frozenset({1})),
        ("dict", "{depth: 3}", {"depth": 3}),
        ("dict[str, float]", "{a: 1}", {"a": 1.0}),
        ("dict[int, list[str]]", '{"1": ["a"]}', {1: ["a"]}),
        ("Literal['fast', 'slow']", "fast", "fast"),
        ("Literal[1, 2]", "2", 2),
        ("Literal['1', 1]", "1", 1),
        ("Literal['a', None]", "null", None),
        ("int | str", "7", 7),
        ("int | str", "x", "x"),
        ("str | int", "7", 7),
        ("int | list[int]", "[7]", [7]),
        ("Any", "2.5", 2.5),
        ("Any", "null", None),
        ("Any", "none", "none"),
        ("Any", "2013-01-01", "2013-01-01"),
        ("Any", "'2'", "2"),
        ("Any", "a: b", "a: b"),
        ("Any", "{a: [1]}", {"a": [1]}),
        ("Annotated[int, '1..9']", "9", 9),
        ("Annotated[list[Annotated[int, '1..9']], Len(1, 2)]", "[1, 9]", [1, 9]),
    ],
)
def test_text_is_read_as_the_type(annotation: str, text: str, value: Any) -> None:
    result = convert(kind(annotation), text)
    assert result == value
    assert type(result) is type(value)


def test_not_a_number_is_a_number() -> None:
    for text in ("nan", ".nan"):
        assert math.isnan(convert(kind("float"), text))
    assert math.isnan(convert(kind("float"), np.nan))


@pytest.mark.parametrize(
    ("annotation", "given", "value"),
    [
        ("bool", np.True_, True),
        ("int", np.int64(7), 7),
        ("int", np.array(7), 7),
        ("int", Size.BIG, 3),
        ("float", 2, 2.0),
        ("float", np.float32(0.5), 0.5),
        ("float", np.float64(0.5), 0.5),
        ("float", Decimal("0.5"), 0.5),
        ("float | int", 2, 2),
        ("int | float", 2.0, 2.0),
        ("str", np.str_("a"), "a"),
        ("str", Colour.RED, "red"),
        ("str", Path("a"), "a"),
        ("Path", "a", Path("a")),
        ("list[int]", (1, np.int8(2)), [1, 2]),
        ("list[float]", np.array([1, 2]), [1.0, 2.0]),
        ("tuple[int, int]", [1, 2], (1, 2)),
        ("set[str]", ["a"], {"a"}),
        ("dict[str, int]", {"a": np.int64(1)}, {"a": 1}),
        ("date", datetime(2024, 1, 1), date(2024, 1, 1)),  # noqa: DTZ001
        ("date", pd.Timestamp("2024-01-01"), date(2024, 1, 1)),
        ("date", np.datetime64("2024-01-01"), date(2024, 1, 1)),
        ("datetime", date(2024, 1, 1), datetime(2024, 1, 1)),  # noqa: DTZ001
        ("datetime", pd.Timestamp("2024-01-01 12:00"), datetime(2024, 1, 1, 12)),  # noqa: DTZ001
        ("datetime", np.datetime64("2024-01-01T12:00:00", "ns"), datetime(2024, 1, 1, 12)),  # noqa: DTZ001
        ("Timestamp", date(2024, 1, 1), Timestamp("2024-01-01")),
        ("Timestamp", pd.Timestamp("2024-01-01", tz="UTC"),
         Timestamp("2024-01-01T00:00:00+00:00", "UTC")),
        ("Decimal", 0.1, Decimal("0.1")),
        ("Decimal", 3, Decimal(3)),
        ("Literal[1, 2]", np.int64(1), 1),
        ("Secret", Reference("KEY"), Reference("KEY")),
        ("Any", (1, {2}), (1, {2})),
        ("Any", [np.int64(1), "2"], [1, "2"]),
        ("Any", None, None),
        ("int", None, None),
    ],
)  # fmt: skip
def test_values_of_python_are_converted_where_nothing_is_lost(
    annotation: str, given: Any, value: Any
) -> None:
    result = convert(kind(annotation), given)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("annotation", "value", "reason"),
    [
        ("bool", "maybe", ""),
        ("bool", "on", ""),
        ("bool", "", ""),
        ("bool", 1, ""),
        ("int", "1.5", ""),
        ("int", "", ""),
        ("int", 1.0, ""),
        ("int", True, ""),
        ("int", "9" * 10_000, ""),
        pytest.param("int", 10**5000, "more than 4,200 digits", id="huge"),
        pytest.param("list[int]", [10**5000], "more than 4,200 digits", id="huge item"),
        ("float", "fast", ""),
        ("float", "1e999", "it is too large"),
        ("float", 10**400, ""),
        ("float", False, ""),
        ("str", 3, ""),
        ("str", b"a", ""),
        ("str", "\ud800", ""),
        ("date", "31.1.2024", ""),
        ("date", "2024-02-30", ""),
        ("date", datetime(2024, 1, 1, 12), "it has a time of day"),  # noqa: DTZ001
        ("date", pd.NaT, ""),
        ("datetime", "soon", ""),
        ("datetime", pd.Timestamp("2024-01-01 00:00:00.000000001"), "it has nanoseconds"),
        ("Timestamp", "now", ""),
        ("Path", 3, ""),
        ("Path", "\udcff", ""),
        ("Decimal", "ten", ""),
        ("Secret", "hunter2", ""),
        ("Secret", "env:", ""),
        ("list", "a", ""),
        ("list", "[env:KEY]", "a secret is a parameter of its own"),
        ("list[str]", "[env:KEY]", "a secret is a parameter of its own"),
        ("dict[str, 'Secret']", {"a": "env:KEY"}, "a secret is a parameter of its own"),
        ("Any", "env:KEY", "a secret is a parameter of its own"),
        ("Any", "'env:KEY'", "a secret is a parameter of its own"),
        ("Any", Reference("KEY"), ""),
        ("list", "[1", "its brackets or quotes do not fit together"),
        ("list", "{a: 1}", ""),
        ("list", {1, 2}, "a set has no order"),
        ("list[int]", "[1, b]", "item 2 is 'b', not a whole number"),
        ("list[int]", [1, 1.5], "item 2 is 1.5, not a whole number"),
        ("dict[str, int]", "{a: b}", "'a' is 'b', not a whole number"),
        ("dict", "{a: 1, a: 2}", "a key stands there twice"),
        ("dict", '{"a": 1, "a": 2}', "a key stands there twice"),
        ("set", "[[1]]", ""),
        ("tuple[int, int]", "[1]", "it has 1 parts"),
        ("Literal['fast', 'slow']", "fats", "did you mean 'fast'?"),
        ("Literal['fast']", "x", ""),
        ("Literal[1]", True, ""),
        ("int | bool", "x", ""),
        ("Annotated[int, '1..9']", "10", ""),
        ("Annotated[float, '0..1']", "nan", ""),
        ("Annotated[list[int], Len(1)]", "[]", ""),
        ("Any", object(), ""),
        ("Any", np.zeros(2), ""),
        ("Any", b"a", ""),
        ("Any", [object()], "item 1 is"),
        ("list", "[&a 1, *a]", "anchors and aliases are not read"),
        ("list", "[!!python/object/apply:os.system [ls]]", "is not read"),
        ("list", "[!mine 1]", "the tag !mine is not read"),
        ("list", "[" * 100_000, ""),
        ("list", "[" * 100 + "]" * 100, "nested more than 32 deep"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(annotation: str, value: Any, reason: str) -> None:
    wanted = kind(annotation)
    if wanted.name == "union" and annotation != "int | bool":
        wanted = wanted.items[0]  # without the None of the default
    with pytest.raises(UnfitError) as caught:
        convert(wanted, value)
    assert reason in str(caught.value)


def test_a_list_in_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(UnfitError, match="nested more than 32 deep"):
        convert(Kind("any"), endless)


@given(st.text(), st.sampled_from(["int", "list", "dict[str, int]", "Any", "date", "float | str"]))
def test_no_text_breaks_it(text: str, annotation: str) -> None:
    with contextlib.suppress(UnfitError):
        convert(kind(annotation), text)
