"""``mlops decisions`` and ``mlops why``: what was decided, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlops_jupyter.cli.show import age, console, table
from mlops_jupyter.errors import IntegrityError, UsageError
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.promotion.decision import Decision

if TYPE_CHECKING:
    from mlops_jupyter.promotion.recording.ledger import Verification

VERIFY = "verify"


@click.command("decisions")
@click.argument("word", required=False, metavar="[MODEL|verify]")
@click.option("--model", metavar="NAME", help="Of this model, also if its name is `verify`.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def decisions_command(word: str | None, model: str | None, as_json: bool) -> int:
    """List what was decided on MODEL (default: on all models), newest first.

    `mlops decisions verify` reads the whole chain of records, and ends with 8 if one was changed
    or is missing.
    """
    if word is not None and model is not None:
        raise UsageError("the model is named twice", hint="once, by --model or without")
    project = open_project()
    if word == VERIFY:
        return _verify(project, as_json=as_json)
    _show(_decisions(project, word if model is None else model), as_json=as_json)
    return 0


@click.command("why")
@click.argument("version", metavar="MODEL[@VERSION]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def why_command(version: str, as_json: bool) -> None:
    """Say why a version is champion, or was refused, and what would change it.

    Default: the champion, or else the newest version that was judged.
    """
    from mlops_jupyter import wire
    from mlops_jupyter.promotion.why import version_of, why

    model, number = version_of(version)
    found = why(open_project(), model, number)
    click.echo(wire.encode(found).decode() if as_json else str(found))


def _decisions(project: Project, model: str | None) -> list[Decision]:
    from mlops_jupyter.promotion import history

    if model is not None:
        return list(history.decisions(project, model))
    found = [d for summary in history.summaries(project) for d in summary.decisions]
    return sorted(found, key=lambda decision: decision.decided_at, reverse=True)


def _show(found: list[Decision], *, as_json: bool) -> None:
    from mlops_jupyter import wire

    if as_json:
        click.echo(wire.encode(found).decode())
        return
    if not found:
        click.echo("nothing was decided yet: see `mlops gate` and `mlops release`")
        return
    shown = table("decision", "id", "model", "from", "to", "state", "reason", "who", "age")
    for d in found:
        origin = "" if d.from_version is None else f"v{d.from_version}"
        kind = f"{d.kind} (override)" if d.override else d.kind
        shown.add_row(kind, d.id[:8], d.model, origin, f"v{d.to_version}", d.state, d.reason,
                      d.actor, age(d.decided_at))  # fmt: skip
    console().print(shown)


def _verify(project: Project, *, as_json: bool) -> int:
    from mlops_jupyter import wire
    from mlops_jupyter.promotion.recording.ledger import verify

    found = verify(project)
    if as_json:
        click.echo(wire.encode(found).decode())
    else:
        for problem in found.problems:
            click.echo(str(problem))
        for note in found.notes:
            click.echo(f"note: {note}")
        click.echo(_verdict(found))
    return 0 if found.is_clean else IntegrityError.exit_code


def _verdict(found: Verification) -> str:
    entries = f"{found.entries:,} {'entry' if found.entries == 1 else 'entries'}"
    others = [f"{found.unchained:,} decisions from before there was a chain"] * bool(
        found.unchained
    ) + [f"{found.foreign:,} entries of other projects"] * bool(found.foreign)
    told = ", ".join([entries, *others])
    if found.problems:
        return f"the record of decisions is damaged: {len(found.problems):,} found in {told}"
    if found.head is None:
        return "nothing was decided yet"
    return f"the record of decisions is whole: {told}; the last is {found.head}"
