"""Conditions of slices: what pandas' query takes, and no code."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.promotion.scoring import condition

FRAME = pd.DataFrame(
    {
        "region": ["north", "south", None, "north"],
        "age": [20, 30, 40, 50],
        "flight time": [1.5, None, 2.5, 3.5],
        "class": ["a", "b", "a", "b"],
        "paid": pd.array([True, False, None, True], dtype="boolean"),
        "it's": [1, 2, 3, 4],
    }
)


def holds(text: str) -> list[int]:
    """Return for which rows it is true."""
    found = condition.read(text, list(FRAME)).holds(dict(FRAME.items()), len(FRAME))
    assert found.dtype == bool
    return [row for row, true in enumerate(found) if true]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("region == 'north'", [0, 3]),
        ('region == "north" and age < 30', [0]),
        ("region == 'north' & age < 30", [0]),
        ("(region == 'south') | (age >= 40)", [1, 2, 3]),
        ("not (region == 'north')", [1, 2]),
        ("~(age > 20)", [0]),
        ("20 < age <= 40", [1, 2]),
        ("region in ['south', 'west']", [1]),
        ("age not in (20, 30)", [2, 3]),
        ("age == [20, 30]", [0, 1]),
        ("age % 20 == 0 and age / 2 >= 20 - 10 * 1", [0, 2]),
        ("-age < -40", [3]),
        ("`flight time` > 2", [2, 3]),
        ("`class` == 'a'", [0, 2]),
        ("`it's` == 3", [2]),
        ("region == '`age` > 1'", []),
        ("paid", [0, 3]),
        ("paid == True", [0, 3]),
        ("age == age", [0, 1, 2, 3]),
        ("age > 1e6", []),
    ],
)
def test_what_a_condition_can_say(text: str, rows: list[int]) -> None:
    assert holds(text) == rows


HOSTILE = [
    "__import__('os').system('true')",
    "age.__class__ == 1",
    "region.str.len() > 2",
    "@age > 1",
    "age @ age",
    "@pd.eval('1')",
    "age ** 9 ** 9 ** 9 > 1",
    "age[0] == 1",
    "(lambda: 1)() == age",
    "[x for x in age] == 1",
    "{1: age} == 1",
    "(age := 3) > 1",
    "age = 3",
    "f'{age}' == 'x'",
    "region * 9 == 'a' * 999999999",
    "age == [1] * 999999999",
    "age if age else age",
    "sin(age) > 0",
    "age == None",
    "age == b'x'",
    "age; age",
    "age\nimport os",
    "*age",
    "age > await age",
    "age == ...",
    "age == 1j",
    "",
    "   ",
    "((((",
    "(" * 300 + "age" + ")" * 300,
    "age > 1" * 200,
    "`age > 1",
    "``",
    "1 < 2",
    "\x00 > age",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_comparison_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as e:
        condition.read(text, list(FRAME))

    assert "\n" not in e.value.message
    assert len(e.value.message) < 300


@pytest.mark.parametrize("text", ["age", "region", "age + 1", "region > 3"])
def test_what_is_not_true_or_false_for_each_row(text: str) -> None:
    with pytest.raises(UsageError) as e:
        holds(text)

    assert "\n" not in e.value.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [("regoin == 'north'", "region"), ("`flight tim` > 2", "flight time")],
)
def test_a_column_that_is_not_there(text: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as e:
        condition.read(text, list(FRAME))

    assert e.value.hint == f"did you mean {hint!r}?"


def test_a_column_that_is_called_as_a_placeholder_is() -> None:
    frame: dict[str, Any] = {"a b": pd.Series([1, 2]), "column_0": pd.Series([2, 1])}

    found = condition.read("`a b` < column_0", list(frame)).holds(frame, 2)

    assert found.tolist() == [True, False]
