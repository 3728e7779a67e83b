"""Verdicts as gates record them, without models that have to be fitted and scored for it."""

from __future__ import annotations

from mlops_jupyter.config import Approval, Check, Evaluate, Floor, Model
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import CheckResult, Decision, GateReport, Verdict
from mlops_jupyter.promotion.recording import record


def report(challenger: int, champion: int | None, verdict: Verdict = "pass") -> GateReport:
    """Return a report of one check."""
    why = "0.9 against 0.8: better by 0.1" if verdict == "pass" else "0.7 is below 0.8, by 0.1"
    return GateReport(
        verdict=verdict,
        challenger=challenger,
        champion=champion,
        bootstrap=champion is None,
        data="flights@7",
        row_count=400,
        left_out=0,
        checks=(CheckResult("roc_auc at least 0.8", verdict, 0.9, None, why),),
    )


def policy(approval: Approval | None = None) -> Model:
    """Return a policy of one check."""
    return Model(
        evaluate=Evaluate(data="flights@7", label="late"),
        checks=[Check(floor=Floor(metric="roc_auc", at_least=0.8))],
        approval=approval,
    )


def judged(
    project: Project,
    model: str,
    challenger: int,
    champion: int | None,
    verdict: Verdict = "pass",
    approval: Approval | None = None,
) -> Decision:
    """Record a verdict as a gate does."""
    return record.of_gate(project, model, report(challenger, champion, verdict), policy(approval))
