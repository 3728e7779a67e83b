"""Metrics of one's own: a function of the project, with bounds by a bootstrap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlops_jupyter.config import Check, Compare, Evaluate, Floor, Model, OwnMetric, Slices
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import case, gates
from mlops_jupyter.promotion.decision import GateReport
from mlops_jupyter.promotion.scoring import own
from mlops_jupyter.promotion.scoring.rows import take_rows
from tests.promotion.training import LABEL, blind_model, flights, good_model, kept_version

CODE = """\
def profit(truth, predicted):
    print("this must not come between the lines of a report")
    return 10.0 * (truth * predicted).mean() - 3.0 * ((1 - truth) * predicted).mean()

def cost(truth, predicted):
    return -profit(truth, predicted)

def zero(truth, predicted):
    return 1 / 0

def nan(truth, predicted):
    return float("nan")

def text(truth, predicted):
    return "0.9"

def many(truth, predicted):
    return truth

def complex_(truth, predicted):
    return 1j

def nothing(truth, predicted):
    pass

def leaves(truth, predicted):
    raise SystemExit(0)

def meddles(truth, predicted):
    truth[:] = predicted
    return 1.0
"""


def versions(project: Project) -> tuple[ModelVersion, ModelVersion]:
    """Return a blind model and a good one, which are kept once."""
    known = registry.versions(project)
    if known:
        return known[-1], known[0]
    return kept_version(project, blind_model(), 1), kept_version(project, good_model(), 2)


def judged(project: Project, function: str, *checks: Any, greater: bool = True) -> GateReport:
    """Judge a good model against a blind one by a metric `mine`."""
    (project.root / "figures.py").write_text(CODE)
    evaluate = Evaluate(
        data="test@1", label=LABEL, metrics={"mine": OwnMetric(f"figures:{function}", greater)}
    )
    policy = Model(
        evaluate=evaluate, checks=[Check(**{type(c).__name__.lower(): c}) for c in checks]
    )
    data = snapshot(project, flights(), "test")
    champion, challenger = versions(project)
    own.check(project, evaluate)
    rows = take_rows(project, data, evaluate)
    return gates.judge(case.of(project, policy, rows, challenger, champion))


def test_it_is_floored_compared_and_sliced(project: Project) -> None:
    report = judged(
        project, "profit",
        Floor("mine", at_least=2), Compare("mine", "better"), Slices(["hour/2"], "mine"),
    )  # fmt: skip

    floor, compare, slices, *_ = report.checks
    assert [line.verdict for line in (floor, compare, slices)] == ["pass", "pass", "pass"]
    assert floor.method == "bootstrap of 2,000"
    assert floor.lower < floor.value < floor.upper
    assert compare.value == pytest.approx(compare.challenger - compare.champion)
    assert report.verdict == "pass"


def test_the_bounds_are_the_same_each_time(project: Project) -> None:
    first, second = (judged(project, "profit", Floor("mine", at_least=2)) for _ in range(2))

    assert first.checks == second.checks


def test_one_that_is_better_when_it_is_smaller(project: Project) -> None:
    report = judged(project, "cost", Compare("mine", "better"), greater=False)

    assert report.verdict == "pass"
    assert report.checks[0].value > 0


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("zero", "figures:zero raised ZeroDivisionError: division by zero"),
        ("nan", "figures:nan returned nan, and no number"),
        ("text", "figures:text returned '0.9', and no number"),
        ("complex_", "figures:complex_ returned 1j, and no number"),
        ("nothing", "figures:nothing returned None, and no number"),
        ("leaves", "figures:leaves raised SystemExit: 0"),
    ],
)
def test_a_function_that_fails_is_an_error_and_never_passes(
    project: Project, function: str, why: str
) -> None:
    report = judged(project, function, Floor("mine", at_least=0), Compare("mine"))

    assert report.verdict == "error"
    assert [(line.verdict, line.why) for line in report.checks] == [("error", why)] * 2
    assert report.warnings[-1] == why


def test_an_array_is_no_number(project: Project) -> None:
    report = judged(project, "many", Floor("mine", at_least=0))

    assert report.verdict == "error"
    assert "figures:many returned array(" in report.checks[0].why


def test_what_it_does_with_its_arrays_changes_nothing(project: Project) -> None:
    report = judged(
        project, "meddles", Floor("mine", at_least=0), Floor("accuracy", at_least=0.99)
    )  # fmt: skip

    assert [line.verdict for line in report.checks] == ["pass", "fail"]


def test_what_is_not_there_is_known_before_anything_is_scored(project: Project) -> None:
    (project.root / "figures.py").write_text(CODE)

    def asked(**metrics: str) -> Evaluate:
        made = {name: OwnMetric(written) for name, written in metrics.items()}
        return Evaluate(data="test@1", label=LABEL, metrics=made)

    with pytest.raises(NotFoundError, match="there is no function in figures 'profti'") as e:
        own.check(project, asked(mine="figures:profti"))
    assert e.value.hint == "did you mean 'profit'?"
    with pytest.raises(NotFoundError, match="there is no module 'figurs'"):
        own.check(project, asked(mine="figurs:profit"))
    with pytest.raises(UsageError, match="there is a metric of that name"):
        own.check(project, asked(accuracy="figures:profit"))


def test_rows_of_one_customer_are_drawn_together(project: Project) -> None:
    (project.root / "figures.py").write_text(CODE)
    evaluate = Evaluate(
        data="test@1", label=LABEL, cluster_by="customer",
        metrics={"mine": OwnMetric("figures:profit")},
    )  # fmt: skip
    frame = flights().assign(customer=np.arange(400) // 20)
    policy = Model(evaluate=evaluate, checks=[Check(floor=Floor("mine", at_least=2))])
    rows = take_rows(project, snapshot(project, frame, "test"), evaluate)

    report = gates.judge(case.of(project, policy, rows, versions(project)[1], None))

    assert report.clusters == report.checks[0].count == 20
    assert report.checks[0].method == "bootstrap of 2,000 by clusters"
