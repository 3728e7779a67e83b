"""Rankings: one value per query, and bounds over queries."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from mlops_jupyter.config import Check, Compare, Evaluate, Floor, Model
from mlops_jupyter.errors import UsageError
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.promotion import gates
from mlops_jupyter.promotion.case import Case, Contender
from mlops_jupyter.promotion.checks import floor
from mlops_jupyter.promotion.decision import Evaluation, GateReport
from mlops_jupyter.promotion.scoring import metric, own, ranking
from mlops_jupyter.promotion.scoring.metric import Scores


def policy(*checks: Floor | Compare, group: str | None = "query") -> Model:
    return Model(
        evaluate=Evaluate(data="clicks@1", label="clicked", group=group),
        checks=[Check(**{type(check).__name__.lower(): check}) for check in checks],
    )


def value(name: str, truth: list, said: list, queries: list) -> float | None:
    asked = ranking.metrics(policy(Floor(name, at_least=0)))
    scores = Scores(np.array(truth), np.array(said), queries=np.array(queries))
    return metric.value(asked[name], scores)


def test_ndcg_is_the_mean_of_scikit_learns_over_queries() -> None:
    random = np.random.default_rng(0)
    truth, said = random.integers(0, 4, (20, 7)), random.normal(size=(20, 7))
    shuffled = random.permutation(140)
    queries = np.repeat(np.arange(20), 7)[shuffled]

    for name, k in (("ndcg", None), ("ndcg@3", 3)):
        found = value(name, truth.ravel()[shuffled], said.ravel()[shuffled], queries)

        assert found == pytest.approx(ndcg_score(truth, said, k=k))


@pytest.mark.parametrize(
    ("truth", "said", "found"),
    [
        ([1, 0, 0], [3, 2, 1], 1.0),
        ([0, 0, 2], [3, 2, 1], 1 / 3),
        ([0, 1, 1], [3, 2, 1], 1 / 2),
        ([0, 0, 0], [3, 2, 1], 0.0),
        ([1, 0, 0], [1, 1, 1], 1 / 3),
    ],
)
def test_reciprocal_rank(truth: list, said: list, found: float) -> None:
    """One who says the same of all rows gains nothing by it."""
    assert value("mrr", truth, said, [0, 0, 0]) == pytest.approx(found)


def test_a_query_of_one_row_says_nothing() -> None:
    assert value("ndcg", [0, 1, 1], [1, 2, 1], [0, 0, 1]) == 1
    assert value("mrr", [1], [1], [0]) is None


@pytest.mark.parametrize("truth", [[-1, 2], [0, 1]])
def test_what_cannot_be_ranked_is_not_defined(truth: list) -> None:
    assert value("ndcg", truth, [np.nan, 1.0], [0, 0]) is None


def searches(queries: int, noise: float, seed: int) -> Scores:
    truth = np.random.default_rng(0).integers(0, 3, queries * 5)
    said = truth + np.random.default_rng(seed).normal(0, noise, len(truth))
    return Scores(truth, said, queries=np.repeat(np.arange(queries), 5))


def judged(ours: Scores, theirs: Scores, *checks: Floor | Compare, clusters: Any) -> GateReport:
    asked = policy(*checks)
    more = ranking.metrics(asked)
    sides = [
        Contender(
            ModelVersion("search", version, "run", "blake3:0", "now"),
            None, SimpleNamespace(metrics={}), scores,
            Evaluation(
                "id", "search", version, "clicks@1", "clicked", len(scores.truth), 0, "blake3:0",
                {**metric.score(scores), **own.score(more, scores)[0]}, "blake3:0",
            ),
        )
        for version, scores in ((2, ours), (1, theirs))
    ]  # fmt: skip
    rows = SimpleNamespace(clusters=clusters)
    return gates.judge(Case(None, asked, rows, *sides, metrics={**metric.METRICS, **more}))


def test_a_gate_over_queries() -> None:
    ours, theirs = searches(200, 0.5, 1), searches(200, 3.0, 2)

    report = judged(
        ours, theirs, Compare("ndcg@3", "better"), Compare("mrr"), Floor("ndcg@3", at_least=0.999),
        Compare("mae"), clusters=ours.queries,
    )  # fmt: skip

    assert [line.verdict for line in report.checks] == ["pass", "pass", "fail", "pass"]
    assert [line.count for line in report.checks] == [200] * 4
    assert report.checks[0].method == "t"
    assert report.checks[3].method == "paired t by clusters"


def test_too_few_queries_are_held() -> None:
    ours, theirs = searches(10, 1.0, 1), searches(10, 1.0, 2)

    report = judged(ours, theirs, Compare("ndcg", margin=0.001), clusters=ours.queries)

    assert report.verdict == "hold"
    assert "different values of query would" in report.checks[0].why


def test_queries_of_one_customer_are_not_independent() -> None:
    ours, theirs = searches(40, 1.0, 1), searches(40, 1.0, 2)

    report = judged(ours, theirs, Compare("ndcg"), clusters=ours.queries // 10)

    assert report.checks[0].count == 4


def test_without_queries_there_is_nothing_to_rank() -> None:
    ours = searches(10, 1.0, 1)
    asked = policy(Compare("ndcg"), group=None)
    case = Case(None, asked, SimpleNamespace(clusters=None), SimpleNamespace(
        evaluation=SimpleNamespace(model="search", version=2, metrics=metric.score(ours))
    ), None)  # fmt: skip

    with pytest.raises(UsageError, match="ndcg ranks the rows of a query") as e:
        gates.judge(case)
    assert e.value.hint == "name the column: `evaluate.group` in mlops.yaml"


def test_a_floor_on_a_ranking_is_known_before_anything_is_scored() -> None:
    floor.check_names(policy(Floor("ndcg@7", at_least=0.5)), {})
    with pytest.raises(UsageError, match="'ndgc'"):
        floor.check_names(policy(Floor("ndgc", at_least=0.5)), {})
