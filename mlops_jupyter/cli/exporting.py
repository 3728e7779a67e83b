"""``mlops pipeline export`` and ``schedule``; ``mlops export`` is the first one, for short."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops_jupyter.cli.parameters import RunCommand, pairs_option
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project, open_project

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.export.target import Exported, Target, Wish

TARGETS = ("airflow", "kubeflow", "github", "docker", "cron")


@click.command("export")
@click.argument("name")
@click.option("--to", "target", type=click.Choice(TARGETS), help="Which tool it is written for.")
@click.option("--docker", "target", flag_value="docker", help="The same as `--to docker`.")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="PATH",
    help="The file to write, of docker the folder. Default: the terminal; of docker the project.",
)  # fmt: skip
@click.option("--cron", metavar="EXPR", help="When it runs: minute hour day month weekday.")
@click.option("--image", help="Of kubeflow: the container image. Default: NAME:latest.")
def export_command(
    name: str, target: Target | None, output: Path | None, cron: str | None, image: str | None
) -> None:
    """Write the pipeline NAME for another tool: one task for each step.

    To airflow: the file of a DAG. To kubeflow: a file that KFP compiles, or where the output ends
    with .yaml what KFP makes of it. To github: a workflow. To docker: a Dockerfile and a lock of
    the packages. To cron: a line of a crontab.
    """
    from mlops_jupyter.pipelines.export.target import Wish

    if target is None:
        raise UsageError("say which tool it is for", hint=f"--to {'|'.join(TARGETS)}")
    if image is not None and target != "kubeflow":
        raise UsageError("--image goes with --to kubeflow")
    is_yaml = output is not None and output.suffix in {".yaml", ".yml"}
    _export(name, target, Wish(cron, image, is_yaml=is_yaml), output)


@click.command("schedule", cls=RunCommand)
@click.argument("name")
@click.option(
    "--cron", required=True, metavar="EXPR",
    help="When: minute hour day month weekday, e.g. '0 6 * * 1-5'.",
)  # fmt: skip
@click.option("--github", "is_github", is_flag=True, help="A workflow of GitHub, in UTC.")
@pairs_option("A parameter of the pipeline; repeatable.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="File to write.")
def schedule_command(
    name: str,
    cron: str,
    is_github: bool,
    parameters: tuple[tuple[str, str], ...],
    output: Path | None,
) -> None:
    """Print what runs the pipeline NAME again and again: a line for `crontab -e`, or a workflow.

    When it runs next is told too.
    """
    from mlops_jupyter.pipelines.export.cron import next_times
    from mlops_jupyter.pipelines.export.target import Wish

    times = next_times(cron, is_utc=is_github)
    _export(name, "github" if is_github else "cron", Wish(cron, given=dict(parameters)), output)
    told = ", ".join(time.strftime("%a %Y-%m-%d %H:%M %Z") for time in times)
    click.echo(f"next: {told}", err=True)


def _export(name: str, target: Target, wish: Wish, output: Path | None) -> None:
    from mlops_jupyter.pipelines.export.target import export_pipeline, write

    project = open_project()
    try:
        exported = export_pipeline(project, name, target, wish)
    except NotFoundError as error:
        raise _for_data(project, name, error) from None
    if output is None and target != "docker":
        _show(exported)
    else:
        for path in write(exported, output or project.root):
            click.echo(str(path))
    for note in exported.notes:
        click.echo(f"note: {note}", err=True)


def _show(exported: Exported) -> None:
    for content in exported.files.values():
        click.echo(content, nl=False)


def _for_data(project: Project, name: str, error: NotFoundError) -> NotFoundError:
    """Say how data versions are exported, where the name is that of a dataset."""
    found = project.catalog.row(
        "SELECT 1 FROM dataset_version WHERE dataset = ?", (name.partition("@")[0],)
    )
    if found is not None:
        error.hint = f"a data version is written by `mlops data export {name} FILE`"
    return error
