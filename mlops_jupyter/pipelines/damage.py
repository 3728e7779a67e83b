"""Kept values that are damaged or gone: the step that gave them must write them anew."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from mlops_jupyter.data import reach
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.project import Project

DAMAGED = "damaged"
"""In ``.mlops/``: objects that are not what their names say, as `mlops verify --repair` has it."""


def put_aside(project: Project, digests: Iterable[str]) -> None:
    """Move those of some objects away that are not what their names say."""
    aside = project.folder / DAMAGED
    for digest in digests:
        path = project.objects.path(digest)
        try:
            project.objects.read(digest)
        except IntegrityError:
            if path.exists():
                aside.mkdir(exist_ok=True)
                path.replace(aside / path.name)


def spoil_passed(project: Project, passes: str) -> None:
    """Let nobody take what cannot be received: the step that passed it on is run again.

    Parameters
    ----------
    passes : str
        The object of values, which refers to data versions.
    """
    digests = {passes}
    for row in project.catalog.rows(
        "SELECT manifest FROM passed_value JOIN dataset_version ON id = version_id"
        " WHERE passes = ? AND gone_at IS NULL",
        (passes,),
    ):
        digests.add(row["manifest"])
        with contextlib.suppress(IntegrityError):  # it is among those that are moved
            digests |= reach.objects_of(project.objects, row["manifest"])
    put_aside(project, digests)
    with project.catalog.transaction() as rows:
        rows.execute(
            "UPDATE step_entry SET why_not = 'what was kept of it is damaged'"
            " WHERE passes = ? AND why_not IS NULL",
            (passes,),
        )


def are_there(project: Project, passes: str | None) -> bool:
    """Tell whether all data versions are there that an object of values refers to."""
    rows = project.catalog.rows(
        "SELECT manifest, gone_at, passed_value.digest = version.digest AS is_same"
        " FROM passed_value JOIN dataset_version AS version ON version.id = version_id"
        " WHERE passes = ?",
        (passes,),
    )
    return all(
        row["is_same"] and not row["gone_at"] and reach.is_there(project.objects, row["manifest"])
        for row in rows
    )
