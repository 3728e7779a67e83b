"""Slices: which rows they hold, and what they are called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.config import Check, Evaluate, Model, Slices
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.promotion.scoring import slicing
from mlops_jupyter.promotion.scoring.rows import Rows
from tests.promotion.checks.cases import HOSTILE


def found(*by: str, **columns: Any) -> dict[str, list[int]]:
    """Return the rows of each slice by its name."""
    frame = pd.DataFrame(columns)
    truth = np.zeros(len(frame), dtype=int)
    rows = Rows(None, "late", frame, truth, np.arange(len(frame)), 0, "blake3:0")
    made = {one.name: one.rows.tolist() for one in slicing.slices(rows, by)}
    assert all(held == sorted(set(held)) for held in made.values())
    return made


def policy(*by: str) -> Model:
    return Model(
        evaluate=Evaluate(data="test@1", label="late"),
        checks=[Check(slices=Slices(by=list(by), metric="accuracy"))],
    )


def test_each_value_of_a_column_and_what_is_missing() -> None:
    assert found("region", region=["n", "s", None, "n"]) == {
        "region=n": [0, 3], "region=s": [1], "region is missing": [2],
    }  # fmt: skip


@pytest.mark.parametrize("dtype", ["object", "str", "category"])
def test_of_any_type(dtype: str) -> None:
    column = pd.Series(["n", "s", None, "n"]).astype(dtype)

    assert list(found("region", region=column)) == ["region=n", "region=s", "region is missing"]


def test_a_category_without_rows_is_no_slice() -> None:
    column = pd.Categorical(["n", "n"], categories=["n", "s"])

    assert list(found("region", region=column)) == ["region=n"]


def test_truth_is_a_value_too() -> None:
    made = found("paid", paid=pd.array([True, False, None], dtype="boolean"))

    assert made == {"paid=True": [0], "paid=False": [1], "paid is missing": [2]}


def test_bins_hold_as_many_rows_each_and_say_their_range() -> None:
    made = found("age/4", age=[float(age) for age in range(8)])

    assert made == {"age 0 to 1": [0, 1], "age 2 to 3": [2, 3], "age 4 to 5": [4, 5],
                    "age 6 to 7": [6, 7]}  # fmt: skip


def test_bins_are_written_with_as_many_digits_as_tell_them_apart() -> None:
    assert list(found("w/2", w=[1.23456, 1.3, 1.4, 2.5])) == ["w 1.235 to 1.3", "w 1.4 to 2.5"]
    assert list(found("w/2", w=[1.000001, 1.000002, 1.000003, 1.000004])) == [
        "w 1.000001 to 1.000002", "w 1.000003 to 1.000004",
    ]  # fmt: skip


def test_bins_of_equal_values_are_fewer() -> None:
    assert found("age/5", age=[7, 7, 7, 7, 9]) == {"age 7": [0, 1, 2, 3], "age 9": [4]}


def test_bins_of_what_is_missing_or_infinite() -> None:
    made = found("age/2", age=[1.0, None, 2.0, np.inf, -np.inf])

    assert made == {"age -inf to 1": [0, 4], "age 2 to inf": [2, 3], "age is missing": [1]}
    assert found("age/2", age=[None, np.nan]) == {"age is missing": [0, 1]}


def test_bins_of_times() -> None:
    days = pd.date_range("2026-01-01", periods=4, tz="Europe/Berlin")

    assert len(found("day/2", day=days)) == 2
    assert list(found("day/2", day=days.tz_localize(None))) == [
        "day 2026-01-01 to 2026-01-02", "day 2026-01-03 to 2026-01-04",
    ]  # fmt: skip


def test_a_column_whose_name_looks_like_bins() -> None:
    assert list(found("km/5", **{"km/5": ["a", "b"]})) == ["km/5=a", "km/5=b"]


def test_a_condition_is_named_by_its_text_and_may_hold_no_rows() -> None:
    made = found("region == 'n'", "region  ==  'west'", region=["n", "s"])

    assert made == {"region == 'n'": [0], "region == 'west'": []}


def test_the_label_slices_too() -> None:
    assert found("late", region=["n", "s"]) == {"late=0": [0, 1]}


def test_names_are_one_short_line_each_and_differ() -> None:
    made = found("region", region=[1, "1", "1\n", HOSTILE, HOSTILE + "!"])

    assert len(made) == 5
    assert list(made)[:3] == ["region=1", "region=1 #2", "region=1 #3"]
    assert all(len(name) < 90 and name.isprintable() for name in made)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("many", "the column 'many' has 1,001 different values, and each would be a slice"),
        ("lists", "the values of the column 'lists' cannot be told apart"),
        ("text/5", "text/5 makes bins of numbers, and the column 'text' holds str"),
    ],
)
def test_columns_that_make_no_slices(by: str, message: str) -> None:
    rows = range(1001)

    with pytest.raises(UsageError, match=message):
        found(by, many=rows, lists=[[n] for n in rows], text=[str(n) for n in rows])


@pytest.mark.parametrize(
    ("by", "hint"),
    [
        ("regoin", "did you mean 'region'?"),
        ("agee/5", "did you mean 'age'?"),
        ("regoin == 'n'", "did you mean 'region'?"),
        ("age/five", "there is: age, late, region"),
    ],
)
def test_a_column_that_is_not_there_is_known_before_anything_is_scored(by: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as e:
        slicing.check(policy("age", by), {"region": "str", "age": "int64", "late": "bool"})
    assert e.value.hint == hint


def test_bins_of_text_are_known_before_anything_is_scored() -> None:
    slicing.check(policy("age/5", "region"), {"region": "str", "age": "int64"})

    with pytest.raises(UsageError, match="region/5 makes bins of numbers, and the column 'region'"):
        slicing.check(policy("region/5"), {"region": "str", "age": "int64"})


def test_one_bin_is_none() -> None:
    with pytest.raises(UsageError, match="'age/1' makes no bins"):
        found("age/1", age=[1, 2])
