"""Metrics of models that rank the rows of a query: one value per query, and their mean.

Queries are what is independent, so the bounds are those of a mean over queries: Student's t.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from mlops_jupyter.config import Model
from mlops_jupyter.promotion.scoring.metric import Metric, Scores
from mlops_jupyter.promotion.statistics import interval
from mlops_jupyter.promotion.statistics.interval import Interval

NAMES = ("mrr", "ndcg", "ndcg@10")
"""Examples: any number may stand after the @."""
_NDCG = re.compile(r"ndcg(?:@([1-9][0-9]{0,5}))?")


def is_ranking(name: str) -> bool:
    """Return whether a metric of this name is one of rankings."""
    return name == "mrr" or _NDCG.fullmatch(name) is not None


def metrics(policy: Model) -> dict[str, Metric]:
    """Return the metrics of rankings that the checks of a policy name.

    ``mrr``: the reciprocal of the place of the first row with a label above 0; where scores are
    equal, such rows come last. ``ndcg`` and ``ndcg@10``: see `sklearn.metrics.ndcg_score`.
    """
    if policy.evaluate.group is None:
        return {}
    asked = (
        check.metric
        for line in policy.checks
        for check in (line.floor, line.compare, line.slices)
        if check is not None
    )
    return {name: _metric(name) for name in asked if is_ranking(name)}


def _metric(name: str) -> Metric:
    found = _NDCG.fullmatch(name)
    values = _reciprocal_ranks if found is None else partial(_ndcg, int(found[1] or 0) or None)

    def compute(scores: Scores) -> float:
        known = values(scores)
        known = known[~_isnan(known)]
        return float(known.mean()) if len(known) else math.nan

    def bounds(ours: Scores, theirs: Scores | None, level: float, clusters: Any) -> Interval:
        found = values(ours) if theirs is None else values(ours) - values(theirs)
        known = ~_isnan(found)
        if not known.any():
            return interval.undefined("no query has two rows", 0, "t", level)
        return interval.mean(found[known], level, _of_queries(ours, clusters, known))

    return Metric(name, True, compute, needs="order", bounds=bounds)


def _isnan(values: Any) -> Any:
    import numpy as np

    return np.isnan(values)


def _of_queries(scores: Scores, clusters: Any, known: Any) -> Any:
    """Return the cluster of each query; None when each query is one of its own."""
    import numpy as np

    if clusters is None:
        return None
    _, first = np.unique(scores.queries, return_index=True)
    found = np.asarray(clusters)[first]
    return None if len(np.unique(found)) == len(found) else found[known]


def _queries(scores: Scores) -> Iterator[tuple[Any, Any]]:
    """Return labels and scores of each query, in the order of their numbers."""
    import numpy as np

    if scores.queries is None:
        raise ValueError("rows that belong to no query cannot be ranked")
    ranking = scores.predicted if scores.classes is None else scores.ranking()
    if ranking.ndim != 1:
        raise ValueError("several classes make no ranking")
    order = np.argsort(scores.queries, kind="stable")
    _, starts = np.unique(scores.queries[order], return_index=True)
    truth = scores.truth.astype(float)
    for rows in np.split(order, starts[1:]):
        yield truth[rows], ranking[rows].astype(float)


def _ndcg(k: int | None, scores: Scores) -> Any:
    import numpy as np
    from sklearn import config_context
    from sklearn.metrics import ndcg_score

    with config_context(assume_finite=True, skip_parameter_validation=True):
        # of one row there is nothing to rank
        return np.array([
            ndcg_score(truth[None], said[None], k=k) if len(truth) > 1 else math.nan
            for truth, said in _queries(scores)
        ])  # fmt: skip


def _reciprocal_ranks(scores: Scores) -> Any:
    import numpy as np

    found = []
    for truth, said in _queries(scores):
        is_wanted = truth > 0
        if len(truth) < 2:
            found.append(math.nan)
        elif not is_wanted.any():
            found.append(0.0)
        else:
            found.append(1 / (1 + int((said[~is_wanted] >= said[is_wanted].max()).sum())))
    return np.array(found)
