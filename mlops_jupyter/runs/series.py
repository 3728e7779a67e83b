"""The steps of a run's metrics: what a chart of it shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from mlops_jupyter.project import Project
from mlops_jupyter.runs import history

MOST_POINTS = 500


class Series(msgspec.Struct, frozen=True):
    """The values of one metric, step by step.

    Attributes
    ----------
    name : str
    steps : tuple of int
    values : tuple of float or None
        None stands for NaN.
    times : tuple of str or None
        When each was logged: ISO 8601, UTC; None in catalogs of old versions.
    total : int
        How many steps there are: of more than `MOST_POINTS`, the smallest and the largest of
        each stretch are here.
    """

    name: str
    steps: tuple[int, ...]
    values: tuple[float | None, ...]
    times: tuple[str | None, ...]
    total: int


class RunSeries(msgspec.Struct, frozen=True):
    """All series of a run, by name."""

    series: tuple[Series, ...]


Point = tuple[int, float | None, str | None]


def series(project: Project, run_id: str, name: str | None = None) -> RunSeries:
    """Return the steps of a run's metrics, or of one of them.

    Raises
    ------
    NotFoundError
        There is no such run. A metric that there is not has no series.
    """
    run = history.get(project, run_id)
    only, values = ("", (run.id,)) if name is None else (" AND name = ?", (run.id, name))
    metrics = project.catalog.rows(
        f"SELECT name, count(*), min(step), max(step) FROM metric WHERE run_id = ?{only}"
        " GROUP BY name ORDER BY name",
        values,
    )
    found = []
    for key, total, first, last in metrics:
        points = _points(project, run.id, key) if total <= MOST_POINTS else (
            _peaks(project, run.id, key, first, last)
        )  # fmt: skip
        steps, numbers, times = zip(*points, strict=True)
        found.append(Series(key, steps, numbers, times, total))
    return RunSeries(tuple(found))


def last_steps(project: Project, run_id: str) -> dict[str, int]:
    """Return the last step of each metric of a run."""
    sql = "SELECT name, max(step) FROM metric WHERE run_id = ? GROUP BY name"
    return {row[0]: row[1] for row in project.catalog.rows(sql, (run_id,))}


def values_of(
    project: Project, run_ids: Sequence[str]
) -> dict[tuple[str, str], list[float | None]]:
    """Return the values of the metrics of some runs, by run and name, in the order of steps."""
    marks = ",".join("?" * len(run_ids))
    found: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    sql = f"SELECT run_id, name, value FROM metric WHERE run_id IN ({marks}) ORDER BY step"
    for run_id, name, value in project.catalog.rows(sql, list(run_ids)):
        found[run_id, name].append(value)
    return found


def _points(project: Project, run_id: str, name: str) -> list[Point]:
    sql = "SELECT step, value, at FROM metric WHERE run_id = ? AND name = ? ORDER BY step"
    return [(row[0], row[1], row[2]) for row in project.catalog.rows(sql, (run_id, name))]


def _peaks(project: Project, run_id: str, name: str, first: int, last: int) -> list[Point]:
    """Return the ends, and the smallest and the largest value of each stretch of steps.

    Beside min() and max(), SQLite takes the other columns from the very row that has them:
    https://sqlite.org/lang_select.html#bareagg
    """
    stretches = MOST_POINTS // 2 - 1
    found: dict[int, Point] = {}
    for chosen in ("min(value)", "max(value)"):
        rows = project.catalog.rows(
            f"SELECT step, {chosen}, at FROM metric WHERE run_id = ? AND name = ?"
            " GROUP BY CAST((step - ?) * 1.0 * ? / ? AS INTEGER)",
            (run_id, name, first, stretches, last - first + 1),
        )
        found |= {row[0]: (row[0], row[1], row[2]) for row in rows}
    ends = "SELECT step, value, at FROM metric WHERE run_id = ? AND name = ? AND step IN (?, ?)"
    rows = project.catalog.rows(ends, (run_id, name, first, last))
    found |= {row[0]: (row[0], row[1], row[2]) for row in rows}
    return [found[step] for step in sorted(found)]
