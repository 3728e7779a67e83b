"""Finds which row of a base version each row of a new one was.

The answer only has to be good, never right: what the mapped rows do not have in common is kept
beside them. So cheap guesses come first, and each is judged by how many of some rows' cells it
predicts:

1. of as many rows: each row is itself;
2. of more or fewer: rows went in, or out, at one place (appended, cut off, in the middle);
3. rows by key: those with the same value in a column that hardly repeats, or the same values
   in the columns looked at; of equal rows the first is the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from mlops_jupyter.data.storage import row_map
from mlops_jupyter.data.storage.row_map import NEW, Integers, RowMap
from mlops_jupyter.data.value import arrow, part

KEYED_ROWS = 5_000_000
"""Beyond this many rows they are not sorted by key: it would take more than 300 MB."""

LOOKED_AT = 3
"""So many columns are looked at, the cheapest first."""

WORDS = 32
"""Of a value with more than so many words of 8 bytes some are looked at."""

SAMPLE_ROWS = 2_000
GOOD = 0.9
"""A guess that predicts this share of the cells is taken at once."""

WORTH = 0.3
"""Below this share the version is kept as if there were no base."""

_MIX = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, section 6.4)."""

Codes = np.ndarray[Any, np.dtype[np.uint64]]
"""Of each row a number that stands for its value."""


class Rows(Protocol):
    """A column that rows can be cut out of."""

    @property
    def rows(self) -> int:
        """How many there are."""

    def cut(self, start: int, stop: int) -> Any:
        """Return the Arrow array of some rows."""


class Pair(NamedTuple):
    """A column in the new version and in the base, of one flat type."""

    new: Rows
    base: Rows


def align(pairs: Sequence[Pair]) -> RowMap | None:
    """Return which base row each new row was, or None when too few were there.

    Parameters
    ----------
    pairs : sequence of Pair
        The columns that changed: all new ones have as many rows, and all base ones.
    """
    rows, base_rows = pairs[0].new.rows, pairs[0].base.rows
    if not rows or not base_rows:
        return None
    looked = sorted(pairs, key=_cost)[:LOOKED_AT]
    if max(rows, base_rows) > KEYED_ROWS:
        return identity(rows) if rows == base_rows else shifted(rows, base_rows, base_rows)
    coded = [_codes(pair) for pair in looked]
    best, best_score = None, WORTH
    for guess in _guesses(coded, rows, base_rows):
        score = _score(guess, coded)
        if score >= GOOD * min(1.0, base_rows / rows):
            return guess
        if score > best_score:
            best, best_score = guess, score
    return best


def identity(rows: int) -> RowMap:
    """Return the map of as many rows, each of which is itself."""
    return row_map.from_runs(np.array([0]), np.array([rows]))


def shifted(rows: int, base_rows: int, at: int) -> RowMap:
    """Return the map of rows that went in, or out, before the base row `at`."""
    more = rows - base_rows
    if more >= 0:
        starts, lengths = [0, NEW, at], [at, more, base_rows - at]
    else:
        at = min(at, rows)
        starts, lengths = [0, at - more], [at, rows - at]
    return row_map.from_runs(np.array(starts), np.array(lengths))


class _Coded(NamedTuple):
    new: Codes
    base: Codes


def _guesses(coded: Sequence[_Coded], rows: int, base_rows: int) -> Iterator[RowMap]:
    if rows == base_rows:
        yield identity(rows)
    else:
        yield shifted(rows, base_rows, _place(coded[0]))
    for one in coded:
        if _hardly_repeats(one.new):
            yield _keyed(one)
    yield _keyed(_Coded(_mixed([c.new for c in coded]), _mixed([c.base for c in coded])))


def _cost(pair: Pair) -> tuple[bool, int]:
    """Order columns by what it costs to look at them; bools and the like tell little."""
    kind = pair.new.cut(0, 0).type
    width = 0 if arrow.is_text(kind) else kind.bit_width
    return arrow.is_text(kind) or width > 64, -width


def _codes(pair: Pair) -> _Coded:
    new, base = (pa.chunked_array(list(_chunks(side))) for side in pair)
    kind = new.type
    if arrow.is_text(kind):
        # one dictionary for both
        coded = pa.concat_arrays([*base.chunks, *new.chunks]).dictionary_encode()
        numbers = np.asarray(coded.indices.fill_null(-1)).astype(np.uint64)
        return _Coded(numbers[len(base) :], numbers[: len(base)])
    return _Coded(*(_joined(side) for side in (new, base)))


def _chunks(side: Rows) -> Iterator[Any]:
    for start in range(0, max(side.rows, 1), part.CHUNK_ROWS):
        yield side.cut(start, min(start + part.CHUNK_ROWS, side.rows))


def _joined(chunked: Any) -> Codes:
    codes = np.empty(len(chunked), np.uint64)
    start = 0
    for chunk in chunked.chunks:
        found = arrow.bits(arrow.canonical(chunk))
        codes[start : start + len(chunk)] = found if found.ndim == 1 else _of_wide(found)
        start += len(chunk)
    return codes


def _of_wide(rows: np.ndarray[Any, Any]) -> Codes:
    """Return a number for each row of bytes: of all words of a short one, of some of a long one."""
    missing = -rows.shape[1] % 8
    padded = np.pad(rows, ((0, 0), (0, missing))) if missing else np.ascontiguousarray(rows)
    words = padded.view(np.uint64)
    some = np.unique(np.linspace(0, words.shape[1] - 1, WORDS).astype(np.int64))
    return _mixed([words[:, place] for place in some])


def _place(one: _Coded) -> int:
    """Return the base row before which rows went in, or out, so that most others agree."""
    count = min(len(one.new), len(one.base))
    shift = len(one.new) - len(one.base)
    head = one.new[:count] != one.base[:count]
    tail = one.new[max(shift, 0) :][:count] != one.base[max(-shift, 0) :][:count]
    # of the first k rows those of the head count, of the others those of the tail
    wrong = np.concatenate([[0], np.cumsum(head)]) - np.concatenate([[0], np.cumsum(tail)])
    return int(np.argmin(wrong))


def _hardly_repeats(codes: Codes) -> bool:
    some = codes[_sample(len(codes))]
    return len(np.unique(some)) > 0.99 * len(some)


def _mixed(columns: Sequence[Codes]) -> Codes:
    mixed = np.zeros(len(columns[0]), np.uint64)
    for codes in columns:
        mixed = (mixed ^ codes) * _MIX
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _keyed(one: _Coded) -> RowMap:
    """Map rows by equal codes; of those that repeat, the n-th is the n-th."""
    base_order = np.argsort(one.base, kind="stable")
    base = one.base[base_order]
    order = np.argsort(one.new, kind="stable")
    new = one.new[order]
    number = np.arange(len(new))
    first = np.concatenate([[True], new[1:] != new[:-1]])
    repeat = number - np.maximum.accumulate(np.where(first, number, 0))
    found = np.searchsorted(base, new, "left") + repeat
    there = found < len(base)
    there[there] = base[found[there]] == new[there]
    sources: Integers = np.full(len(new), NEW, np.int64)
    sources[order[there]] = base_order[found[there]]
    return row_map.from_sources(sources)


def _score(guess: RowMap, coded: Sequence[_Coded]) -> float:
    """Return the share of cells that a map predicts, of some rows; a new row predicts none."""
    rows = _sample(guess.rows)
    sources = guess.of(rows)
    known = sources != NEW
    right = [one.new[rows[known]] == one.base[sources[known]] for one in coded]
    return float(np.sum(right)) / (len(rows) * len(coded))


def _sample(rows: int) -> Integers:
    """Return some rows, the same of the same number, at places without a period."""
    if rows <= SAMPLE_ROWS:
        return np.arange(rows, dtype=np.int64)
    spread = (np.arange(SAMPLE_ROWS, dtype=np.uint64) * _MIX) >> np.uint64(11)
    return np.sort(spread % np.uint64(rows)).astype(np.int64)
