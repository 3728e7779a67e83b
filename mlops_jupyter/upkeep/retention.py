"""Which versions may go by age and number: ``data: {keep: …}`` in ``mlops.yaml``.

Whatever somebody may still need stays: what a run, a model, an evaluation or a decision stands
on, what is tagged, what ``mlops.yaml`` names, and the newest version of each dataset.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from mlops_jupyter.config import Keep
from mlops_jupyter.data import versions
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project

DEFAULT = "default"
"""The name in ``data.keep`` that stands for all datasets without one of their own."""

DAY_SECONDS = 86_400

_USED = """
    EXISTS (SELECT 1 FROM data_tag WHERE version_id = v.id)
    OR EXISTS (SELECT 1 FROM dataset_version AS erased WHERE erased.same_as = v.id)
    OR EXISTS (SELECT 1 FROM run_data WHERE version_id = v.id)
    OR EXISTS (SELECT 1 FROM passed_value WHERE version_id = v.id)
    OR EXISTS (SELECT 1 FROM evaluation WHERE version_id = v.id)
    OR EXISTS (SELECT 1 FROM {table} AS used JOIN cell_execution ON cell_execution.id = execution_id
               WHERE version_id = v.id AND (run_id IS NOT NULL
               OR EXISTS (SELECT 1 FROM run_cell WHERE execution_id = cell_execution.id)))
"""

_CANDIDATES = f"""
    SELECT id, dataset, number, coalesce(again_at, created_at) AS taken_at,
        row_number() OVER (PARTITION BY dataset ORDER BY number DESC) AS place,
        ({_USED.format(table="execution_data")}) AS is_used
    FROM dataset_version AS v WHERE gone_at IS NULL ORDER BY dataset, number
"""  # execution_data has the versions that a cell took too


class Outdated(msgspec.Struct, frozen=True):
    """A version that retention drops.

    Attributes
    ----------
    ref : str
    why : str
        In words; it becomes the version's `gone_why`.
    row_id : int
        Of ``dataset_version``.
    """

    ref: str
    why: str
    row_id: int


def outdated(project: Project, at: datetime | None = None) -> tuple[Outdated, ...]:
    """Return the versions that ``mlops.yaml`` lets go, by dataset and number.

    Parameters
    ----------
    project : Project
    at : datetime, optional
        The moment from which ages are counted. Default: now.
    """
    keep = project.settings.data.keep
    if all(rule == "all" for rule in keep.values()):
        return ()
    pinned = set(_pinned(project))
    time = at or datetime.now(UTC)
    found = []
    for row in project.catalog.rows(_CANDIDATES):
        name = row["dataset"] if row["dataset"] in keep else DEFAULT
        rule = keep.get(name, "all")
        ref = f"{row['dataset']}@{row['number']}"
        if rule == "all" or row["is_used"] or row["place"] == 1 or ref in pinned:
            continue
        if not _is_kept(rule, row["place"], time - datetime.fromisoformat(row["taken_at"])):
            found.append(Outdated(ref, f"{_words(rule)} (data.keep.{name})", row["id"]))
    return tuple(found)


def _is_kept(rule: Keep, place: int, age: timedelta) -> bool:
    if rule.versions is not None and place <= rule.versions:
        return True
    # the wrong way round for a `.nan`, which must keep
    return rule.days is not None and not age.total_seconds() > rule.days * DAY_SECONDS


def _words(rule: Keep) -> str:
    words = []
    if rule.versions is not None:
        words.append(f"not among the newest {rule.versions}")
    if rule.days is not None:
        words.append(f"older than {rule.days:g} days")
    return " and ".join(words)


def _pinned(project: Project) -> Iterator[str]:
    """Return the versions that ``mlops.yaml`` names, by number, date, tag or digest."""
    for model in project.settings.models.values():
        for named in model.data():
            with contextlib.suppress(UsageError):  # a release will say that there is none
                yield versions.resolve(project, named).ref
