"""How often the same evaluation rows were looked at: who tries often finds luck.

Of many candidates that are all equally good, the best on the same rows looks better than it is
(Dwork and others 2015, Science 349:636). Fresh rows have not been looked at.
"""

from __future__ import annotations

from mlops_jupyter.config import Looks
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import CheckResult


def count(project: Project, model: str, rows_digest: str) -> int:
    """Return how many different candidates for a model have been scored on these rows.

    A champion that others were compared with is none, and neither is one that is scored again.
    """
    row = project.catalog.row(
        "SELECT count(DISTINCT model_digest) AS looks FROM evaluation"
        " JOIN model_version USING (model, version)"
        " WHERE model = ? AND rows_digest = ? AND NOT is_baseline",
        (model, rows_digest),
    )
    return 0 if row is None else int(row["looks"])


def judge(looks: int, asked: Looks) -> CheckResult | None:
    """Return the line of a gate that holds because of too many looks; None while it does not."""
    if looks < asked.stop:
        return None
    return CheckResult(
        check=f"fewer than {asked.stop:,} candidates on the same rows",
        verdict="hold",
        challenger=None,
        champion=None,
        why=f"{_many(looks)} been judged on these rows, and among so many one is good by chance:"
        " take fresh rows",
        kind="looks",
        id="looks",
        value=float(looks),
        limit=float(asked.stop),
        side="below",
        count=looks,
    )


def warning(looks: int, asked: Looks) -> str | None:
    """Say that rows were looked at often; None while they were not."""
    if not asked.warn <= looks < asked.stop:
        return None
    return (
        f"{_many(looks)} been judged on these rows: the more try, the more probably one is good"
        f" by chance; from {asked.stop:,} on the gate holds"
    )


def _many(looks: int) -> str:
    return f"{looks:,} candidate{' has' if looks == 1 else 's have'}"
