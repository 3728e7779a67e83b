"""Equal rows have equal numbers, whatever holds their values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_jupyter.promotion.checks import row_hash

TIMES = ["2026-01-01T12:00:00.5", None, "2026-03-01T00:00:00.000001"]
MOMENTS = pd.to_datetime(TIMES, format="ISO8601")
LISTS = pd.ArrowDtype(pa.list_(pa.int64()))
ARROW_TIME = pd.ArrowDtype(pa.timestamp("us"))


def equal(one: Any, other: Any) -> bool:
    found = [row_hash.column(pd.Series(side)) for side in (one, other)]
    assert all(side.dtype == np.uint64 for side in found)
    return bool((found[0] == found[1]).all())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([0.0, -0.0, np.nan], [-0.0, 0.0, -np.nan]),
        ([1, 2, 3], [1.0, 2.0, 3.0]),
        ([0, 1], [False, True]),
        (np.array([1, 200], "uint8"), np.array([1, 200], "int64")),
        (pd.array([1, None], "Int64"), [1.0, np.nan]),
        (pd.array([1.5, None], "double[pyarrow]"), [1.5, np.nan]),
        (pd.array([True, None], "boolean"), [1.0, None]),
        (["a", None, "b"], pd.Categorical(["a", None, "b"])),
        (["a", None, "b"], pd.array(["a", None, "b"], "string")),
        (["a", None, "b"], pd.Series(["a", np.nan, "b"], dtype=object)),
        (pd.Categorical([3, None, 1]), [3, None, 1]),
        (pd.Series([1, "1", None], dtype=object), pd.Series([1.0, "1", np.nan], dtype=object)),
        (pd.Series([Decimal("1.5"), 2], dtype=object), pd.Series([1.5, 2.0], dtype=object)),
        ([[1, 2], {"a": 1}, None], [[1, 2], {"a": 1}, None]),
        (pd.array([[1], None], LISTS), pd.array([[1], None], LISTS)),
        (pd.arrays.SparseArray([0.0, np.nan]), [0.0, np.nan]),
        (MOMENTS, MOMENTS.as_unit("us")),
        (MOMENTS, MOMENTS.tz_localize("UTC")),
        (
            MOMENTS.tz_localize("UTC"),
            MOMENTS.tz_localize("UTC").tz_convert("Asia/Tokyo"),
        ),
        (MOMENTS, pd.Series(MOMENTS).astype(ARROW_TIME)),
    ],
)
def test_the_same_values(one: Any, other: Any) -> None:
    assert equal(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1.0], [1.0 + 1e-15]),
        ([np.nan], [0.0]),
        ([None], ["None"]),
        ([2**60], [2**60 + 1]),
        (pd.Series([1], dtype=object), pd.Series(["1"], dtype=object)),
        (["a"], ["b"]),
        ([[1, 2]], [[2, 1]]),
        (pd.to_datetime(["2026-01-01"]), pd.to_datetime(["2026-01-02"])),
    ],
)
def test_other_values(one: Any, other: Any) -> None:
    assert not equal(one, other)


class TestRows:
    def test_the_order_of_columns_matters(self) -> None:
        frame = pd.DataFrame({"a": [1, 2], "b": [2, 1]})

        forth, back = (row_hash.hashes(frame, places) for places in ((0, 1), (1, 0)))

        assert forth[0] == back[1]
        assert forth[0] != back[0]

    def test_many_different_rows_have_different_numbers(self) -> None:
        frame = pd.DataFrame({"a": np.arange(200_000) // 500, "b": np.arange(200_000) % 500})

        assert len(np.unique(row_hash.hashes(frame, [0, 1]))) == 200_000

    def test_no_rows_and_no_columns(self) -> None:
        assert row_hash.hashes(pd.DataFrame({"a": []}), [0]).shape == (0,)
        assert row_hash.hashes(pd.DataFrame(index=[1, 2]), []).shape == (2,)


class TestShared:
    def test_columns_of_one_name_and_kind(self) -> None:
        one = pd.DataFrame({"x": [1], "y": ["a"], "t": pd.to_datetime(["2026"]), "only": [1]})
        other = pd.DataFrame({"t": ["2026"], "x": [1.5], "y": pd.Categorical(["b"])})

        assert row_hash.shared(one, other) == [(0, 1), (1, 2)]
        assert row_hash.shared(one, other, without=["x"]) == [(1, 2)]

    def test_a_name_that_stands_twice_is_left_out(self) -> None:
        one = pd.DataFrame([[1, 2, 3]], columns=["x", "x", "y"])

        assert row_hash.shared(one, one) == [(2, 2)]
