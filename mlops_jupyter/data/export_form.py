"""Tables as the formats of files can hold them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from mlops_jupyter.data.value import plain
from mlops_jupyter.errors import UsageError


def for_parquet(table: Any) -> Any:
    """Return a table with run ends written out, and lists of one size as lists where one is null.

    pyarrow has no Parquet for either.
    """
    columns = []
    for column in table.columns:
        kind = column.type
        if pa.types.is_run_end_encoded(kind):
            column = _written_out(column)
        elif pa.types.is_fixed_size_list(kind) and column.null_count:
            column = column.cast(pa.list_(kind.value_field))
        columns.append(column)
    return _again(table, columns)


def for_csv(table: Any) -> Any:
    """Return a table whose cells are text, numbers, flags or times.

    Raises
    ------
    UsageError
        A column holds lists or dicts: a cell has no place for them.
    """
    named = zip(table.column_names, table.columns, strict=True)
    return _again(table, [_cells(name, column) for name, column in named])


def _again(table: Any, columns: list[Any]) -> Any:
    if not columns:
        return table
    fields = [
        field.with_type(column.type) for field, column in zip(table.schema, columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, table.schema.metadata))


def _cells(name: str, column: Any) -> Any:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _shown(column)
    if pa.types.is_duration(kind):
        return _texts(column.to_pandas())
    if pa.types.is_dictionary(kind):
        column = pa.chunked_array(
            [chunk.dictionary_decode() for chunk in column.chunks], kind.value_type
        )
    elif plain.form(kind) not in (kind, None):
        column = _written_out(column)
    if pa.types.is_nested(column.type):
        raise UsageError(
            f"column {name!r} is {kind}: a cell of CSV has no place for it",
            hint="export as Parquet or Arrow",
        )
    return column


def _shown(column: Any) -> Any:
    if column.type.extension_name.startswith("pandas."):  # periods, intervals
        return _texts(column.to_pandas())
    found = [None if cell is None else str(cell) for cell in column.to_pylist()]
    return pa.chunked_array([pa.array(found, pa.large_string())])


def _texts(column: Any) -> Any:
    told = zip(column.astype("str").tolist(), column.isna().tolist(), strict=True)
    found = [None if missing else text for text, missing in told]
    return pa.chunked_array([pa.array(found, pa.large_string())])


def _written_out(column: Any) -> Any:
    target = plain.form(column.type)
    return pa.chunked_array([plain.plain(chunk, target) for chunk in column.chunks], target)
