"""What a project holds, as others see it: without the numbers of rows."""

from __future__ import annotations

from typing import Any

from mlops_jupyter.data import versions
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history
from mlops_jupyter.sharing.outgoing import Writer
from mlops_jupyter.sharing.tables import WHOLE


def data_of(project: Project) -> Any:
    """All data versions: numbers, digests, notes, tags, sources, profiles."""
    return versions.datasets(project)


def rows_of(project: Project) -> list[Any]:
    """All that is shared beside data."""
    writer = Writer(project)
    bundles = [bundle for kind in WHOLE for bundle in writer.all_of(kind)]
    return [(b.kind, b.id, b.tables) for b in [*bundles, *writer.cells(())]]


def runs_of(project: Project) -> list[Any]:
    """All runs, with their cells and certificates."""
    return [history.detail(project, run.id) for run in history.page(project, limit=100).runs]
