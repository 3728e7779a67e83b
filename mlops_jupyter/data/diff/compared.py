"""Two grids, column beside column and row beside row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_jupyter.data.diff import form, rows, schema
from mlops_jupyter.data.diff.codes import is_unique, kinds
from mlops_jupyter.data.diff.grid import Grid, GridColumn
from mlops_jupyter.data.diff.pair import Pair, pair
from mlops_jupyter.data.diff.rows import Alignment
from mlops_jupyter.data.diff.schema import Matches
from mlops_jupyter.errors import NotFoundError, UsageError

_KEY_NAME = re.compile(
    r"(^|[\W_])(id|ids|key|uuid|guid|code|symbol|ticker|isin|email|e-mail|date|day|time|timestamp"
    r"|index|nr|no|number|name)($|[\W_])|[a-z](Id|ID|Key|Code|Date)$",
    re.IGNORECASE,
)
_OVERLAP, _SURE_OVERLAP = 0.5, 0.9
_MOST_REPEATS = 4
_LOOKED_AT = 1_000


@dataclass(frozen=True, slots=True)
class Key:
    """The columns, by their places among the pairs, by which rows are found again."""

    places: tuple[int, ...]
    why: str
    is_given: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """Two grids, matched.

    Attributes
    ----------
    before, after : Grid
    matches : Matches
        Which column is which.
    pairs : tuple of Pair
        Those that both sides have, as `matches.both`.
    key : Key
    alignment : Alignment
        Which row is which.
    has_lost_header : bool
        The names of `after` were a row of `before`; here they are one again.
    """

    before: Grid
    after: Grid
    matches: Matches
    pairs: tuple[Pair, ...]
    key: Key
    alignment: Alignment
    has_lost_header: bool = False

    @property
    def counts(self) -> tuple[int, int]:
        """The numbers of rows."""
        return self.before.row_count, self.after.row_count

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the key's columns, after."""
        return tuple(self.pairs[place].name for place in self.key.places)


def compared(before: Grid, after: Grid, key: Sequence[str] = ()) -> Compared:
    """Match two grids.

    Raises
    ------
    NotFoundError
        A column of the key is not on both sides.
    UsageError
        The key is not unique on either side.
    """
    renamed = schema.lost_header(before, after)
    after = renamed or after
    is_text = before.is_text and after.is_text
    counts = before.row_count, after.row_count
    matches = schema.by_name(before, after)
    if not matches.both and matches.removed and matches.added:
        shared = np.arange(min(counts))
        matches = schema.by_content(before, after, matches, (shared, shared), is_text=is_text)
    pairs = _pairs(before, after, matches, is_text=is_text)
    chosen = _given(before, after, matches, pairs, key) if key else choose_key(pairs, counts)
    alignment = _aligned(pairs, chosen, counts)
    both = alignment.before, alignment.after
    more = schema.by_content(before, after, matches, both, is_text=is_text)
    if len(more.both) > len(matches.both):
        names = [pairs[place].name for place in chosen.places]
        pairs = _pairs(before, after, more, is_text=is_text)
        places = tuple(i for i, one in enumerate(pairs) if one.name in names)
        chosen = Key(places, chosen.why, chosen.is_given)
        alignment = _aligned(pairs, chosen, counts)
        matches = more
    return Compared(before, after, matches, pairs, chosen, alignment, renamed is not None)


def codes_of(pairs: Sequence[Pair]) -> list[Any]:
    """Return the codes of the values of all pairs."""
    return [one.value for one in pairs]


def choose_key(pairs: Sequence[Pair], counts: tuple[int, int]) -> Key:
    """Choose the column that obviously names the rows, if there is one."""
    if min(counts) < 2:
        return Key((), "by their content")
    for both in (True, False):
        for place in sorted(range(len(pairs)), key=lambda p: (not _is_named_so(pairs, p), p)):
            one, is_named = pairs[place], _is_named_so(pairs, place)
            if _could_be_key(one, is_named=is_named) and _is_key(one, is_named=is_named, both=both):
                where = "on both sides" if both else _where(one)
                return Key((place,), f"by {one.name}, which is unique {where}")
    return Key((), "by their content: no column names them")


def _where(one: Pair) -> str:
    return "before" if is_unique(one.value[0]) else "after"


def _is_named_so(pairs: Sequence[Pair], place: int) -> bool:
    return place == 0 or bool(_KEY_NAME.search(pairs[place].name))


def _could_be_key(one: Pair, *, is_named: bool) -> bool:
    """Tell whether its values are words or times; whole numbers may all differ by chance."""
    if one.before.objects is not None or one.after.objects is not None:
        return False
    for side in (one.before.array, one.after.array):
        if pa.types.is_floating(side.type) or pa.types.is_boolean(side.type):
            return False
        if pa.types.is_integer(side.type) and not is_named:
            return False
    return all(_holds_names(side, is_named=is_named) for side in (one.before, one.after))


def _holds_names(column: GridColumn, *, is_named: bool) -> bool:
    """Tell whether text holds no measures, as far as its first rows tell."""
    if not pa.types.is_large_string(column.array.type):
        return True
    found = form.numbers(column.array.slice(0, _LOOKED_AT).drop_null())
    known = found[np.isfinite(found)]
    if is_named:
        return not (np.mod(known, 1) > 0).any()
    return len(known) < max(len(found) / 2, 1)


def _is_key(one: Pair, *, is_named: bool, both: bool) -> bool:
    old, new = one.value
    unique = is_unique(old), is_unique(new)
    if not (all(unique) if both else is_named and any(unique)):
        return False
    values = kinds(old), kinds(new)
    if min(map(len, values)) * _MOST_REPEATS < max(len(old) * unique[1], len(new) * unique[0]):
        return False
    shared = len(np.intersect1d(values[0], values[1], assume_unique=True))
    least = max(min(len(values[0]), len(values[1])), 1)
    return shared / least >= (_OVERLAP if is_named else _SURE_OVERLAP)


def _given(
    before: Grid, after: Grid, matches: Matches, pairs: Sequence[Pair], key: Sequence[str]
) -> Key:
    """Return the key that a person asked for."""
    places = []
    for name in key:
        found = [
            place
            for place, match in enumerate(matches.both)
            if name in (after.columns[match.after].name, before.columns[match.before].name)
        ]
        if not found:
            both = [after.columns[match.after].name for match in matches.both]
            raise NotFoundError("column on both sides", name, both)
        places.append(found[0])
    counts = before.row_count, after.row_count
    hashes = rows.hashes_of([pairs[place].value for place in places], counts)
    if all(len(np.unique(side)) < len(side) for side in hashes):
        raise UsageError(
            f"{', '.join(key)}: not unique on either side, so it names no row",
            hint="give more columns, each with --key, or none",
        )
    return Key(tuple(places), f"by {', '.join(key)}, as asked", is_given=True)


def _pairs(before: Grid, after: Grid, matches: Matches, *, is_text: bool) -> tuple[Pair, ...]:
    return tuple(
        pair(before.columns[match.before], after.columns[match.after], is_text=is_text)
        for match in matches.both
    )


def _aligned(pairs: Sequence[Pair], key: Key, counts: tuple[int, int]) -> Alignment:
    columns = codes_of(pairs)
    if key.places:
        return rows.by_key(columns, key.places, counts)
    return rows.by_content(columns, counts)
