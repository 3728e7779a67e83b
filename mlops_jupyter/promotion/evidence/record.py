"""The whole record of a decision, as it is kept in the chain."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_jupyter.project import Project
from mlops_jupyter.promotion import history
from mlops_jupyter.promotion.decision import Decision
from mlops_jupyter.promotion.recording import chain


def whole(project: Project, decision: Decision) -> dict[str, Any]:
    """Return what is kept of a decision, and of the verdict that it acts on.

    Returns
    -------
    dict
        `digest`, the BLAKE3 digest of the canonical JSON of `record` (sorted keys, no spaces,
        UTF-8); `state`, what became of it; `record`, who, when, why, both models, the data, the
        policy, each check; `judged`, the same of the verdict that an approval or a promotion acts
        on, else None.

    Raises
    ------
    IntegrityError
        A record is not what its digest says.
    """
    judged = None if decision.judged is None else history.decision(project, decision.judged)
    return {**_one(project, decision), "judged": None if judged is None else _one(project, judged)}


def _one(project: Project, decision: Decision) -> dict[str, Any]:
    found = chain.record(project, decision.id)
    return {
        "id": decision.id,
        "digest": decision.digest,
        "state": decision.state,
        # those that were made before records were chained have no more than this
        "record": msgspec.to_builtins(decision) if found is None else found,
    }
