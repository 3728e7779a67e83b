"""Which column of one side is which of the other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_jupyter.data.diff.codes import MISSING
from mlops_jupyter.data.diff.difference import ColumnChange
from mlops_jupyter.data.diff.grid import Grid, GridColumn, text_column, with_names
from mlops_jupyter.data.diff.pair import pair
from mlops_jupyter.data.diff.rows import longest_rising

MARK = "\ufeff"
"""A byte-order mark: invisible, and part of a name when a program took it for one."""

_SAMPLE = 5_000
_MOST_TRIED = 60
_AGREE, _BEYOND_CHANCE = 0.8, 0.7
_AGREE_BY_NAME, _LIKE_NAMES = 0.5, 0.6


@dataclass(frozen=True, slots=True)
class Match:
    """A column that both sides have; `why` is empty when its name is the same."""

    before: int
    after: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Matches:
    """All columns of both sides, by their places."""

    both: tuple[Match, ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]


def by_name(before: Grid, after: Grid) -> Matches:
    """Match columns by their names, the same or spelt otherwise."""
    found: list[Match] = []
    left, right = list(range(len(before.columns))), list(range(len(after.columns)))
    for why, plain in (("", str), (SPELT, plain_name)):
        known = dict(_numbered((plain(before.columns[place].name), place) for place in left))
        for name, place in _numbered((plain(after.columns[place].name), place) for place in right):
            if name in known:
                found.append(Match(known[name], place, why))
        taken, taken_after = {m.before for m in found}, {m.after for m in found}
        left = [place for place in left if place not in taken]
        right = [place for place in right if place not in taken_after]
    return Matches(tuple(sorted(found, key=lambda m: m.after)), tuple(left), tuple(right))


SPELT = "the name is spelt otherwise"


def plain_name(name: str) -> str:
    """Return a name without what programs do to names: case, spaces, marks."""
    return re.sub(r"[\W_]+", " ", name.replace(MARK, "")).strip().casefold()


def by_content(
    before: Grid, after: Grid, matches: Matches, rows: tuple[Any, Any], *, is_text: bool
) -> Matches:
    """Match columns without a partner by their values in rows that are the same.

    Parameters
    ----------
    before, after : Grid
    matches : Matches
    rows : tuple of two arrays
        Which row is which.
    is_text : bool
        Both are of text files.
    """
    if not (matches.removed and matches.added) or not len(rows[0]):
        return matches
    step = max(len(rows[0]) // _SAMPLE, 1)
    chosen = [pa.array(side[::step]) for side in rows]
    olds = {p: _sample(before.columns[p], chosen[0]) for p in matches.removed[:_MOST_TRIED]}
    news = {p: _sample(after.columns[p], chosen[1]) for p in matches.added[:_MOST_TRIED]}
    scored = []
    for old, earlier in olds.items():
        for new, later in news.items():
            score = _score(earlier, later, is_text=is_text)
            if score is not None:
                scored.append((score, old, new))
    found = list(matches.both)
    for score, old, new in sorted(scored, key=lambda one: (-one[0], one[1], one[2])):
        if old in {m.before for m in found} or new in {m.after for m in found}:
            continue
        why = "the same values" if score == 1 else f"{score:.1%} of the values are the same"
        found.append(Match(old, new, why))
    taken, taken_after = {m.before for m in found}, {m.after for m in found}
    return Matches(
        tuple(sorted(found, key=lambda m: m.after)),
        tuple(place for place in matches.removed if place not in taken),
        tuple(place for place in matches.added if place not in taken_after),
    )


def changes(before: Grid, after: Grid, matches: Matches) -> Iterator[ColumnChange]:
    """Say what happened to columns."""
    for match in matches.both:
        old, new = before.columns[match.before], after.columns[match.after]
        if match.why:
            yield ColumnChange("renamed", new.name, old.name, new.name, match.why)
        if old.type != new.type:
            yield ColumnChange("type", new.name, old.type, new.type)
    for place in matches.removed:
        yield ColumnChange("removed", before.columns[place].name, before.columns[place].name, None)
    for place in matches.added:
        yield ColumnChange("added", after.columns[place].name, None, after.columns[place].name)
    order = np.array([match.before for match in matches.both], np.int64)
    stays = longest_rising(order)
    for match, stay in zip(matches.both, stays, strict=True):
        if not stay:
            yield ColumnChange(
                "moved",
                after.columns[match.after].name,
                str(match.before + 1),
                str(match.after + 1),
            )


def lost_header(before: Grid, after: Grid) -> Grid | None:
    """Return `after` with the names of `before`, when its own are a row of `before`.

    Its names become its first row, which they were.
    """
    if not after.is_text or len(before.columns) != len(after.columns) or not before.row_count:
        return None
    if set(before.names) & set(after.names) or len(before.columns) < 2:
        return None
    hits = [
        name in set(column.array.slice(0, _SAMPLE).to_pylist())
        for name, column in zip(after.names, before.columns, strict=True)
    ]
    if sum(hits) < max(len(hits) * 0.75, 2):
        return None
    columns = [
        text_column(
            column.name,
            pa.concat_arrays([pa.array([column.name], pa.large_string()), column.array]),
        )
        for column in after.columns
    ]
    grown = Grid(tuple(columns), after.row_count + 1, is_text=True, ragged=after.ragged)
    return with_names(grown, before.names)


def _numbered(
    names: Iterator[tuple[str, int]],
) -> Iterator[tuple[tuple[str, int], int]]:
    """Tell columns of one name apart by counting them."""
    seen: Counter[str] = Counter()
    for name, place in names:
        yield (name, seen[name]), place
        seen[name] += 1


def _sample(column: GridColumn, rows: Any) -> GridColumn:
    objects = column.objects
    if objects is not None:
        objects = [objects[row] for row in rows.to_pylist()]
    return GridColumn(column.name, column.type, column.array.take(rows), objects)


def _score(before: GridColumn, after: GridColumn, *, is_text: bool) -> float | None:
    """Return the share of rows with the same value, if that says that it is one column."""
    old, new = pair(before, after, is_text=is_text).value
    if (old == MISSING).all():
        return None
    agree = float((old == new).mean())
    every, numbers = np.unique(np.concatenate([old, new]), return_inverse=True)
    sides = numbers[: len(old)], numbers[len(old) :]
    shares = [np.bincount(side, minlength=len(every)) / len(side) for side in sides]
    chance = float(shares[0] @ shares[1])
    like = SequenceMatcher(None, plain_name(before.name), plain_name(after.name)).ratio()
    is_like = like >= _LIKE_NAMES and agree >= _AGREE_BY_NAME
    beyond = (agree - chance) / (1 - chance) if chance < 1 else 0.0
    return agree if is_like or (agree >= _AGREE and beyond >= _BEYOND_CHANCE) else None
