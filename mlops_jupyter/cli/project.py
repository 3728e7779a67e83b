"""``mlops init``, ``runs``, ``show``, ``sync`` and ``ui``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from mlops_jupyter.cli.show import age, console, table
from mlops_jupyter.config import FILE
from mlops_jupyter.errors import ExternalError, UsageError
from mlops_jupyter.project import Project, find_root, init, open_project
from mlops_jupyter.runs.certificate import sentence
from mlops_jupyter.runs.metric import SYSTEM, metric_text
from mlops_jupyter.runs.run import RunDetail

MOST_FILES = 50
"""Files that `mlops show` lists and looks at."""


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path), default=".")
def init_command(folder: Path) -> None:
    """Make a project of FOLDER (default: here). What is there already is kept."""
    existed = find_root(folder) == folder.resolve()
    if not (folder / ".mlops").exists():
        click.echo("preparing MLflow's database (some seconds, once per MLflow version) …")
    project = init(folder)
    if existed:
        click.echo(f"{project.root}: is a project; nothing was overwritten")
    else:
        click.echo(f"{project.root}: is now a project; what it holds is declared in {FILE}")


@click.command("runs")
@click.option("-n", "--limit", default=20, show_default=True, help="How many.")
@click.option("--sort", metavar="METRIC", help="Order by a metric, the largest first.")
@click.option("--ascending", is_flag=True, help="With --sort: the smallest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def runs_command(limit: int, sort: str | None, ascending: bool, as_json: bool) -> None:
    """List the recorded runs, the newest first."""
    from mlops_jupyter import wire
    from mlops_jupyter.runs import history

    project = open_project()
    page = history.page(project, limit, sort_by_metric=sort, descending=not ascending)
    if as_json:
        click.echo(wire.encode(page).decode())
        return
    if not page.runs:
        click.echo("no runs yet: put `%%track NAME` on top of a cell")
        return
    shown = table("run", "name", "status", "metrics", "data", "age")
    for run in page.runs:
        found = sorted(n for n in run.metrics if not n.startswith(SYSTEM))
        metrics = "  ".join(f"{n} {metric_text(run.metrics[n])}" for n in found[:4])
        shown.add_row(run.id[:8], run.name, run.status, metrics, ", ".join(run.data),
                      age(run.started_at))  # fmt: skip
    console().print(shown)
    if page.total > len(page.runs):
        click.echo(f"{len(page.runs)} of {page.total} runs; see --limit")
    waiting, error = history.waiting(project)
    if waiting:
        click.echo(f"{waiting} run(s) on the way to MLflow" + (f". {error}" if error else ""))


@click.command("show")
@click.argument("run")
@click.option(
    "--notebook", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the run's cells to a notebook instead, in the order of their execution.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="With --notebook: overwrite the file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_command(run: str, notebook: Path | None, force: bool, as_json: bool) -> None:
    """Show one RUN (the beginning of its id will do), with the cells that made it."""
    from mlops_jupyter import wire
    from mlops_jupyter.runs import history

    if notebook is not None:
        from mlops_jupyter.reproduction.notebook import save_notebook

        save_notebook(open_project(), run, notebook, force=force)
        click.echo(notebook)
        return
    project = open_project()
    detail = history.detail(project, run)
    if as_json:
        click.echo(wire.encode(detail).decode())
        return
    for line in _lines(detail):
        click.echo(line)
    if detail.certificate is not None:
        made = detail.certificate
        click.echo(f"certified {sentence(made)} · {age(made.made_at)} ago")
    for line in _file_lines(project, detail):
        click.echo(line)
    for reason in detail.unsure:
        click.echo(f"not sure  {reason}")
    for cell in detail.cells:
        click.echo(f"\n# [{cell.position}] {cell.duration_seconds:.2f} s")
        click.echo(cell.source.rstrip())
    if not detail.cells:
        click.echo("\n(no cells were recorded)")


@click.command("sync")
def sync_command() -> None:
    """Copy all ended runs and decisions to MLflow now, and wait until they are there."""
    from mlops_jupyter.promotion.recording import publish
    from mlops_jupyter.runs import mirror
    from mlops_jupyter.runs.mlflow_place import redacted

    project = open_project()
    copied = mirror.drain(project)
    problem = publish.drain(project)
    if problem is not None:
        raise ExternalError(
            f"MLflow was not told of {publish.waiting(project)[0]} decision(s). {problem}",
            hint="they are kept; try again with `mlops sync`",
        )
    click.echo(f"{copied} run(s) copied to {redacted(project.tracking_uri)}; nothing waits")


@click.command("ui")
@click.option("--port", default=5000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
def ui_command(port: int, host: str) -> None:
    """Open MLflow's own UI on this project, until Ctrl-C."""
    from mlops_jupyter.runs.mlflow_place import redacted

    project = open_project()
    if project.settings.mlflow.tracking_uri is not None:
        raise UsageError(
            f"this project's MLflow is a server of its own: {redacted(project.tracking_uri)}",
            hint="open that address in a browser",
        )
    # MLflow's default is 16 processes and 2.5 GB of memory; this is 2 and 530 MB
    environment = dict(os.environ, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", project.tracking_uri]
    artifacts = (project.folder / "mlflow" / "artifacts").as_uri()
    command += ["--default-artifact-root", artifacts]
    sys.stdout.flush()
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    os.execve(sys.executable, command, environment)


def _lines(detail: RunDetail) -> list[str]:
    run = detail.run
    dirty = " with uncommitted changes" if run.git_dirty else ""
    facts = {
        "run": f"{run.id}  {run.name}  {run.status}",
        "notebook": run.notebook,
        "started": run.started_at,
        "ended": run.ended_at,
        "error": run.error,
        "commit": run.git_commit and run.git_commit + dirty,
        "code": run.code_digest,
        "data": ", ".join(ref for ref in run.data if ref not in detail.made) or None,
        "made": ", ".join(detail.made) or None,
        "model": run.model_kind and f"{run.model_kind}  {run.model_digest}",
        "mlflow": run.mlflow_run_id or "not copied yet",
    }
    lines = [f"{key:<10}{value}" for key, value in facts.items() if value]
    lines += [
        f"metric    {name} = {metric_text(value)}" for name, value in sorted(run.metrics.items())
    ]
    lines += [f"parameter {name} = {value}" for name, value in sorted(run.parameters.items())]
    lines += [f"artifact  {artifact.name}" for artifact in run.artifacts]
    return lines


def _file_lines(project: Project, detail: RunDetail) -> list[str]:
    """Say which files the cells read and wrote, and what became of those that they read."""
    from mlops_jupyter.runs.files import files_now

    read = {f for cell in detail.cells for f in cell.files if f.access == "read"}
    lines = []
    for now in files_now(project, sorted(read, key=lambda f: (f.kind, f.path))[:MOST_FILES]):
        file = now.file
        digest = f"  {file.digest[:15]}" if file.digest else ""
        became = {"changed": "  changed since", "gone": "  gone"}.get(now.state or "", "")
        what = "read" if file.kind == "file" else file.kind
        kept = f"  not kept: {file.not_kept}" if file.not_kept else ""
        lines.append(f"{what:<10}{' '.join(file.path.split())}{digest}{became}{kept}")
    if len(read) > MOST_FILES:
        lines.append(f"          … and {len(read) - MOST_FILES:,} more, see --json")
    written = {f for cell in detail.cells for f in cell.files if f.access == "write" and f.not_kept}
    lines += [f"wrote     {f.path}  not kept: {f.not_kept}" for f in sorted(written, key=str)]
    return lines
