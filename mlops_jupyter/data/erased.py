"""Content that held rows which were erased must not come back."""

from __future__ import annotations

from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project

_SQL = """
    SELECT erasure.predicate, erasure.reason, erasure.erased_at
    FROM erasure, json_each(erasure.report, '$.versions') AS version
    WHERE erasure.dataset = ? AND json_extract(version.value, '$.before') = ?
    ORDER BY erasure.erased_at DESC LIMIT 1
"""


def refuse(project: Project, dataset: str, digest: str) -> None:
    """Refuse content as it was before rows were erased from it.

    Raises
    ------
    UsageError
        It says what was erased, when, and why.
    """
    found = project.catalog.row(_SQL, (dataset, digest))
    if found is None:
        return
    what = f"the rows where {found['predicate']}" if found["predicate"] else "its content"
    raise UsageError(
        f"{dataset}: this is content from which {what} had to be erased on"
        f" {found['erased_at'][:10]}: {found['reason']}",
        hint="take the rows out before the snapshot",
    )
