"""``mlops_jupyter.lineage``: the verb in the project here."""

from __future__ import annotations

from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.project import here
from mlops_jupyter.provenance import walk
from mlops_jupyter.provenance.noun import Lineage


def lineage(
    ref: str | DatasetVersion, *, up: bool = True, down: bool = True, depth: int | None = None
) -> Lineage:
    """Return where something came from, and what came of it, in the project here.

    Parameters
    ----------
    ref : str or DatasetVersion
        ``train@3``; a run's id, the beginning of it, or its name; ``delays@2`` of a model; the
        path of a file, a URL or a query that a cell read or wrote.
    up, down : bool
        Whether to walk there.
    depth : int, optional
        How many steps. Default: to the end.
    """
    with here() as project:
        return walk.lineage(project, str(ref), up=up, down=down, depth=depth)
