"""``latency``: how long a prediction takes here, and how large the model is."""

from __future__ import annotations

import contextlib
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from mlops_jupyter.config import Latency
from mlops_jupyter.errors import UsageError, last_line
from mlops_jupyter.promotion.case import Case, Contender
from mlops_jupyter.promotion.checks.inputs import features
from mlops_jupyter.promotion.checks.naming import counted
from mlops_jupyter.promotion.checks.words import numbers, written
from mlops_jupyter.promotion.decision import CheckResult, CheckVerdict

Clock = Callable[[], float]

CALLS = 200
"""Timed calls of a model, if `MOST_SECONDS` is enough for them."""

WARM_UP = 20
"""Calls before them, that fill caches and are not counted."""

MOST_SECONDS = 30.0
"""For the calls of one model, timed or not."""

SHARE = 0.95

MOST_ROWS = 1_000_000
"""In one call."""


def judge(case: Case, check: Latency, clock: Clock = time.perf_counter) -> Iterator[CheckResult]:
    """Time the challenger's own ``predict``, and weigh its object.

    Raises
    ------
    UsageError
        More than `MOST_ROWS` rows are asked for.
    IntegrityError
        The stored model is damaged or missing.
    """
    refuse(check)
    if check.p95_ms is not None:
        yield _timed(case, check.rows, check.p95_ms, clock)
    if check.size_mb is not None:
        yield _weighed(case, check.size_mb)


def refuse(check: Latency) -> None:
    """Refuse calls of more rows than there is memory for.

    Raises
    ------
    UsageError
        They have more than `MOST_ROWS`.
    """
    if check.rows > MOST_ROWS:
        raise UsageError(
            f"`latency` asks for calls of {check.rows:,} rows", hint=f"at most {MOST_ROWS:,}"
        )


def bounds(times: Sequence[float], share: float, level: float) -> tuple[float, float]:
    """Return bounds of a quantile, each of which is wrong no more often than `level`.

    Order statistics, whatever the distribution (Conover 1999, Practical Nonparametric
    Statistics, 3.2): how many of n values lie below the quantile is binomial.

    Parameters
    ----------
    times : sequence of float
    share : float
        0.95 for the 95th percentile.
    level : float

    Returns
    -------
    lower, upper : float
        Infinite where there are too few values: 59 are needed for an upper bound of the 95th
        percentile at 5 %.
    """
    ordered = sorted(times)
    low, high = _ranks(len(ordered), share, level)
    return (
        ordered[low - 1] if low else -math.inf,
        ordered[high - 1] if high <= len(ordered) else math.inf,
    )


@lru_cache
def _ranks(count: int, share: float, level: float) -> tuple[int, int]:
    """Return which of the ordered values are the bounds, from 1; 0 or one too many: none is."""
    import numpy as np
    from scipy.stats import binom

    at_most = binom.cdf(np.arange(count + 1), count, share)  # values below the quantile
    allowed = level + 1e-9  # of rounding: one value above 95 % of all is one in twenty
    low = int(np.count_nonzero(at_most[:count] <= allowed))
    high = int(np.count_nonzero(1 - at_most[:count] > allowed)) + 1
    return low, high


def _timed(case: Case, rows: int, limit: float, clock: Clock) -> CheckResult:
    asked = f"95 of 100 predictions of {counted(rows, 'row')} within {written(limit)} ms"
    identity = f"latency/p95/{rows}"
    try:
        times = _times(case, case.challenger, rows, clock)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the model's own code
        why = (
            f"{case.challenger} raised {last_line(error)} when it predicted {counted(rows, 'row')}"
        )
        return CheckResult(asked, "error", None, None, why, "latency", identity)
    low, high = bounds(times, SHARE, case.policy.level)
    value = _percentile(times)
    return CheckResult(
        check=asked,
        verdict=_verdict(low, high, limit),
        challenger=value,
        champion=_of_champion(case, rows, clock),
        why=_why(times, low, high, limit),
        kind="latency",
        id=identity,
        value=value,
        lower=low if math.isfinite(low) else None,
        upper=high if math.isfinite(high) else None,
        limit=limit,
        side="below",
        count=len(times),
        method="order statistics",
    )


def _verdict(low: float, high: float, limit: float) -> CheckVerdict:
    if high <= limit:
        return "pass"
    return "fail" if low > limit else "hold"


def _why(times: Sequence[float], low: float, high: float, limit: float) -> str:
    least, value, most, written_limit = numbers(
        max(low, 0.0), _percentile(times), high if math.isfinite(high) else 0.0, limit
    )
    between = f"from {least} to {most}" if math.isfinite(high) else f"at least {least}"
    said = f"the 95th percentile of {counted(len(times), 'call')} is {value} ms, {between}"
    if len(times) < CALLS:
        said += f"; more calls did not fit in {MOST_SECONDS:.0f} s"
    if _verdict(low, high, limit) == "hold":
        said += f"; that does not settle whether it is {written_limit} ms or less"
    return said


def _percentile(times: Sequence[float]) -> float:
    return sorted(times)[max(math.ceil(SHARE * len(times)) - 1, 0)]


def _of_champion(case: Case, rows: int, clock: Clock) -> float | None:
    """Return what the champion takes, for people to compare; it decides nothing."""
    if case.champion is None:
        return None
    try:
        return _percentile(_times(case, case.champion, rows, clock))
    except (Exception, SystemExit):  # noqa: BLE001 - the model's own code, and not what is judged
        return None


def _times(case: Case, side: Contender, rows: int, clock: Clock) -> list[float]:
    """Return the milliseconds of each call, each of other rows where there are enough."""
    import numpy as np

    taken = features(case, side.estimator)
    predict, until = side.estimator.predict, clock() + MOST_SECONDS
    made: list[float] = []
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        for call in range(WARM_UP + CALLS):
            # begun anew at the end: more rows may be asked for than there are
            places = np.arange(call * rows, (call + 1) * rows) % len(taken)
            given: Any = taken.iloc[places]
            began = clock()
            predict(given)
            ended = clock()
            if call >= WARM_UP or ended >= until:
                made.append((ended - began) * 1000)
            if ended >= until:
                break
    return made


def _weighed(case: Case, limit: float) -> CheckResult:
    size = len(case.project.objects.read(case.challenger.version.model_digest)) / 1e6
    value, most = numbers(size, limit)
    relation = "no more than" if size <= limit else "more than"
    return CheckResult(
        check=f"a stored model of at most {written(limit)} MB",
        verdict="pass" if size <= limit else "fail",
        challenger=size,
        champion=None,
        why=f"it takes {value} MB, {relation} {most}",
        kind="latency",
        id="latency/size",
        value=size,
        limit=limit,
        side="below",
    )
