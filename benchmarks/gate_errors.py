"""How often a gate is wrong: our three verdicts beside MLflow's rule, on the same draws.

    python benchmarks/gate_errors.py                             everything, a few minutes
    python benchmarks/gate_errors.py --only accuracy slices
    python benchmarks/gate_errors.py --rows 500,2000,20000 --trials 2000 --level .05 --json FILE

Champion and challenger are simulated, so that the truth is known: both right on 85 % of the rows
and apart on 8 %, the challenger exactly as good, worse by the margin, worse by more, or better.
Each trial draws rows, and asks what the gate would say of them. The same two numbers are given to
`mlflow.validate_evaluation_results`: once with the smallest gain it can ask for, and once, as it
has no "not worse by more than", with the champion's own metric less the margin as a threshold.

A rate of 5 % from 2,000 trials has a standard error of 0.5 points; short tables are drawn more
often. Each line tells its own.
"""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import report
from mlflow import validate_evaluation_results
from mlflow.models import MetricThreshold
from mlflow.models.evaluation import EvaluationResult
from mlflow.models.evaluation.validation import ModelValidationFailedException
from scipy.optimize import brentq
from scipy.stats import norm

from mlops_jupyter.promotion.scoring.metric import Scores
from mlops_jupyter.promotion.statistics import score, student
from mlops_jupyter.promotion.statistics.comparison import difference_of
from mlops_jupyter.promotion.statistics.interval import Interval
from mlops_jupyter.promotion.statistics.multiplicity import holm
from mlops_jupyter.promotion.statistics.power import p_below

PARTS = ("accuracy", "log_loss", "roc_auc", "slices")
ACCURACY, APART = 0.85, 0.08
MARGINS = {"accuracy": 0.01, "log_loss": 0.005, "roc_auc": 0.01}
GAINS = (("equal", 0.0), ("-1 margin", -1.0), ("-1.5 margins", -1.5), ("+1 margin", 1.0))
"""In margins."""
COUNTED = 10
"""Times as many trials where counts alone are drawn."""
SHORT, OFTEN = 2000, 5
"""No more rows than this are drawn this many times as often."""
SLICES = ((10, 200), (20, 100), (10, 1000))
MOST_DROP = 0.02
NOISE = 0.31
"""Of either model by itself, beside a noise of 1 that both share: they are apart on 8 %."""

Figures = dict[str, Any]


class Bounds(NamedTuple):
    """What a trial, or many, found: how much better the challenger is, and both metrics."""

    lower: Any
    upper: Any
    challenger: Any
    champion: Any


def judged(found: Bounds, limit: float) -> dict[str, Any]:
    """Return which trials pass, fail and hold, when the gain shall be above a limit."""
    passed, failed = found.lower > limit, found.upper < limit
    return {"pass": passed, "hold": ~(passed | failed), "fail": failed}


def accuracy(rows: int, gain: float, trials: int, level: float, seed: int) -> Bounds:
    """Draw how many rows only the one, and only the other model gets right."""
    only = ((APART + gain) / 2, (APART - gain) / 2)
    both = ACCURACY - APART / 2
    chances = [both, *only, 1 - both - APART]
    drawn = np.random.default_rng(seed).multinomial(rows, chances, size=trials)
    same, ours, theirs = drawn[:, 0], drawn[:, 1], drawn[:, 2]
    lower, upper = score.tango_bounds(ours, theirs, rows, student.quantile(level))
    return Bounds(lower, upper, (same + ours) / rows, (same + theirs) / rows)


class Pair(NamedTuple):
    """Two models that see what lies between the classes, each with a noise of its own."""

    distance: float
    challenger: float
    champion: float

    def scores(self, rows: int, generator: Any) -> tuple[Scores, Scores]:
        truth = generator.integers(0, 2, rows)
        seen = self.distance * truth + generator.normal(size=rows)
        return tuple(  # type: ignore[return-value]
            self._of(truth, seen + noise * generator.normal(size=rows))
            for noise in (self.challenger, self.champion)
        )

    def _of(self, truth: Any, seen: Any) -> Scores:
        chance = 1 / (1 + np.exp(-slope() * (seen - self.distance / 2)))
        predicted = (chance > 0.5).astype(int)
        columns = np.column_stack([1 - chance, chance])
        return Scores(truth, predicted, np.array([0, 1]), columns)


def distance() -> float:
    """Return how far the classes are apart, so that a model is right on 85 % of the rows."""
    return 2 * math.hypot(1, NOISE) * norm.ppf(ACCURACY)


def slope() -> float:
    """Return how steeply probabilities rise, so that they are calibrated."""
    return distance() / (1 + NOISE**2)


def true_auc(noise: float) -> float:
    """Return the area under the curve of a model, among infinitely many rows."""
    return float(norm.cdf(distance() / math.sqrt(2 * (1 + noise**2))))


def true_log_loss(noise: float) -> float:
    """Return the loss of a model, among infinitely many rows, by quadrature."""
    places, weights = np.polynomial.hermite_e.hermegauss(80)
    seen = distance() / 2 + math.hypot(1, noise) * places
    return float(weights @ np.logaddexp(0, -slope() * seen) / math.sqrt(2 * math.pi))


def pair(metric: str, gain: float) -> Pair:
    """Return two models whose true metrics differ by just so much."""
    true: Callable[[float], float] = true_auc if metric == "roc_auc" else true_log_loss
    noise = brentq(lambda n: abs(true(n) - true(NOISE)) - abs(gain), NOISE, 5) if gain else NOISE
    ours, theirs = (noise, NOISE) if gain < 0 else (NOISE, noise)
    return Pair(distance(), ours, theirs)


def scored(metric: str, rows: int, gain: float, trials: int, level: float, seed: int) -> Bounds:
    """Draw rows and score both models on them, trial by trial."""
    models, generator = pair(metric, gain), np.random.default_rng(seed)
    found = []
    for _ in range(trials):
        ours, theirs = models.scores(rows, generator)
        made = difference_of(metric, ours, theirs, level)
        # only the difference is told, and MLflow's rule needs no more
        found.append((made.lower, made.upper, made.value, 0.0))
    return Bounds(*np.array(found).T)


def of_mlflow(name: str, challenger: float, champion: float, **threshold: float) -> bool:
    """Ask MLflow whether the challenger passes."""
    sides = (EvaluationResult({name: value}, {}) for value in (challenger, champion))
    candidate, baseline = sides
    rule = {name: MetricThreshold(greater_is_better=True, **threshold)}
    try:
        validate_evaluation_results(rule, candidate, baseline)
    except ModelValidationFailedException:
        return False
    return True


def mlflow_rates(found: Bounds, margin: float) -> tuple[float, float]:
    """Return how often MLflow's rules pass; equal pairs of metrics are asked once."""
    pairs, counts = np.unique(
        np.column_stack([found.challenger, found.champion]), axis=0, return_counts=True
    )
    passed = np.array(
        [
            (
                of_mlflow("m", float(ours), float(theirs), min_absolute_change=1e-12),
                of_mlflow("m", float(ours), float(theirs), threshold=float(theirs) - margin),
            )
            for ours, theirs in pairs
        ]
    )
    better, threshold = (counts @ passed / counts.sum()).tolist()
    return better, threshold


def verdicts(part: str, rows: Sequence[int], trials: int, level: float) -> Figures:
    """The verdicts of both rules, for each number of rows and each true difference."""
    margin, figures, shown = MARGINS[part], {}, []
    for count in rows:
        times = trials * (COUNTED if part == "accuracy" else OFTEN if count <= SHORT else 1)
        for place, (name, gain) in enumerate(GAINS):
            seed = 100 * count + place
            if part == "accuracy":
                found = accuracy(count, gain * margin, times, level, seed)
            else:
                found = scored(part, count, gain * margin, times, level, seed)
            ours = {
                rule: {verdict: float(hit.mean()) for verdict, hit in judged(found, limit).items()}
                for rule, limit in (("not_worse", -margin), ("better", 0.0))
            }
            # one call of MLflow costs more than a trial of ours
            some = Bounds(*(np.asarray(side)[:trials] for side in found))
            better, threshold = mlflow_rates(some, margin)
            figures[f"{count} {name}"] = {**ours, "mlflow": [better, threshold]}
            cells = [rate for rule in ours.values() for rate in rule.values()]
            percent = [100 * rate for rate in (*cells, better, threshold)]
            shown.append([f"{count:,}: {name}", *percent, error(level, times)])
    headers = [
        "rows: truth", "not_worse pass", "hold", "fail", "better pass", "hold", "fail",
        "MLflow gain", "threshold", f"± at {level:.0%}",
    ]  # fmt: skip
    report.table(f"{part}, margin {margin}: % of trials and standard error", headers, shown)
    return figures


def slices(trials: int, level: float) -> Figures:
    """An equal model, one at the limit everywhere, and one that is bad on one slice."""
    shown, figures = [], {}
    for count, rows in SLICES:
        for name, everywhere, one in (
            ("equal", 0.0, 0.0),
            ("at the limit in all slices", -MOST_DROP, -MOST_DROP),
            ("10 points worse in one slice", 0.0, -0.1),
        ):
            seed = 100 * count + rows
            ours, point = blocked(count, rows, everywhere, one, trials, level, seed)
            shown.append([f"{count} x {rows:,}, {name}", 100 * ours, 100 * point])
            figures[f"{count} x {rows} {name}"] = {"holm": ours, "point": point}
    headers = ["slices x rows", "Holm", "point rule"]
    title = f"blocked by a slice, most drop {MOST_DROP}: % of trials"
    report.table(f"{title}, ± {error(level, trials):.2f} at {level:.0%}", headers, shown)
    return figures


def blocked(
    count: int, rows: int, everywhere: float, one: float, trials: int, level: float, seed: int
) -> tuple[float, float]:
    """Return how often any slice blocks: by the test, and by the bare difference."""
    generator = np.random.default_rng(seed)
    gains = [everywhere] * (count - 1) + [one]
    drawn = np.stack([apart(rows, gain, trials, generator) for gain in gains], axis=1)
    hits = np.zeros(2)
    for trial in drawn:
        p = [p_below(of_counts(ours, theirs, rows), -MOST_DROP) for ours, theirs in trial.tolist()]
        gap = (trial[:, 0] - trial[:, 1]) / rows
        hits += (holm(p).min() <= level, gap.min() < -MOST_DROP)
    ours, point = (hits / trials).tolist()
    return ours, point


def apart(rows: int, gain: float, trials: int, generator: Any) -> Any:
    """Draw the rows that tell the models apart; in a slice that is worse there are more."""
    most = max(APART, abs(gain) + 0.02)
    chances = [(most + gain) / 2, (most - gain) / 2, 1 - most]
    return generator.multinomial(rows, chances, size=trials)[:, :2]


def of_counts(ours: int, theirs: int, rows: int) -> Interval:
    """Return as much of an interval as its test needs: the bounds would take the time."""
    nan = math.nan
    return Interval((ours - theirs) / rows, nan, nan, rows, "Tango", nan,
                    counts=(ours, theirs, rows))  # fmt: skip


def power_at_5000(trials: int, level: float) -> Figures:
    """A real gain of one point on 5,000 rows."""
    found = accuracy(5000, 0.01, trials * COUNTED, level, 5000)
    rate = float((found.lower > 0).mean())
    report.table("power of `better`", ["truth", "% found"], [["5,000 rows, +1 point", 100 * rate]])
    return {"5000 +1 point": rate}


def error(level: float, trials: int) -> float:
    """Return the standard error of a rate at the level, in points."""
    return 100 * math.sqrt(level * (1 - level) / trials)


def parts(chosen: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    for part in chosen.only:
        if part == "slices":
            yield part, slices(chosen.trials, chosen.level)
            continue
        yield part, verdicts(part, chosen.rows, chosen.trials, chosen.level)
        if part == "accuracy":
            yield "power", power_at_5000(chosen.trials, chosen.level)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--rows", type=lambda text: [int(n) for n in text.split(",")], default=[500, 2000, 20_000]
    )
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--level", type=float, default=0.05)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    report.write(chosen.json, dict(parts(chosen)))


if __name__ == "__main__":
    main()
