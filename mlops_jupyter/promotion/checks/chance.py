"""How many rows of one sample stand in another one by chance, though none was copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_jupyter.promotion.checks import row_hash

COPIED = 0.1
"""By how much more training may repeat its rows than evaluation does: above it they are copies."""

SHIFTED = 0.1
"""By how much, of the rows that chance explains or of those that it does not, there must be more
where rows repeat by nature."""

RARE = 0.1
"""Below this share equal rows come in single pairs."""

WIDER = 1.25
"""By what the spread is taken too large: uneven frequencies have longer tails than the normal
distribution, and in simulations one in ten was found by chance without it."""

SAMPLE = 10_000

DIGITS = 8
"""Numbers that were written down have no more; measured and computed ones nearly always do."""

EACH = 0.9


@dataclass(frozen=True, slots=True)
class Chance:
    """What chance explains.

    Attributes
    ----------
    share : float
        Of the rows of evaluation.
    why : str
        Where rows repeat, in words.
    pairs : int
        Equal pairs that it was seen by.
    ratio : float
        How many pairs of both samples there are to one within the sample that it was seen in.
    variance : float
        Of the share, from where it was seen.
    """

    share: float
    why: str
    pairs: int
    ratio: float
    variance: float

    def p(self, count: float, rows: int) -> float:
        """Return how likely chance is to give as many rows as `count`, of `rows`.

        Where equal rows are rare they come in pairs: those between the samples are compared with
        those within one (Przyborowski and Wilenski 1940, Biometrika 31:313). Else by the normal
        distribution. Where nothing repeats at all, by what the columns alone would give.
        """
        from scipy.stats import binom, norm, poisson

        found = int(np.ceil(count))
        if not self.pairs:
            return float(poisson.sf(found - 1, self.share * rows))
        if self.share < RARE:
            return float(binom.sf(found - 1, found + self.pairs, self.ratio / (1 + self.ratio)))
        spread = (self.share * (1 - self.share) / rows + self.variance) ** 0.5
        over = count / rows - self.share
        return float(norm.sf(over / (WIDER * spread))) if spread else float(over <= 0)

    def is_much_less(self, share: float) -> bool:
        """Tell whether a share is more than other proportions of the same rows would give."""
        return share - self.share > SHIFTED * min(self.share, 1 - self.share)


def of(theirs: Any, ours: Any, alike: float) -> Chance:
    """Estimate how many fresh rows would be equal to one of training.

    The share of training rows that are there more than once: how much of the population a sample
    has seen (Good 1953, Biometrika 40:237), with the variance of Esty (1983, Ann. Stat. 11:905).
    It is 0 where all rows differ, and near 1 where a few categories are all there is. Training
    rows may be copies (upsampling), which says nothing of nature: where they repeat more than
    those of evaluation do in a sample of the same size, the latter count.

    Parameters
    ----------
    theirs, ours : numpy.ndarray
        Hashes of the rows of training, and of evaluation.
    alike : float
        See `alike`.
    """
    size = min(len(theirs), len(ours))
    random = np.random.default_rng(0)
    here, there = (_again(_sample(side, size, random))[0] for side in (ours, theirs))
    is_copied = there > here + COPIED
    chosen, other = (ours, theirs) if is_copied else (theirs, ours)
    share, variance, pairs = _again(chosen)
    whose = "evaluation" if is_copied else "training"
    why = f"as rows repeat within the {whose} data"
    if not pairs:
        share, why = -float(np.expm1(-alike * len(theirs))), "as the columns have few values"
    return Chance(share, why, pairs, 2 * len(other) / max(len(chosen) - 1, 1), variance)


def alike(frame: Any, places: Sequence[int]) -> float:
    """Return how likely two rows are equal, if columns have nothing to do with each other.

    Of columns that depend on each other it is too small, never too large by much.
    """
    if len(frame) < 2:
        return 0.0
    chosen = np.sort(_sample(np.arange(len(frame)), min(len(frame), SAMPLE), _random()))
    chance = 1.0
    for place in places:
        times = _times(row_hash.column(frame.iloc[chosen, place])).astype(float)
        chance *= float((times * (times - 1)).sum()) / (len(chosen) * (len(chosen) - 1))
    return chance


def is_measured(frame: Any, places: Sequence[int]) -> bool:
    """Tell whether a column holds measurements, of which no two are equal by chance.

    Numbers of more digits than people write, of which nearly each different row has its own.
    Rows that are there twice were copied then: a source that holds them twice, and was cut at
    random, is a leak too.
    """
    chosen = np.sort(_sample(np.arange(len(frame)), min(len(frame), SAMPLE), _random()))
    if not len(chosen):
        return False
    rows = len(np.unique(row_hash.hashes(frame.iloc[chosen], places)))
    for place in places:
        values = frame.iloc[chosen, place]
        if values.dtype != np.float64:
            continue
        different = np.unique(values.to_numpy()[np.isfinite(values.to_numpy())])
        if len(different) >= EACH * rows and _has_digits(different).mean() >= EACH:
            return True
    return False


def _has_digits(values: Any) -> Any:
    """Return which numbers have more than `DIGITS` digits."""
    there = values[values != 0]
    with np.errstate(all="ignore"):  # the smallest of all numbers
        scaled = there * 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(there))))
        return np.abs(scaled - np.round(scaled)) > 1e-6


def _random() -> Any:
    return np.random.default_rng(0)


def _sample(values: Any, size: int, random: Any) -> Any:
    return values if len(values) == size else random.choice(values, size, replace=False)


def _times(hashes: Any) -> Any:
    """Return how often each different number is there."""
    ordered = np.sort(hashes)
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return np.diff(np.append(begins, len(ordered)))


def _again(hashes: Any) -> tuple[float, float, int]:
    """Return the share of rows that are there again, its variance, and how many pairs are equal."""
    times, rows = _times(hashes), len(hashes)
    once, twice = float((times == 1).sum()) / rows, float((times == 2).sum()) / rows
    pairs = int((times * (times - 1) // 2).sum())
    return 1 - once, (once * (1 - once) + 2 * twice) / rows, pairs
