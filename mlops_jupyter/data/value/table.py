"""A table or record batch of pyarrow, a frame or series of polars, taken apart and put together.

See docs/data-format.md for the parts. What counts as content is what a reader of the table sees:
neither the chunks, nor the order in which a dictionary without order holds its values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value import arrow, content, part, plain, values
from mlops_jupyter.data.value.content import Taken, TakenColumn
from mlops_jupyter.data.value.part import Leaf, Part
from mlops_jupyter.errors import IntegrityError, UsageError

_ARROW = {pa.Table: "Table", pa.RecordBatch: "RecordBatch"}
_POLARS = {"DataFrame", "Series"}


def taken(value: object) -> Taken | None:
    """Take a table apart; None for what is none, and for subclasses.

    Raises
    ------
    UsageError
        A column holds something that cannot be kept, or it is a query that has not run.
    """
    kind = type(value)
    if kind in _ARROW:
        return _of_arrow(value)
    if kind.__module__.partition(".")[0] != "polars":
        return None
    if kind.__name__ == "LazyFrame":
        raise UsageError(
            "a polars LazyFrame cannot be kept as a data version: it is a query that has not run",
            hint="collect it first: `.collect()`",
        )
    return _of_polars(value) if _is_plain_polars(value) else None


def put_together(whole: Stored, wanted: Sequence[str] | None = None) -> Any:
    """Return the table of a stored tree, or only the wanted columns, in the order given."""
    read = _read_polars if whole.facts["library"] == "polars" else _read_arrow
    return read(whole, wanted)


# --- pyarrow -------------------------------------------------------------------------------------


def _of_arrow(table: Any) -> Taken:
    schema = table.schema
    pieces = {}
    for position, field in enumerate(schema):
        column = table.column(position)
        chunked = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
        pieces[str(position)] = _Column(field.name, str(field.type), chunked)
    facts = {"library": "pyarrow", "class": _ARROW[type(table)], "rows": table.num_rows}
    return _taken(facts, {"schema": _schema(schema)}, pieces)


def _schema(schema: Any) -> Part:
    # the bytes of the message differ from one Arrow to the next
    told = {
        "fields": [plain.tell_field(field) for field in schema],
        "notes": plain.tell_notes(schema.metadata),
    }
    message = pa.array([schema.serialize().to_pybytes()], pa.large_binary())
    return Part("schema", leaf=_leaf(message), identity=Part("schema", told))


def _read_arrow(whole: Stored, wanted: Sequence[str] | None) -> Any:
    schema = pa.ipc.read_schema(pa.py_buffer(next(whole.part("schema").chunks())[0].as_py()))
    places = list(range(len(schema)))
    if wanted is not None:
        places = content.positions(schema.names, wanted)
        schema = pa.schema([schema.field(place) for place in places], schema.metadata)
    found = _columns(whole, places, schema.types)
    if not found:
        return _without_columns(whole, schema.metadata)
    if whole.facts["class"] == "Table":
        return pa.Table.from_arrays(found, schema=schema)
    return pa.RecordBatch.from_arrays([arrow.single(c) for c in found], schema=schema)


def _without_columns(whole: Stored, notes: Any) -> Any:
    """Return a table that has rows all the same."""
    make = pa.table if whole.facts["class"] == "Table" else pa.record_batch
    return make({"": pa.nulls(_rows(whole))}).replace_schema_metadata(notes).select([])


def _rows(whole: Stored) -> int:
    rows: int = whole.facts["rows"]
    return len(range(rows)[slice(*whole.window)]) if whole.window else rows


# --- polars --------------------------------------------------------------------------------------


def _is_plain_polars(value: Any) -> bool:
    import polars as pl

    return type(value) in (pl.DataFrame, pl.Series)


def _of_polars(frame: Any) -> Taken:
    import polars as pl

    from mlops_jupyter.data.value import polars_dtype

    columns = [frame] if isinstance(frame, pl.Series) else frame.get_columns()
    pieces = {}
    for position, column in enumerate(columns):
        stored = polars_dtype.stored(column.dtype, f"column {column.name!r}")
        handed = column if stored == column.dtype else column.cast(stored)
        made = polars_dtype.to_arrow(handed, compat_level=pl.CompatLevel.oldest())
        chunked = made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made])
        pieces[str(position)] = _Column(column.name, _short(str(column.dtype)), chunked)
    facts = {
        "library": "polars",
        "class": type(frame).__name__,
        "rows": len(frame),
        "names": [column.name for column in columns],
        "dtypes": [polars_dtype.tell(column.dtype) for column in columns],
    }
    return _taken(facts, {}, pieces)


_LONGEST_TYPE = 100


def _short(text: str) -> str:
    # an Enum names all its categories
    return text if len(text) <= _LONGEST_TYPE else text[: _LONGEST_TYPE - 1] + "…"


def _read_polars(whole: Stored, wanted: Sequence[str] | None) -> Any:
    import polars as pl

    from mlops_jupyter.data.value import polars_dtype

    names = whole.facts["names"]
    places = list(range(len(names))) if wanted is None else content.positions(names, wanted)
    found = _columns(whole, places, None)
    series = [
        _series(names[place], column, polars_dtype.read(whole.facts["dtypes"][place]))
        for place, column in zip(places, found, strict=True)
    ]
    if whole.facts["class"] == "Series":
        return series[0]
    if not series:
        return pl.DataFrame(height=_rows(whole))
    return pl.DataFrame(series)


def _series(name: str, column: Any, dtype: Any) -> Any:
    import polars as pl

    made: Any = pl.Series(name, pl.from_arrow(column))
    return made if made.dtype == dtype else made.cast(dtype)


# --- columns -------------------------------------------------------------------------------------


class _Column:
    """A column of either library, as Arrow."""

    def __init__(self, name: str, type_: str, chunked: Any) -> None:
        self.name = name
        self.type = type_
        self.chunked = chunked

    def part(self) -> Part:
        """Take it apart."""
        kind = self.chunked.type
        if pa.types.is_dictionary(kind):
            try:
                self.chunked = self.chunked.unify_dictionaries()
            except pa.ArrowException:
                return self._whole()  # more values together than its index can count
            if kind.ordered and arrow.is_plain(kind.value_type):
                return self._ordered()
        target = plain.form(kind)
        if target is None:
            return self._whole()
        return Part("arrow", {"type": plain.tell(target)}, self._leaf(target))

    def values(self) -> Any:
        """Return it for statistics, in a plain type; None when it has none."""
        target = plain.form(self.chunked.type)
        if target is None:
            return self.chunked if pa.types.is_dictionary(self.chunked.type) else None
        return pa.chunked_array([plain.plain(c, target) for c in self.chunked.chunks], target)

    def missing(self) -> int:
        """Count the nulls."""
        return sum(int(chunk.is_null().sum().as_py() or 0) for chunk in self.chunked.chunks)

    def _leaf(self, target: Any) -> Leaf:
        def cut(start: int, stop: int) -> Any:
            chunk = arrow.single(self.chunked.slice(start, stop - start))
            return plain.plain(chunk, target)

        return Leaf(len(self.chunked), cut)

    def _ordered(self) -> Part:
        chunks = self.chunked.chunks
        kind = self.chunked.type
        indices = pa.chunked_array([chunk.indices for chunk in chunks], kind.index_type)
        dictionary = chunks[0].dictionary if chunks else pa.array([], kind.value_type)
        return Part(
            "ordered",
            leaf=_leaf(indices),
            parts={"dictionary": Part("arrow", leaf=_leaf(dictionary))},
        )

    def _whole(self) -> Part:
        """Return the part of a column that only Arrow's own stream keeps."""
        sink = pa.BufferOutputStream()
        table = pa.table({arrow.FIELD: self.chunked})
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        orders = sorted({values.token(order) for order in _orders(self.chunked.chunks)})
        tokens = [values.token(value) for value in _python(self.chunked, self.name)]
        message = pa.array([sink.getvalue().to_pybytes()], pa.large_binary())
        same = pa.array([*orders, *tokens], pa.large_binary())
        identity = Part("stream", leaf=_leaf(same))
        return Part("stream", leaf=_leaf(message), identity=identity)


def _python(chunked: Any, name: str) -> list[Any]:
    found: list[Any] = []
    for chunk in chunked.chunks:
        try:
            found.extend(zip(_codes(chunk), chunk.to_pylist(), strict=True))
        except (ValueError, OverflowError, pa.ArrowException) as error:
            raise UsageError(
                f"column {name!r}: a {chunk.type} cannot be kept: {error}",
                hint="cast it to a plainer type first",
            ) from error
    return found


def _codes(chunk: Any) -> list[int]:
    if not pa.types.is_union(chunk.type):
        return [0] * len(chunk)
    # `type_codes` of a view gives those of what it was cut from
    codes: list[int] = np.frombuffer(chunk.buffers()[1], np.int8)[chunk.offset :].tolist()
    return codes[: len(chunk)]


def _orders(chunks: Sequence[Any]) -> list[list[Any]]:
    """Collect the values of the ordered dictionaries inside: their order means something."""
    found: list[list[Any]] = []
    for chunk in chunks:
        kind = chunk.type
        if pa.types.is_dictionary(kind):
            if kind.ordered:
                found.append(chunk.dictionary.to_pylist())
        elif pa.types.is_struct(kind) or pa.types.is_union(kind):
            found.extend(_orders([chunk.field(i) for i in range(kind.num_fields)]))
        elif pa.types.is_nested(kind) and not pa.types.is_run_end_encoded(kind):
            found.extend(_orders([chunk.values]))
    return found


def _leaf(array: Any) -> Leaf:
    chunked = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    return Leaf(len(chunked), lambda start, stop: arrow.single(chunked.slice(start, stop - start)))


def _taken(facts: dict[str, Any], beside: dict[str, Part], columns: dict[str, _Column]) -> Taken:
    parts = {place: column.part() for place, column in columns.items()}
    tree = Part("table", facts, parts={**beside, "columns": Part("columns", parts=parts)})
    return Taken("table", tree, facts["rows"], partial(_described, columns, parts))


def _described(columns: dict[str, _Column], parts: dict[str, Part]) -> tuple[TakenColumn, ...]:
    return tuple(
        TakenColumn(column.name, column.type, column.missing(), parts[place], column.values)
        for place, column in columns.items()
    )


def _columns(whole: Stored, places: Sequence[int], kinds: Sequence[Any] | None) -> list[Any]:
    """Read columns as chunked arrays: of the given types, or as they were stored."""
    kept = whole.part("columns", by_row=True)

    def read(number: int) -> Any:
        stored = kept.part(str(places[number]), by_row=True)
        return _READ[stored.kind](stored, kinds[number] if kinds else None)

    found = list(part.in_threads(read, range(len(places))))
    if any(len(column) != len(found[0]) for column in found):
        raise IntegrityError("a stored table has columns of different lengths")
    return found


def _read_plain(stored: Stored, kind: Any) -> Any:
    if kind is None:  # polars reads some views from the wrong place
        chunks = [arrow.canonical(chunk) for chunk in stored.chunks()]
    else:
        chunks = [plain.again(chunk, kind) for chunk in stored.chunks()]
    # each chunk has a dictionary of its own
    return pa.chunked_array(chunks).unify_dictionaries()


def _read_ordered(stored: Stored, _kind: Any) -> Any:
    dictionary = pa.concat_arrays(list(stored.part("dictionary").chunks()))
    return pa.chunked_array(
        [
            pa.DictionaryArray.from_arrays(chunk, dictionary, ordered=True)
            for chunk in stored.chunks()
        ]
    )


def _read_stream(stored: Stored, _kind: Any) -> Any:
    message = next(stored.all().chunks())[0].as_py()
    column = pa.ipc.open_stream(message).read_all().column(0)
    if stored.window is None:
        return column
    start, stop = stored.window
    return column.slice(start, stop - start)


_READ: dict[str, Callable[[Stored, Any], Any]] = {
    "arrow": _read_plain,
    "ordered": _read_ordered,
    "stream": _read_stream,
}
