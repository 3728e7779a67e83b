"""``mlops_jupyter.gate``, ``promote`` and the other verbs of promotion, in the project here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_jupyter.project import here
from mlops_jupyter.promotion import approval, judging
from mlops_jupyter.promotion import promote as promoting
from mlops_jupyter.promotion import release as releasing
from mlops_jupyter.promotion import why as reasons
from mlops_jupyter.promotion.decision import Decision, Waiting
from mlops_jupyter.promotion.release import Release
from mlops_jupyter.promotion.why import Why


def gate(model: str, challenger: int | str | None = None, data: str | None = None) -> Decision:
    """Judge a version of a model by the checks of ``mlops.yaml``. Nothing is moved.

    Parameters
    ----------
    model : str
    challenger : int or str, optional
        A version, or the id of a run, whose model becomes the next version. Default: the newest.
    data : str, optional
        The dataset version to evaluate on. Default: what ``mlops.yaml`` says.

    Returns
    -------
    Decision
        Its `report` has the verdict and each check.
    """
    with here() as project:
        return judging.gate(project, model, challenger, data)


def promote(
    model: str, decision: str | None = None, override: str | None = None
) -> Decision | Waiting:
    """Give the alias ``champion`` to the version that a gate judged.

    Parameters
    ----------
    model : str
    decision : str, optional
        The id of what the gate found. Default: the newest on this model.
    override : str, optional
        Why it is promoted although the gate did not pass, or nobody has approved.

    Returns
    -------
    Decision or Waiting
        The promotion; or what the gate found, if that does not allow it; or whose approval is
        missing.
    """
    with here() as project:
        return promoting.promote(project, model, decision, override)


def approve(model: str, decision: str | None = None, comment: str = "") -> Decision:
    """Say yes to the version of a model that waits for it. Nothing is moved: `promote` does.

    Parameters
    ----------
    model : str
    decision : str, optional
        The id of what the gate found. Default: the newest on this model.
    comment : str
        For the record.
    """
    with here() as project:
        return approval.approve(project, model, decision, comment)


def rollback(model: str, reason: str | None = None) -> Decision:
    """Give the alias ``champion`` back to the champion before the current one.

    Parameters
    ----------
    model : str
    reason : str, optional
        For the record.
    """
    with here() as project:
        return promoting.rollback(project, model, reason)


def release(
    model: str, parameters: Mapping[str, Any] | None = None, data: str | None = None
) -> Release:
    """Run a model's pipeline, judge the result, and promote it if it passes.

    Parameters
    ----------
    model : str
    parameters : mapping of str to value, optional
        Of its pipeline.
    data : str, optional
        The dataset version to evaluate on. Default: what ``mlops.yaml`` says.
    """
    with here() as project:
        return releasing.release(project, model, parameters or {}, data)


def why(model: str, version: int | None = None) -> Why:
    """Say why a version of a model is champion, or was refused, and what would change it.

    Parameters
    ----------
    model : str
    version : int, optional
        Default: the champion, or else the newest version that was judged.
    """
    with here() as project:
        return reasons.why(project, model, version)
