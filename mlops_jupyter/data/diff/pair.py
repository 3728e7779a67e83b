"""A column before and after, as numbers that are equal where the values are."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_jupyter.data.diff import codes, form
from mlops_jupyter.data.diff.codes import MISSING, Codes
from mlops_jupyter.data.diff.grid import GridColumn
from mlops_jupyter.data.value import values

Reading = Literal["value", "number", "time", "text"]

_MOST_SPELLINGS = 50_000
_MOST_CATEGORIES = 1_000
_PARSED = 0.5


@dataclass(frozen=True, slots=True)
class Distinct:
    """The values of one side, each once, which stands in which row, and their codes."""

    texts: Any
    rows: Codes
    numbers: Codes

    def used(self) -> Any:
        """Return how often each value stands in a row."""
        return np.bincount(self.rows[self.rows >= 0], minlength=len(self.texts))


@dataclass(frozen=True)
class Pair:
    """One column of both sides.

    Attributes
    ----------
    before, after : GridColumn
    exact : tuple of two arrays, or None
        Equal codes where the values are written alike; -1 where missing. None where all texts
        are numbers: they need no codes, see `is_rewritten`.
    value : tuple of two arrays
        Equal codes where they mean the same.
    reading : str
        How they were read: ``value`` as they are, ``number``, ``time`` or ``text``.
    parsed : tuple of two arrays, or None
        The numbers that were found in text, None where a side holds none.
    words : tuple of two str
        Of times that are written in two ways: how.
    spelt : dict
        Codes in `exact` of words that are spelt otherwise: the code before and the way.
    """

    before: GridColumn
    after: GridColumn
    exact: tuple[Codes, Codes] | None
    value: tuple[Codes, Codes]
    reading: Reading = "value"
    parsed: tuple[Any, Any] | None = None
    words: tuple[str, str] = ("", "")
    spelt: dict[int, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name after."""
        return self.after.name

    @cached_property
    def floats(self) -> tuple[Any, Any]:
        """Both sides as float64; None for a side that does not hold numbers."""
        return self.parsed or (floats(self.before), floats(self.after))

    @cached_property
    def is_equal(self) -> bool:
        """Whether both sides hold the same values in the same order, written alike."""
        if self.exact is None:
            return bool(self.before.array.equals(self.after.array))
        return np.array_equal(*self.exact)

    def is_rewritten(self, before: Any, after: Any) -> Any:
        """Tell which cells are written otherwise, of rows here and rows there."""
        if self.exact is not None:
            return self.exact[0][before] != self.exact[1][after]
        old, new = _texts_of(self.before, before), _texts_of(self.after, after)
        differs = pc.fill_null(pc.not_equal(old, new), False)
        either = pc.xor(old.is_null(), new.is_null())
        return pc.or_(differs, either).to_numpy(zero_copy_only=False)


def pair(before: GridColumn, after: GridColumn, *, is_text: bool) -> Pair:
    """Compare the values of two columns.

    Parameters
    ----------
    before, after : GridColumn
    is_text : bool
        They come from text files: empty cells and ``NA`` are missing.
    """
    first, second = _alike(before, after)
    if not pa.types.is_large_string(first.type):
        exact = codes.of_both(first, second)
        return Pair(before, after, exact, exact)
    found = _all_numbers(first, second, is_text=is_text)
    if found is not None:
        value = codes.of_both(*found)
        parsed = _nan(found[0]), _nan(found[1])
        return Pair(before, after, None, value, "number", parsed)
    if first.equals(second):
        return _same(before, after, first, is_text=is_text)
    exact_one, exact_other, texts = codes.counted(first, second)
    one, other = _used(exact_one, texts), _used(exact_other, texts)
    return _read(before, after, one, other, (exact_one, exact_other), is_text=is_text)


def _all_numbers(one: Any, other: Any, *, is_text: bool) -> tuple[Any, Any] | None:
    """Return texts as numbers, without a look at each of them, where all stand for one."""
    if form.is_padded(one) and form.is_padded(other):
        return None
    found = []
    for side in (one, other):
        if is_text:
            markers = pa.array(form.MARKERS, side.type)
            side = pc.if_else(pc.is_in(side, value_set=markers), None, side)
        try:
            numbers = side.cast(pa.float64())
        except pa.ArrowException:
            return None
        if numbers.null_count == len(numbers) or not form.is_exact(_nan(numbers)):
            return None
        found.append(pc.if_else(pc.is_nan(numbers), None, pc.add(numbers, 0.0)))
    return found[0], found[1]


def _nan(numbers: Any) -> Any:
    return numbers.fill_null(np.nan).to_numpy(zero_copy_only=False)


def _texts_of(column: GridColumn, rows: Any) -> Any:
    return column.array.take(pa.array(rows)).cast(pa.large_string())


def distinct(array: Any) -> Distinct:
    """Return the distinct values of an array."""
    rows, _, texts = codes.counted(array, None)
    return Distinct(texts, rows, np.arange(len(texts), dtype=np.int32))


def _used(rows: Codes, texts: Any) -> Distinct:
    """Return the values of one side, of those of both."""
    numbers = codes.kinds(rows)
    places = np.full(len(texts) + 1, MISSING, np.int32)
    places[numbers] = np.arange(len(numbers))
    return Distinct(texts.take(pa.array(numbers)), places[rows], numbers)


def _same(before: GridColumn, after: GridColumn, array: Any, *, is_text: bool) -> Pair:
    one = distinct(array)
    found = one.rows
    if is_text:
        markers = pa.array(form.MARKERS, pa.large_string())
        is_marker = pc.is_in(one.texts, value_set=markers).to_numpy(zero_copy_only=False)
        found = _taken(np.where(is_marker, MISSING, one.numbers), one.rows)
    return Pair(before, after, (one.rows, one.rows), (found, found))


def floats(column: GridColumn) -> Any:
    """Return a column as float64, or None when it does not hold numbers."""
    kind = column.array.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if not pa.types.is_large_string(kind):
        return None
    one = distinct(column.array)
    return _rows_of(_numbers(one), one)


def _numbers(one: Distinct) -> Any:
    """Return the numbers that distinct texts stand for, None when most stand for none."""
    found = form.numbers(one.texts)
    is_sound = _share(found, one) >= _PARSED and form.is_exact(found)
    return found if is_sound else None


def _taken(numbers: Codes, rows: Codes) -> Codes:
    if not len(numbers):
        return np.full(len(rows), MISSING, np.int32)
    found: Codes = np.where(rows >= 0, numbers[rows], MISSING).astype(np.int32, copy=False)
    return found


def _rows_of(found: Any | None, one: Distinct) -> Any | None:
    """Return in each row what was found in its text."""
    if found is None:
        return None
    if not len(found):
        return np.full(len(one.rows), np.nan)
    return np.where(one.rows >= 0, found[one.rows], np.nan)


def _alike(before: GridColumn, after: GridColumn) -> tuple[Any, Any]:
    """Return the values of both as one type."""
    one, other = before.array, after.array
    if one.type == other.type:
        return one, other
    for kind, fits in _COMMON:
        if fits(one.type) and fits(other.type):
            try:
                return one.cast(kind), other.cast(kind)
            except pa.ArrowException:
                continue
    if before.objects is None and after.objects is None:
        try:
            return one.cast(pa.large_string()), other.cast(pa.large_string())
        except pa.ArrowException:
            pass
    return _tokens(before), _tokens(after)


def _tokens(column: GridColumn) -> Any:
    if column.objects is not None:
        return column.array
    found = (None if one is None else values.token(one) for one in column.array.to_pylist())
    return pa.array(list(found), pa.large_binary())


def _is_number(kind: Any) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _is_time(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


_COMMON = (
    (pa.int64(), pa.types.is_integer),
    (pa.float64(), _is_number),
    (pa.timestamp("ns"), _is_time),
    (pa.timestamp("us"), _is_time),
    (pa.duration("ns"), pa.types.is_duration),
    (pa.large_binary(), lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind)),
)


def _share(found: Any, one: Distinct) -> float:
    """Return the share of rows that were read, of those that are not missing."""
    used = one.used()
    is_marker = pc.is_in(one.texts, pa.array(form.MARKERS, one.texts.type)).to_numpy(
        zero_copy_only=False
    )
    total = used[~is_marker].sum()
    return float(used[~np.isnan(found)].sum() / total) if total else 0.0


def _read(
    before: GridColumn, after: GridColumn, one: Distinct, other: Distinct,
    exact: tuple[Codes, Codes], *, is_text: bool,
) -> Pair:  # fmt: skip
    """Find out what the texts of two columns mean."""
    maps = one.numbers, other.numbers
    markers = pa.array(form.MARKERS if is_text else (), pa.large_string())
    missing = [
        pc.is_in(d.texts, value_set=markers).to_numpy(zero_copy_only=False) for d in (one, other)
    ]
    both = _numbers(one), _numbers(other)
    parsed = _rows_of(both[0], one), _rows_of(both[1], other)
    padded = form.is_padded(one.texts) and form.is_padded(other.texts)
    if not padded and both[0] is not None and both[1] is not None:
        mapped = _meaning(maps, missing, both, [~np.isnan(found) for found in both])
        return Pair(before, after, exact, _rows(mapped, one, other), "number", parsed)
    plain = [d.texts.filter(pa.array(~m)) for d, m in zip((one, other), missing, strict=True)]
    times = None if np.array_equal(*maps) else form.times(plain[0], plain[1])
    if times is not None and times[0].words != times[1].words:
        found = [_spread(t.values, m) for t, m in zip(times, missing, strict=True)]
        mapped = _meaning(maps, missing, found, [form.is_time(f) for f in found])
        words = times[0].words, times[1].words
        return Pair(before, after, exact, _rows(mapped, one, other), "time", parsed, words)
    mapped, spelt = _spellings(maps, missing, one, other)
    return Pair(before, after, exact, _rows(mapped, one, other), "text", parsed, spelt=spelt)


def _rows(mapped: Any, one: Distinct, other: Distinct) -> tuple[Codes, Codes]:
    return _taken(mapped[0], one.rows), _taken(mapped[1], other.rows)


def _spread(found: Any, missing: Any) -> Any:
    """Put values back to where the missing ones are left out."""
    wide = np.full(len(missing), np.iinfo(np.int64).min)
    wide[~missing] = found
    return wide


def _meaning(maps: Any, missing: Any, found: Any, is_read: Any) -> list[Codes]:
    """Number what was read by its meaning, and what was not by its text."""
    keys = np.concatenate([f[r] for f, r in zip(found, is_read, strict=True)])
    meant = np.unique(keys, return_inverse=True)[1].astype(np.int32)
    first = int(is_read[0].sum())
    most = np.int32(meant.max(initial=-1) + 1)
    mapped = []
    for part, one, m, r in zip((meant[:first], meant[first:]), maps, missing, is_read,
                               strict=True):  # fmt: skip
        made = (one + most).astype(np.int32)
        made[r] = part
        made[m] = MISSING
        mapped.append(made)
    return mapped


def _spellings(
    maps: tuple[Codes, Codes], missing: Any, one: Distinct, other: Distinct
) -> tuple[list[Codes], dict[int, str]]:
    """Give words that are spelt otherwise the number of what they were before."""
    mapped = [np.where(m, MISSING, codes).astype(np.int32)
              for codes, m in zip(maps, missing, strict=True)]  # fmt: skip
    alone = [
        np.flatnonzero(~_is_in(ours, others) & (ours >= 0))
        for ours, others in ((mapped[0], mapped[1]), (mapped[1], mapped[0]))
    ]
    if max(map(len, alone)) > _MOST_SPELLINGS:
        return mapped, {}
    old, new = (_texts(side, rows) for side, rows in zip((one, other), alone, strict=True))
    spelt: dict[int, str] = {}
    for text, (earlier, way) in form.spellings(list(old), list(new)).items():
        spelt[int(maps[1][new[text]])] = way
        mapped[1][new.pop(text)] = mapped[0][old.pop(earlier)]
    if _has_categories(one) and _has_categories(other):
        # a word that the other side writes in the usual way too
        _also(mapped, maps, spelt, new, _texts(one, np.flatnonzero(mapped[0] >= 0)), side=1)
        _also(mapped, maps, spelt, old, _texts(other, np.flatnonzero(mapped[1] >= 0)), side=0)
    return mapped, spelt


def _is_in(ours: Codes, others: Codes) -> Any:
    """Tell which codes of distinct values are among others."""
    known = np.zeros(max(int(ours.max(initial=0)), int(others.max(initial=0))) + 1, bool)
    known[others[others >= 0]] = True
    return known[ours]


def _texts(side: Distinct, rows: Any) -> dict[str, int]:
    return dict(zip(side.texts.take(pa.array(rows)).to_pylist(), rows.tolist(), strict=True))


def _has_categories(side: Distinct) -> bool:
    return 0 < len(side.texts) <= min(_MOST_CATEGORIES, len(side.rows) / 2)


def _also(
    mapped: list[Codes], maps: tuple[Codes, Codes], spelt: dict[int, str],
    alone: dict[str, int], known: dict[str, int], *, side: int,
) -> None:  # fmt: skip
    """Give words of one side the number of a word of the other that is spelt nearly so."""
    for text, (usual, way) in form.spellings(list(known), list(alone)).items():
        if way in form.SPELLED:
            spelt[int(maps[side][alone[text]])] = way
            mapped[side][alone[text]] = mapped[1 - side][known[usual]]
