"""Dtypes of polars as JSON, and what stands for those that Arrow does not carry."""

from __future__ import annotations

from typing import Any

import polars as pl

from mlops_jupyter.errors import UsageError

_BY_NAME: dict[str, Any] = {
    name: getattr(pl, name)
    for name in (
        *("Boolean", "String", "Binary", "Date", "Time", "Null"),
        *("Int8", "Int16", "Int32", "Int64", "Int128"),
        *("UInt8", "UInt16", "UInt32", "UInt64", "UInt128"),
        *("Float16", "Float32", "Float64"),
    )
    if hasattr(pl, name)
}
_WIDE = {"Int128", "UInt128"}


def tell(dtype: Any) -> Any:
    """Return a dtype as JSON."""
    name = type(dtype).__name__
    if name in _TELL:
        return [name, *_TELL[name](dtype)]
    return name


def read(told: Any) -> Any:
    """Return the dtype that `tell` told.

    Raises
    ------
    UsageError
        The polars here does not know it.
    """
    name, *facts = [told] if isinstance(told, str) else told
    if facts:
        return _READ[name](*facts)
    if name not in _BY_NAME:
        raise UsageError(f"the polars here has no dtype {name}", hint="upgrade polars")
    return _BY_NAME[name]()


def stored(dtype: Any, where: str, *, inside: bool = False) -> Any:
    """Return the dtype in which a column is handed to Arrow: mostly its own.

    Parameters
    ----------
    dtype : polars.DataType
    where : str
        Which column, for the message.
    inside : bool
        It is that of the elements of another.

    Raises
    ------
    UsageError
        Such a column cannot be kept.
    """
    name = type(dtype).__name__
    if name in _WIDE or (inside and name in {"Categorical", "Enum"}):
        return pl.String()
    if name in _INNER:
        return _INNER[name](dtype, lambda inner: stored(inner, where, inside=True))
    if name in _BY_NAME or name in _TELL:
        return dtype
    raise UsageError(
        f"{where}: a column of the polars dtype {name} cannot be kept",
        hint="turn the column into numbers, text or lists first",
    )


def to_arrow(column: Any, **how: Any) -> Any:
    """Return a series as an array of Arrow that has no name.

    Polars hands names over as C strings: where one holds NUL, it panics, past any ``except``.

    Raises
    ------
    UsageError
        A field of a struct has such a name.
    """
    check_names(column)
    return column.alias("").to_arrow(**how)


def check_names(column: Any) -> None:
    """Refuse a series with a field that `to_arrow` cannot hand over."""
    bad = _field_with_nul(column.dtype)
    if bad is not None:
        raise UsageError(
            f"column {column.name!r}: the name of its field {bad!r} holds NUL",
            hint="rename the field first: Arrow cannot keep it",
        )


def _field_with_nul(dtype: Any) -> str | None:
    fields = [(field.name, field.dtype) for field in getattr(dtype, "fields", ())]
    within = [getattr(dtype, name, None) for name in ("inner", "key", "value")]
    for name, inner in fields + [("", one) for one in within if one is not None]:
        found = name if "\0" in name else _field_with_nul(inner)
        if found is not None:
            return found
    return None


def _tell_categorical(dtype: Any) -> list[Any]:
    known = dtype.categories
    return [known.name(), known.namespace(), tell(known.physical()())]


def _read_categorical(name: str, namespace: str, physical: str) -> Any:
    if not name:
        return pl.Categorical()
    return pl.Categorical(pl.Categories(name, namespace, _BY_NAME[physical]))


_TELL: dict[str, Any] = {
    "Datetime": lambda dtype: [dtype.time_unit, dtype.time_zone],
    "Duration": lambda dtype: [dtype.time_unit],
    "Decimal": lambda dtype: [dtype.precision, dtype.scale],
    "Enum": lambda dtype: [dtype.categories.to_list()],
    "Categorical": _tell_categorical,
    "List": lambda dtype: [tell(dtype.inner)],
    "Array": lambda dtype: [tell(dtype.inner), dtype.size],
    "Map": lambda dtype: [tell(dtype.key), tell(dtype.value)],
    "Struct": lambda dtype: [[[field.name, tell(field.dtype)] for field in dtype.fields]],
}

_READ: dict[str, Any] = {
    "Datetime": pl.Datetime,
    "Duration": pl.Duration,
    "Decimal": pl.Decimal,
    "Enum": pl.Enum,
    "Categorical": _read_categorical,
    "List": lambda inner: pl.List(read(inner)),
    "Array": lambda inner, size: pl.Array(read(inner), size),
    "Map": lambda key, value: pl.Map(read(key), read(value)),
    "Struct": lambda fields: pl.Struct({name: read(dtype) for name, dtype in fields}),
}

_INNER: dict[str, Any] = {
    "List": lambda dtype, of: pl.List(of(dtype.inner)),
    "Array": lambda dtype, of: pl.Array(of(dtype.inner), dtype.size),
    "Map": lambda dtype, of: pl.Map(of(dtype.key), of(dtype.value)),
    "Struct": lambda dtype, of: pl.Struct([pl.Field(f.name, of(f.dtype)) for f in dtype.fields]),
}
