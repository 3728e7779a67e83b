"""The edges of frames, one by one: each goes in and comes out equal, also as a next version."""

from __future__ import annotations

import datetime as dt
import decimal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import Objects
from tests import kept
from tests.same_frame import assert_same


def one(column: Any, **facts: Any) -> pd.DataFrame:
    return pd.DataFrame({"c": column}, **facts)


def objects_of(*values: Any) -> pd.Series[Any]:
    return pd.Series(np.fromiter(values, object, len(values)), dtype=object)


def with_attrs(frame: pd.DataFrame, **attrs: Any) -> pd.DataFrame:
    frame.attrs = attrs
    return frame


def arrow_backed(values: Any, kind: Any) -> pd.DataFrame:
    return one(pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, kind)]))))


TWO_LEVELS = pd.MultiIndex.from_tuples([("b", 2), ("a", 1), ("a", 2)], names=["letter", None])
TIMES = pd.to_datetime(["2024-03-31 01:30", None, "2024-10-27 02:30"])
BERLIN = TIMES.tz_localize("UTC").tz_convert("Europe/Berlin")
MEMBERS = pd.CategoricalDtype(["low", "never used", "high"], ordered=True)

EDGES: dict[str, pd.DataFrame] = {
    # dtypes
    "text": one(pd.Series(["a", np.nan, ""], dtype="str")),
    "text of Python": one(pd.Series(["a", pd.NA, "ü"], dtype="string[python]")),
    "text of Arrow": one(pd.Series(["a", pd.NA, "ü"], dtype="string[pyarrow]")),
    "objects": one(objects_of("a", 1, b"\0", None)),
    "categories, ordered, one never used": one(
        pd.Categorical(["high", None, "low"], dtype=MEMBERS)
    ),
    "categories that are numbers": one(pd.Categorical([2.5, np.nan, -0.0], [2.5, -0.0, 7])),
    "categories, none used": one(pd.Categorical([None, None, None], ["a", "b"])),
    "nullable integers": one(pd.array([2**63 - 1, None, -(2**63)], dtype="Int64")),
    "nullable floats, NaN and NA": one(
        pd.arrays.FloatingArray(np.array([np.nan, 1, 0]), np.array([False, False, True]))
    ),
    "nullable flags": one(pd.array([True, None, False], dtype="boolean")),
    "Arrow-backed lists": arrow_backed([[1], None, []], pa.list_(pa.int8())),
    "Arrow-backed structs": arrow_backed(
        [{"a": 1}, None, {"a": None}], pa.struct({"a": pa.int8()})
    ),
    "Arrow-backed decimals": arrow_backed([decimal.Decimal("1.50"), None], pa.decimal128(9, 2)),
    "Arrow-backed small decimals": arrow_backed([decimal.Decimal("1.5"), None], pa.decimal32(4, 1)),
    "Arrow-backed spans": arrow_backed([dt.timedelta(1), None], pa.duration("ms")),
    "Arrow-backed text views": arrow_backed(["a", None], pa.string_view()),
    "instants": one(TIMES),
    "instants in seconds": one(TIMES.as_unit("s")),
    "instants before 1678": one(np.array(["0001-01-01", "NaT"], "M8[us]")),
    "instants with a zone, an hour that comes twice": one(BERLIN),
    "periods": one(
        pd.period_range("2024-01", periods=2, freq="Q-JAN").append(
            pd.PeriodIndex([pd.NaT], freq="Q-JAN")
        )
    ),
    "intervals, closed on both sides": one(
        pd.arrays.IntervalArray.from_tuples([(0, 1), None, (2, 3)], closed="both")
    ),
    "spans": one(pd.to_timedelta([1, None, -1], unit="us")),
    "sparse": one(pd.arrays.SparseArray([0, 0, 7], fill_value=0)),
    "sparse, filled with NaN": one(pd.arrays.SparseArray([np.nan, 1.5, np.nan])),
    "complex": one(np.array([1 + 2j, complex(np.nan, -0.0), 0])),
    "halves": one(np.array([1.5, np.nan, -0.0], "f2")),
    "big-endian numbers": one(pd.Series(np.array([1, 2, 3], ">i4"))),
    # values
    "NaN, None, NA and NaT": one(objects_of(np.nan, None, pd.NA, pd.NaT)),
    "signs of zero and of NaN": one(np.array([0x8 << 60, 0, 0xFFF8 << 48], "u8").view("f8")),
    "infinity": one([np.inf, -np.inf, 0.1 + 0.2]),
    "the largest and the least": one(np.array([2**64 - 1, 0, 1], "u8")),
    "unhashable": one(objects_of([1], {"a": [2]}, {3}, np.eye(2), bytearray(b"x"))),
    "text with everything": one(["\0", "a\nb\r", "🦩", "e\u0301", "\u202e", "x" * 100_000]),
    # index
    "two levels": one([1, 2, 3], index=TWO_LEVELS),
    "two levels, cut": one([1, 2, 3], index=TWO_LEVELS).iloc[1:],
    "a level with missing labels": one(
        [1, 2], index=pd.MultiIndex.from_arrays([["a", None], [np.nan, 1.0]])
    ),
    "an index with a name": one([1, 2], index=pd.Index(["x", "x"], name=("a", 1))),
    "a range that steps": one([1, 2, 3], index=pd.RangeIndex(10, 4, -2, name="n")),
    "an index of times with a frequency": one(
        [1, 2], index=pd.date_range("2024", periods=2, freq="B", tz="Asia/Tokyo")
    ),
    "an index of categories": one(
        [1, 2, 3], index=pd.CategoricalIndex(["high", "low", "low"], dtype=MEMBERS)
    ),
    "an index of intervals": one([1, 2], index=pd.interval_range(0, 2, name="bin")),
    # labels
    "columns in this order": pd.DataFrame({"z": [1], "a": [2], "m": [3]}),
    "labels that are there twice": pd.DataFrame([[1, "a", 2.5]], columns=["x", "y", "x"]),
    "labels that are no text": pd.DataFrame(
        [[1, 2, 3, 4, 5]], columns=[1, "1", None, ("a", 2), np.nan]
    ),
    "labels in levels": pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["up", "down"])
    ),
    "labels that are times": pd.DataFrame(
        [[1, 2]], columns=pd.date_range("2024", periods=2, freq="MS")
    ),
    "labels with a name": pd.DataFrame([[1]], columns=pd.Index(["a"], name="what")),
    "labels that are hostile": pd.DataFrame(
        [[1, 2, 3, 4]], columns=["", "../x", "a\0b", "x" * 10_000]
    ),
    # frames
    "attrs": with_attrs(one([1]), source="sensor", seen=[1, {"a": None}], at=pd.Timestamp("2024")),
    "no rows, with dtypes": pd.DataFrame(
        {"a": np.empty(0, "i2"), "b": pd.Categorical([], ["x"]), "c": BERLIN[:0], "d": objects_of()}
    ),
    "no columns, with an index": pd.DataFrame(index=["a", "b"]),
    "nothing at all": pd.DataFrame(),
}

PANDAS_CANNOT_TAKE = {"Arrow-backed text views", "big-endian numbers"}


@pytest.mark.parametrize("name", EDGES)
def test_an_edge_goes_in_and_comes_out_equal(project: Project, name: str) -> None:
    made = EDGES[name]
    version = snapshot(project, made, "edge")
    assert_same(versions.load(project, version.ref), made)
    assert snapshot(project, made.copy(), "edge") == version


@pytest.mark.parametrize("name", EDGES)
def test_each_of_its_columns_goes_in_as_a_series(project: Project, name: str) -> None:
    for place in range(EDGES[name].shape[1]):
        made = EDGES[name].iloc[:, place]
        assert_same(versions.load(project, snapshot(project, made, "edge").ref), made)


@pytest.mark.parametrize(
    "name", [n for n in EDGES if EDGES[n].size and n not in PANDAS_CANNOT_TAKE]
)
def test_the_next_versions_of_an_edge_come_out_equal(tmp_path: Path, name: str) -> None:
    objects, made = Objects(tmp_path / "objects"), EDGES[name]
    if name == "text with everything":
        made = made.iloc[:-1]  # 100 kB in each cell
    places = np.tile(np.arange(len(made)), 1500)
    edits = [places, places[1:], np.append(places, 0), places[::-1], np.insert(places, 700, 0)]
    before = None
    for order in edits:
        tall = made.take(order)
        before = kept.write_next(objects, tall, before)
        assert_same(kept.read(objects, before), tall)


@pytest.mark.parametrize("name", EDGES)
def test_some_rows_of_an_edge(tmp_path: Path, name: str) -> None:
    objects, made = Objects(tmp_path / "objects"), EDGES[name]
    manifest = kept.write(objects, kept.examine(made))
    for start, stop in [(0, 1), (1, 3), (1, 1)]:
        again = kept.read(objects, manifest, rows=(start, stop))
        expected = made.iloc[start:stop]
        if name in PANDAS_CANNOT_TAKE:  # nor compare
            assert again.dtypes.equals(expected.dtypes)
            assert list(again["c"].array) == list(expected["c"].array)
            continue
        pd.testing.assert_frame_equal(again, expected, check_exact=True, check_freq=False)


def generator() -> Any:
    yield 1


UNPICKLABLE = {
    "a function without a name": lambda: 1,
    "a generator": generator(),
    "a lock": threading.Lock(),
    "a module": pd,
    "a class made in a function": type("Local", (), {})(),
    "deep inside": [{"a": (1, threading.Lock())}],
}


@pytest.mark.parametrize("name", UNPICKLABLE)
def test_what_cannot_be_pickled_is_said_with_its_column(project: Project, name: str) -> None:
    made = pd.DataFrame({"id": [1, 2], "bad one": objects_of(None, UNPICKLABLE[name])})
    with pytest.raises(UsageError, match=r"^column 'bad one': a .* cannot be kept") as caught:
        snapshot(project, made, "edge")
    assert "turn the column into numbers, text or lists first" in str(caught.value.hint)
    assert not versions.datasets(project)


def test_what_cannot_be_pickled_in_an_index_is_said(project: Project) -> None:
    index = pd.MultiIndex.from_arrays([["a", "b"], objects_of(1, threading.Lock())])
    with pytest.raises(UsageError, match="the index: a lock cannot be kept"):
        snapshot(project, pd.DataFrame({"v": [1, 2]}, index=index), "edge")
