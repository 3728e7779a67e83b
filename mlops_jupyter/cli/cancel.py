"""``mlops pipeline cancel``."""

from __future__ import annotations

import click

from mlops_jupyter.project import open_project


@click.command("cancel")
@click.argument("run", required=False)
def cancel_command(run: str | None) -> None:
    """End the pipeline run RUN. Default: the only one that runs.

    RUN is the id of the pipeline run or of what it records, the beginning of one, or the name
    of its pipeline.
    """
    from mlops_jupyter.pipelines.cancel import cancel
    from mlops_jupyter.promotion import actor

    project = open_project()
    who = actor.current(project.root)
    ended = cancel(project, run, who)
    click.echo(f"pipeline {ended.pipeline}, run {ended.id[:8]}: {ended.status}")
