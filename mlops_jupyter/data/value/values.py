"""Columns of Python objects, told apart by exact type so that each comes back as it was.

What Arrow carries exactly (None, NA, NaT, bool, int, float, str, bytes, date) and Decimal (as
text) becomes one Arrow leaf per type, beside a leaf that says of which type each row is. Any
other value is pickled, alone, unless JSON carries it exactly, as most lists and dicts: then what
stands in place of the pickle is JSON, which is safe to read wherever it came from. `token` is what
stands for such a value in the digest.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import io
import json
import math
import pickle
import uuid
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value.part import Leaf, Part
from mlops_jupyter.errors import UsageError

PROTOCOL = 5
PICKLE = "pickle"

Objects = np.ndarray[Any, np.dtype[np.object_]]

_TYPES: dict[type, str] = {
    type(None): "none",
    type(pd.NA): "na",
    type(pd.NaT): "nat",
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    dt.date: "date",
    decimal.Decimal: "decimal",
}
KINDS = (*_TYPES.values(), PICKLE)
"""In the order of their numbers in the leaf ``kinds``."""

EXACT = frozenset(_TYPES)
"""Types of values that are not pickled, and never change."""

_NUMBERS = {kind: KINDS.index(name) for kind, name in _TYPES.items()}
_MISSING = {"none": None, "na": pd.NA, "nat": pd.NaT}
_ARROW: dict[str, Any] = {
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "str": pa.large_string(),
    "bytes": pa.large_binary(),
    "date": pa.date32(),
    "decimal": pa.large_string(),
}


def take_apart(values: Objects, where: str) -> Part:
    """Return the part of a column of objects.

    Parameters
    ----------
    values : array of object
    where : str
        Which column, for the message.

    Raises
    ------
    UsageError
        A value cannot be pickled.
    """
    others = repeat(KINDS.index(PICKLE))
    kinds = np.fromiter(map(_NUMBERS.get, map(type, values), others), np.uint8, len(values))
    parts: dict[str, Part] = {}
    for kind in _ARROW:
        rows = np.flatnonzero(kinds == KINDS.index(kind))
        leaf = _arrow_leaf(kind, values[rows]) if len(rows) else None
        if leaf is None:
            kinds[rows] = KINDS.index(PICKLE)
        else:
            parts[kind] = Part("arrow", leaf=leaf)
    rest = values[kinds == KINDS.index(PICKLE)]
    if len(rest):
        parts[PICKLE] = _pickled(rest, where)
    return Part("object", parts={"kinds": Part("arrow", leaf=_leaf(pa.array(kinds))), **parts})


def put_together(stored: Stored) -> Objects:
    """Return the column of objects again."""
    kinds = np.concatenate([np.asarray(chunk) for chunk in stored.part("kinds").chunks()])
    values = np.empty(len(kinds), object)
    for number, kind in enumerate(KINDS):
        rows = np.flatnonzero(kinds == number)
        if not len(rows):
            continue
        if kind in _MISSING:
            values[rows] = _MISSING[kind]
        else:
            start = 0
            for chunk in stored.part(kind).chunks():
                part = rows[start : start + len(chunk)]
                values[part] = np.fromiter(_python(kind, chunk, stored), object, len(part))
                start += len(chunk)
    return values


def pickled_whole(value: Any, elements: Iterable[Any], where: str) -> Part:
    """Return the part of something that only pickle keeps; `elements` stand in the digest."""
    content = _dumps(value, where)
    tokens = pa.array([token(element) for element in elements], pa.large_binary())
    return Part(
        PICKLE,
        leaf=_leaf(pa.array([content], pa.large_binary())),
        identity=Part(PICKLE, leaf=_leaf(tokens)),
    )


def unpickled_whole(stored: Stored) -> Any:
    """Return again what `pickled_whole` took apart."""
    return _loads(stored, next(stored.chunks())[0].as_py())


def token(value: Any) -> bytes:
    """Return bytes that are equal for equal values, however they were made.

    The order of a set or of the keys of a dict does not count, nor does it matter whether two
    equal strings are one object. What is not known here stands as its pickle.
    """
    kind = type(value)
    try:
        if kind in _CONTAINERS:
            return _framed(kind.__name__, *_CONTAINERS[kind](value))
        if kind is np.ndarray or isinstance(value, np.generic):
            return _of_numpy(value)
        if kind in _BY_REPR:
            # repr leaves out the unit of pandas' times
            return _framed(kind.__name__, f"{value!r} {getattr(value, 'unit', '')}".encode())
        return _framed(PICKLE, _pickled_without_memo(value))
    except RecursionError:  # it holds itself
        return _framed(PICKLE, pickle.dumps(value, PROTOCOL))


_BY_REPR = {
    *_TYPES,
    *(dt.datetime, dt.time, dt.timedelta, dt.timezone),
    *(pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval),
    *(complex, fractions.Fraction, uuid.UUID, range, slice),
}


def _framed(kind: str, *contents: bytes) -> bytes:
    return b"".join([b"%b %d:" % (kind.encode(), len(contents)), *map(_sized, contents)])


def _of_numpy(value: Any) -> bytes:
    array = np.asarray(value)
    kind = f"{type(value).__name__} {np.lib.format.dtype_to_descr(array.dtype)} {array.shape}"
    if array.dtype == object:
        return _framed(kind, *_tokens(array.ravel().tolist()))
    return _framed(kind, array.tobytes())


def _sized(content: bytes) -> bytes:
    return b"%d:%b" % (len(content), content)


def _tokens(values: Iterable[Any]) -> list[bytes]:
    return [token(value) for value in values]


_CONTAINERS: dict[type, Callable[[Any], list[bytes]]] = {
    list: _tokens,
    tuple: _tokens,
    dict: lambda value: sorted(_sized(token(k)) + _sized(token(v)) for k, v in value.items()),
    set: lambda value: sorted(_tokens(value)),
    frozenset: lambda value: sorted(_tokens(value)),
}


def _pickled_without_memo(value: Any) -> bytes:
    # the memo makes bytes depend on which equal strings are one object
    sink = io.BytesIO()
    pickler = pickle.Pickler(sink, PROTOCOL)
    pickler.fast = True
    try:
        pickler.dump(value)
    except ValueError:  # it holds itself
        return pickle.dumps(value, PROTOCOL)
    return sink.getvalue()


def _leaf(array: Any) -> Leaf:
    return Leaf(len(array), lambda start, stop: array.slice(start, stop - start))


def _arrow_leaf(kind: str, values: Objects) -> Leaf | None:
    """Return the leaf of values of one type, or None when Arrow refuses one of them."""
    try:
        if kind == "decimal":
            array = pa.array([str(value) for value in values], pa.large_string())
        elif kind == "float":
            numbers = values.astype(np.float64)
            numbers[np.isnan(numbers)] = np.nan
            array = pa.array(numbers, from_pandas=False)
        else:
            array = pa.array(values, _ARROW[kind], from_pandas=False)
    except (OverflowError, UnicodeEncodeError, pa.ArrowException):
        return None  # an int beyond 64 bits, a str with half a surrogate pair
    return _leaf(array)


def _pickled(values: Objects, where: str) -> Part:
    contents = [_json(value) or _dumps(value, where) for value in values]
    seen = {type(value): content for value, content in zip(values, contents, strict=True)}
    for kind, content in seen.items():
        if not content.startswith(_PICKLED):
            continue
        try:
            pickle.loads(content)
        except Exception as error:
            raise UsageError(
                f"{where}: a {kind.__qualname__} cannot be unpickled again: {error}",
                hint="turn the column into numbers, text or lists first",
            ) from error
    tokens = [token(value) for value in values]
    return Part(
        "arrow",
        leaf=_leaf(pa.array(contents, pa.large_binary())),
        identity=Part("arrow", leaf=_leaf(pa.array(tokens, pa.large_binary()))),
    )


_PICKLED = b"\x80"
"""How a pickle begins, and no JSON."""


def _json(value: Any) -> bytes | None:
    """Return a value as JSON; None if it would not come back with the same types."""
    if type(value) not in (list, dict, int):
        return None
    try:
        if _is_json(value):
            return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except (RecursionError, UnicodeEncodeError):
        pass  # it holds itself; half a surrogate pair
    return None


def _is_json(value: Any) -> bool:
    kind = type(value)
    if kind is list:
        return all(map(_is_json, value))
    if kind is dict:
        return all(type(key) is str for key in value) and all(map(_is_json, value.values()))
    # NaN is no JSON; an int of thousands of digits is none that Python reads
    if kind is float:
        return math.isfinite(value)
    return value is None or kind in (str, bool) or (kind is int and value.bit_length() < _LONG)


_LONG = 10_000


def _dumps(value: Any, where: str) -> bytes:
    try:
        return pickle.dumps(value, PROTOCOL)
    except Exception as error:
        raise UsageError(
            f"{where}: a {type(value).__qualname__} cannot be kept: {error}",
            hint="turn the column into numbers, text or lists first",
        ) from error


def _loads(stored: Stored, content: bytes) -> Any:
    if not content.startswith(_PICKLED):
        return json.loads(content)
    try:
        return stored.unpickled(content)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"a value cannot be read here: {error}",
            hint="import or define its class first, as it was when the snapshot was taken",
        ) from error


def _python(kind: str, chunk: Any, stored: Stored) -> Iterable[Any]:
    """Return the values of a chunk as Python objects."""
    if kind == PICKLE:
        return (_loads(stored, content) for content in chunk.to_pylist())
    if kind == "decimal":
        return (decimal.Decimal(text) for text in chunk.to_pylist())
    if kind == "float":
        # pandas looks for NaN by identity in places
        return (np.nan if x != x else x for x in chunk.to_pylist())
    values: list[Any] = chunk.to_pylist()
    return values
