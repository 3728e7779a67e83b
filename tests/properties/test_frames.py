"""Any frame comes back equal, and its digest says what is in it, not how it was made."""

from __future__ import annotations

import datetime as dt
import decimal
import pickle
import zoneinfo
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.data.storage import leaf_delta
from mlops_jupyter.data.value import part
from mlops_jupyter.store.objects import Objects
from tests import kept
from tests.kept import digest
from tests.properties.conftest import MOST_ROWS, there_and_back, thorough
from tests.same_frame import assert_same

# pandas warns when Hypothesis prints a frame of float16 that failed, and hides the failure
pytestmark = [
    pytest.mark.filterwarnings("ignore:overflow encountered in cast"),
    pytest.mark.usefixtures("small_chunks"),
]

# --- columns -----------------------------------------------------------------------------------

INTEGERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
UNITS = st.sampled_from(["s", "ms", "us", "ns"])
ZONES = st.sampled_from(
    [
        dt.UTC,
        zoneinfo.ZoneInfo("Europe/Berlin"),
        zoneinfo.ZoneInfo("UTC"),
        dt.timezone(dt.timedelta(hours=5, minutes=45)),
    ]
)
FLOATS = st.floats(width=16)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
INSTANTS = st.integers(0, 2**31) | st.just(np.iinfo(np.int64).min)  # the latter is NaT
SCALARS: Any = st.one_of(
    st.none(),
    st.sampled_from([pd.NA, pd.NaT, np.nan, -0.0, 2**70, "\ud800", np.float32(1.5), np.int8(3)]),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    TEXTS,
    st.binary(max_size=4),
    st.dates(),
    st.datetimes(),
    st.decimals(allow_nan=False),
    st.just(pd.Timestamp("2024-02-29 12:00", tz="Europe/Berlin")),
    st.just(pd.Timedelta("1 day")),
)
OBJECTS: Any = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.tuples(SCALARS, SCALARS),
    st.dictionaries(TEXTS, SCALARS, max_size=3),
    st.just(np.array([[1.0, -0.0]])),
    st.just(frozenset({1, 2})),
)


def exactly(values: st.SearchStrategy[Any], rows: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=rows, max_size=rows)


@st.composite
def numpy_columns(draw: Any, rows: int) -> Any:
    kind = draw(st.sampled_from(["?", *INTEGERS, "f2", "f4", "f8", "c8", "c16", "g"]))
    dtype = np.dtype(kind)
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        return np.array(draw(exactly(st.integers(bounds.min, bounds.max), rows)), dtype)
    if dtype.kind == "b":
        return np.array(draw(exactly(st.booleans(), rows)), dtype)
    return np.array(draw(exactly(FLOATS, rows)), dtype)


@st.composite
def time_columns(draw: Any, rows: int) -> Any:
    unit = draw(UNITS)
    numbers = np.array(draw(exactly(INSTANTS, rows)), "i8")
    kind = draw(st.sampled_from(["M8", "m8", "zoned"]))
    if kind != "zoned":
        return numbers.view(f"{kind}[{unit}]")
    utc = pd.DatetimeIndex(numbers.view(f"M8[{unit}]")).tz_localize("UTC")
    return utc.tz_convert(draw(ZONES)).array


@st.composite
def period_columns(draw: Any, rows: int) -> Any:
    numbers = np.array(draw(exactly(st.integers(0, 600) | st.just(np.iinfo("i8").min), rows)), "i8")
    freq = draw(st.sampled_from(["D", "M", "2M", "Q-DEC", "W-SUN", "h"]))
    return pd.PeriodIndex.from_ordinals(numbers, freq=freq).array


@st.composite
def string_columns(draw: Any, rows: int) -> Any:
    storage = draw(st.sampled_from(["python", "pyarrow"]))
    missing = draw(st.sampled_from([pd.NA, np.nan]))
    return pd.array(
        draw(exactly(TEXTS | st.none(), rows)), dtype=pd.StringDtype(storage, na_value=missing)
    )


@st.composite
def masked_columns(draw: Any, rows: int) -> Any:
    mask = np.array(draw(exactly(st.booleans(), rows)), bool)
    kind = draw(st.sampled_from([np.int8, np.uint64, np.float32, np.float64, np.bool_]))
    if kind is np.bool_:
        return pd.arrays.BooleanArray(np.array(draw(exactly(st.booleans(), rows)), bool), mask)
    if issubclass(kind, np.floating):
        return pd.arrays.FloatingArray(np.array(draw(exactly(FLOATS, rows)), kind), mask)
    return pd.arrays.IntegerArray(np.array(draw(exactly(st.integers(0, 99), rows)), kind), mask)


CATEGORIES = [
    pd.Index(["b", "a", "ü"]),
    pd.Index(["b", "a"], dtype=object, name="grade"),
    pd.Index([3, 1, 2]),
    pd.Index([0.5, -0.0]),
    pd.interval_range(0, 3),
    pd.date_range("2024", periods=3, tz="Europe/Berlin"),
    pd.Index([], dtype="str"),
]


@st.composite
def categorical_columns(draw: Any, rows: int) -> Any:
    categories = draw(st.sampled_from(CATEGORIES))
    codes = draw(exactly(st.integers(-1, len(categories) - 1), rows))
    return pd.Categorical.from_codes(codes, categories, ordered=draw(st.booleans()))


@st.composite
def interval_columns(draw: Any, rows: int) -> Any:
    left = np.array(draw(exactly(st.integers(0, 99), rows)), "i8")
    closed = draw(st.sampled_from(["left", "right", "both", "neither"]))
    kind = draw(st.sampled_from(["int", "float", "time"]))
    if kind == "int":
        return pd.arrays.IntervalArray.from_arrays(left, left + 1, closed=closed)
    if kind == "float":
        ends = np.where(left < 10, np.nan, left)
        return pd.arrays.IntervalArray.from_arrays(ends, ends + 0.5, closed=closed)
    instants = pd.DatetimeIndex(left.view("M8[s]")).tz_localize("Europe/Berlin")
    return pd.arrays.IntervalArray.from_arrays(
        instants, instants + pd.Timedelta("1h"), closed=closed
    )


@st.composite
def sparse_columns(draw: Any, rows: int) -> Any:
    kind = draw(st.sampled_from(["integer", "block"]))
    fill = draw(st.sampled_from([np.nan, 0.0, 1.5, 0, True, 1j]))
    dtype = np.asarray(fill).dtype
    dense = np.array(draw(exactly(st.sampled_from([0, 1]), rows))).astype(dtype)
    if dtype.kind == "f":
        dense = np.where(dense == 0, fill, draw(FLOATS))
    return pd.arrays.SparseArray(dense, fill_value=fill, kind=kind, dtype=dtype)


MILLISECONDS = st.integers(0, 10**9)
PAIR = st.fixed_dictionaries({"a": st.integers(0, 9) | st.none(), "b": TEXTS})
ARROW: list[tuple[Any, Any]] = [
    (pa.int16(), st.integers(-5, 5)),
    (pa.float64(), FLOATS),
    (pa.bool_(), st.booleans()),
    (pa.string(), TEXTS),
    (pa.large_binary(), st.binary(max_size=3)),
    (pa.binary(2), st.binary(min_size=2, max_size=2)),
    (pa.date32(), st.dates()),
    (pa.time64("us"), st.times()),
    (pa.duration("ms"), MILLISECONDS),
    (pa.timestamp("us", tz="Europe/Berlin"), MILLISECONDS),
    (pa.decimal128(12, 2), st.integers(-99, 99).map(decimal.Decimal)),
    (pa.list_(pa.int8()), st.lists(st.integers(0, 9) | st.none(), max_size=3)),
    (pa.large_list(pa.string()), st.lists(TEXTS, max_size=2)),
    (pa.list_(pa.float32(), 2), st.lists(st.just(0.5), min_size=2, max_size=2)),
    (pa.struct({"a": pa.int8(), "b": pa.string()}), PAIR),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["x", "y"])),
    (pa.dictionary(pa.int8(), pa.string(), ordered=True), st.sampled_from(["x", "y"])),
    (pa.map_(pa.string(), pa.int8()), st.just([("k", 1)])),
    (pa.null(), st.none()),
]


@st.composite
def arrow_columns(draw: Any, rows: int) -> Any:
    kind, values = draw(st.sampled_from(ARROW))
    content = draw(exactly(values | st.none(), rows))
    if pa.types.is_dictionary(kind):
        index = pa.array([None if v is None else "xy".index(v) for v in content], pa.int8())
        array: Any = pa.DictionaryArray.from_arrays(index, ["x", "y"], ordered=kind.ordered)
    else:
        array = pa.array(content, kind)
    cut = draw(st.integers(0, rows))
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([array[:cut], array[cut:]]))


@st.composite
def object_columns(draw: Any, rows: int) -> Any:
    values = draw(st.sampled_from([TEXTS, TEXTS | st.none(), st.integers(), OBJECTS]))
    return np.fromiter(draw(exactly(values, rows)), object, rows)


COLUMNS = [
    numpy_columns,
    time_columns,
    period_columns,
    string_columns,
    masked_columns,
    categorical_columns,
    interval_columns,
    sparse_columns,
    arrow_columns,
    object_columns,
]

# --- indexes and frames ------------------------------------------------------------------------

NAMES = st.sampled_from([None, "key", "ключ", 7, ("a", 1), np.nan])
LABELS = st.one_of(
    st.sampled_from([None, "id", "id", "\ud800", "a.b", ("x", 1), np.nan, dt.date(2024, 1, 1)]),
    TEXTS,
    st.integers(-5, 5),
    st.floats(-2, 2),
)


@st.composite
def plain_indexes(draw: Any, rows: int) -> Any:
    kinds = [time_columns, period_columns, string_columns, categorical_columns, interval_columns]
    array = draw(draw(st.sampled_from(kinds))(rows))
    return pd.Index(array, dtype=array.dtype, name=draw(NAMES), tupleize_cols=False)


@st.composite
def row_indexes(draw: Any, rows: int) -> Any:
    kind = draw(st.sampled_from(["range", "plain", "freq", "levels", "objects"]))
    name = draw(NAMES)
    if kind == "range":
        start, step = draw(st.integers(-5, 5)), draw(st.sampled_from([1, 3, -2]))
        return pd.RangeIndex(start, start + step * rows, step, name=name)
    if kind == "plain":
        return draw(plain_indexes(rows))
    if kind == "objects":
        return pd.Index(draw(exactly(LABELS, rows)), dtype=object, name=name, tupleize_cols=False)
    if kind == "freq":
        freq = draw(
            st.sampled_from(["D", "2h", "MS", "W-WED", pd.offsets.CDay(holidays=["2024-01-02"])])
        )
        return pd.date_range("2024", periods=rows, freq=freq, tz=draw(ZONES | st.none()), name=name)
    first, second = draw(plain_indexes(rows)), draw(exactly(st.sampled_from("ba"), rows))
    whole = pd.MultiIndex.from_arrays([first, second], names=[name, "letter"])
    return whole[draw(st.permutations(range(rows)))]


@st.composite
def column_labels(draw: Any, count: int) -> Any:
    kind = draw(st.sampled_from(["str", "objects", "range", "levels"]))
    if kind == "str":
        return pd.Index(draw(exactly(TEXTS, count)), dtype="str", name=draw(NAMES))
    if kind == "objects":
        return pd.Index(draw(exactly(LABELS, count)), dtype=object, tupleize_cols=False)
    if kind == "range":
        return pd.RangeIndex(count)
    return pd.MultiIndex.from_arrays([list(range(count)), ["x"] * count], names=["a", None])


@st.composite
def frames(draw: Any) -> pd.DataFrame:
    rows, count = draw(st.integers(0, MOST_ROWS)), draw(st.integers(0, 5))
    arrays = [draw(draw(st.sampled_from(COLUMNS))(rows)) for _ in range(count)]
    index = draw(row_indexes(rows))
    made = pd.DataFrame(
        {n: pd.Series(a, index=index, dtype=a.dtype) for n, a in enumerate(arrays)}, index=index
    )
    made.columns = draw(column_labels(count))
    made.attrs = draw(st.dictionaries(TEXTS, OBJECTS, max_size=2))
    return made


# --- properties --------------------------------------------------------------------------------


@given(frames())
@thorough
def test_a_frame_comes_back_equal(made: pd.DataFrame) -> None:
    again = there_and_back(made)
    assert_same(again, made)
    assert digest(again) == digest(made)


@given(frames())
@thorough
def test_each_column_comes_back_equal_as_a_series(made: pd.DataFrame) -> None:
    for position in range(made.shape[1]):
        assert_same(there_and_back(made.iloc[:, position]), made.iloc[:, position])


def copied(made: pd.DataFrame) -> pd.DataFrame:
    return made.copy()


def through_pickle(made: pd.DataFrame) -> pd.DataFrame:
    again: pd.DataFrame = pickle.loads(pickle.dumps(made))
    return again


def from_arrays(made: pd.DataFrame, change: Any) -> pd.DataFrame:
    if made.empty:
        return made  # pandas cannot join empty arrays of each dtype
    built = pd.DataFrame(
        {
            position: pd.Series(change(column.array), index=made.index, dtype=column.dtype)
            for position, column in enumerate(made.iloc[:, n] for n in range(made.shape[1]))
        },
        index=made.index,
    )
    built.columns, built.attrs = made.columns, dict(reversed(made.attrs.items()))
    return built


def as_views(made: pd.DataFrame) -> pd.DataFrame:
    return from_arrays(made, lambda array: joined(array, array)[len(array) :])


def in_pieces(made: pd.DataFrame) -> pd.DataFrame:
    half = len(made) // 2
    return from_arrays(made, lambda array: joined(array[:half], array[half:]))


def joined(*arrays: Any) -> Any:
    return type(arrays[0])._concat_same_type(list(arrays))


@pytest.mark.parametrize("rebuilt", [copied, through_pickle, as_views, in_pieces])
@given(made=frames())
@thorough
def test_the_digest_does_not_say_how_a_frame_was_made(made: pd.DataFrame, rebuilt: Any) -> None:
    assert digest(rebuilt(made)) == digest(made)


@given(frames())
@thorough
def test_another_row_order_is_another_content(made: pd.DataFrame) -> None:
    turned = made.iloc[::-1]
    turned.index = made.index
    try:
        assert_same(turned, made)
    except AssertionError:
        assert digest(turned) != digest(made)
    else:
        assert digest(turned) == digest(made)


# --- histories ---------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> list[pd.DataFrame]:
    """Return a frame and what edits make of it, one after the other."""
    rows = draw(st.integers(1, 400))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    frame = pd.DataFrame(
        {
            "id": np.arange(rows),
            "x": random.normal(size=rows),
            "text": random.choice(["a", "bb", None], rows),
            "flag": random.random(rows) < 0.5,
            "count": pd.array(random.integers(0, 9, rows), "Int64"),
            "mixed": np.array([random.choice([1, "one", None]) for _ in range(rows)], object),
        }
    )
    found = [frame]
    for edit in draw(st.lists(st.sampled_from(EDITS), max_size=6)):
        found.append(edit(found[-1].copy(), random))
    return found


def _cells(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    if len(frame):
        place = random.integers(frame.shape[1])
        rows = random.integers(len(frame), size=random.integers(1, 4))
        others = random.integers(len(frame), size=len(rows))
        frame.iloc[rows, place] = frame.iloc[others, place].array
    return frame


def _more(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    at = random.integers(len(frame) + 1)
    new = frame.iloc[random.integers(max(len(frame), 1), size=min(len(frame), 3))]
    return pd.concat([frame[:at], new, frame[at:]], ignore_index=True)


def _fewer(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return frame[random.random(len(frame)) < 0.9].reset_index(drop=True)


def _order(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    return frame.iloc[random.permutation(len(frame))]


def _column(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    frame.insert(0, f"new {frame.shape[1]}", random.normal(size=len(frame)))
    return frame


def _renamed(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    frame.columns = frame.columns[::-1]
    return frame


EDITS = (_cells, _cells, _more, _fewer, _order, _column, _renamed)


@given(histories())
@thorough
def test_any_history_comes_back_equal(history: list[pd.DataFrame]) -> None:
    """And each version is the one that a fresh snapshot makes."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # small enough for several chunks and for deltas of small columns
        patch.setattr(part, "CHUNK_ROWS", 64)
        patch.setattr(leaf_delta, "LEAST_BYTES", 0)
        patch.setattr(part, "LONG_ROWS", 0)
        objects = Objects(Path(folder))
        before, found = None, []
        for frame in history:
            before = kept.write_next(objects, frame, before)
            found.append(before)
        for frame, digest_of_manifest in zip(history, found, strict=True):
            again = kept.read(objects, digest_of_manifest)
            assert_same(again, frame)
            assert digest(again) == digest(frame)
            window = (len(frame) // 3, 2 * len(frame) // 3)
            assert_same(kept.read(objects, digest_of_manifest, rows=window), frame[slice(*window)])
