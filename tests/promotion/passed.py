"""Verdicts that wait for an approval, as a gate records them when somebody else asks for it."""

from __future__ import annotations

import dataclasses

import msgspec

from mlops_jupyter.config import Model
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import CheckResult, Decision, GateReport
from mlops_jupyter.promotion.recording import record

ASKED = msgspec.convert(
    {
        "evaluate": {"data": "flights@latest", "label": "late"},
        "checks": [{"floor": {"metric": "roc_auc", "at_least": 0.7}}],
        "approval": {"when": "always"},
    },
    Model,
)


def judged(
    project: Project, version: int, champion: int | None, who: str = "maya (maya@laptop)"
) -> Decision:
    """Record that a version of `late` passed its gate, which `who` asked for."""
    report = GateReport(
        verdict="pass", challenger=version, champion=champion, bootstrap=champion is None,
        data="flights@1", row_count=400, left_out=0,
        checks=(CheckResult("roc_auc at least 0.7", "pass", 0.9, None, "0.9 is at least 0.7"),),
    )  # fmt: skip
    made, facts = record.verdict(project, "late", report, ASKED)
    return record.write(project, dataclasses.replace(made, actor=who), facts)
