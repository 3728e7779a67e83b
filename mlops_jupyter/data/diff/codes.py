"""Values as numbers: equal numbers are equal values, and -1 is a missing one.

Of text and objects they count the distinct values (32 bits); of numbers and times they are made
of the value itself (64 bits), which costs next to nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Codes = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]

MISSING = -1
_LOOKED_AT = 10_000
_WIDEST = 2**62


def of_both(one: Any, other: Any) -> tuple[Codes, Codes]:
    """Return the codes of two arrays of one type."""
    if one is other or one.equals(other):
        found = _direct(one, one)
        codes = counted(one, None)[0] if found is None else found[0]
        return codes, codes
    return _direct(one, other) or counted(one, other)[:2]


def counted(one: Any, other: Any | None) -> tuple[Codes, Codes, Any]:
    """Return codes that count distinct values, and these."""
    both = one if other is None else pa.concat_arrays([one, other])
    if pa.types.is_null(both.type):
        both = both.cast(pa.large_string())
    encoded = both.dictionary_encode()
    codes = encoded.indices.fill_null(MISSING).to_numpy().astype(np.int32, copy=False)
    return codes[: len(one)], codes[len(one) :], encoded.dictionary


def is_missing(codes: Codes) -> Any:
    """Return where a value is missing."""
    return codes == MISSING


def kinds(codes: Codes) -> Codes:
    """Return the codes of the values that are there, each once, in order."""
    if _counts_values(codes):
        found: Codes = np.flatnonzero(np.bincount(codes[codes >= 0])).astype(codes.dtype)
        return found
    ranked = np.sort(codes[codes != MISSING])
    return ranked[np.concatenate([[True], ranked[1:] != ranked[:-1]])] if len(ranked) else ranked


def is_unique(codes: Codes) -> bool:
    """Tell whether no value is missing and none stands twice."""
    for part in (codes[:_LOOKED_AT], codes):  # most columns show it soon
        if (part == MISSING).any() or len(kinds(part)) < len(part):
            return False
    return True


def is_same_set(one: Codes, other: Codes) -> bool:
    """Tell whether two columns hold the same values, each as often."""
    if len(one) != len(other):
        return False
    if one is other:
        return True
    if _counts_values(one):
        most = int(max(one.max(initial=0), other.max(initial=0))) + 2
        counts = [np.bincount(side + 1, minlength=most) for side in (one, other)]
        return np.array_equal(counts[0], counts[1])
    return np.array_equal(np.sort(one), np.sort(other))


def _counts_values(codes: Codes) -> bool:
    return codes.dtype == np.int32


def _direct(one: Any, other: Any) -> tuple[Codes, Codes] | None:
    """Return codes made of the values themselves, where these are numbers of up to 64 bits."""
    kind = one.type
    if pa.types.is_boolean(kind):
        return tuple(_filled(side.cast(pa.int8())).astype(np.int32) for side in (one, other))
    if pa.types.is_floating(kind):
        # the bits of -1 are those of a NaN, and a NaN is missing here
        bits = [_bits(side) for side in (one, other)]
        return bits[0], bits[1]
    if pa.types.is_integer(kind) or pa.types.is_temporal(kind):
        return _whole(one, other)
    return None


def _bits(side: Any) -> Codes:
    found = side.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False).view(np.int64)
    return np.where(side.is_null().to_numpy(zero_copy_only=False), MISSING, found)


def _whole(one: Any, other: Any) -> tuple[Codes, Codes] | None:
    try:
        sides = [_integers(side) for side in (one, other)]
    except pa.ArrowException:
        return None  # beyond 64 bits
    ends = [pc.min_max(side).as_py() for side in sides]
    known = [end for pair in ends for end in pair.values() if end is not None]
    low, high = (min(known), max(known)) if known else (0, 0)
    if high - low > _WIDEST or abs(low) > _WIDEST or abs(high) > _WIDEST:
        return None
    shifted = [np.where(_nulls(side), MISSING, _filled(side) - min(low, 0)) for side in sides]
    return shifted[0], shifted[1]


def _integers(side: Any) -> Any:
    if pa.types.is_temporal(side.type) and side.type.bit_width == 32:
        side = side.cast(pa.int32())
    return side.cast(pa.int64())


def _nulls(side: Any) -> Any:
    return side.is_null().to_numpy(zero_copy_only=False)


def _filled(side: Any) -> Any:
    return side.fill_null(MISSING).to_numpy(zero_copy_only=False)
