"""How columns as a whole are distributed otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_jupyter.data.diff.compared import Compared
from mlops_jupyter.data.diff.difference import Shift
from mlops_jupyter.data.diff.grid import GridColumn
from mlops_jupyter.data.diff.pair import MISSING, Pair, floats

BINS = 10
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
        if place in compared.key.places or _is_same_set(one):
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


def _is_same_set(one: Pair) -> bool:
    old, new = one.value
    if len(old) != len(new):
        return False
    most = int(max(old.max(initial=0), new.max(initial=0))) + 2
    counts = [np.bincount(side + 1, minlength=most) for side in (old, new)]
    return np.array_equal(counts[0], counts[1])


def _shift(one: Pair) -> Iterator[Shift]:
    missing = tuple(round(float((side == MISSING).mean()), 6) for side in one.value)
    share = missing[0], missing[1]
    found = one.floats or (numbers(one.before), numbers(one.after))
    if found[0] is not None and found[1] is not None:
        yield _of_numbers(one, share, *(np.sort(side[np.isfinite(side)]) for side in found))
        return
    kinds = [side[side >= 0] for side in one.value]
    counts = [len(np.unique(side)) for side in kinds]
    if 0 < max(counts) <= MOST_CATEGORIES and min(counts) * 2 <= max(map(len, kinds)):
        yield _of_categories(one, share, kinds[0], kinds[1])
    elif share[0] != share[1]:
        yield Shift(one.name, "category", 0.0, None, share)


def numbers(column: GridColumn) -> Any:
    """Return a column as float64, times as seconds; None when it is neither."""
    kind = column.array.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        seconds = column.array.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
        return seconds.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return floats(column)


def _of_numbers(one: Pair, missing: tuple[float, float], old: Any, new: Any) -> Shift:
    if not len(old) or not len(new):
        return Shift(one.name, "number", float(len(old) != len(new)), None, missing)
    every = np.concatenate([old, new])
    parts = [np.searchsorted(side, every, side="right") / len(side) for side in (old, new)]
    effect = float(np.abs(parts[0] - parts[1]).max())
    edges = np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = [np.bincount(np.searchsorted(edges, side, side="left"), minlength=len(edges) + 1)
              / len(side) for side in (old, new)]  # fmt: skip
    is_time = pa.types.is_temporal(one.after.array.type)
    return Shift(
        one.name, "number", round(effect, 6), _psi(*shares), missing,
        (_edge(old[0], is_time), _edge(old[-1], is_time)),
        (_edge(new[0], is_time), _edge(new[-1], is_time)),
        (float(np.median(old)), float(np.median(new))),
    )  # fmt: skip


def _of_categories(one: Pair, missing: tuple[float, float], old: Any, new: Any) -> Shift:
    most = int(max(old.max(initial=0), new.max(initial=0))) + 1
    shares = [np.bincount(side, minlength=most) / max(len(side), 1) for side in (old, new)]
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
