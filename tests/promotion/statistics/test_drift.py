"""Drift against a stored profile: found where it is large and no chance, else silence."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlops_jupyter.data.statistics import profile
from mlops_jupyter.promotion.statistics.drift import (
    ColumnDrift,
    Reference,
    adjusted,
    alarms,
    compare,
    reference_of,
)

DRAW = np.random.default_rng(0)
ROWS = 5000
NORMAL = DRAW.normal(10, 2, ROWS)


def reference(values: Any, name: str = "x") -> Reference:
    """Return what the stored profile of a column knows."""
    return reference_of(profile.of_value(pd.DataFrame({name: values})).columns[0])


def test_the_same_rows_have_not_drifted() -> None:
    frame = pd.DataFrame(
        {
            "number": NORMAL,
            "with gaps": np.where(DRAW.random(ROWS) < 0.2, np.nan, NORMAL),
            "count": DRAW.poisson(2, ROWS),
            "constant": 7.0,
            "text": DRAW.choice(list("abcd"), ROWS),
            "truth": DRAW.random(ROWS) < 0.3,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(DRAW.integers(0, 400, ROWS), "D"),
            "took": pd.to_timedelta(DRAW.integers(0, 400, ROWS), "s"),
        }
    )
    stored = [reference_of(column) for column in profile.of_value(frame).columns]

    for found in adjusted(compare(one, frame[one.name]) for one in stored):
        assert found.psi == pytest.approx(0, abs=1e-3), found
        assert found.p > 0.9
        assert found.reason is None
        assert found.nulls_before == pytest.approx(found.nulls_after)
        assert (found.count, found.new_categories) == (ROWS, ())


def test_a_shift_is_told_in_standard_deviations() -> None:
    stored = reference(NORMAL)

    for shift in (0.5, -1.0, 3.0):
        found = compare(stored, NORMAL + 2 * shift)
        assert found.shift == pytest.approx(abs(shift), rel=0.05)
        assert found.p < 1e-6
    spread = compare(stored, 10 + 2 * (NORMAL - 10))
    assert spread.shift == pytest.approx(math.sqrt(2 / math.pi), rel=0.1)  # Wasserstein, by hand


def test_the_index_is_that_of_the_shares_by_hand() -> None:
    stored = reference(np.repeat([0.0, 1.0], [4000, 1000]))

    found = compare(stored, np.repeat([0.0, 1.0], [300, 200]))

    by_hand = (0.6 - 0.8) * math.log(0.6 / 0.8) + (0.4 - 0.2) * math.log(0.4 / 0.2)
    assert found.psi == pytest.approx(by_hand, rel=0.01)
    table = [[4000, 1000], [300, 200]]
    assert found.p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    assert found.shift == pytest.approx(0.2 / 0.4, rel=0.01)


def test_half_a_standard_deviation_in_one_of_20_columns_is_found() -> None:
    stored = [reference(DRAW.normal(size=ROWS), f"x{n}") for n in range(20)]

    hits, false = 0, 0
    for _ in range(40):
        plain = [compare(one, DRAW.normal(size=500)) for one in stored]
        false += bool(alarms(adjusted(plain)))
        plain[3] = compare(stored[3], DRAW.normal(0.5, 1, 500))
        hits += [column.name for column in alarms(adjusted(plain))] == ["x3"]

    assert hits >= 39
    assert false <= 2


@pytest.mark.parametrize("rows", [50, 200])
def test_a_column_that_has_not_drifted_has_any_p_value_alike(rows: int) -> None:
    # the reference is as small as the new rows
    names = np.array([f"c{n}" for n in range(30)])
    shares = 1 / np.arange(1, 31)

    def drawn() -> dict[str, Any]:
        picked = DRAW.choice(30, rows, p=shares / shares.sum())
        return {"x": DRAW.lognormal(size=rows), "n": DRAW.poisson(3, rows), "c": names[picked]}

    p: dict[str, list[float]] = {"x": [], "n": [], "c": []}
    for _ in range(80):
        before, after = drawn(), drawn()
        for name, values in before.items():
            p[name].append(compare(reference(values), after[name]).p)

    for found in p.values():
        assert np.mean(np.array(found) <= 0.05) < 0.13
        assert np.mean(np.array(found) <= 0.005) < 0.04


def test_much_data_makes_small_differences_sure_and_no_alarm() -> None:
    stored = reference(DRAW.normal(size=100_000))

    (found,) = adjusted([compare(stored, DRAW.normal(0.05, 1, 200_000))])

    assert found.p_adjusted < 1e-9
    assert found.psi < 0.01
    assert alarms([found]) == ()


def test_little_data_makes_large_differences_unsure_and_no_alarm() -> None:
    stored = reference(NORMAL)

    found = adjusted(compare(stored, NORMAL[start : start + 12]) for start in range(0, 240, 12))

    assert max(column.psi for column in found) > 0.5
    assert alarms(found) == ()


def test_missing_values_are_a_part_of_the_distribution() -> None:
    stored = reference(NORMAL)
    gaps = NORMAL[:500].copy()
    gaps[::3] = np.nan

    (found,) = adjusted([compare(stored, gaps)])

    assert (found.nulls_before, found.nulls_after) == (0, pytest.approx(0.334))
    assert alarms([found]) == (found,)
    nothing = compare(stored, np.full(100, np.nan))
    assert nothing.psi > 1
    assert nothing.p < 1e-6


def test_infinite_values_are_a_part_of_the_distribution() -> None:
    values = NORMAL[:500].copy()
    values[::4] = np.inf

    (found,) = adjusted([compare(reference(NORMAL), values)])

    assert alarms([found]) == (found,)
    assert math.isfinite(found.shift)


def test_new_categories_are_named_most_frequent_first() -> None:
    stored = reference(DRAW.choice(["a", "b"], ROWS))

    found = compare(stored, ["a"] * 90 + ["z"] * 2 + ["new"] * 8)

    assert found.new_categories == ("new", "z")
    assert found.p < 1e-6


def test_one_row_of_a_new_category_is_no_alarm() -> None:
    stored = [reference(DRAW.choice(["a", "b"], ROWS), f"x{n}") for n in range(20)]
    values = ["a", "b"] * 250

    plain = [compare(one, values) for one in stored]
    plain[0] = compare(stored[0], [*values[:-1], "z"])

    assert plain[0].new_categories == ("z",)
    assert alarms(adjusted(plain)) == ()


def test_a_new_category_that_looks_personal_is_masked() -> None:
    found = compare(reference(DRAW.choice(["a", "b"], ROWS)), ["a", "jane@example.com", "x" * 500])

    assert not any("jane" in name for name in found.new_categories)
    assert max(map(len, found.new_categories)) <= 60


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_texts_of_any_type_are_compared(dtype: str) -> None:
    before = pd.Series(DRAW.choice(["a", "b", "c"], ROWS)).astype(dtype)
    stored = reference(before)

    assert compare(stored, before[:1000]).p > 0.001
    assert compare(stored, before[before != "a"]).p < 1e-6


def test_texts_that_are_nearly_all_different_have_no_shares_to_compare() -> None:
    stored = reference([f"customer {n // 2}" for n in range(ROWS)])

    found = compare(stored, [f"customer {n}" for n in range(ROWS, ROWS + 1000)])

    assert stored.categories == ()
    assert (found.psi, found.p, found.new_categories) == (0, 1, ())


def test_what_is_personal_is_compared_by_what_is_missing_alone() -> None:
    mails = [f"user{n}@example.com" for n in range(ROWS)]

    found = compare(reference(mails, "email"), [*mails[:50], *[None] * 50])

    assert found.nulls_after == 0.5
    assert found.p < 1e-6


@pytest.mark.parametrize("type_name", ["Int64", "Float64", "float32", "int8", "uint16", "object"])
def test_numbers_of_any_type_are_compared(type_name: str) -> None:
    counts = pd.Series(DRAW.poisson(4, ROWS))

    found = compare(reference(counts), counts.astype(type_name))

    assert found.p > 0.9


def test_times_of_any_type_are_compared() -> None:
    days = pd.Series(pd.date_range("2024-01-01", periods=1000, freq="D"))
    stored = reference(days)

    for same in (
        days,
        days.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        days.astype("datetime64[s]"),
        days.dt.date,
    ):
        assert compare(stored, same).p > 0.9, same.dtype
    assert compare(stored, days + dt.timedelta(days=400)).p < 1e-6


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (NORMAL, ["a", "b"], "it was a number, and now is of type"),
        (NORMAL, np.array(["1", "2"], dtype=object), "it was a number, and now is of type"),
        (NORMAL, np.array(["2024-01-01"], dtype="M8[s]"), "it was a number, and now is of type"),
        (pd.date_range("2024-01-01", periods=9), [1.0, 2.0], "it was a time, and now is of type"),
        (pd.date_range("2024-01-01", periods=9), ["2024-01-01"], "it was a time, and now is"),
        (NORMAL, [], "there are no rows to compare"),
        (NORMAL, [[1.0, 2.0]], "one value per row"),
        (NORMAL, 5.0, "one value per row"),
        (["a", "b"] * 50, pd.Series([["a"], {"b": 1}]), "unhashable"),
        ([], [1.0], "the reference has no rows"),
    ],
)
def test_what_cannot_be_compared_says_why(before: Any, after: Any, reason: str) -> None:
    found = compare(reference(before), after)

    assert reason in str(found.reason)
    assert math.isnan(found.psi)
    assert math.isnan(found.p)
    assert alarms(adjusted([found])) == ()


def test_a_column_that_cannot_be_compared_counts_for_nothing() -> None:
    stored = reference(NORMAL)
    good, bad = compare(stored, NORMAL + 3), compare(stored, ["a"])

    first, second = adjusted([good, bad])

    assert first.p_adjusted == good.p
    assert math.isnan(second.p_adjusted)


def test_one_row_is_compared_and_never_alarms() -> None:
    for values in ([1000.0], [math.nan], [math.inf]):
        found: ColumnDrift = compare(reference(NORMAL), values)
        assert alarms(adjusted([found])) == () or found.p < 0.05
        assert 0 <= found.p <= 1


def test_long_columns_are_sampled_and_what_is_missing_counted() -> None:
    values = DRAW.normal(10, 2, 600_000)
    values[7] = np.nan

    found = compare(reference(NORMAL), values)

    assert found.nulls_after == 1 / 600_000
    assert found.count == 600_000
    assert found.psi < 0.02


def test_rows_in_another_order_are_the_same() -> None:
    values = DRAW.normal(10, 2, 300)

    assert compare(reference(NORMAL), values) == compare(reference(NORMAL), values[::-1])
