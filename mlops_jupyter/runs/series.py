"""The steps of a run's metrics: what a chart of it shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_jupyter.project import Project
from mlops_jupyter.runs import history

MOST_POINTS = 500


@dataclass(frozen=True, slots=True)
class Series:
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


@dataclass(frozen=True, slots=True)
class RunSeries:
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
    rows = project.catalog.rows(
        f"SELECT name, step, value, at FROM metric WHERE run_id = ?{only} ORDER BY name, step",
        values,
    )
    found: dict[str, list[Point]] = defaultdict(list)
    for key, *point in rows:
        found[key].append((point[0], point[1], point[2]))
    return RunSeries(tuple(_series(key, points) for key, points in found.items()))


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


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """Return at most so many of the points: the smallest and the largest of each stretch.

    So a chart shows each peak, wherever it lies.
    """
    if len(points) <= most:
        return list(points)
    stretches = (most - 2) // 2
    inner = points[1:-1]
    chosen = [points[0]]
    for i in range(stretches):
        part = inner[i * len(inner) // stretches : (i + 1) * len(inner) // stretches]
        known = [p for p in part if p[1] is not None]
        ends = {min(known, key=_value), max(known, key=_value)} if known else {part[0]}
        chosen += sorted(ends, key=lambda p: p[0])
    return [*chosen, points[-1]]


def _value(point: Point) -> float:
    return 0.0 if point[1] is None else point[1]


def _series(name: str, points: Sequence[Point]) -> Series:
    chosen = thinned(points)
    return Series(
        name=name,
        steps=tuple(p[0] for p in chosen),
        values=tuple(p[1] for p in chosen),
        times=tuple(p[2] for p in chosen),
        total=len(points),
    )
