"""How columns as a whole are distributed otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_jupyter.data.diff.codes import MISSING, is_same_set, kinds
from mlops_jupyter.data.diff.compared import Compared
from mlops_jupyter.data.diff.difference import Shift
from mlops_jupyter.data.diff.grid import GridColumn
from mlops_jupyter.data.diff.pair import Pair

BINS = 10
MOST_ROWS = 200_000
"""Of more, every second row is looked at, or every third, …"""

MOST_CATEGORIES = 200
_LEAST_PART = 1e-4
_LEAST_EFFECT = 0.001
_WORDS = ((0.1, "a little"), (0.3, "clearly"), (1.01, "much"))


def shifts(compared: Compared) -> tuple[Shift, ...]:
    """Compare the columns that both sides have, those that differ most first."""
    if 0 in compared.counts:
        return ()
    found = []
    for place, one in enumerate(compared.pairs):
        if place in compared.key.places or is_same_set(*one.value):
            continue
        found += [
            shift
            for shift in _shift(one)
            if shift.effect >= _LEAST_EFFECT or shift.missing[0] != shift.missing[1]
        ]
    return tuple(sorted(found, key=lambda s: (-s.effect, s.column)))


def in_words(effect: float) -> str:
    """Say how much an effect is."""
    return next(word for most, word in _WORDS if effect < most)


def _shift(one: Pair) -> Iterator[Shift]:
    missing = tuple(round(float((side == MISSING).mean()), 6) for side in one.value)
    share = missing[0], missing[1]
    found = (numbers(one.before), numbers(one.after)) if _is_time(one) else one.floats
    if found[0] is not None and found[1] is not None:
        yield _of_numbers(one, share, *(side[np.isfinite(side)] for side in found))
        return
    counts = [len(kinds(side)) for side in one.value]
    if 0 < max(counts) <= MOST_CATEGORIES and min(counts) * 2 <= max(map(len, one.value)):
        known = [side[side != MISSING] for side in one.value]
        yield _of_categories(one, share, known[0], known[1])
    elif share[0] != share[1]:
        yield Shift(one.name, "category", 0.0, None, share)


def _is_time(one: Pair) -> bool:
    kinds = one.before.array.type, one.after.array.type
    return all(pa.types.is_timestamp(kind) or pa.types.is_date(kind) for kind in kinds)


def numbers(column: GridColumn) -> Any:
    """Return a column of times as seconds, in float64."""
    seconds = column.array.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    return seconds.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _of_numbers(one: Pair, missing: tuple[float, float], old: Any, new: Any) -> Shift:
    if not len(old) or not len(new):
        return Shift(one.name, "number", float(len(old) != len(new)), None, missing)
    ends = [(side.min(), side.max()) for side in (old, new)]
    old, new = (np.sort(side[:: max(len(side) // MOST_ROWS, 1)]) for side in (old, new))
    effect = _kolmogorov_smirnov(old, new)
    edges = np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = [np.bincount(np.searchsorted(edges, side, side="left"), minlength=len(edges) + 1)
              / len(side) for side in (old, new)]  # fmt: skip
    is_time = _is_time(one)
    return Shift(
        one.name, "number", round(effect, 6), _psi(*shares), missing,
        (_edge(ends[0][0], is_time), _edge(ends[0][1], is_time)),
        (_edge(ends[1][0], is_time), _edge(ends[1][1], is_time)),
        (float(np.median(old)), float(np.median(new))),
    )  # fmt: skip


def _kolmogorov_smirnov(old: Any, new: Any) -> float:
    """Return the largest distance of the distribution functions of sorted numbers."""
    every = np.concatenate([old, new])
    order = np.argsort(every, kind="stable")  # merges what is sorted
    is_last = np.ones(len(every), bool)
    is_last[:-1] = np.diff(every[order]) != 0
    is_new = order >= len(old)
    distance = np.cumsum(is_new) / len(new) - np.cumsum(~is_new) / len(old)
    return float(np.abs(distance[is_last]).max())


def _of_categories(one: Pair, missing: tuple[float, float], old: Any, new: Any) -> Shift:
    every, numbers = np.unique(np.concatenate([old, new]), return_inverse=True)
    sides = numbers[: len(old)], numbers[len(old) :]
    shares = [np.bincount(side, minlength=len(every)) / max(len(side), 1) for side in sides]
    effect = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return Shift(one.name, "category", round(effect, 6), _psi(*shares), missing)


def _psi(old: Any, new: Any) -> float:
    used = (old > 0) | (new > 0)
    one, other = (np.maximum(side[used], _LEAST_PART) for side in (old, new))
    return round(float(((other - one) * np.log(other / one)).sum()), 6)


def _edge(value: float, is_time: bool) -> str:
    if is_time:
        return str(np.datetime64(int(value), "s")).replace("T00:00:00", "").replace("T", " ")
    return f"{value:.10g}"
