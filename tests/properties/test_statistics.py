"""Whatever the rows are: bounds hold the value, sides mirror, the order of rows is no matter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlops_jupyter.promotion.statistics import bootstrap, confusion, delong, interval
from mlops_jupyter.promotion.statistics.interval import Interval
from mlops_jupyter.promotion.statistics.multiplicity import holm
from mlops_jupyter.promotion.statistics.power import p_above, p_below, rows_needed
from tests.example_count import examples

quick = settings(max_examples=examples(60), deadline=None)
levels = st.sampled_from([0.001, 0.05, 0.2])
numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
any_number = st.floats(allow_nan=True, allow_infinity=True)
outcomes = st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 3), st.integers(0, 4))
many = st.lists(outcomes, min_size=1, max_size=40)


def columns(rows: list[tuple[int, ...]]) -> tuple[np.ndarray, ...]:
    """Return the truth, what two models say, and clusters."""
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def holds(found: Interval) -> bool:
    return found.lower <= found.value <= found.upper


def close(found: Interval, other: Interval) -> bool:
    sides = ("value", "lower", "upper", "standard_error")
    return all(
        getattr(found, side) == pytest.approx(getattr(other, side), nan_ok=True, abs=1e-9, rel=1e-6)
        for side in sides
    )


@quick
@given(st.lists(numbers, min_size=1, max_size=40), levels, st.booleans())
def test_a_mean_is_between_its_bounds(values: list[float], level: float, by_two: bool) -> None:
    clusters = np.arange(len(values)) // 2 if by_two else None

    found = interval.mean(values, level, clusters)

    assert holds(found)
    assert interval.mean(values, level / 2, clusters).lower <= found.lower
    assert close(interval.mean(np.negative(values), level, clusters), -found)


@quick
@given(st.lists(numbers, min_size=2, max_size=40), st.floats(0.01, 100), st.randoms())
def test_a_mean_follows_its_unit_and_not_the_order(
    values: list[float], unit: float, order: Any
) -> None:
    found, mixed = interval.mean(values), list(values)
    order.shuffle(mixed)
    other, scaled = interval.mean(mixed), interval.mean(np.array(values) * unit)

    spread = max(map(abs, values)) * 1e-6 + 1e-9
    for side in ("value", "lower", "upper"):
        assert getattr(other, side) == pytest.approx(getattr(found, side), abs=spread)
        assert getattr(scaled, side) / unit == pytest.approx(getattr(found, side), abs=spread)


@quick
@given(st.lists(any_number, min_size=1, max_size=10))
def test_no_number_is_made_of_what_is_none(values: list[float]) -> None:
    found = interval.mean(values)

    if np.isfinite(values).all():
        assert holds(found) or found.reason == "the values are too large to be added up"
    else:
        assert "not finite" in str(found.reason)
        assert math.isnan(p_below(found, 0))
        assert rows_needed(found, 0) is None


@quick
@given(many, levels)
def test_rates(rows: list[tuple[int, ...]], level: float) -> None:
    truth, a, b, clusters = columns(rows)
    ours, theirs = truth == a, truth == b

    for told in (None, clusters):
        assert holds(interval.rate(ours, level, told))
        gap = interval.rate_difference(ours, theirs, level, told)
        assert holds(gap)
        assert close(interval.rate_difference(theirs, ours, level, told), -gap)
    assert 0 <= interval.rate(ours, level).lower <= interval.rate(ours, level).upper <= 1
    missed = interval.rate(~ours, level)
    assert missed.lower == pytest.approx(1 - interval.rate(ours, level).upper)


@quick
@given(many, levels, st.integers(0, 99))
def test_areas(rows: list[tuple[int, ...]], level: float, seed: int) -> None:
    truth, a, b, clusters = columns(rows)
    assume(0 < truth.sum() < len(truth))
    order = np.random.default_rng(seed).permutation(len(truth))

    for told in (None, clusters):
        found = delong.auc_difference(truth, a, b, level, told)
        mixed = None if told is None else told[order]
        assert holds(found)
        assert -1 <= found.lower <= found.upper <= 1
        assert close(delong.auc_difference(truth, b, a, level, told), -found)
        assert close(delong.auc_difference(truth[order], a[order], b[order], level, mixed), found)
        same = delong.auc_difference(truth, a, a, level, told)
        assert same.value == 0
        assert holds(delong.auc(truth, a, level, told))
    # only the order of the scores counts
    assert close(
        delong.auc_difference(truth, np.exp(a), 7.0 * b - 2, level),
        delong.auc_difference(truth, a, b, level),
    )


@quick
@given(many, st.integers(0, 99))
def test_metrics_of_counts(rows: list[tuple[int, ...]], seed: int) -> None:
    truth, a, b, _ = columns(rows)
    order = np.random.default_rng(seed).permutation(len(truth))

    def gap(truth: Any, a: Any, b: Any) -> Interval:
        return bootstrap.of_counts(confusion.macro_f1, truth, a, 0.05, b, resamples=300)

    found = gap(truth, a, b)
    assert holds(found)
    assert gap(truth[order], a[order], b[order]) == found
    assert gap(truth, b, a) == -found
    assert gap(truth, a, a).value == 0


@quick
@given(many, levels, st.floats(-1, 1))
def test_a_p_value_and_a_bound_agree(
    rows: list[tuple[int, ...]], level: float, limit: float
) -> None:
    truth, a, b, _ = columns(rows)
    for found in (
        interval.rate(truth == a, level),
        interval.rate_difference(truth == a, truth == b, level),
        interval.mean(a - b, level),
    ):
        assume(min(abs(limit - found.lower), abs(limit - found.upper)) > 1e-6)
        assert (p_below(found, limit) < level) == (found.upper < limit)
        assert (p_above(found, limit) < level) == (found.lower > limit)


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_p_values_of_many_tests_grow_in_their_order(p: list[float]) -> None:
    found = holm(p)

    assert (found >= p).all()
    assert (found <= np.minimum(np.array(p) * len(p), 1)).all()
    assert (np.diff(found[np.argsort(p, kind="stable")]) >= 0).all()
