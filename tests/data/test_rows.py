"""Some rows of a version, of any kind, without the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project

FRAME = pd.DataFrame(
    {
        "id": np.arange(1000),
        "text": pd.Series([None, "a", "bb", "c"] * 250, dtype="str"),
        "kind": pd.Categorical(["x", "y"] * 500, categories=["y", "x", "z"], ordered=True),
        "mixed": pd.Series([1, "one", None, 2.5] * 250, dtype=object),
        "span": pd.arrays.IntervalArray.from_breaks(np.arange(1001)),
        "zeros": pd.arrays.SparseArray([0, 0, 0, 1] * 250),
        "at": pd.date_range("2024", periods=1000, tz="Europe/Vienna"),
        "month": pd.period_range("1950", periods=1000, freq="M"),
    }
)
INDEXED = FRAME.set_index(["text", "id"])
NAMED = FRAME.set_index(pd.date_range("2020", periods=1000, name="day", freq="D"))
TABLE = pa.table({"id": range(1000), "name": pa.array(["a", None] * 500).dictionary_encode()})


@pytest.mark.parametrize("rows", [slice(0, 10), slice(990, None), slice(5, 5), slice(-3, 2000)])
@pytest.mark.parametrize("made", [FRAME, INDEXED, NAMED, FRAME["mixed"]], ids=type)
def test_rows_of_a_frame(project: Project, made: Any, rows: slice) -> None:
    snapshot(project, made, "data")
    found = versions.load(project, "data", rows=rows)
    same = pd.testing.assert_series_equal if made.ndim == 1 else pd.testing.assert_frame_equal
    same(found, made.iloc[rows], check_freq=False)


def test_rows_of_the_others(project: Project) -> None:
    rows = slice(100, 200)
    snapshot(project, TABLE, "table")
    assert versions.load(project, "table", rows=rows).equals(TABLE[rows].unify_dictionaries())
    frame = pl.from_arrow(TABLE)
    snapshot(project, frame, "polars")
    assert versions.load(project, "polars", columns=["id"], rows=rows).equals(frame[["id"]][rows])
    snapshot(project, np.arange(3000).reshape(1000, 3), "array")
    assert versions.load(project, "array", rows=rows).sum() == np.arange(300, 600).sum()
    snapshot(project, TABLE.to_pylist(), "records")
    assert versions.load(project, "records", rows=rows) == TABLE[rows].to_pylist()
    snapshot(project, sparse.csr_array(np.eye(1000)), "matrix")
    assert versions.load(project, "matrix", rows=rows).sum() == 100


def test_what_is_no_slice_says_so(project: Project) -> None:
    snapshot(project, FRAME, "frame")
    with pytest.raises(UsageError, match="rows that follow one another"):
        versions.load(project, "frame", rows=slice(0, 10, 2))
    with pytest.raises(UsageError, match="rows: slice indices"):
        versions.load(project, "frame", rows=slice("a", "b"))
