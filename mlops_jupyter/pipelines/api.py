"""``mlops_jupyter.sweep`` and ``checkpoint``: the verbs in the project here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlops_jupyter.pipelines import checkpoint as checkpoints
from mlops_jupyter.project import here

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.trial import Sweep


def sweep(
    name: str,
    vary: Mapping[str, Any],
    given: Mapping[str, Any] | None = None,
    *,
    trials: int | None = None,
    optimize: str | None = None,
    direction: Literal["minimize", "maximize"] | None = None,
    seed: int = 0,
    workers: int | None = None,
) -> Sweep:
    """Run a pipeline with each combination of some parameters, or with some of them.

    Parameters
    ----------
    name : str
        Of the pipeline.
    vary : mapping of str to values
        By parameter: a list of values, a `range`, or text such as ``"0.1,0.01"``, ``"2..8"``,
        ``"0..1:0.25"``, ``"1e-4..1e-1:log"``.
    given : mapping of str to value, optional
        Parameters that are the same in all trials.
    trials : int, optional
        So many combinations, by chance, or chosen by Optuna. Default: all.
    optimize : str, optional
        The metric by which the trials are ordered. With `trials`, Optuna chooses the values.
    direction : {"minimize", "maximize"}, optional
        Which value of it is the best. Default: judged by its name.
    seed : int
        The same one gives the same trials; with Optuna, for the same number of workers.
    workers : int, optional
        Trials that run at once. Default: the number of cores.

    Returns
    -------
    Sweep
        The best trial first; ``pandas.DataFrame(sweep.rows)`` is a table of them.
    """
    from mlops_jupyter.pipelines.sweep import sweep as run

    with here() as project:
        return run(
            project, name, vary, given, trials=trials, optimize=optimize, direction=direction,
            seed=seed, workers=workers,
        )  # fmt: skip


def checkpoint(name: str) -> Path:
    """Return a folder that survives a kill: the next run of the same step gets it again.

    The same step is one with the same code, parameters and values. The folder is removed when the
    step has finished. Outside of a pipeline it belongs to the notebook and the code of the cell,
    and stays until `mlops gc` finds it old.

    Raises
    ------
    UsageError
        The name cannot be that of a folder, or this is neither a step nor a notebook.
    """
    return checkpoints.checkpoint(name)
