"""``mlops pipeline build``, ``show`` and ``check``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from mlops_jupyter.cli.parameters import content, file_option, pairs_option
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project, open_project

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.build import Building
    from mlops_jupyter.pipelines.finding import Finding, PipelineCheck


def cell_number(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    """Read the number of a cell; 0 stands for `none`."""
    if text is None or text == "none":
        return None if text is None else 0
    if re.fullmatch(r"[1-9][0-9]{0,5}", text) is None:
        raise click.BadParameter(f"{text!r} is no cell: write its number, from 1, or `none`")
    return int(text)


@click.command("build")
@click.argument("notebooks", type=click.Path(path_type=Path), nargs=-1, metavar="[NOTEBOOK]...")
@click.option("--name", help="Of the pipeline. Default: the name of the notebook's file.")
@click.option(
    "--by", type=click.Choice(["tags", "headings", "text"]),
    help="What begins a step; text: each text cell. Default: tags if there are any, else headings.",
)  # fmt: skip
@click.option(
    "--parameters-cell", callback=cell_number, metavar="N|none",
    help="The cell that sets the parameters, where none is tagged.",
)  # fmt: skip
@click.option("--from-run", "run", metavar="RUN", help="Write NOTEBOOK of the cells of this run.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="NOTEBOOK",
    help="With --from-run: the notebook to write. Default: NAME.ipynb, in the project's folder.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="With --from-run: overwrite the notebook.")
def build_command(
    notebooks: tuple[Path, ...],
    name: str | None,
    by: Literal["tags", "headings", "text"] | None,
    parameters_cell: int | None,
    run: str | None,
    out: Path | None,
    force: bool,
) -> None:
    """Cut NOTEBOOK into steps, check it, and declare it in mlops.yaml.

    Several notebooks are joined: one follows another whose variables it reads.
    """
    from mlops_jupyter.cli.pipeline import show_steps

    if run is not None:
        if notebooks or by is not None or parameters_cell is not None:
            raise UsageError(
                "--from-run makes its own notebook", hint="name the one to write by `--out`"
            )
        from mlops_jupyter.reproduction.pipeline import build_from_run

        project = open_project()
        made, path = build_from_run(project, run, name, out, force=force)
        click.echo(f"{path}: the cells of run {run}")
    elif not notebooks:
        raise UsageError(
            "no notebook is given",
            hint="write `mlops pipeline build NOTEBOOK`, or `--from-run RUN`",
        )
    elif out is not None or force:
        raise UsageError("--out and --force go with --from-run")
    elif len(notebooks) > 1:
        if name is None or by is not None or parameters_cell is not None:
            raise UsageError(
                "several notebooks become one pipeline, which needs a `--name`",
                hint="how each is cut is said in mlops.yaml",
            )
        from mlops_jupyter.pipelines.joining import build_joined

        show_steps(build_joined(open_project(), notebooks, name).pipeline)
        click.echo(f"run it with `mlops pipeline run {name}`")
        return
    else:
        from mlops_jupyter.pipelines.build import building

        made = building(open_project(), notebooks[0], name, by=by, parameters_cell=parameters_cell)
    show_steps(made.pipeline)
    _tell_how(made)
    click.echo(f"run it with `mlops pipeline run {made.pipeline.name}`")


def _tell_how(made: Building) -> None:
    from mlops_jupyter.pipelines.picture import cells_text

    if made.by != "tags":
        setup = cells_text(made.setup)
        above = f"; the code above the first, {setup}, is the setup" if made.setup else ""
        click.echo(f"cut by {made.by}{above}")
        if made.by == "headings" and len(made.pipeline.steps) == 1:
            click.echo("that is one step: tag cells `step:NAME`, or `--by text` for each text cell")
        if made.parameters_cell is None:
            click.echo("no cell sets parameters: tag one `parameters`, or `--parameters-cell N`")
    for change in made.changes or ():
        click.echo(f"changed: {change}")


@click.command("show")
@click.argument("name")
@click.option("--mermaid", "as_mermaid", is_flag=True, help="Print a Mermaid flowchart.")
def show_command(name: str, as_mermaid: bool) -> None:
    """Draw the steps of the pipeline NAME, and what each receives and passes on.

    With the id of a sweep in place of NAME: show its trials.
    """
    from mlops_jupyter.pipelines.declared import read_graph
    from mlops_jupyter.pipelines.picture import drawing, mermaid

    project = open_project()
    if name not in project.settings.pipelines and _show_sweep(project, name):
        return
    graph = read_graph(project, name)
    click.echo(mermaid(graph) if as_mermaid else drawing(graph))


def _show_sweep(project: Project, sweep_id: str) -> bool:
    """Show a sweep, if there is one of this id."""
    from mlops_jupyter.cli.sweep import show_sweep
    from mlops_jupyter.pipelines import trial

    try:
        found = trial.get(project, sweep_id)
    except NotFoundError:
        return False
    show_sweep(found)
    return True


@click.command("check")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@pairs_option("A parameter that the run will be given; repeatable.")
@file_option("A file of parameters that the run will be given.")
@click.option("--strict", is_flag=True, help="End with 1 for warnings too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check_command(
    ctx: click.Context,
    names: tuple[str, ...],
    parameters: tuple[tuple[str, str], ...],
    file: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Look for what will go wrong in pipelines, before they run. Default: in all of them."""
    from mlops_jupyter import wire
    from mlops_jupyter.pipelines.check import check

    checks = check(open_project(), names, {**content(file), **dict(parameters)})
    if as_json:
        click.echo(wire.encode(checks).decode())
    else:
        for one in checks:
            _show_check(one)
    if any(one.has_errors or (strict and one.findings) for one in checks):
        ctx.exit(1)


def _show_check(check: PipelineCheck) -> None:
    for finding in check.findings:
        where = finding.notebook or check.notebook
        where += "" if finding.cell is None else f", cell {finding.cell}"
        click.echo(f"{where}: {finding.severity} [{finding.code}]: {finding.sentence}")
        if finding.hint:
            click.echo(f"  hint: {finding.hint}")
    click.echo(f"pipeline {check.pipeline}: {_counted(check.findings)}")


def _counted(findings: tuple[Finding, ...]) -> str:
    counts = {s: sum(f.severity == s for f in findings) for s in ("error", "warning")}
    told = [f"{n} {word}{'' if n == 1 else 's'}" for word, n in counts.items() if n]
    return ", ".join(told) or "nothing found"
