"""How often the same rows were looked at."""

from __future__ import annotations

import pytest

from mlops_jupyter.config import Check, Evaluate, Floor, Looks, Model
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import case, gates
from mlops_jupyter.promotion.decision import GateReport
from mlops_jupyter.promotion.scoring.rows import take_rows
from tests.promotion.training import (
    LABEL,
    blind_model,
    flights,
    good_model,
    kept_version,
    upside_down_model,
)


@pytest.fixture
def versions(project: Project) -> list[ModelVersion]:
    """Return the versions 1 to 4 of a model; 4 is the same as 2."""
    models = [blind_model(), good_model(), upside_down_model(), good_model()]
    return [kept_version(project, model, version) for version, model in enumerate(models, 1)]


def judged(
    project: Project, challenger: ModelVersion, champion: ModelVersion | None = None,
    looks: Looks | None = None, seed: int = 7,
) -> GateReport:  # fmt: skip
    data = snapshot(project, flights(seed=seed), "test")
    evaluate = Evaluate(data=data.ref, label=LABEL, looks=looks or Looks())
    policy = Model(evaluate=evaluate, checks=[Check(floor=Floor("accuracy", at_least=0.1))])
    rows = take_rows(project, data, evaluate)
    return gates.judge(case.of(project, policy, rows, challenger, champion))


def test_each_candidate_counts_once_and_a_champion_that_is_compared_with_does_not(
    project: Project, versions: list[ModelVersion]
) -> None:
    one, two, three, four = versions

    looks = [
        judged(project, two, one).looks,
        judged(project, two, one).looks,
        judged(project, three, two).looks,
        judged(project, four, two).looks,
        judged(project, one).looks,
    ]

    assert looks == [1, 1, 2, 2, 3]


def test_fresh_rows_have_not_been_looked_at(project: Project, versions: list[ModelVersion]) -> None:
    judged(project, versions[0])

    assert judged(project, versions[1], seed=8).looks == 1
    assert judged(project, versions[1]).looks == 2


def test_many_are_warned_of_and_more_are_held(
    project: Project, versions: list[ModelVersion]
) -> None:
    asked = Looks(warn=2, stop=3)

    first, second, third = (judged(project, version, looks=asked) for version in versions[:3])

    assert (first.verdict, second.verdict, third.verdict) == ("pass", "pass", "hold")
    assert not any("judged on these rows" in said for said in first.warnings)
    assert second.warnings[-1] == (
        "2 candidates have been judged on these rows: the more try, the more probably one is good"
        " by chance; from 3 on the gate holds"
    )
    line = third.checks[-1]
    assert (line.kind, line.id, line.verdict, line.value, line.limit) == (
        "looks", "looks", "hold", 3, 3,
    )  # fmt: skip
    assert line.why == (
        "3 candidates have been judged on these rows, and among so many one is good by chance:"
        " take fresh rows"
    )
