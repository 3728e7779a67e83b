"""``mlops pipeline log``: what the cells of a run print, also while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, open_project

WAIT_SECONDS = 0.2


@click.command("log")
@click.argument("run", required=False)
@click.argument("step", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run, or the step, has ended.")
def log_command(run: str | None, step: str | None, follow: bool) -> None:
    """Print what the cells of a pipeline run have printed.

    RUN is the beginning of its id, or the name of a pipeline, whose last run is meant.
    Default: the last run. Without STEP, all steps.
    """
    from mlops_jupyter.pipelines import log

    project = open_project()
    found = log.find(project, run)
    names = [s.step for s in found.steps] if step is None else [log.step_of(found, step).step]
    last = None
    for name, text in _texts(project, found, names, follow):
        if len(names) > 1 and name != last:
            click.echo(f"==> {name}")
            last = name
        click.echo(text, nl=False)


def _texts(
    project: Project, run: PipelineRun, names: list[str], follow: bool
) -> Iterator[tuple[str, str]]:
    from mlops_jupyter.pipelines import history, log, record

    offsets = dict.fromkeys(names, 0)
    while True:
        record.reconcile(project)
        # asked first: what a step prints before it has ended is then there to be read
        status = history.get(project, run.id).status
        for name in list(offsets):
            more = True
            while more:
                part = log.log(project, run.id, name, offsets[name])
                more = part.next_offset - part.offset > 0
                offsets[name] = part.next_offset
                if part.text:
                    yield name, part.text
            if part.is_ended and follow:
                del offsets[name]
        if not follow or not offsets or status != "running":
            return
        time.sleep(WAIT_SECONDS)
