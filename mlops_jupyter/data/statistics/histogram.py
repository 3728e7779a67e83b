"""A column's distribution as a few bars, out of its profile."""

from __future__ import annotations

from itertools import pairwise

from mlops_jupyter.data.statistics.column_profile import ColumnProfile

TAIL = 0.012
"""Share at each end that is cut off the picture, where it would fill most of it."""

FEW_NUMBERS = 8
"""Whole numbers that one bar may stand for, before it is a stretch like any other."""


def bars(column: ColumnProfile, most: int) -> tuple[float, ...]:
    """Return the share of the values in each bar, at most `most` of them.

    Of numbers and times these are stretches of equal length, from `extent`; of other kinds the
    most frequent values, and all others together as the last; nothing for texts that hardly come
    again.
    """
    if column.quantiles:
        return _stretches(column, most)
    if not column.top or not column.counted:
        return ()
    shares = [count / column.counted for _, count in column.top[:most]]
    rest = 1 - sum(shares)
    if column.kind == "text" and rest > 0.5:
        return ()  # mostly others: no picture
    if rest <= 1e-9:
        return tuple(shares)
    if len(shares) == most:
        rest += shares.pop()
    return (*shares, rest)


def extent(column: ColumnProfile) -> tuple[float, float]:
    """Return where the first bar begins and the last ends."""
    edges = column.quantiles
    cut = round(TAIL * len(edges))
    low, high = edges[cut], edges[-1 - cut]
    if high > low and edges[-1] - edges[0] > 4 * (high - low):
        return low, high  # a few outliers would push all the rest into one bar
    return edges[0], edges[-1]


def _stretches(column: ColumnProfile, most: int) -> tuple[float, ...]:
    low, high = extent(column)
    width = (high - low) / most
    if not 0 < width < float("inf"):  # one value; or beyond what floats can part
        return (1.0,)
    share = 1 / (len(column.quantiles) - 1)
    if isinstance(column.minimum, int) and high - low < FEW_NUMBERS * most:
        count = round(high - low) + 1
        each = -(-count // most)  # each bar stands for as many whole numbers, or some look higher
        made = [0.0] * -(-count // each)
        for edge in column.quantiles[1:]:
            if low <= edge <= high:
                made[int(edge - low) // each] += share
        return tuple(made)
    made = [0.0] * most
    for left, right in pairwise(column.quantiles):
        if right >= low and left <= high:
            _spread(made, (left - low) / width, (right - low) / width, share)
    return tuple(made)


def _spread(made: list[float], left: float, right: float, share: float) -> None:
    """Spread a share evenly over the bars from `left` to `right`."""
    last = len(made) - 1
    first, end = min(max(int(left), 0), last), min(max(int(right), 0), last)
    if first == end or right - left <= 0:
        made[end] += share
        return
    for bar in range(first, end + 1):
        made[bar] += share * (min(right, bar + 1) - max(left, bar)) / (right - left)
