"""Rows as numbers: equal numbers are equal rows, whatever types hold their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_PRIMES = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)
"""Of SplitMix64 (Steele, Lea and Flood 2014), which mixes 64 bits."""

_MISSING = np.uint64(0x2545F4914F6CDD1D)

_EXACT = 2**53
"""Whole numbers beyond it are not exact as a float64."""


def shared(one: Any, other: Any, without: Sequence[str] = ()) -> list[tuple[int, int]]:
    """Return the places of the columns that two frames have, of the same kind.

    A name that stands twice is left out, and so is a column of numbers that is text in the other.
    """
    places = _places(other)
    found = [
        (place, places[name])
        for name, place in _places(one).items()
        if name in places and name not in without
    ]
    return [pair for pair in found if _kind(one, pair[0]) == _kind(other, pair[1])]


def hashes(frame: Any, places: Sequence[int]) -> Any:
    """Return one number per row of some columns, in their order.

    Numbers count by their value: 3 is 3.0 and True is 1, -0.0 is 0.0; times count as UTC, to the
    microsecond; values that are missing are all the same. Two different rows have one number once
    in 10^19.
    """
    mixed = np.zeros(len(frame), np.uint64)
    for place in places:
        mixed = _stirred(mixed * _PRIMES[1] + column(frame.iloc[:, place]))
    return mixed


def among(ours: Any, theirs: Any) -> Any:
    """Return which numbers are there on the other side too; NumPy's `isin` takes 15 times it."""
    import pandas as pd

    return pd.Series(ours).isin(theirs).to_numpy()


def column(values: Any) -> Any:
    """Return one number per value."""
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        kinds = column(pd.Series(values.cat.categories))
        return np.append(kinds, _stirred(np.array([_MISSING])))[values.cat.codes]
    kind = _kind_of(values.dtype)
    if kind == "other":
        return _of_kinds(values)
    bits = _bits_of_numbers(values) if kind == "number" else _bits_of_times(values)
    return _stirred(np.where(values.isna().to_numpy(bool), _MISSING, bits))


def _bits_of_numbers(values: Any) -> Any:
    # what is added makes 0.0 of -0.0
    bits = (values.to_numpy(np.float64, na_value=np.nan) + 0.0).view(np.uint64)
    if getattr(values.dtype, "kind", "") in "iu" and len(values) and not values.isna().any():
        whole = values.to_numpy()
        large = (whole > _EXACT) | (whole < -_EXACT)
        if large.any():
            return np.where(large, whole.astype(np.uint64), bits)
    return bits


def _bits_of_times(values: Any) -> Any:
    # without a zone as if it were UTC
    return values.dt.as_unit("us").to_numpy("datetime64[us]").view(np.uint64)


def _of_kinds(values: Any) -> Any:
    """Hash each different value once."""
    import pandas as pd

    try:
        codes, kinds = pd.factorize(values)
    except (TypeError, NotImplementedError):  # lists, dicts: values that cannot be hashed
        codes, kinds = pd.factorize(values.map(repr, na_action="ignore"))
    texts = np.array([_text(kind) for kind in kinds], dtype=object)
    found = pd.util.hash_array(texts, categorize=False).astype(np.uint64)
    return _stirred(np.append(found, _MISSING)[codes])


def _stirred(bits: Any) -> Any:
    bits = bits + _PRIMES[0]
    bits = (bits ^ (bits >> np.uint64(30))) * _PRIMES[1]
    bits = (bits ^ (bits >> np.uint64(27))) * _PRIMES[2]
    return bits ^ (bits >> np.uint64(31))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"number {float(value)!r}" if _is_number(value) else f"{type(value).__name__} {value}"


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(value, bytes)


def _places(frame: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    twice = set()
    for place, label in enumerate(frame.columns):
        if str(label) in found:
            twice.add(str(label))
        found[str(label)] = place
    return {name: place for name, place in found.items() if name not in twice}


def _kind(frame: Any, place: int) -> str:
    return _kind_of(frame.dtypes.iloc[place])


def _kind_of(dtype: Any) -> str:
    import pandas as pd

    if isinstance(dtype, pd.CategoricalDtype):
        return _kind_of(dtype.categories.dtype)
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        return "other" if pd.api.types.is_complex_dtype(dtype) else "number"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "time"
    return "other"
