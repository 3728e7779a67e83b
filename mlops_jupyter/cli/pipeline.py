"""``mlops pipeline``: ``run``, ``parameters`` and ``list``; the others are beside it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from mlops_jupyter.cli.cancel import cancel_command
from mlops_jupyter.cli.cutting import build_command, check_command, show_command
from mlops_jupyter.cli.exporting import export_command, schedule_command
from mlops_jupyter.cli.limits import limit_options, limits_of
from mlops_jupyter.cli.log import log_command
from mlops_jupyter.cli.parameters import (
    RunCommand,
    content,
    default_of,
    file_option,
    lines_of,
    pairs_option,
)
from mlops_jupyter.cli.plan import (
    choice_of,
    choice_options,
    plan_command,
    touch_command,
    why_command,
)
from mlops_jupyter.cli.reports import Reports, report_options
from mlops_jupyter.cli.show import age, console, table
from mlops_jupyter.cli.sweep import Asked, in_short, reading, run_sweep, sweep_options
from mlops_jupyter.errors import ExternalError, MlopsError, NotFoundError
from mlops_jupyter.pipelines.pipeline import Pipeline, PipelineRun, StepRun
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import mirror
from mlops_jupyter.runs.metric import metric_text


@click.group("pipeline")
def pipeline_command() -> None:
    """Build and run pipelines: notebooks cut into steps.

    In the notebook, tag the cell that sets the parameters `parameters`, and the first cell of
    each step `step:NAME`; the cells below it belong to it. Where no step is tagged, headings
    begin them. Code before the first step is the setup, which runs in each step. Cells tagged
    `skip` are left out.
    """


for _command in (build_command, show_command, check_command):
    pipeline_command.add_command(_command)


@pipeline_command.command("run", cls=RunCommand)
@click.argument("name")
@pairs_option("A parameter of the pipeline, also as KEY=VALUE; repeatable.")
@file_option("A file of parameters, `name: value` lines in YAML; -p wins over it.")
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Steps, or trials of a sweep, that run side by side. Default: one for each core.",
)  # fmt: skip
@click.option(
    "--executor", type=click.Choice(["local", "dask"]),
    help="Where the steps run: here, or on a Dask cluster. Default: dask with --cluster.",
)  # fmt: skip
@click.option(
    "--cluster", metavar="ADDRESS", help="The scheduler of the cluster, e.g. tcp://10.0.0.1:8786."
)
@choice_options
@sweep_options
@limit_options
@report_options
@click.option("--plain", is_flag=True, help="Plain lines, also in a terminal.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each event.")
def run_command(
    name: str,
    parameters: tuple[tuple[str, str], ...],
    file: Path | None,
    workers: int | None,
    sweep: Asked,
    junit: Path | None,
    summary: Path | None,
    plain: bool,
    as_json: bool,
    executor: str | None,
    cluster: str | None,
    **choice: Any,
) -> int:
    """Run the pipeline NAME by papermill; steps that are known are not run again.

    With NAME, --help lists its parameters too. Several values of a parameter make a sweep, all
    combinations are run: -p depth=3,5 -p lr=0.1,0.01, or depth=2..8, or lr=1e-4..1e-1:log with
    --trials.
    """
    from mlops_jupyter.cli.progress import manner, shown
    from mlops_jupyter.pipelines.execute import run_pipeline

    _check_executor(executor, cluster)
    reports = Reports(name, secrets.token_hex(8), junit, summary)
    limits, asked = limits_of(choice), choice_of(**choice)
    with reports.written():
        project = reports.project = open_project()
        from_file = content(file)
        found = reading(project, name, dict(parameters), sweep)
        if found is not None and found.axes:
            if cluster is not None:
                raise click.UsageError("the trials of a sweep run here: leave --cluster out")
            varied = {axis.name for axis in found.axes}
            given = {k: v for k, v in from_file.items() if k not in varied} | found.given
            with handed_over(project):
                reports.sweep = run_sweep(
                    project, name, found, given, sweep, choice=asked, workers=workers, limits=limits
                )
            return reports.sweep.exit_code
        every: dict[str, Any] = {**from_file, **dict(parameters)}
        run_id = reports.pipeline_run_id
        look = partial(steps_of, project, run_id)
        with handed_over(project), shown(manner(plain=plain, as_json=as_json), look) as progress:
            run = run_pipeline(
                project, name, every, progress, choice=asked, workers=workers, limits=limits,
                pipeline_run_id=run_id, cluster=cluster,
            )  # fmt: skip
    if as_json:
        from mlops_jupyter import wire

        click.echo(wire.encode({"run": run}).decode())
    else:
        show_run(project, run)
    return 0


def _check_executor(executor: str | None, cluster: str | None) -> None:
    if executor is not None and (executor == "dask") != (cluster is not None):
        raise click.UsageError("--executor dask needs --cluster ADDRESS, and local has none")


def steps_of(project: Project, pipeline_run_id: str) -> dict[str, StepRun]:
    """Return the steps of a run as they were written down so far."""
    from mlops_jupyter.pipelines import history

    try:
        return {step.step: step for step in history.get(project, pipeline_run_id).steps}
    except NotFoundError:
        return {}  # it has not begun


@pipeline_command.command("parameters")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Schema.")
def parameters_command(name: str, as_json: bool) -> None:
    """List the parameters of the pipeline NAME; nothing is run."""
    import json

    from mlops_jupyter.pipelines import form

    project = open_project()
    if as_json:
        click.echo(json.dumps(form.form(project, name).schema, indent=2, ensure_ascii=False))
        return
    _, parameters = form.parameters_of(project, name)
    if not parameters:
        click.echo(f"the pipeline {name} has no parameters")
        return
    shown = table("name", "type", "default", "allowed", "help")
    for line in lines_of(parameters):
        shown.add_row(*line)
    console().print(shown)


@pipeline_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """List the pipelines and their last runs."""
    from mlops_jupyter import wire
    from mlops_jupyter.pipelines import history, trial

    project = open_project()
    found = history.summaries(project)
    if as_json:
        click.echo(wire.encode(found).decode())
        return
    if not found:
        click.echo("no pipelines yet: see `mlops pipeline build --help`")
        return
    shown = table("pipeline", "notebook", "status", "parameters", "run", "age")
    for summary in found:
        if not summary.runs:
            shown.add_row(summary.name, summary.notebook, "never run", "", "", "")
        sweeps = trial.last(project, summary.name)
        nested = {one.pipeline_run_id for sweep in sweeps for one in sweep.trials}
        for one in sweeps:
            status, varied, run_id = in_short(one)
            shown.add_row(summary.name, f"sweep {one.id[:8]}", status, varied, run_id,
                          age(one.started_at))  # fmt: skip
        for run in (run for run in summary.runs if run.id not in nested):
            values = "  ".join(f"{key}={value}" for key, value in run.parameters.items())
            shown.add_row(summary.name, run.notebook, run.status, values, (run.run_id or "")[:8],
                          age(run.started_at))  # fmt: skip
    console().print(shown)


for _command in (
    plan_command, why_command, touch_command, cancel_command, log_command,
    export_command, schedule_command,
):  # fmt: skip
    pipeline_command.add_command(_command)


@contextlib.contextmanager
def handed_over(project: Project) -> Iterator[None]:
    """In CI, where the machine goes away, copy what was recorded to MLflow before the end."""
    is_ci = bool(os.environ.get("CI"))
    try:
        yield
    except MlopsError:
        if is_ci:
            with contextlib.suppress(ExternalError):
                mirror.drain(project)
        raise
    if is_ci:
        mirror.drain(project)


def show_steps(pipeline: Pipeline) -> None:
    """Print what a notebook was cut into."""
    shown = table("step", "cells", "receives", "passes on",
                  title=f"pipeline {pipeline.name}, from {pipeline.notebook}")  # fmt: skip
    for step in pipeline.steps:
        cells = " ".join(str(position + 1) for position in step.cells)
        shown.add_row(step.name, cells, " ".join(step.receives), " ".join(step.passes))
    console().print(shown)
    defaults = (f"{p.name}={default_of(p)}" for p in pipeline.parameters)
    click.echo(f"parameters: {'  '.join(defaults) or 'none'}")


def show_run(project: Project, run: PipelineRun) -> None:
    """Print what a pipeline run left behind."""
    from mlops_jupyter.runs import history

    took = ""
    if run.ended_at is not None:
        ended, began = map(datetime.fromisoformat, (run.ended_at, run.started_at))
        took = f" in {(ended - began).total_seconds():.1f} s"
    click.echo(f"pipeline {run.pipeline}: {run.status}{took}")
    for step in run.steps:
        if step.executed is not None and step.status != "queued":
            cached = "  (not run again)" if step.status == "cached" else ""
            click.echo(f"  {project.root / step.executed}{cached}")
        if step.why is not None and _is_told(step.why):
            click.echo(f"  {step.step}: {step.why}")
    if run.run_id is not None:
        metrics = history.get(project, run.run_id).metrics
        for name, value in sorted(metrics.items()):
            click.echo(f"  {name} {metric_text(value)}")
        click.echo(f"run {run.run_id[:8]}: see `mlops show {run.run_id[:8]}`")


def _is_told(why: str) -> bool:
    """Return whether people have to know of it, because something is not as it should be."""
    return why.startswith(("audit: run", "could not")) or why.endswith("at the same time")
