"""Which values each trial of a sweep gets: all combinations, some by chance, or by Optuna.

The same axes, trials and seed always give the same trials, so that a sweep that is run again
finds what it has finished in the cache.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from typing import Any, Protocol

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.axis import MOST, Axis

Values = dict[str, Any]


class Search(Protocol):
    """Gives trials their values."""

    count: int

    def ask(self) -> Values | None:
        """Return the values of the next trial; None: there are no more, or not yet."""

    def tell(self, number: int, value: float | None) -> None:
        """Take what trial `number`, from 1, has given; None: nothing."""


class Listed:
    """Trials that are known beforehand."""

    def __init__(self, trials: Sequence[Values]) -> None:
        self.count = len(trials)
        self._waiting = iter(trials)

    def ask(self) -> Values | None:
        """Return the next one."""
        return next(self._waiting, None)

    def tell(self, number: int, value: float | None) -> None:
        """Nothing depends on it."""


class Optimized:
    """Trials that Optuna chooses, by its tree-structured Parzen estimator.

    They are asked for by rounds of `batch`: all of one round are told before the next is asked
    for, in their order. So it does not matter which trial ends first.
    https://proceedings.neurips.cc/paper/2011/hash/86e8f7ab32cfd12577bc2619bc635690-Abstract.html

    Raises
    ------
    UsageError
        Optuna is not installed.
    """

    def __init__(
        self, axes: Sequence[Axis], count: int, *, minimize: bool, seed: int, batch: int
    ) -> None:
        try:
            import optuna
        except ImportError:
            raise UsageError(
                "Optuna is not installed: it chooses the values for --optimize with --trials",
                hint="pip install 'mlops-jupyter[optuna]'",
            ) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.count = count
        self._axes, self._batch = axes, batch
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(
            direction="minimize" if minimize else "maximize", sampler=sampler
        )
        self._failed = optuna.trial.TrialState.FAIL
        self._asked: list[Any] = []
        self._waiting: list[Values] = []
        self._told: dict[int, float | None] = {}

    def ask(self) -> Values | None:
        """Return the next one of this round, or of a new one."""
        has_ended = len(self._told) == len(self._asked) < self.count
        if not self._waiting and has_ended:
            self._begin_round()
        return self._waiting.pop(0) if self._waiting else None

    def tell(self, number: int, value: float | None) -> None:
        """Keep it until all of the round are there."""
        self._told[number] = value

    def _begin_round(self) -> None:
        last = self._asked[-self._batch :]
        first = len(self._asked) - len(last) + 1
        for number, trial in enumerate(last, first):
            value = self._told[number]
            if value is None or not math.isfinite(value):
                self._study.tell(trial, state=self._failed)
            else:
                self._study.tell(trial, value)
        new = [self._study.ask() for _ in range(min(self._batch, self.count - len(self._asked)))]
        self._asked += new
        self._waiting = [{a.name: _suggested(trial, a) for a in self._axes} for trial in new]


def search(
    axes: Sequence[Axis],
    *,
    trials: int | None,
    minimize: bool | None,
    seed: int,
    batch: int,
) -> Search:
    """Return what gives the trials their values.

    Parameters
    ----------
    axes : sequence of Axis
    trials : int or None
        None, or as many as there are combinations: all of these.
    minimize : bool or None
        None: by chance; else Optuna chooses.
    seed : int
    batch : int
        Trials of one round of Optuna's.

    Raises
    ------
    UsageError
        A range has no end of values and no number of trials is given, or they are too many.
    """
    total = _total(axes)
    if trials is not None and not (_is_whole(trials) and 1 <= trials <= MOST):
        raise UsageError(f"{trials!r:.20} trials", hint=f"a sweep has 1 to {MOST:,}")
    if not (_is_whole(seed) and 0 <= seed < 2**32):
        raise UsageError(f"no seed: {seed!r:.20}", hint="a whole number from 0 to 4,294,967,295")
    if total is not None and (trials is None or trials >= total):
        if total > MOST:
            raise UsageError(
                f"the grid has {total:,} combinations, at most {MOST:,} are run",
                hint="take some of them: `--trials 50`",
            )
        names = [axis.name for axis in axes]
        grid = itertools.product(*(axis.values for axis in axes))
        return Listed([dict(zip(names, values, strict=True)) for values in grid])
    if trials is None:
        endless = next(axis for axis in axes if not axis.values)
        raise UsageError(
            f"parameter {endless.name!r} is a range of numbers: how many of them?",
            hint="give `--trials N`, or a step: 0..1:0.25",
        )
    if minimize is not None:
        return Optimized(axes, trials, minimize=minimize, seed=seed, batch=batch)
    return Listed(_drawn(axes, trials, seed))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _total(axes: Sequence[Axis]) -> int | None:
    """Return how many combinations there are; None: no end of them."""
    if any(not axis.values for axis in axes):
        return None
    return math.prod(len(axis.values) for axis in axes)


def _drawn(axes: Sequence[Axis], trials: int, seed: int) -> list[Values]:
    """Return trials by chance, no two alike; the first ones are the same whatever their number."""
    random_ = random.Random(seed)  # noqa: S311 - to be drawn again alike
    found: list[Values] = []
    seen: set[str] = set()
    # few whole numbers on a logarithmic range may be fewer than the trials that are asked for
    for _ in range(100 * trials):
        values = {axis.name: axis.draw(random_) for axis in axes}
        if repr(values) not in seen:
            seen.add(repr(values))
            found.append(values)
        if len(found) == trials:
            break
    return found


def _suggested(trial: Any, axis: Axis) -> Any:
    if axis.low is None or axis.high is None:
        return axis.values[trial.suggest_categorical(axis.name, range(len(axis.values)))]
    if axis.values:  # a range by steps
        return axis.values[trial.suggest_int(axis.name, 0, len(axis.values) - 1)]
    if isinstance(axis.low, int):
        return trial.suggest_int(axis.name, axis.low, axis.high, log=axis.is_log)
    return axis.rounded(trial.suggest_float(axis.name, axis.low, axis.high, log=axis.is_log))
