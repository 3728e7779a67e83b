"""``mlops pipeline plan``, ``why`` and ``touch``: what would be run, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from mlops_jupyter.cli.parameters import RunCommand, pairs_option
from mlops_jupyter.cli.show import console, table
from mlops_jupyter.project import open_project

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.choice import Choice

_parameters = pairs_option("A parameter of the pipeline; repeatable.")


def choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what is run although it need not be."""
    for option in (
        click.option("--no-cache", is_flag=True, help="Run all steps, and keep none."),
        click.option("--only", metavar="STEP", help="Run this step alone, on what is known."),
        click.option("--to", metavar="STEP", help="Run this step and what it needs, no more."),
        click.option("--from", "from_", metavar="STEP", help="Run this step and those after it."),
        click.option("--force", is_flag=True, help="Run all steps."),
    ):
        command = option(command)
    return command


def choice_of(
    *,
    force: bool = False,
    from_: str | None = None,
    only: str | None = None,
    to: str | None = None,
    no_cache: bool = False,
) -> Choice:
    """Return what was asked for."""
    from mlops_jupyter.pipelines.choice import Choice

    return Choice(force=force, from_=from_, only=only, to=to, cache=not no_cache)


@click.command("plan", cls=RunCommand)
@click.argument("name")
@_parameters
@choice_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--check", is_flag=True, help="Exit with 1 if a step would be run.")
def plan_command(
    name: str, parameters: tuple[tuple[str, str], ...], as_json: bool, check: bool, **choice: Any
) -> None:
    """Say which steps of the pipeline NAME would be run, and why; nothing is run."""
    from mlops_jupyter.pipelines.plan import plan

    found = plan(open_project(), name, dict(parameters), choice_of(**choice))
    if as_json:
        from mlops_jupyter import wire

        click.echo(wire.encode(found).decode())
    else:
        shown = table("step", "", "why", title=f"pipeline {name}")
        for step in found.steps:
            shown.add_row(step.step, step.action, ", ".join(step.why))
        console().print(shown)
    if check and found.runs:
        raise SystemExit(1)


@click.command("why", cls=RunCommand)
@click.argument("name")
@click.argument("step")
@_parameters
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def why_command(
    name: str, step: str, parameters: tuple[tuple[str, str], ...], as_json: bool
) -> None:
    """Say why STEP of the pipeline NAME would be run, and what it is made of."""
    from mlops_jupyter.pipelines.plan import why

    found = why(open_project(), name, step, dict(parameters))
    if as_json:
        from mlops_jupyter import wire

        click.echo(wire.encode(found).decode())
        return
    click.echo(f"{step}: {found.planned.action}: {', '.join(found.planned.why)}")
    shown = table("", "", "was", "is")
    for part in found.parts:
        is_ = part.now or "" if part.changed else "the same"
        shown.add_row(part.kind, part.name, _short(part.was), _short(is_))
    console().print(shown)


@click.command("touch", cls=RunCommand)
@click.argument("name")
@click.argument("step")
@click.option("--reason", required=True, help="Why it need not be run; that is kept.")
@_parameters
def touch_command(
    name: str, step: str, reason: str, parameters: tuple[tuple[str, str], ...]
) -> None:
    """Say that STEP of the pipeline NAME is fresh: what it gave is taken, as it is made now."""
    from mlops_jupyter.pipelines.plan import touch
    from mlops_jupyter.promotion import actor

    project = open_project()
    planned = touch(project, name, step, reason, actor.current(project.root), dict(parameters))
    click.echo(f"{step}: {planned.action}: {', '.join(planned.why)}")


def _short(text: str | None) -> str:
    return (text or "").removeprefix("blake3:")[:24]
