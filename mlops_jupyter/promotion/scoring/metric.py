"""The metrics that can be scored on evaluation data, each as scikit-learn defines it.

A metric that is not defined on the rows at hand is None, which no check ever passes: with one
class only, for instance, there is no ``roc_auc``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.promotion.scoring.flaw import Needs, flaw


@dataclass(frozen=True, slots=True)
class Scores:
    """What an estimator says of the rows, beside what is true.

    Attributes
    ----------
    truth, predicted : numpy.ndarray
        One value per row.
    classes : numpy.ndarray or None
        The classes of a classifier, in the order of its probabilities. The second of two is
        the positive one. None for a regressor.
    probabilities : numpy.ndarray or None
        Rows by classes.
    decision : numpy.ndarray or None
        ``decision_function``, of a classifier without probabilities.
    queries : numpy.ndarray or None
        For ranking: which query a row belongs to, as a number from 0.
    """

    truth: Any
    predicted: Any
    classes: Any = None
    probabilities: Any = None
    decision: Any = None
    queries: Any = None

    @property
    def is_binary(self) -> bool:
        """Whether there are two classes."""
        return self.classes is not None and len(self.classes) == 2

    @property
    def positive(self) -> Any:
        """Which rows are of the positive class."""
        return self.truth == self.classes[1]

    def take(self, rows: Any, needs: Needs) -> Scores:
        """Return what is said of some of the rows, as far as a metric needs it.

        Parameters
        ----------
        rows : numpy.ndarray of int
        needs : str
            See `flaw`.
        """
        is_label = needs == "predictions"
        more = (None, None) if is_label else (self.probabilities, self.decision)
        return Scores(
            self.truth[rows],
            self.predicted[rows],
            self.classes,
            *(None if values is None else values[rows] for values in (*more, self.queries)),
        )

    def ranking(self) -> Any:
        """Return what orders the rows from surely negative to surely positive."""
        if self.probabilities is not None:
            return self.probabilities[:, 1] if self.is_binary else self.probabilities
        if self.decision is not None:
            return self.decision
        raise ValueError("neither probabilities nor a decision function")

    def one_class_only(self) -> bool:
        """Whether the true labels are all the same."""
        return bool((self.truth == self.truth[0]).all())

    def has_unknown(self) -> bool:
        """Whether a true label is none of the classes: it has no probability then."""
        import numpy as np

        return not bool(np.isin(self.truth, self.classes).all())


Bounds = Callable[["Scores", "Scores | None", float, Any], Any]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name, which way is better, and how it is computed.

    Attributes
    ----------
    is_share : bool
        It lies between 0 and 1.
    needs : str
        What of the scores it is made of, see `flaw`.
    bounds : callable or None
        ``bounds(challenger, champion, level, clusters)`` returns its interval, or that of the
        difference when the champion's scores are given. None: see `statistics.comparison`.
    """

    name: str
    greater_is_better: bool
    compute: Callable[[Scores], Any]
    is_share: bool = True
    needs: Needs = "predictions"
    bounds: Bounds | None = None


def names() -> tuple[str, ...]:
    """Return the names of all metrics."""
    return tuple(METRICS)


def get(name: str) -> Metric:
    """Return a metric by its name.

    Raises
    ------
    NotFoundError
        With the nearest name that there is.
    """
    if name not in METRICS:
        raise NotFoundError("metric that is scored", name, METRICS)
    return METRICS[name]


def score(scores: Scores) -> dict[str, float | None]:
    """Return each metric of the kind at hand: of a classifier, or of a regressor."""
    kind = _REGRESSION if scores.classes is None else _CLASSIFICATION
    needed = {metric.needs for metric in kind.values()}
    unfit = {needs for needs in needed if flaw(needs, scores) is not None}
    return {
        name: None if metric.needs in unfit else _computed(metric, scores)
        for name, metric in kind.items()
    }


def value(metric: Metric, scores: Scores) -> float | None:
    """Return a metric; None where it is not defined."""
    if flaw(metric.needs, scores) is not None:
        return None
    return _computed(metric, scores)


def _computed(metric: Metric, scores: Scores) -> float | None:
    with warnings.catch_warnings():
        # scikit-learn warns where a metric is not defined; None says it
        warnings.simplefilter("ignore")
        try:
            found = float(metric.compute(scores))
        except (ArithmeticError, TypeError, ValueError):
            return None
    return found if math.isfinite(found) else None


def _accuracy(scores: Scores) -> Any:
    from sklearn.metrics import accuracy_score

    return accuracy_score(scores.truth, scores.predicted)


def _balanced_accuracy(scores: Scores) -> Any:
    from sklearn.metrics import balanced_accuracy_score

    if scores.one_class_only():
        return math.nan
    return balanced_accuracy_score(scores.truth, scores.predicted)


def _precision_recall_f1(scores: Scores) -> Any:
    """Return the three: of the positive class of two, else the mean over the classes."""
    if scores.is_binary:
        return _of_positives(scores)
    from sklearn.metrics import precision_recall_fscore_support

    # a class that is never predicted counts as 0, not as if it were not there
    return precision_recall_fscore_support(
        scores.truth, scores.predicted, average="macro", zero_division=0.0
    )


def _of_positives(scores: Scores) -> tuple[float, float, float]:
    import numpy as np

    actual, predicted = scores.positive, scores.predicted == scores.classes[1]
    found, said, there = (
        int(np.count_nonzero(of)) for of in (actual & predicted, predicted, actual)
    )
    return (
        found / said if said else math.nan,
        found / there if there else math.nan,
        2 * found / (said + there) if said + there else math.nan,
    )


def _roc_auc(scores: Scores) -> Any:
    from sklearn.metrics import roc_auc_score

    if scores.one_class_only() or scores.has_unknown():
        return math.nan
    if scores.is_binary:
        import numpy as np

        from mlops_jupyter.promotion.statistics.delong import placements

        positive = scores.positive
        # from one sort; scikit-learn takes three times as long for the same
        return placements(positive, np.asarray(scores.ranking(), dtype=float))[positive].mean()
    return roc_auc_score(
        scores.truth, scores.probabilities, multi_class="ovr", labels=scores.classes
    )


def _average_precision(scores: Scores) -> Any:
    from sklearn.metrics import average_precision_score
    from sklearn.preprocessing import label_binarize

    if scores.one_class_only() or scores.has_unknown():
        return math.nan
    if scores.is_binary:
        return average_precision_score(scores.positive, scores.ranking())
    truth = label_binarize(scores.truth, classes=scores.classes)
    if not truth.any(axis=0).all():
        return math.nan
    return average_precision_score(truth, scores.ranking())


def _log_loss(scores: Scores) -> Any:
    from mlops_jupyter.promotion.statistics import loss

    return loss.log_loss(scores).mean()


def _brier(scores: Scores) -> Any:
    from mlops_jupyter.promotion.statistics import loss

    return loss.brier(scores).mean()


def _rmse(scores: Scores) -> Any:
    from sklearn.metrics import root_mean_squared_error

    return root_mean_squared_error(scores.truth, scores.predicted)


def _mae(scores: Scores) -> Any:
    from sklearn.metrics import mean_absolute_error

    return mean_absolute_error(scores.truth, scores.predicted)


def _r2(scores: Scores) -> Any:
    from sklearn.metrics import r2_score

    # of one value there is no variance to explain; scikit-learn would say 0 or 1
    return math.nan if scores.one_class_only() else r2_score(scores.truth, scores.predicted)


def _by_name(*metrics: Metric) -> Mapping[str, Metric]:
    return {metric.name: metric for metric in metrics}


_CLASSIFICATION = _by_name(
    Metric("accuracy", True, _accuracy),
    Metric("balanced_accuracy", True, _balanced_accuracy),
    Metric("f1", True, lambda scores: _precision_recall_f1(scores)[2]),
    Metric("precision", True, lambda scores: _precision_recall_f1(scores)[0]),
    Metric("recall", True, lambda scores: _precision_recall_f1(scores)[1]),
    Metric("roc_auc", True, _roc_auc, needs="ranking"),
    Metric("average_precision", True, _average_precision, needs="ranking"),
    Metric("log_loss", False, _log_loss, is_share=False, needs="probabilities"),
    Metric("brier", False, _brier, needs="probabilities"),
)

_REGRESSION = _by_name(
    Metric("rmse", False, _rmse, is_share=False),
    Metric("mae", False, _mae, is_share=False),
    Metric("r2", True, _r2, is_share=False),
)

METRICS: Mapping[str, Metric] = {**_CLASSIFICATION, **_REGRESSION}
