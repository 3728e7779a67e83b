"""``mlops ci``: the pipeline files of CI systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlops_jupyter.cli.lazy import LazyGroup
from mlops_jupyter.project import open_project

if TYPE_CHECKING:
    from mlops_jupyter.promotion.ci.init import System

COMMANDS = {"init": ("mlops_jupyter.cli.ci", "Write the pipeline file of a CI system.")}

SYSTEMS = ("github", "gitlab", "jenkins", "circleci", "azure", "teamcity", "travis")


@click.group("ci", cls=LazyGroup, homes=COMMANDS, changes={"init"})
def ci_command() -> None:
    """Gate and release models in CI: trained, judged and promoted by one command."""


@click.command("init")
@click.argument("system", type=click.Choice(SYSTEMS))
@click.option("--model", metavar="NAME", help="Of mlops.yaml. Default: the only one there.")
@click.option("--python", metavar="3.12", help="Default: the version that is used here.")
@click.option("--branch", metavar="NAME", help="From which it is released. Default: the main one.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--print", "is_printed", is_flag=True, help="Show what would be written, only.")
def init_command(
    system: System,
    model: str | None,
    python: str | None,
    branch: str | None,
    force: bool,
    is_printed: bool,
) -> None:
    """Write the pipeline file of SYSTEM to its usual place.

    Pull requests are judged; the main branch releases, one at a time, and keeps the report of
    each decision. Secrets stay with the CI system.
    """
    from mlops_jupyter.promotion.ci.init import ci_file, ci_init

    project = open_project()
    if is_printed:
        made = ci_file(project, system, model, python=python, branch=branch)
        click.echo(made.text, nl=False)
    else:
        made = ci_init(project, system, model, python=python, branch=branch, force=force)
        click.echo(str(made.path))
        if made.secrets:
            click.echo(f"secrets to set in {system}: {', '.join(made.secrets)}", err=True)
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
