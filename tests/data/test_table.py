"""Tables of pyarrow and polars: what comes back, what is one content, what is refused."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlops_jupyter.data.value.arrow_table import as_arrow
from mlops_jupyter.data.value.content import take_apart
from mlops_jupyter.data.value.part import CHUNK_ROWS
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.store.objects import Objects
from tests import kept
from tests.kept import digest, there_and_back


def some_of(objects: Objects, made: Any, columns: list[str] | None = None, rows: Any = None) -> Any:
    return kept.read(objects, kept.write(objects, kept.examine(made)), columns, rows)


# --- pyarrow -------------------------------------------------------------------------------------


def ordered(*dictionary: str) -> Any:
    return pa.DictionaryArray.from_arrays(
        pa.array([1, None, 0], pa.int8()), dictionary, ordered=True
    )


def runs(values: Any) -> Any:
    return pc.run_end_encode(pa.array(values), run_end_type=pa.int16())


MAP = pa.map_(pa.string(), pa.int8())
NESTED_MAP = pa.map_(pa.string_view(), pa.list_(MAP))
INDICES = pa.array([0, None, 1], pa.int32())
DICTIONARY = pa.DictionaryArray.from_arrays(INDICES, ["x", "y"])
UNION = pa.UnionArray.from_sparse(
    pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, None]), pa.array(["a", "b", "c"])]
)
DENSE = pa.UnionArray.from_dense(
    pa.array([0, 1, 0], pa.int8()),
    pa.array([0, 0, 1], pa.int32()),
    [pa.array([1, 2]), pa.array(["a"])],
)
MONTHS = pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([0, -1, 0])])

PRICE = decimal.Decimal("1.5")
PAIRS = pa.list_(pa.int8(), 2)
TENTHS = pa.list_(pa.decimal32(5, 1), 2)
COLUMNS: dict[str, Any] = {
    "text views": pa.array(["a", None, "a text of more than twelve bytes"], pa.string_view()),
    "bytes views": pa.array([b"a", None, b""], pa.binary_view()),
    "list views": pa.array([[1], None, [2, 3]], pa.list_view(pa.int8())),
    "large list views": pa.array([["a"], None, []], pa.large_list_view(pa.string_view())),
    "maps": pa.array([[("a", 1)], None, [("b", None), ("a", 2)]], MAP),
    "maps in maps": pa.array([[("a", [[("x", 1)], None])], None, []], NESTED_MAP),
    "runs": runs([1, 1, None]),
    "runs of text": runs(["a", "a", None]),
    "lists of views": pa.array([["a"], None, [None]], pa.list_(pa.string_view())),
    "fixed lists of views": pa.array([["a", "b"], None, [None, "c"]],
        pa.list_(pa.string_view(), 2)),
    "structs of views": pa.array([{"a": "x"}, None, {"a": None}],
        pa.struct({"a": pa.string_view()})),
    "structs of nothing": pa.array([{}, None, {}], pa.struct([])),
    "months": MONTHS,
    "ordered dictionary": ordered("low", "high", "unused"),
    "dictionary": DICTIONARY,
    "dictionary of flags": pa.DictionaryArray.from_arrays(INDICES, pa.array([True, False])),
    "dictionary of lists": pa.DictionaryArray.from_arrays(INDICES, pa.array([[1], [2]])),
    "lists of dictionaries": pa.ListArray.from_arrays([0, 1, 1, 3], DICTIONARY),
    "structs of dictionaries": pa.StructArray.from_arrays([DICTIONARY], ["a"]),
    "fixed lists of decimals": pa.array([None, [PRICE, None], [PRICE] * 2], TENTHS),
    "lists of ordered dictionaries": pa.ListArray.from_arrays([0, 1, 1, 3], ordered("x", "y")),
    "uuids": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"x" * 16, None, b"y" * 16])
        .cast(pa.binary(16))),
    "bool8": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0, None], pa.int8())),
    "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", None, "[1]"])),
    "tensors": pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.int8(), [2]), pa.array([[1, 2], None, [3, 4]], PAIRS)
    ),
    "sparse union": UNION,
    "dense union": DENSE,
    "small decimals": pa.array([PRICE, None, -PRICE], pa.decimal32(4, 1)),
    "large decimals": pa.array([PRICE, None, -PRICE], pa.decimal256(60, 1)),
    "halves": pa.array(np.array([1.5, -0.0, np.nan], np.float16)),
    "date64": pa.array([dt.date(2024, 2, 29), None, dt.date(1, 1, 1)], pa.date64()),
    "time32": pa.array([dt.time(1, 2, 3), None, dt.time(0)], pa.time32("ms")),
    "nothing": pa.nulls(3),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_each_type_comes_back_equal(objects: Objects, name: str) -> None:
    made = pa.table({"c": COLUMNS[name], "n": pa.array([1, 2, 3])})
    again = there_and_back(objects, made)
    again.validate(full=True)
    assert again.schema.equals(made.schema, check_metadata=True)
    assert again.column("c").to_pylist() == made.column("c").to_pylist() or name == "halves"
    assert digest(again) == digest(made)


@pytest.mark.parametrize("name", COLUMNS)
def test_chunks_and_views_are_no_content(name: str) -> None:
    made = pa.table({"c": COLUMNS[name]})
    if name != "dense union":  # which Arrow cannot join
        padded = pa.concat_tables([made[:1], made, made[:2]]).combine_chunks()
        assert digest(padded[1:4]) == digest(made)
    chunked = pa.concat_tables([made[:2], made[2:]])
    assert chunked.column(0).num_chunks == 2
    assert digest(chunked) == digest(made)
    assert digest(made[:2]) != digest(made)


@pytest.mark.parametrize("name", COLUMNS)
def test_some_rows_of_a_column(objects: Objects, name: str) -> None:
    made = pa.table({"n": [1, 2, 3], "c": COLUMNS[name]})
    for start, stop in [(0, 1), (1, 3), (2, 2)]:
        again = some_of(objects, made, rows=(start, stop))
        again.validate(full=True)
        assert again.schema.equals(made.schema, check_metadata=True)
        expected = made[start:stop].column("c").to_pylist()
        assert again.column("c").to_pylist() == expected or name == "halves"


@pytest.mark.parametrize("name", COLUMNS)
def test_the_next_version_of_a_tall_column_comes_back_equal(objects: Objects, name: str) -> None:
    column = COLUMNS[name]
    piece = pa.table({"c": column, "n": pa.array([1, 2, 3])})
    tall = pa.concat_tables([piece] * 2000).set_column(1, "n", [pa.array(range(6000))])
    edits = [
        pa.concat_tables([tall, tall[1:3]]),
        pa.concat_tables([tall[:1000], tall[1003:]]),
        pa.concat_tables([tall[1:2], tall[1:]]),
    ]
    before = None
    for made in [tall, *edits]:
        before = kept.write_next(objects, made, before)
        again = kept.read(objects, before)
        assert digest(again) == digest(made)
        assert again.schema.equals(made.schema, check_metadata=True)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_without_rows_keeps_its_type(objects: Objects, name: str) -> None:
    made = pa.table({"c": COLUMNS[name]})[:0]
    assert there_and_back(objects, made).schema.equals(made.schema, check_metadata=True)


def test_what_is_said_of_schema_and_fields_comes_back(objects: Objects) -> None:
    inner = pa.field("x", pa.int8(), nullable=False, metadata={"unit": "m"})
    schema = pa.schema(
        [
            pa.field("id", pa.int32(), nullable=False, metadata={"key": "yes"}),
            pa.field("at", pa.struct([inner, pa.field("v", pa.string_view())])),
            pa.field("id", pa.list_(pa.field("element", pa.int8(), nullable=False))),
        ],
        metadata={b"source": b"\xff\x00", "made": "by hand"},
    )
    made = pa.Table.from_arrays(
        [pa.array([1], pa.int32()), pa.array([{"x": 1, "v": "a"}], schema.types[1]), [[1]]],
        schema=schema,
    )
    again = there_and_back(objects, made)
    assert again.schema.equals(schema, check_metadata=True)
    assert again.equals(made, check_metadata=True)
    assert again.schema.field(1).type.field(0).metadata == {b"unit": b"m"}
    plainer = made.replace_schema_metadata({"made": "by hand"})
    assert len({digest(made), digest(plainer), digest(plainer.cast(plainer.schema.set(
        0, pa.field("id", pa.int32()))))}) == 3  # fmt: skip


def test_the_order_of_schema_notes_is_no_content() -> None:
    made = pa.table({"a": [1]})
    one = made.replace_schema_metadata({"a": "1", "b": "2"})
    assert digest(one) == digest(made.replace_schema_metadata({"b": "2", "a": "1"}))


def test_a_record_batch_comes_back_as_one(objects: Objects) -> None:
    made = pa.record_batch({"a": [1, 2], "b": ["x", None]})
    again = there_and_back(objects, made)
    assert isinstance(again, pa.RecordBatch)
    assert again.equals(made, check_metadata=True)
    assert digest(made) != digest(pa.table(made))


@pytest.mark.parametrize("rows", [0, 3])
def test_tables_without_columns_keep_their_rows(objects: Objects, rows: int) -> None:
    batch = pa.record_batch({"a": list(range(rows))}).select([]).replace_schema_metadata({"k": "v"})
    for made in (batch, pa.Table.from_batches([batch])):
        again = there_and_back(objects, made)
        assert type(again) is type(made)
        assert (again.num_rows, again.schema.metadata) == (rows, {b"k": b"v"})


def test_a_tall_table_comes_back_equal(objects: Objects) -> None:
    count = CHUNK_ROWS + 1000
    made = pa.table(
        {
            "n": np.arange(count),
            "text": pa.array([f"t{n % 999}" for n in range(count)], pa.string_view()),
            "kind": pa.array([f"k{n % 7}" for n in range(count)]).dictionary_encode(),
        }
    )
    again = there_and_back(objects, made)
    assert again.equals(made)


def test_an_ordered_dictionary_of_more_values_than_a_chunk_has(objects: Objects) -> None:
    rows = CHUNK_ROWS + 2
    words = [f"w{number}" for number in range(rows)]
    codes = pa.array(range(rows), pa.int32())
    made = pa.table({"c": pa.DictionaryArray.from_arrays(codes, words, ordered=True)})
    found = there_and_back(objects, made)
    assert found.equals(made)
    found.validate(full=True)


def test_the_order_of_a_dictionary_is_content_where_it_is_ordered() -> None:
    def table(indices: list[int], dictionary: list[str], *, is_ordered: bool) -> Any:
        codes = pa.array(indices, pa.int8())
        return pa.table(
            {"c": pa.DictionaryArray.from_arrays(codes, dictionary, ordered=is_ordered)}
        )

    one, other = ([0, 1], ["a", "b"]), ([1, 0], ["b", "a"])
    assert digest(table(*one, is_ordered=False)) == digest(table(*other, is_ordered=False))
    assert digest(table(*one, is_ordered=True)) != digest(table(*other, is_ordered=True))


def test_dictionaries_within_lists_are_content() -> None:
    def table(*words: str) -> Any:
        within = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), words)
        return pa.table({"c": pa.ListArray.from_arrays([0, 2], within)})

    def column(made: Any) -> Any:
        return pd.DataFrame({"c": pd.arrays.ArrowExtensionArray(made.column("c"))})

    assert digest(table("a", "b")) != digest(table("c", "d"))
    assert digest(column(table("a", "b"))) != digest(column(table("c", "d")))


def test_chunks_with_more_words_together_than_their_index_counts(objects: Objects) -> None:
    chunks = [
        pa.DictionaryArray.from_arrays(
            pa.array([0, 99], pa.int8()), [f"{n}-{i}" for i in range(100)]
        )
        for n in range(3)
    ]
    made = pa.table({"c": pa.chunked_array(chunks)})
    again = there_and_back(objects, made)
    assert again.column("c").to_pylist() == made.column("c").to_pylist()
    assert again.schema == made.schema


class Celsius(pa.ExtensionType):
    """A type of the user's own."""

    def __init__(self, place: str) -> None:
        self.place = place
        super().__init__(pa.float32(), "tests.celsius")

    def __arrow_ext_serialize__(self) -> bytes:
        return self.place.encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: Any, serialized: bytes) -> Celsius:
        return cls(serialized.decode())


def test_an_extension_of_the_users_own_comes_back(objects: Objects) -> None:
    def table(place: str) -> Any:
        values = pa.array([1.5, None], pa.float32())
        return pa.table({"t": pa.ExtensionArray.from_storage(Celsius(place), values)})

    pa.register_extension_type(Celsius("anywhere"))
    try:
        manifest = kept.write(objects, kept.examine(table("roof")))
        again = kept.read(objects, manifest)
        assert again.schema.field("t").type.place == "roof"
        assert again.equals(table("roof"))
        assert digest(table("roof")) != digest(table("cellar"))
    finally:
        pa.unregister_extension_type("tests.celsius")
    # where nobody knows the type, Arrow gives what it stores and says so in the schema
    plain = kept.read(objects, manifest)
    assert plain.column("t").to_pylist() == [1.5, None]
    assert plain.schema.field("t").metadata[b"ARROW:extension:name"] == b"tests.celsius"


# --- polars --------------------------------------------------------------------------------------

ROOF = pl.Categorical(pl.Categories("roof", "house", pl.UInt8))
POINT = pl.Struct({"x": pl.Int128, "name": pl.Enum(["b", "a"])})
SERIES: dict[str, Any] = {
    "text": pl.Series(["a", None, ""]),
    "bytes": pl.Series([b"a", None, b""]),
    "flags": pl.Series([True, None, False]),
    "nothing": pl.Series([None, None, None]),
    "floats": pl.Series([1.5, None, -0.0]),
    "halves": pl.Series([1.5, None, -0.0], dtype=pl.Float16),
    "small": pl.Series([1, None, -3], dtype=pl.Int8),
    "large": pl.Series([2**64 - 1, None, 0], dtype=pl.UInt64),
    "huge": pl.Series([2**100, None, -1], dtype=pl.Int128),
    "huge, unsigned": pl.Series([2**127 + 1, None, 0], dtype=pl.UInt128),
    "lists of huge": pl.Series([[2**100], None, []], dtype=pl.List(pl.Int128)),
    "categories": pl.Series(["a", None, "b"], dtype=pl.Categorical),
    "categories with a name": pl.Series(["a", None, "b"], dtype=ROOF),
    "enum": pl.Series(["a", None, "b"], dtype=pl.Enum(["z", "b", "a"])),
    "enum of nothing": pl.Series([None, None, None], dtype=pl.Enum([])),
    "lists of categories": pl.Series([["a"], None, ["a", None]], dtype=pl.List(pl.Categorical)),
    "points": pl.Series([{"x": 1, "name": "a"}, None, {"x": None, "name": "b"}], dtype=POINT),
    "decimals": pl.Series([decimal.Decimal("1.50"), None, None], dtype=pl.Decimal(12, 2)),
    "dates": pl.Series([dt.date(2024, 2, 29), None, None]),
    "times": pl.Series([dt.time(1, 2, 3, 4), None, dt.time(0)]),
    "instants": pl.Series([1, None, -1], dtype=pl.Datetime("ns")),
    "instants with a zone": pl.Series([1, None, 0], dtype=pl.Datetime("ms", "Europe/Berlin")),
    "durations": pl.Series([1, None, -1], dtype=pl.Duration("ns")),
    "arrays": pl.Series([[1, None], None, [2, 3]], dtype=pl.Array(pl.Int16, 2)),
    "arrays of arrays": pl.Series([[[1], [2]], None, None], dtype=pl.Array(pl.Int8, (2, 1))),
    "lists of structs": pl.Series([[{"a": 1}], None, []]),
}  # fmt: skip


@pytest.mark.parametrize("name", SERIES)
def test_a_polars_column_comes_back_equal(objects: Objects, name: str) -> None:
    made = pl.DataFrame({"c": SERIES[name], "n": [1, 2, 3]})
    again = there_and_back(objects, made)
    assert isinstance(again, pl.DataFrame)
    assert again.schema == made.schema
    assert again.equals(made, null_equal=True)
    assert digest(again) == digest(made)
    assert there_and_back(objects, made[:0]).schema == made.schema


@pytest.mark.parametrize("name", SERIES)
def test_a_polars_series_comes_back_with_its_name(objects: Objects, name: str) -> None:
    made = SERIES[name].alias("what, where")
    again = there_and_back(objects, made)
    assert isinstance(again, pl.Series)
    assert (again.name, again.dtype) == (made.name, made.dtype)
    assert again.equals(made, check_dtypes=True, check_names=True, null_equal=True)


@pytest.mark.parametrize("name", SERIES)
def test_some_rows_of_a_polars_column(objects: Objects, name: str) -> None:
    made = pl.DataFrame({"c": SERIES[name], "n": [1, 2, 3]})
    assert some_of(objects, made, rows=(1, 3)).equals(made[1:3], null_equal=True)
    assert some_of(objects, made, ["n"], (0, 1)).equals(made[:1].select("n"))


@pytest.mark.parametrize("name", SERIES)
def test_chunks_of_polars_are_no_content(name: str) -> None:
    made = pl.DataFrame({"c": SERIES[name]})
    chunked = pl.concat([made[:1], made[1:]], rechunk=False)
    assert chunked.n_chunks() >= 2
    assert digest(chunked) == digest(made)
    assert digest(pl.concat([made, made])[3:]) == digest(made)


def test_signs_of_zero_and_nan_come_back(objects: Objects) -> None:
    made = pl.Series("x", [0.0, -0.0, float("nan"), None])
    again = there_and_back(objects, made)
    assert np.signbit(again[:2].to_numpy()).tolist() == [False, True]
    assert again.is_nan().to_list() == [False, False, True, None]
    assert digest(made) != digest(made.abs())


def test_frames_without_columns_keep_their_rows(objects: Objects) -> None:
    assert there_and_back(objects, pl.DataFrame(height=3)).shape == (3, 0)
    assert there_and_back(objects, pl.DataFrame()).shape == (0, 0)
    assert some_of(objects, pl.DataFrame(height=3), rows=(1, 3)).shape == (2, 0)


def test_other_orders_of_an_enum_are_other_contents() -> None:
    one = pl.Series(["a"], dtype=pl.Enum(["a", "b"]))
    assert digest(one) != digest(one.cast(pl.Enum(["b", "a"])))


def test_who_saw_the_words_of_a_categorical_first_does_not_matter() -> None:
    pl.Series(["never", "seen", "before", "b", "a"], dtype=pl.Categorical)
    one = pl.DataFrame({"c": pl.Series(["a", "b"], dtype=pl.Categorical)})
    assert digest(one) == digest(pl.DataFrame({"c": ["b", "a"]}).cast(pl.Categorical)[::-1])


# --- both ----------------------------------------------------------------------------------------


def test_a_version_tells_names_types_and_missing_values() -> None:
    made = take_apart(pa.table({"a": [1, None], "b": ["x", "y"]}))
    assert (made.kind, made.row_count) == ("table", 2)
    assert [(c.name, c.type, c.missing) for c in made.columns()] == [
        ("a", "int64", 1),
        ("b", "string", 0),
    ]
    frame = take_apart(pl.DataFrame({"n": pl.Series([None], dtype=pl.Enum(["a" * 200]))}))
    (column,) = frame.columns()
    assert (column.missing, len(column.type)) == (1, 100)
    assert column.type.startswith("Enum")


@pytest.mark.parametrize("name", COLUMNS)
def test_values_for_statistics_are_of_plain_types(name: str) -> None:
    (column,) = take_apart(pa.table({"c": COLUMNS[name]})).columns()
    found = column.values()
    if "union" in name:
        assert found is None
    elif found is not None:
        assert len(found) == 3
        assert not pa.types.is_string_view(found.type)


def test_chosen_columns_in_the_order_wanted(objects: Objects) -> None:
    made = pa.table({"a": [1], "b": [2], "c": [3]})
    assert some_of(objects, made, ["c", "a"]).equals(made.select(["c", "a"]))
    frame = pl.DataFrame({"a": [1], "b": ["x"]})
    assert some_of(objects, frame, ["b"]).equals(frame.select("b"))
    assert some_of(objects, made, []).num_rows == 1
    with pytest.raises(NotFoundError, match="'bb'"):
        some_of(objects, frame, ["bb"])


def test_a_lazy_frame_is_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError, match="LazyFrame") as caught:
        take_apart(pl.DataFrame({"a": [1]}).lazy())
    assert "collect it first" in str(caught.value.hint)


def test_a_name_with_nul_does_not_make_polars_panic(objects: Objects) -> None:
    frame = pl.DataFrame({"a\0b": [1, 2], "c": ["x", None]})
    assert there_and_back(objects, frame).equals(frame)
    assert as_arrow(frame).column_names == ["a\0b", "c"]


def test_a_field_with_nul_in_its_name_is_refused() -> None:
    frame = pl.DataFrame({"a": [[{"x\0y": 1}]]})
    with pytest.raises(UsageError, match=r"column 'a': the name of its field 'x\\x00y' holds"):
        take_apart(frame)


def test_python_objects_in_polars_name_their_column() -> None:
    made = pl.DataFrame({"id": [1], "reader": pl.Series([object()], dtype=pl.Object)})
    with pytest.raises(UsageError, match="column 'reader': a column of the polars dtype Object"):
        take_apart(made)


class Special(pl.DataFrame):
    """A frame with more to it."""


@pytest.mark.parametrize(
    "thing", [Special({"a": [1]}), pl.col("a"), pa.array([1]), pa.schema([]), pl.Int8()]
)
def test_only_plain_tables_are_tables(thing: Any) -> None:
    with pytest.raises(UsageError, match="cannot be kept as a data version"):
        take_apart(thing)
