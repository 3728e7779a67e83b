"""Which row of one side is which of the other."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_jupyter.data.diff.codes import MISSING, Codes, kinds

Indices = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Columns = Sequence[tuple[Codes, Codes]]
"""The codes of each column, before and after: equal ones are equal values."""

_NONE = -1
_ENOUGH = 0.5
"""The share of cells that must agree in two rows that are taken for one that was changed."""

PRIME = np.uint64(0x9E3779B97F4A7C15)
"""By which codes are mixed."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Rows of both sides.

    Attributes
    ----------
    before, after : arrays of int
        The places of the same row, in the order of `after`.
    removed, added : arrays of int
        The places of rows that one side alone has.
    respelt : array of bool
        Of `after`: the row is the same but for its key.
    is_by_place : bool
        No two rows are alike: the first is the first, and so on.
    """

    before: Indices
    after: Indices
    removed: Indices
    added: Indices
    respelt: Flags
    is_by_place: bool = False

    @property
    def moved(self) -> Flags:
        """Which rows stand at another place among those that both sides have."""
        return ~longest_rising(self.before)


def by_key(columns: Columns, key: Sequence[int], counts: tuple[int, int]) -> Alignment:
    """Find rows again by their key; those that stay alone by all the rest.

    Parameters
    ----------
    columns : sequence of two arrays
    key : sequence of int
        Which of them are the key.
    counts : tuple of two int
        The numbers of rows.
    """
    match = _empty(counts[0])
    _match_equal(match, hashes_of([columns[place] for place in key], counts))
    rest = [column for place, column in enumerate(columns) if place not in key]
    respelt = np.zeros(counts[0], bool)
    if rest:
        before = match.copy()
        _match_alone(match, hashes_of(rest, counts), rest)
        respelt = match != before
    return _alignment(match, counts[1], respelt)


def by_content(columns: Columns, counts: tuple[int, int]) -> Alignment:
    """Find rows again by their content: equal ones first, then those that are mostly equal."""
    match = _empty(counts[0])
    if not columns:
        shared = min(counts)
        match[:shared] = np.arange(shared)
        return _alignment(match, counts[1], np.zeros(counts[0], bool))
    hashes = hashes_of(columns, counts)
    _match_ends(match, hashes)
    _match_unique(match, hashes)
    for is_forward in (True, False):
        _match_beside(match, hashes, None, is_forward=is_forward)
    _match_equal(match, hashes)
    for is_forward in (True, False):
        _match_beside(match, hashes, columns, is_forward=is_forward)
    _match_by_telling_columns(match, columns, counts)
    is_by_place = counts[0] == counts[1] and bool((match == _NONE).all())
    if is_by_place:
        match[:] = np.arange(len(match))
    return _alignment(match, counts[1], np.zeros(counts[0], bool), is_by_place=is_by_place)


def longest_rising(numbers: Indices) -> Flags:
    """Return which numbers belong to a longest rising row of them."""
    count = len(numbers)
    if count < 2 or bool((np.diff(numbers) > 0).all()):
        return np.ones(count, bool)
    ends: list[int] = []  # the smallest last number of a rising row of each length
    places: list[int] = []
    before = [_NONE] * count
    for place, number in enumerate(numbers.tolist()):
        length = bisect_left(ends, number)
        before[place] = places[length - 1] if length else _NONE
        if length == len(ends):
            ends.append(number)
            places.append(place)
        else:
            ends[length], places[length] = number, place
    found = np.zeros(count, bool)
    place = places[-1]
    while place != _NONE:
        found[place] = True
        place = before[place]
    return found


def _empty(count: int) -> Indices:
    return np.full(count, _NONE, np.int64)


def _alignment(
    match: Indices, count: int, respelt: Flags, *, is_by_place: bool = False
) -> Alignment:
    before = np.flatnonzero(match != _NONE)
    order = np.argsort(match[before], kind="stable")
    before = before[order]
    after = match[before]
    is_new = np.ones(count, bool)
    is_new[after] = False
    return Alignment(
        before,
        after,
        np.flatnonzero(match == _NONE),
        np.flatnonzero(is_new),
        respelt[before],
        is_by_place,
    )


def hashes_of(columns: Columns, counts: tuple[int, int]) -> tuple[Any, Any]:
    """Return a number for each row, equal for equal rows.

    The codes of all columns are mixed to 64 bits: who uses them compares the cells afterwards.
    """
    found = []
    for side, count in enumerate(counts):
        mixed = np.zeros(count, np.uint64)
        for column in columns:
            mixed ^= column[side].astype(np.int64).view(np.uint64) + PRIME
            mixed *= np.uint64(0xFF51AFD7ED558CCD)
            mixed ^= mixed >> np.uint64(32)
        found.append(mixed)
    return found[0], found[1]


def _free(match: Indices, count: int) -> tuple[Indices, Indices]:
    """Return the rows of both sides that have no partner yet."""
    taken = np.zeros(count, bool)
    taken[match[match != _NONE]] = True
    return np.flatnonzero(match == _NONE), np.flatnonzero(~taken)


def _match_ends(match: Indices, hashes: tuple[Any, Any]) -> None:
    """Match what both begin and end with."""
    one, other = hashes
    shared = min(len(one), len(other))
    differ = np.flatnonzero(one[:shared] != other[:shared])
    head = int(differ[0]) if len(differ) else shared
    match[:head] = np.arange(head)
    rest = shared - head
    if rest:
        differ = np.flatnonzero(one[len(one) - rest :][::-1] != other[len(other) - rest :][::-1])
        tail = int(differ[0]) if len(differ) else rest
        if tail:
            match[len(one) - tail :] = np.arange(len(other) - tail, len(other))


def _match_unique(match: Indices, hashes: tuple[Any, Any]) -> None:
    """Match equal rows that stand once on each side."""
    left, right = _free(match, len(hashes[1]))
    one, other = _once(hashes[0][left]), _once(hashes[1][right])
    _, first, second = np.intersect1d(
        hashes[0][left][one], hashes[1][right][other], assume_unique=True, return_indices=True
    )
    match[left[one[first]]] = right[other[second]]


def _once(numbers: Any) -> Indices:
    """Return the places of numbers that stand once."""
    _, places, counts = np.unique(numbers, return_index=True, return_counts=True)
    found: Indices = places[counts == 1]
    return found


def _match_equal(match: Indices, hashes: tuple[Any, Any]) -> None:
    """Match equal rows in their order: of those that stand more than once, first with first."""
    left, right = _free(match, len(hashes[1]))
    one, other = (found + _counts(found) * PRIME for found in (hashes[0][left], hashes[1][right]))
    _, first, second = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    match[left[first]] = right[second]


def _counts(numbers: Any) -> Any:
    """Return of each number how many equal ones stand before it."""
    order = np.argsort(numbers, kind="stable")
    ranked = numbers[order]
    is_first = np.ones(len(ranked), bool)
    is_first[1:] = ranked[1:] != ranked[:-1]
    starts = np.flatnonzero(is_first)
    lengths = np.diff(np.append(starts, len(ranked)))
    counts = np.empty(len(numbers), np.uint64)
    counts[order] = np.arange(len(ranked)) - np.repeat(starts, lengths)
    return counts


def _match_beside(
    match: Indices, hashes: tuple[Any, Any], columns: Columns | None, *, is_forward: bool
) -> None:
    """Match rows that follow a matched one, or stand before one, on both sides.

    Without `columns` the rows must be equal, else enough of their cells.
    """
    left, right = _free(match, len(hashes[1]))
    if not len(left) or not len(right):
        return
    places = np.arange(len(match))
    known = match != _NONE
    if is_forward:
        nearest = np.maximum.accumulate(np.where(known, places, _NONE))
        target = places + np.where(nearest >= 0, match[nearest] - nearest, 0)
    else:
        nearest = np.minimum.accumulate(np.where(known, places, len(match))[::-1])[::-1]
        inside = np.minimum(nearest, len(match) - 1)
        shift = np.where(nearest < len(match), match[inside] - nearest,
                         len(hashes[1]) - len(match))  # fmt: skip
        target = places + shift
    is_free = np.zeros(len(hashes[1]) + 1, bool)
    is_free[right] = True
    wanted = np.clip(target[left], _NONE, len(hashes[1]))
    chosen = left[is_free[wanted] & (wanted >= 0)]
    wanted = target[chosen]
    if columns is None:
        fits = hashes[0][chosen] == hashes[1][wanted]
    else:
        # of one column nothing else can agree: its place does
        fits = _agreeing(columns, chosen, wanted) >= (_ENOUGH if len(columns) > 1 else 0)
    _take(match, chosen[fits], wanted[fits])


def _take(match: Indices, rows: Indices, wanted: Indices) -> None:
    """Match rows, one with one."""
    _, first = np.unique(wanted, return_index=True)
    match[rows[first]] = wanted[first]


def _agreeing(columns: Columns, rows: Indices, others: Indices) -> Any:
    """Return the share of cells that agree in each two rows."""
    agreeing = np.zeros(len(rows))
    for before, after in columns:
        agreeing += before[rows] == after[others]
    return agreeing / max(len(columns), 1)


def _match_by_telling_columns(match: Indices, columns: Columns, counts: tuple[int, int]) -> None:
    """Match rows by one column in which each of them has a value of its own."""
    for column in _telling(columns, match, counts):
        left, right = _free(match, counts[1])
        if not len(left) or not len(right):
            return
        one, other = column[0][left], column[1][right]
        first, second = _once(one), _once(other)
        _, a, b = np.intersect1d(one[first], other[second], return_indices=True)
        rows, wanted = left[first[a]], right[second[b]]
        fits = (one[first[a]] != MISSING) & (_agreeing(columns, rows, wanted) >= _ENOUGH)
        match[rows[fits]] = wanted[fits]


def _telling(columns: Columns, match: Indices, counts: tuple[int, int]) -> list[Any]:
    """Return the columns, those first that tell most of the free rows apart."""
    left, right = _free(match, counts[1])
    if not len(left) or not len(right):
        return []
    counts_of = [len(kinds(before[left])) for before, _ in columns]
    ranked = sorted(range(len(columns)), key=lambda place: -counts_of[place])
    return [columns[place] for place in ranked]


def _match_alone(match: Indices, hashes: tuple[Any, Any], rest: Columns) -> None:
    """Match rows without a partner that are equal, and stand once, but for their key."""
    left, right = _free(match, len(hashes[1]))
    if not len(left) or not len(right):
        return
    # a row that says little may equal another by chance: it must be the only one of all
    one = np.isin(left, _once(hashes[0]))
    other = np.isin(right, _once(hashes[1]))
    left, right = left[one], right[other]
    _, first, second = np.intersect1d(
        hashes[0][left], hashes[1][right], assume_unique=True, return_indices=True
    )
    rows, wanted = left[first], right[second]
    fits = _agreeing(rest, rows, wanted) == 1
    match[rows[fits]] = wanted[fits]
