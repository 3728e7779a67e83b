"""Which run is the best so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from mlops_jupyter.project import Project
from mlops_jupyter.runs.metric import best

COMPARED = 200
"""The newest runs that are looked at."""


def best_before(project: Project, run_id: str, names: Iterable[str]) -> dict[str, float]:
    """Return the best last value of each metric among the finished runs before a run.

    Compared are runs of the same name and notebook.
    """
    chosen = list(names)
    marks = ",".join("?" * len(chosen))
    rows = project.catalog.rows(
        "WITH rival AS (SELECT other.id FROM run AS one JOIN run AS other"
        "   ON other.name = one.name AND other.notebook IS one.notebook"
        "   AND other.started_at < one.started_at"
        "   WHERE one.id = ? AND other.status = 'finished' AND other.reproduces IS NULL"
        "   ORDER BY other.started_at DESC LIMIT ?)"
        " SELECT name, value, max(step) FROM metric JOIN rival ON run_id = rival.id"
        f" WHERE name IN ({marks}) GROUP BY run_id, name",
        (run_id, COMPARED, *chosen),
    )
    values: dict[str, list[float | None]] = defaultdict(list)
    for name, value, _ in rows:
        values[name].append(value)
    found = {name: best(name, numbers) for name, numbers in values.items()}
    return {name: value for name, value in found.items() if value is not None}
