"""Which row of a base version each row of a new one was, kept as runs.

``starts[k]`` is the base row of the first row of run `k`, or -1 where the base has no such row;
``lengths[k]`` is how many rows follow one another so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_jupyter.errors import IntegrityError

Integers = np.ndarray[Any, np.dtype[np.int64]]

NEW = -1
"""The row of the base, where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class RowMap:
    """The runs, and where each begins in the new version."""

    starts: Integers
    lengths: Integers
    ends: Integers

    @property
    def rows(self) -> int:
        """Rows of the new version."""
        return int(self.ends[-1]) if len(self.ends) else 0

    @property
    def mapped(self) -> int:
        """Rows that the base has."""
        return int(self.lengths[self.starts != NEW].sum())

    def is_identity(self, base_rows: int) -> bool:
        """Tell whether each row is the same row of a base with so many rows."""
        return len(self.starts) == 1 and self.starts[0] == 0 and self.rows == base_rows

    def runs(self, start: int, stop: int) -> tuple[Integers, Integers]:
        """Return starts and lengths of the runs of rows `start` to `stop`, cut to them."""
        first = int(np.searchsorted(self.ends, start, "right"))
        last = int(np.searchsorted(self.ends, stop, "left")) + 1
        starts, lengths = self.starts[first:last].copy(), self.lengths[first:last].copy()
        if not len(starts):
            return starts, lengths
        before = start - int(self.ends[first] - self.lengths[first])
        if starts[0] != NEW:
            starts[0] += before
        lengths[0] -= before
        lengths[-1] -= max(0, int(self.ends[min(last, len(self.ends)) - 1]) - stop)
        return starts, lengths

    def sources(self, start: int, stop: int) -> Integers:
        """Return the base row of each of the rows `start` to `stop`."""
        return expanded(*self.runs(start, stop))

    def of(self, rows: Integers) -> Integers:
        """Return the base row of each of these rows."""
        run = np.searchsorted(self.ends, rows, "right")
        starts = self.starts[run]
        into = rows - (self.ends[run] - self.lengths[run])
        found: Integers = np.where(starts == NEW, NEW, starts + into)
        return found

    def encoded(self) -> tuple[bytes, tuple[int, int]]:
        """Return the runs as bytes, and how wide the numbers of the two halves are.

        A start stands as 0 for new rows, else as its distance from where the run before ended
        in the base, folded to a positive number (zigzag), plus 1.
        """
        known = self.starts != NEW
        after = np.where(known, self.starts + self.lengths, 0)
        # new rows leave where the next run would go on
        last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
        expected = np.zeros(len(known), np.int64)
        expected[1:] = np.where(last[:-1] >= 0, after[last[:-1]], 0)
        distance = self.starts - expected
        folded = np.where(known, ((distance << 1) ^ (distance >> 63)) + 1, 0)
        heads, wide = planes(folded)
        tails, narrow = planes(self.lengths)
        return heads + tails, (wide, narrow)


def from_runs(starts: Integers, lengths: Integers) -> RowMap:
    """Return the map of these runs; empty ones are left out."""
    some = lengths > 0
    starts, lengths = starts[some].astype(np.int64), lengths[some].astype(np.int64)
    return RowMap(starts, lengths, np.cumsum(lengths))


def from_sources(sources: Integers) -> RowMap:
    """Return the map that gives each row its base row, or -1."""
    if not len(sources):
        return from_runs(sources, sources)
    new = sources == NEW
    goes_on = (np.diff(sources) == 1) & ~new[:-1] | (new[1:] & new[:-1])
    first = np.flatnonzero(np.concatenate([[True], ~goes_on]))
    return from_runs(sources[first], np.diff(np.append(first, len(sources))))


def decoded(content: bytes, count: int, widths: tuple[int, int]) -> RowMap:
    """Return the map that `RowMap.encoded` wrote.

    Raises
    ------
    IntegrityError
        The bytes are not such a map.
    """
    cut = count * widths[0]
    if len(content) != cut + count * widths[1]:
        raise IntegrityError("a stored row map has another length than its manifest says")
    folded = numbers(content[:cut], widths[0])
    lengths = numbers(content[cut:], widths[1])
    known = folded > 0
    distance = (folded - 1) >> 1 ^ -((folded - 1) & 1)
    # each start is where the run before ended, plus its distance
    steps = np.where(known, distance, 0)
    ended = np.concatenate([[0], np.cumsum(np.where(known, steps + lengths, 0))[:-1]])
    starts = np.where(known, ended + steps, NEW)
    return from_runs(starts, lengths)


def expanded(starts: Integers, lengths: Integers) -> Integers:
    """Return runs as one number for each row."""
    total = int(lengths.sum())
    if not total:
        return np.empty(0, np.int64)
    begins = np.cumsum(lengths) - lengths
    known = starts != NEW
    offset = np.repeat(np.where(known, starts - begins, 0), lengths)
    rows: Integers = np.arange(total, dtype=np.int64) + offset
    rows[np.repeat(~known, lengths)] = NEW
    return rows


def planes(values: Integers) -> tuple[bytes, int]:
    """Return numbers from 0 as byte planes, all lowest bytes first, and their width in bytes.

    A compressor sees in each plane what is alike; of the high ones next to nothing is left.
    """
    largest = int(values.max()) if len(values) else 0
    width = max(1, (largest.bit_length() + 7) // 8)
    raw = np.ascontiguousarray(values, "<i8").view(np.uint8).reshape(-1, 8)
    return np.ascontiguousarray(raw[:, :width].T).tobytes(), width


def numbers(content: bytes, width: int) -> Integers:
    """Return the numbers that `planes` wrote."""
    count = len(content) // width
    raw = np.zeros((count, 8), np.uint8)
    raw[:, :width] = np.frombuffer(content, np.uint8).reshape(width, count).T
    found: Integers = raw.reshape(-1).view("<i8").astype(np.int64, copy=False)
    return found
