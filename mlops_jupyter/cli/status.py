"""``mlops status``: whether running all cells again gives what a notebook shows."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.cli.show import console, table
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import open_project
from mlops_jupyter.runs.state import WORDS, NotebookState


@click.command("status")
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path), metavar="[NOTEBOOK]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status_command(notebooks: tuple[Path, ...], as_json: bool) -> int:
    """Say which cells of NOTEBOOK are stale or not reproducible, and why.

    Default: all notebooks of the project that were recorded. What counts is the file as it was
    saved, beside the last kernel that executed it.
    """
    from mlops_jupyter import wire
    from mlops_jupyter.runs import status

    project = open_project()
    chosen = notebooks or tuple(status.recorded_notebooks(project))
    if not chosen:
        raise UsageError(
            "no notebook of this project was recorded yet",
            hint="put `%load_ext mlops_jupyter` on top of one, or name one: mlops status NOTEBOOK",
        )
    states = [status.notebook_state(project, notebook) for notebook in chosen]
    if as_json:
        click.echo(wire.encode(states).decode())
    else:
        for state in states:
            _show(state)
    verdicts = {state.verdict for state in states}
    if verdicts & {"not_reproducible", "stale"}:
        return 1
    return 3 if "unknown" in verdicts else 0


def _show(state: NotebookState) -> None:
    basis = "" if state.basis == "recorded" else " (from its file alone: it was never recorded)"
    click.echo(f"{state.notebook}: {WORDS[state.verdict]}{basis}")
    click.echo(f"  {state.why}")
    shown = table("cell", "state", "why")
    for cell in state.cells:
        shown.add_row(str(cell.number), WORDS[cell.state], cell.why)
    if state.cells:
        console().print(shown)
    for name in state.hidden:
        click.echo(f"hidden state: {name.name}, {name.why}")
