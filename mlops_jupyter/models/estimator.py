"""Fitted estimators, read back from our own object store."""

from __future__ import annotations

from typing import Any

from mlops_jupyter.data import trust
from mlops_jupyter.errors import UsageError
from mlops_jupyter.models.model import ModelVersion
from mlops_jupyter.project import Project
from mlops_jupyter.runs.run import Run


def load(project: Project, source: Run | ModelVersion) -> Any:
    """Return the fitted estimator that a run kept.

    Only what a kernel of this project wrote is unpickled: the digest comes from the catalog,
    and the object store proves the bytes. That of a run that was pulled is read only where
    ``mlops.yaml`` says that others are trusted. MLflow's copy is for others, and is never read.

    Parameters
    ----------
    project : Project
    source : Run or ModelVersion
        From the catalog: `runs.history.get`, `models.registry.get`.

    Raises
    ------
    UsageError
        The run kept no model, or what it is made of cannot be imported here; or it came from
        elsewhere.
    IntegrityError
        The stored bytes are damaged or missing.
    """
    name = (
        f"{source.model} v{source.version}"
        if isinstance(source, ModelVersion)
        else f"run {source.id}"
    )
    if source.model_digest is None:
        raise UsageError(f"{name} kept no model", hint="fit an estimator in a tracked cell")
    trust.refuse_foreign(project, source.run_id if isinstance(source, ModelVersion) else source.id)
    content = project.objects.read(source.model_digest)
    import cloudpickle

    try:
        return cloudpickle.loads(content)
    except Exception as error:
        raise UsageError(
            f"the model of {name} cannot be loaded here: {type(error).__name__}: {error}",
            hint="install the packages that its run used, see `mlops show`",
        ) from error
