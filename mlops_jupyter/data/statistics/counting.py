"""Which values a column has, and how often: of a sample, or of all rows where they are few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from mlops_jupyter.data.statistics.column_walk import Walk
from mlops_jupyter.data.statistics.moments import Moments
from mlops_jupyter.data.statistics.quantile import estimated_distinct

TOP = 10
CATEGORIES = 50
"""Texts with no more values than this, each there `OFTEN` times on average, are a category."""
OFTEN = 5

EXAMPLES = 5
LONGEST_READ = 1000

MOST_NUMBERS = 1024
"""Different values of a sampled column that are counted in whole."""

Facts = dict[str, Any]
"""Some of the attributes of a `ColumnProfile`."""


def of_sample(found: Moments, written: Callable[[Any], str]) -> Facts:
    """Count the values of the sample; they come in order, so equal ones stand together."""
    ordered = found.ordered
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))[: len(ordered)]
    counts = np.diff(starts, append=len(ordered))
    distinct, is_exact = len(counts), len(ordered) == found.finite or bool(found.low == found.high)
    if not is_exact:
        once = int(np.count_nonzero(counts == 1))
        distinct = estimated_distinct(distinct, once, len(ordered), found.finite)
    top = [(written(ordered[starts[i]]), int(counts[i])) for i in most_frequent(counts, TOP)]
    return {
        "distinct": distinct, "distinct_exact": is_exact, "counted": len(ordered),
        "top": tuple(top),
        "examples": tuple(written(ordered[starts[i]]) for i in evenly_spread(len(starts))),
    }  # fmt: skip


def how_distinct(counts: Any, sample: int, walk: Walk, missing: int) -> Facts:
    """Say how many values there are, or are estimated to be, from their counts in a sample."""
    there = walk.rows - missing
    distinct, is_exact = len(counts), sample == there
    if not is_exact:
        once = int(np.count_nonzero(counts == 1))
        distinct = estimated_distinct(distinct, once, sample, there)
    return {"distinct": distinct, "distinct_exact": is_exact, "counted": sample}


def few_numbers(walk: Walk, found: Moments) -> Facts:
    """Count all values of a sampled column, where they are few: marks, months, codes."""
    low = int(found.low)
    if int(found.high) - low >= MOST_NUMBERS:
        return {}
    counts = np.zeros(MOST_NUMBERS, np.int64)
    for array in walk:
        values = array.drop_null().to_numpy(zero_copy_only=False)
        # the difference is right whatever the type wraps at
        places = values.astype(np.int64) - found.low.astype(np.int64)
        counts += np.bincount(places, minlength=MOST_NUMBERS)
    return {
        "distinct": int(np.count_nonzero(counts)), "distinct_exact": True,
        "counted": found.finite,
        "top": tuple((str(low + i), int(counts[i])) for i in most_frequent(counts, TOP)),
    }  # fmt: skip


def few_texts(walk: Walk) -> Facts:
    """Count all values of a sampled category, so that none that is rare is missed."""
    counts: Counter[str] = Counter()
    for array in walk:
        table = array.drop_null().value_counts()
        if len(table) > MOST_NUMBERS or len(counts) > MOST_NUMBERS:
            return {}  # the sample has seen few of many
        for value, count in zip(table.field("values"), table.field("counts"), strict=True):
            counts[value.as_py()] += count.as_py()
    top = [(text[:LONGEST_READ], n) for text, n in counts.most_common(CATEGORIES) if n > 1]
    return {
        "distinct": len(counts), "distinct_exact": True, "counted": counts.total(),
        "top": tuple(top),
    }  # fmt: skip


def most_frequent(counts: Any, most: int) -> list[int]:
    """Return where the highest counts are, those of one left out: they are examples."""
    chosen = np.argsort(-counts, kind="stable")[:most]
    found: list[int] = chosen[counts[chosen] > 1].tolist()
    return found


def evenly_spread(count: int) -> list[int]:
    """Return a few places, evenly spread."""
    return sorted({place * count // EXAMPLES for place in range(EXAMPLES)}) if count else []
