"""Mistakes in the checks of a policy are known before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_jupyter.config import Check, Custom, Drift, Evaluate, Latency, Leakage, Model, Schema
from mlops_jupyter.data import versions
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.checks import early
from tests.promotion.checks.cases import rows_of
from tests.promotion.training import flights

OWN = "def even(case, limit=1):\n    return True\n"


@pytest.fixture
def project(shared_project: Project) -> Project:
    rows_of(shared_project, flights(50))
    (shared_project.root / "own.py").write_text(OWN)
    return shared_project


def refuse(project: Project, **check: Any) -> None:
    policy = Model(evaluate=Evaluate("test", "late"), checks=[Check(**check)])
    early.refuse(project, policy, versions.resolve(project, "test"))


@pytest.mark.parametrize(
    ("check", "match"),
    [
        ({"schema": Schema("nowhere.py")}, "nowhere.py: there is no contract"),
        ({"leakage": Leakage(train="trian@1")}, "there is no dataset 'trian'"),
        ({"leakage": Leakage(rows=False, feature_auc=None)}, "`leakage` asks for nothing"),
        ({"drift": Drift(against="test@99")}, "there is no data version 'test@99'"),
        ({"latency": Latency(p95_ms=1, rows=10**9)}, "calls of 1,000,000,000 rows"),
        ({"custom": Custom("own:evn")}, "there is no function in own 'evn'"),
        ({"custom": Custom("own:even", {"limt": 1})}, "own:even cannot be called"),
        ({"custom": Custom("nowhere:even")}, "there is no module 'nowhere'"),
    ],
)
def test_a_mistake(project: Project, check: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        refuse(project, **check)


@pytest.mark.parametrize(
    "check",
    [
        {"leakage": Leakage()},
        {"leakage": Leakage(train="test@1")},
        {"drift": Drift()},
        {"custom": Custom("own:even", {"limit": 2})},
        {"latency": Latency(size_mb=1)},
    ],
)
def test_none(project: Project, check: dict[str, Any]) -> None:
    refuse(project, **check)
