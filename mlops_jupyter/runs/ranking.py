"""Which run is the best so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from mlops_jupyter.project import Project
from mlops_jupyter.runs.metric import best

COMPARED = 100
"""The newest runs that are looked at."""


def best_before(project: Project, run_id: str, names: Iterable[str]) -> dict[str, float]:
    """Return the best last value of each metric among the finished runs before a run.

    Compared are runs of the same name and notebook.
    """
    chosen = list(names)
    marks = ",".join(["(?)"] * len(chosen))
    rows = project.catalog.rows(
        f"WITH wanted (name) AS (VALUES {marks}), rival AS ("
        "   SELECT other.id FROM run AS one JOIN run AS other"
        "   ON other.name = one.name AND other.notebook IS one.notebook"
        "   AND other.started_at < one.started_at"
        "   WHERE one.id = ? AND other.status = 'finished' AND other.reproduces IS NULL"
        "   ORDER BY other.started_at DESC LIMIT ?)"
        " SELECT name, (SELECT value FROM metric WHERE run_id = rival.id"
        "   AND metric.name = wanted.name ORDER BY step DESC LIMIT 1) FROM rival, wanted",
        (*chosen, run_id, COMPARED),
    )
    values: dict[str, list[float | None]] = defaultdict(list)
    for name, value in rows:
        values[name].append(value)
    found = {name: best(name, numbers) for name, numbers in values.items()}
    return {name: value for name, value in found.items() if value is not None}
