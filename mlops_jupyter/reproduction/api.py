"""``mlops_jupyter.reproduce``: the verb in the project here."""

from __future__ import annotations

from typing import Literal

from mlops_jupyter.project import open_project
from mlops_jupyter.reproduction import reproduce as verb
from mlops_jupyter.runs.certificate import Certificate


def reproduce(
    run: str,
    *,
    tolerance: float | None = None,
    environment: Literal["here", "lock"] = "here",
    timeout_seconds: int | None = None,
) -> Certificate:
    """Execute a run of the project here again from clean state, compare, and certify.

    Parameters
    ----------
    run : str
        The run's id, or the beginning of it.
    tolerance : float, optional
        Relative and absolute. Default: metrics and predictions must be equal.
    environment : str
        ``here``: this Python and its packages. ``lock``: those of the run.
    timeout_seconds : int, optional
        How long one cell may take.

    Returns
    -------
    Certificate
        Its `verdict` is ``exact``, ``within_tolerance``, ``differs`` or ``could_not_run``.
    """
    project = open_project()
    try:
        return verb.reproduce(
            project,
            run,
            tolerance=tolerance,
            environment=environment,
            timeout_seconds=timeout_seconds,
        )
    finally:
        project.catalog.close()
