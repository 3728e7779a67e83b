"""``mlops release``, ``rollback`` and ``decisions``."""

from __future__ import annotations

import click

from mlops_jupyter.cli.parameters import pairs_option
from mlops_jupyter.cli.show import age, console, table
from mlops_jupyter.project import open_project
from mlops_jupyter.promotion.decision import Decision, GateReport
from mlops_jupyter.runs.metric import metric_text


@click.command("release")
@click.argument("model")
@pairs_option("A parameter of the model's pipeline; repeatable.")
@click.option("--data", metavar="NAME@VERSION", help="Evaluate on this dataset version.")
def release_command(model: str, parameters: tuple[tuple[str, str], ...], data: str | None) -> int:
    """Train, evaluate, gate and promote MODEL, or say in one table why not.

    Runs the model's pipeline, scores the result and the champion on the same rows, and gives
    the alias `champion` to the result if it passes every check of mlops.yaml.
    """
    from mlops_jupyter.cli.progress import shown
    from mlops_jupyter.promotion.release import release

    project = open_project()
    with shown() as progress:
        made = release(project, model, dict(parameters), data, progress)
    show_report(made.report)
    click.echo(sentence(made.decision))
    return 0 if made.decision.kind == "promote" else 1


@click.command("rollback")
@click.argument("model")
@click.option("--reason", metavar="TEXT", help="Why, for the record.")
def rollback_command(model: str, reason: str | None) -> None:
    """Give the alias `champion` of MODEL back to the champion before.

    Calling it again goes further back.
    """
    from mlops_jupyter.promotion.promote import rollback

    click.echo(sentence(rollback(open_project(), model, reason)))


@click.command("decisions")
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def decisions_command(model: str | None, as_json: bool) -> None:
    """List what was decided on MODEL (default: on all models), newest first."""
    from mlops_jupyter import wire
    from mlops_jupyter.promotion import history

    project = open_project()
    if model is None:
        found = [d for summary in history.summaries(project) for d in summary.decisions]
        found.sort(key=lambda decision: decision.decided_at, reverse=True)
    else:
        found = list(history.decisions(project, model))
    if as_json:
        click.echo(wire.encode(found).decode())
        return
    if not found:
        click.echo("nothing was decided yet: see `mlops release`")
        return
    shown = table("decision", "model", "from", "to", "state", "reason", "who", "age")
    for d in found:
        origin = "" if d.from_version is None else f"v{d.from_version}"
        shown.add_row(d.kind, d.model, origin, f"v{d.to_version}", d.state, d.reason, d.actor,
                      age(d.decided_at))  # fmt: skip
    console().print(shown)


def show_report(report: GateReport) -> None:
    """Print a gate report as one table."""
    champion = "no champion yet" if report.champion is None else f"champion v{report.champion}"
    left_out = f", {report.left_out:,} without a label left out" if report.left_out else ""
    shown = table(
        "check", f"challenger v{report.challenger}", champion, "verdict", "why",
        title=f"scored on {report.data}: {report.row_count:,} rows{left_out}",
    )  # fmt: skip
    for check in report.checks:
        values = [
            "" if value is None else metric_text(value)
            for value in (check.challenger, check.champion)
        ]
        shown.add_row(check.check, *values, check.verdict.replace("_", " "), check.why)
    console().print(shown)


def sentence(decision: Decision) -> str:
    """Say in one line what was decided."""
    to = f"{decision.model} v{decision.to_version}"
    before = "" if decision.from_version is None else f" in place of v{decision.from_version}"
    if decision.kind == "promote":
        return f"promoted: {to} is now champion{before} ({decision.reason})"
    if decision.kind == "rollback":
        return f"rolled back: {to} is champion again{before}"
    stays = "there is still no champion"
    if decision.from_version is not None:
        stays = f"v{decision.from_version} stays champion"
    return f"refused: {to} is not promoted, {stays}"
