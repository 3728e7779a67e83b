"""What is wrong with the checks of a policy, as far as it is known before anything is trained."""

from __future__ import annotations

from mlops_jupyter.config import Check, Model
from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import function
from mlops_jupyter.promotion.checks import latency, leakage, schema


def refuse(project: Project, policy: Model, data: DatasetVersion) -> None:
    """Refuse checks that could not be made.

    Raises
    ------
    NotFoundError, UsageError
        There is no such contract, data version or function; the module cannot be imported, or
        its function does not take the arguments.
    """
    for check in policy.checks:
        _refuse(project, policy, check, data)


def _refuse(project: Project, policy: Model, check: Check, data: DatasetVersion) -> None:
    if check.schema is not None:
        schema.path_of(project, data, check.schema)
    if check.leakage is not None:
        leakage.refuse(policy, check.leakage)
        if check.leakage.train is not None:
            versions.resolve(project, check.leakage.train)
    if check.drift is not None and check.drift.against is not None:
        versions.resolve(project, check.drift.against)
    if check.latency is not None:
        latency.refuse(check.latency)
    if check.custom is not None:
        called = function.load(project, check.custom.function)
        function.check_call(check.custom.function, called, check.custom.arguments)
