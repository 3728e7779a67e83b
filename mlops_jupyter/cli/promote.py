"""``mlops promote``, ``approve`` and ``rollback``: what people decide about a judged version."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.cli.evidence import Evidence, report_option
from mlops_jupyter.project import open_project

_decision = click.option(
    "--decision", "decision_id", metavar="ID", help="Of the gate. Default: the newest on MODEL."
)


@click.command("promote")
@click.argument("model")
@_decision
@click.option(
    "--override", metavar="REASON",
    help="Promote although the gate did not pass, or nobody has approved. The reason is kept.",
)  # fmt: skip
@report_option
def promote_command(
    model: str, decision_id: str | None, override: str | None, folder: Path | None
) -> int:
    """Give the alias `champion` to the version of MODEL that a gate judged.

    It is loaded and predicts before anything moves. Exit code 4: approvals are missing, 6: the
    champion is no longer the one that it was compared with.
    """
    from mlops_jupyter.cli.judged import WAITING, code_of, show_outcome
    from mlops_jupyter.promotion import history
    from mlops_jupyter.promotion.decision import Waiting
    from mlops_jupyter.promotion.promote import promote

    evidence = Evidence(model, folder)
    with evidence.written():
        project = evidence.project = open_project()
        made = promote(project, model, decision_id, override)
        if isinstance(made, Waiting):
            evidence.waiting = made
            evidence.decision = history.decision(project, made.decision)
        else:
            evidence.decision = made
    show_outcome(evidence.told())
    return WAITING if evidence.waiting is not None else code_of(evidence.decision)


@click.command("approve")
@click.argument("model")
@_decision
@click.option("--comment", default="", metavar="TEXT", help="For the record.")
@report_option
def approve_command(model: str, decision_id: str | None, comment: str, folder: Path | None) -> None:
    """Say yes to the version of MODEL that waits for it. Nothing is moved: `mlops promote` does."""
    from mlops_jupyter.cli.judged import show_outcome
    from mlops_jupyter.promotion.approval import approve

    evidence = Evidence(model, folder)
    with evidence.written():
        evidence.project = open_project()
        evidence.decision = approve(evidence.project, model, decision_id, comment)
    show_outcome(evidence.told())


@click.command("rollback")
@click.argument("model")
@click.option("--reason", metavar="TEXT", help="Why, for the record.")
@report_option
def rollback_command(model: str, reason: str | None, folder: Path | None) -> None:
    """Give the alias `champion` of MODEL back to the champion before.

    Calling it again goes further back.
    """
    from mlops_jupyter.cli.judged import show_outcome
    from mlops_jupyter.promotion.promote import rollback

    evidence = Evidence(model, folder)
    with evidence.written():
        evidence.project = open_project()
        evidence.decision = rollback(evidence.project, model, reason)
    show_outcome(evidence.told())
