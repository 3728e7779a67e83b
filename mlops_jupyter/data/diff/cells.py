"""Which cells are other ones, and in which way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_jupyter.data.diff import form, rows
from mlops_jupyter.data.diff.codes import MISSING
from mlops_jupyter.data.diff.compared import Compared
from mlops_jupyter.data.diff.difference import CellExample, Cells
from mlops_jupyter.data.diff.pair import Pair

EXAMPLES = 3
_FEW = 10
_NEARLY_ALL = 0.95
_MOST_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Way:
    """How some cells of a column are other ones.

    Attributes
    ----------
    column : str
    kind : str
        Of rewritten cells ``number``, ``date``, ``leading zeros``, ``missing marker`` or a key
        of `form.SPELLINGS`; of changed ones ``rounding``, ``more digits``, ``scale``,
        ``offset``, ``lost`` or ``filled``.
    count : int
    of : int
        Rows that both sides have.
    before, after : str
        The first such cell; of dates and rounding the words for it.
    """

    column: str
    kind: str
    count: int
    of: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Differing:
    """The cells of one pair that are other ones; which, in the order of the rows after."""

    cells: Cells
    changed: Any
    rewritten: Any
    ways: tuple[Way, ...]


def differing(compared: Compared) -> tuple[Differing, ...]:
    """Compare the cells of all columns, in the rows that both sides have."""
    found = []
    alignment = compared.alignment
    for one in compared.pairs:
        if one.is_equal and np.array_equal(alignment.before, alignment.after):
            continue
        old, new = one.value[0][alignment.before], one.value[1][alignment.after]
        changed = np.flatnonzero(old != new)
        is_rewritten = one.is_rewritten(alignment.before, alignment.after) & (old == new)
        rewritten = np.flatnonzero(is_rewritten)
        if len(changed) or len(rewritten):
            found.append(_differing(compared, one, changed, rewritten))
    return tuple(found)


def _differing(compared: Compared, one: Pair, changed: Any, rewritten: Any) -> Differing:
    at = _At(compared, one)
    examples = at.examples(changed, EXAMPLES)
    examples += at.examples(rewritten, EXAMPLES - len(examples))
    cells = Cells(one.name, len(changed), len(rewritten), at.count, tuple(examples))
    return Differing(
        cells, changed, rewritten, (*_of_rewritten(at, rewritten), *_of_changed(at, changed))
    )


@dataclass(frozen=True, slots=True)
class _At:
    """One pair, along the alignment."""

    compared: Compared
    pair: Pair

    @property
    def count(self) -> int:
        return len(self.compared.alignment.after)

    def rows(self, places: Any) -> tuple[Any, Any]:
        alignment = self.compared.alignment
        return alignment.before[places], alignment.after[places]

    def shown(self, place: int) -> tuple[str | None, str | None]:
        before, after = self.rows(place)
        return self.pair.before.shown(int(before)), self.pair.after.shown(int(after))

    def examples(self, places: Any, most: int) -> list[CellExample]:
        """Return the most frequent changes, each once."""
        if not len(places) or most < 1:
            return []
        before, after = self.rows(places)
        known = self.pair.exact or self.pair.value
        old = known[0][before].astype(np.uint64) * rows.PRIME
        new = known[1][after].astype(np.uint64)
        _, first, counts = np.unique(old + new, return_index=True, return_counts=True)
        order = np.lexsort((first, -counts))[:most]
        chosen = places[first[order]]
        return [CellExample(int(after[first[i]]) + 1, *self.shown(int(place)))
                for i, place in zip(order, chosen, strict=True)]  # fmt: skip

    def way(self, kind: str, places: Any) -> Way:
        before, after = self.shown(int(places[0]))
        return Way(self.pair.name, kind, len(places), self.count, before or "", after or "")


def _of_rewritten(at: _At, places: Any) -> Iterator[Way]:
    if not len(places):
        return
    one = at.pair
    before, after = at.rows(places)
    is_missing = one.value[1][after] == MISSING
    if is_missing.any():
        yield at.way("missing marker", places[is_missing])
        places, before, after = places[~is_missing], before[~is_missing], after[~is_missing]
    if not len(places):
        return
    if one.reading == "number":
        yield at.way("leading zeros" if _lost_zeros(one) else "number", places)
    elif one.reading == "time":
        yield Way(one.name, "date", len(places), at.count, *one.words)
    else:
        old, new = one.exact or one.value
        codes = zip(new[after].tolist(), old[before].tolist(), strict=True)
        kinds = [one.spelt.get(now) or one.spelt.get(then, "") for now, then in codes]
        for kind in Counter(kinds):
            if kind:
                yield at.way(kind, places[[k == kind for k in kinds]])


def _lost_zeros(one: Pair) -> bool:
    padded = [form.is_padded(side.array) if side.array.type == "large_string" else False
              for side in (one.before, one.after)]  # fmt: skip
    return padded[0] != padded[1]


def _of_changed(at: _At, places: Any) -> Iterator[Way]:
    if not len(places):
        return
    one = at.pair
    before, after = at.rows(places)
    is_lost, is_filled = one.value[1][after] == MISSING, one.value[0][before] == MISSING
    if is_lost.any():
        yield at.way("lost", places[is_lost])
    if is_filled.any():
        yield at.way("filled", places[is_filled])
    found = one.floats
    if found[0] is None or found[1] is None:
        return
    old, new = found[0][before], found[1][after]
    known = np.isfinite(old) & np.isfinite(new)
    if known.any():
        yield from _of_numbers(at, places[known], old[known], new[known])


def _of_numbers(at: _At, places: Any, old: Any, new: Any) -> Iterator[Way]:
    """Find the one rule by which (nearly) all changed numbers were made from what they were."""
    for kind, one, other in (("rounding", old, new), ("more digits", new, old)):
        rounded = _decimals(one, other)
        if rounded is not None:
            decimals, count = rounded
            yield Way(at.pair.name, kind, count, at.count, "", str(decimals))
            return
    if len(places) < _FEW:
        return
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = new / old
    for kind, found in (("scale", ratio), ("offset", new - old)):
        usual = float(np.median(found))
        near = np.isclose(found, usual, rtol=1e-6, atol=0)
        if usual and np.isfinite(usual) and near.mean() >= _NEARLY_ALL:
            yield Way(at.pair.name, kind, int(near.sum()), at.count, "", f"{usual:.6g}")
            return


def _decimals(old: Any, new: Any) -> tuple[int, int] | None:
    """Return to how many decimals numbers were rounded, if they were, and how many of them."""
    for decimals in range(_MOST_DECIMALS + 1):
        close = np.abs(np.round(old, decimals) - new) <= 1e-9 * np.maximum(np.abs(new), 1)
        # a five at the end is rounded up by some and to the even digit by others
        half = np.abs(old - new) <= 0.5000001 * 10.0**-decimals
        told = half & (np.abs(np.round(new, decimals) - new) <= 1e-9 * np.maximum(np.abs(new), 1))
        fit = close | told
        if fit.mean() >= _NEARLY_ALL:
            is_same = np.allclose(old, new, rtol=1e-12, atol=0)
            return None if is_same else (decimals, int(fit.sum()))
    return None
