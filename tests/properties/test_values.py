"""Any table, array or list of dicts comes back equal; its digest says what is in it."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from mlops_jupyter.store.objects import Objects
from tests import kept
from tests.kept import digest
from tests.properties.conftest import MOST_ROWS, there_and_back, thorough
from tests.same_frame import same_value

# pandas warns when Hypothesis prints numbers of 16 bits that failed, and hides the failure
pytestmark = [
    pytest.mark.filterwarnings("ignore:overflow encountered in cast"),
    pytest.mark.usefixtures("small_chunks"),
]


def after(first: Any, second: Any) -> Any:
    """Keep a value as the next version after another, and return it."""
    with TemporaryDirectory() as folder:
        objects = Objects(Path(folder))
        before = kept.write_next(objects, first, None)
        return kept.read(objects, kept.write_next(objects, second, before))


def exactly(values: st.SearchStrategy[Any], rows: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=rows, max_size=rows)


# --- tables --------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SMALL = st.integers(-99, 99)
LEAVES: list[tuple[Any, Any]] = [
    (pa.int8(), SMALL),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), st.floats()),
    (pa.bool_(), st.booleans()),
    (pa.string(), TEXTS),
    (pa.large_string(), TEXTS),
    (pa.string_view(), TEXTS),
    (pa.binary(), st.binary(max_size=14)),
    (pa.binary_view(), st.binary(max_size=14)),
    (pa.binary(2), st.binary(min_size=2, max_size=2)),
    (pa.date32(), st.dates()),
    (pa.time64("us"), st.times()),
    (pa.duration("ns"), SMALL),
    (pa.timestamp("ms", tz="Europe/Berlin"), st.integers(0, 10**12)),
    (pa.decimal32(5, 1), SMALL.map(decimal.Decimal)),
    (pa.decimal256(50, 2), SMALL.map(decimal.Decimal)),
    (pa.month_day_nano_interval(), st.tuples(SMALL, SMALL, SMALL).map(pa.MonthDayNano)),
    (pa.null(), st.none()),
]


def wrapped(inner: tuple[Any, Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    kind, values = inner
    some = values | st.none()
    few = st.lists(some, max_size=3)
    return st.sampled_from(
        [
            (pa.list_(kind), few),
            (pa.large_list(kind), few),
            (pa.list_view(kind), few),
            (pa.list_(kind, 2), st.lists(some, min_size=2, max_size=2)),
            (pa.map_(pa.string(), kind), st.lists(st.tuples(TEXTS, some), max_size=2)),
            (
                pa.struct([pa.field("a", kind, metadata={"unit": "m"}), ("b", pa.int8())]),
                st.fixed_dictionaries({"a": some, "b": SMALL}),
            ),
        ]
    )


KINDS = st.recursive(st.sampled_from(LEAVES), lambda inner: inner.flatmap(wrapped), max_leaves=2)


@st.composite
def arrow_columns(draw: Any, rows: int) -> Any:
    kind, values = draw(KINDS)
    array = pa.array(draw(exactly(values | st.none(), rows)), kind)
    how = draw(st.sampled_from(["plain", "dictionary", "ordered", "runs", "cut"]))
    if how == "runs" and pa.types.is_integer(kind):
        array = pc.run_end_encode(array)
    if how in {"dictionary", "ordered"} and kind in (pa.string(), pa.int8(), pa.date32()):
        words = array.dictionary_encode()
        array = pa.DictionaryArray.from_arrays(
            words.indices, words.dictionary, ordered=how == "ordered"
        )
    if how == "cut" and rows:
        cut = draw(st.integers(0, rows))
        return pa.chunked_array([array[:cut], array[cut:]], array.type)
    return pa.chunked_array([array], array.type)


@st.composite
def tables(draw: Any) -> Any:
    rows, count = draw(st.integers(0, MOST_ROWS)), draw(st.integers(1, 3))
    columns = [draw(arrow_columns(rows)) for _ in range(count)]
    fields = [
        pa.field(draw(TEXTS), column.type, metadata=draw(st.sampled_from([None, {"k": "v"}])))
        for column in columns
    ]
    notes = draw(st.none() | st.dictionaries(TEXTS, TEXTS, max_size=2))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, notes))


def cells_of(table: Any) -> list[Any]:
    return [column.to_pylist() for column in table.columns]


def assert_same_table(found: Any, expected: Any) -> None:
    found.validate(full=True)
    assert found.schema.equals(expected.schema, check_metadata=True)
    same_value(cells_of(found), cells_of(expected))


@given(tables(), st.data())
@thorough
def test_a_table_comes_back_equal(made: Any, data: st.DataObject) -> None:
    again = there_and_back(made)
    assert_same_table(again, made)
    assert digest(again) == digest(made)
    start = data.draw(st.integers(0, len(made)))
    stop = data.draw(st.integers(start, len(made)))
    assert_same_table(there_and_back(made, (start, stop)), made[start:stop])
    assert_same_table(after(made, made[start:]), made[start:])


@given(tables(), st.data())
@thorough
def test_the_digest_does_not_say_how_a_table_was_cut(made: Any, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(made)))
    pieces = pa.concat_tables([made[:cut], made[cut:]])
    assert digest(pieces) == digest(made)
    assert digest(pa.concat_tables([made, made])[len(made) :]) == digest(made)


POLARS: list[tuple[Any, Any]] = [
    (pl.Int8, SMALL),
    (pl.Int128, st.integers(-(2**100), 2**100)),
    (pl.Float64, st.floats(allow_nan=False)),
    (pl.Boolean, st.booleans()),
    (pl.String, TEXTS),
    (pl.Binary, st.binary(max_size=14)),
    (pl.Categorical, st.sampled_from(["a", "b", "ü"])),
    (pl.Enum(["z", "a", "b"]), st.sampled_from(["a", "b"])),
    (pl.Date, st.dates()),
    (pl.Time, st.times()),
    (pl.Datetime("us"), st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9000, 1, 1))),  # noqa: DTZ001
    (pl.Duration("us"), st.timedeltas(dt.timedelta(-99), dt.timedelta(99))),
    (pl.Decimal(9, 0), SMALL.map(decimal.Decimal)),
    (pl.List(pl.Int16), st.lists(SMALL | st.none(), max_size=3)),
    (pl.Array(pl.String, 2), st.lists(TEXTS, min_size=2, max_size=2)),
    (
        pl.Struct({"a": pl.Enum(["x"]), "b": pl.List(pl.Int128)}),
        st.fixed_dictionaries({"a": st.just("x"), "b": st.lists(SMALL, max_size=2)}),
    ),
    (pl.Null, st.none()),
]


@st.composite
def polars_frames(draw: Any) -> Any:
    rows = draw(st.integers(0, MOST_ROWS))
    names = draw(st.lists(TEXTS, min_size=1, max_size=4, unique=True))
    columns = []
    for name in names:
        dtype, values = draw(st.sampled_from(POLARS))
        columns.append(pl.Series(name, draw(exactly(values | st.none(), rows)), dtype=dtype))
    return pl.DataFrame(columns)


@given(polars_frames(), st.data())
@thorough
def test_a_frame_of_polars_comes_back_equal(made: Any, data: st.DataObject) -> None:
    again = there_and_back(made)
    assert again.schema == made.schema
    assert again.equals(made, null_equal=True)
    assert digest(again) == digest(made)
    cut = data.draw(st.integers(0, len(made)))
    assert digest(pl.concat([made[:cut], made[cut:]], rechunk=False)) == digest(made)
    assert there_and_back(made, (cut, len(made))).equals(made[cut:], null_equal=True)
    assert after(made, made[cut:]).equals(made[cut:], null_equal=True)


# --- arrays --------------------------------------------------------------------------------------

SCALARS = arrays_of.scalar_dtypes() | arrays_of.nested_dtypes(max_leaves=3, max_itemsize=100)
SHAPES = arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9)


def assert_same_array(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if expected.dtype.names is not None:
        for name in expected.dtype.names:
            assert_same_array(found[name], expected[name])
    else:
        assert found.tobytes() == expected.tobytes()


@st.composite
def arrays(draw: Any) -> Any:
    made = draw(arrays_of.arrays(draw(SCALARS), draw(SHAPES)))
    made = np.asarray(made).transpose(draw(st.permutations(range(made.ndim))))
    if made.ndim and draw(st.booleans()):
        made = made[:: draw(st.sampled_from([1, 2, -1]))]
    return made


@given(arrays(), st.data())
@thorough
def test_an_array_comes_back_equal(made: Any, data: st.DataObject) -> None:
    again = there_and_back(made)
    assert_same_array(again, made)
    assert again.strides == np.copy(made, order="K").strides or made.size < 2 or 1 in made.shape
    assert digest(again) == digest(made) == digest(np.ascontiguousarray(made).reshape(made.shape))
    if made.ndim:
        start = data.draw(st.integers(0, len(made)))
        assert_same_array(there_and_back(made, (start, len(made))), made[start:])
        assert_same_array(after(made, made[start:]), made[start:])


@given(
    arrays_of.arrays(
        st.sampled_from(["f8", "f4", "i8", "c16"]),
        arrays_of.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.sampled_from([0, 0, 0, 1, 2]),
    ),
    st.sampled_from(["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]),
)
@thorough
def test_a_sparse_matrix_comes_back_equal(dense: Any, name: str) -> None:
    made = getattr(scipy.sparse, f"{name}_array")(dense)
    again = there_and_back(made)
    assert type(again) is type(made)
    assert again.dtype == made.dtype
    np.testing.assert_array_equal(again.toarray(), dense)
    assert digest(again) == digest(made)


# --- lists of dicts ------------------------------------------------------------------------------

KEYS = st.sampled_from(["id", "name", "", "ü", 1, 1.5, True, None, ("a", 1), b"x"])
CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.tuples(inner)
    ),
    max_leaves=5,
)
RECORDS = st.lists(st.dictionaries(KEYS, CELLS, max_size=4), max_size=MOST_ROWS)


@given(RECORDS, st.data())
@thorough
def test_a_list_of_dicts_comes_back_equal(made: list[Any], data: st.DataObject) -> None:
    again = there_and_back(made)
    same_value(again, made)
    same_value([list(row) for row in again], [list(row) for row in made])
    turned = [dict(reversed(row.items())) for row in made]
    assert digest(again) == digest(made) == digest(turned)
    start = data.draw(st.integers(0, len(made)))
    same_value(there_and_back(made, (start, len(made))), made[start:])
    same_value(after(made, made[start:]), made[start:])
