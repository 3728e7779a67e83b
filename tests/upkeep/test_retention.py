"""Retention: what is old and used by nobody may go; all else stays whatever its age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from msgspec.structs import replace

from mlops_jupyter.config import Check, Compare, Drift, Evaluate, Keep, Leakage, Model, Pipeline
from mlops_jupyter.data import tags, versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from mlops_jupyter.runs import recorder
from mlops_jupyter.upkeep.retention import outdated
from tests.upkeep.store import cell_with, keeping, made_at, run_with

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def train(project: Project) -> list[DatasetVersion]:
    """Five versions, one every ten days, the last of them today."""
    made = [snapshot(project, pd.DataFrame({"n": [n]}), "train") for n in range(5)]
    for number, version in enumerate(reversed(made)):
        made_at(project, version, (NOW - timedelta(days=10 * number)).isoformat())
    return made


def gone(project: Project, **keep: Keep | str) -> list[str]:
    return [version.ref for version in outdated(keeping(project, **keep), NOW)]


@pytest.mark.parametrize(
    ("keep", "goes"),
    [
        ({}, []),
        ({"train": "all"}, []),
        ({"default": Keep(versions=2)}, ["train@1", "train@2", "train@3"]),
        ({"default": Keep(versions=5)}, []),
        ({"default": Keep(days=25)}, ["train@1", "train@2"]),
        ({"default": Keep(days=0)}, ["train@1", "train@2", "train@3", "train@4"]),
        ({"default": Keep(days=float("inf"))}, []),
        ({"default": Keep(days=float("nan"))}, []),
        ({"default": Keep(versions=4, days=15)}, ["train@1"]),
        ({"default": Keep(versions=1, days=15)}, ["train@1", "train@2", "train@3"]),
        ({"default": Keep(versions=1), "train": "all"}, []),
        ({"default": "all", "train": Keep(versions=4)}, ["train@1"]),
        ({"test": Keep(versions=1)}, []),
    ],
)
def test_what_may_go(
    project: Project, train: list[DatasetVersion], keep: dict, goes: list[str]
) -> None:
    assert gone(project, **keep) == goes


def test_what_somebody_needs_stays(project: Project, train: list[DatasetVersion]) -> None:
    rule = {"default": Keep(versions=1)}
    assert gone(project, **rule) == ["train@1", "train@2", "train@3", "train@4"]

    tags.tag(project, "train@1", "golden")
    assert gone(project, **rule) == ["train@2", "train@3", "train@4"]
    tags.untag(project, "train@golden")
    assert gone(project, **rule)[0] == "train@1"

    run_with(project, train[1])
    assert gone(project, **rule) == ["train@1", "train@3", "train@4"]

    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO evaluation (id, model, version, version_id, label, row_count, left_out,"
            " rows_digest, metrics, scores, evaluated_at)"
            " VALUES ('e', 'late', 1, ?, 'late', 1, 0, 'd', '{}', 's', 't')",
            (versions.row_id(project, train[2]),),
        )
    assert gone(project, **rule) == ["train@1", "train@4"]


def test_a_version_that_a_run_uses_while_it_runs_stays(
    project: Project, train: list[DatasetVersion]
) -> None:
    run_with(project, train[0], finished=False)
    assert "train@1" not in gone(project, default=Keep(versions=1))


def test_a_cell_outside_of_any_run_holds_nothing(
    project: Project, train: list[DatasetVersion]
) -> None:
    session = recorder.open_session(project, "study.ipynb")
    recorder.record(project, cell_with(project, session, 1, train[0]))
    assert "train@1" in gone(project, default=Keep(versions=1))


COMPARE = Check(compare=Compare("accuracy"))


@pytest.mark.parametrize(
    "model",
    [
        *(
            Model(Evaluate(ref, "late"), [COMPARE])
            for ref in ("train@1", "train@{1}", "train@2026-09-22")
        ),
        Model(Evaluate("train@5", "late"), [COMPARE, Check(leakage=Leakage(train="train@1"))]),
        Model(Evaluate("train@5", "late"), [COMPARE, Check(drift=Drift(against="train@1"))]),
    ],
    ids=["number", "age", "date", "leakage", "drift"],
)
def test_what_the_settings_name_stays(
    project: Project, train: list[DatasetVersion], model: Model
) -> None:
    settings = replace(project.settings, pipelines={"fit": Pipeline("fit.ipynb")})
    project = replace(project, settings=replace(settings, models={"late": model}))
    assert gone(project, default=Keep(versions=1)) == ["train@2", "train@3", "train@4"]


def test_the_newest_is_the_newest_of_those_that_are_there(
    project: Project, train: list[DatasetVersion]
) -> None:
    with project.catalog.transaction() as rows:
        rows.execute("UPDATE dataset_version SET gone_at = 't' WHERE number = 5")
    assert gone(project, default=Keep(versions=1)) == ["train@1", "train@2", "train@3"]
