"""``mlops reproduce`` and ``mlops diff``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import indent
from typing import Literal

import click

from mlops_jupyter.cli.show import console, table
from mlops_jupyter.project import open_project
from mlops_jupyter.reproduction.reproduce import Progress, ReplayProgress
from mlops_jupyter.runs.certificate import Certificate, sentence
from mlops_jupyter.runs.metric import metric_text

COULD_NOT_RUN = {"cell": 5, "file": 6, "kernel": 7, None: 1}
SHOWN = 20


@click.command("reproduce")
@click.argument("run")
@click.option("--tolerance", type=float, metavar="X", help="Relative and absolute, e.g. 1e-6.")
@click.option(
    "--env", "environment", type=click.Choice(["here", "lock"]), default="here", show_default=True,
    help="This Python and its packages, or those of the run in an environment of their own.",
)  # fmt: skip
@click.option("--timeout", type=click.IntRange(min=1), metavar="S", help="Seconds for one cell.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reproduce_command(
    run: str,
    tolerance: float | None,
    environment: Literal["here", "lock"],
    timeout: int | None,
    as_json: bool,
) -> int:
    """Execute the cells of RUN again in a fresh kernel, and compare what they give.

    Ends with 0 when the run is reproduced, 1 when it differs, 5 when a cell fails, 6 when a
    file has changed since.
    """
    from mlops_jupyter import wire
    from mlops_jupyter.reproduction.reproduce import reproduce

    with _shown(is_quiet=as_json) as progress:
        made = reproduce(
            open_project(),
            run,
            tolerance=tolerance,
            environment=environment,
            timeout_seconds=timeout,
            progress=progress,
        )
    if as_json:
        click.echo(wire.encode(made).decode())
    else:
        _show(made)
    if made.verdict == "could_not_run":
        return COULD_NOT_RUN[made.cause]
    return 1 if made.verdict == "differs" else 0


@contextmanager
def _shown(*, is_quiet: bool) -> Iterator[Progress | None]:
    """Say when a wider set of cells is tried; in a terminal, which cell it is at."""
    where = console()
    if is_quiet:
        yield None
    elif not where.is_terminal:
        yield _lines
    else:
        with where.status("a fresh kernel starts …") as status:
            yield lambda at: status.update(
                f"cell {at.cell} of {at.cells}" + (f", try {at.attempt}" if at.attempt > 1 else "")
            )


def _lines(at: ReplayProgress) -> None:
    if at.attempt > 1 and at.cell == 1:
        click.echo(f"the cells before do not do: {at.cells} cells …")


def _show(made: Certificate) -> None:
    click.echo(f"run {made.run_id[:8]}: {sentence(made)} · {made.duration_seconds:.1f} s")
    if made.differences:
        shown = table("what", "name", "recorded", "again", "by", "")
        for one in made.differences[:SHOWN]:
            by = "" if one.by is None else metric_text(one.by, 3)
            within = "within tolerance" if one.within else ""
            shown.add_row(one.kind, one.name, one.recorded, one.found, by, within)
        console().print(shown)
    if len(made.differences) > SHOWN:
        click.echo(f"and {len(made.differences) - SHOWN} more; see --json")
    for source in made.unseeded:
        click.echo(f"without a seed: {source}")
    for note in made.notes:
        click.echo(f"note: {note}")


@click.command("diff")
@click.argument("before", metavar="RUN1")
@click.argument("after", metavar="RUN2")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff_command(before: str, after: str, as_json: bool) -> None:
    """Show what RUN2 has otherwise than RUN1: cells, parameters, data, packages, metrics."""
    from mlops_jupyter import wire
    from mlops_jupyter.reproduction.diff import diff

    found = diff(open_project(), before, after)
    if as_json:
        click.echo(wire.encode(found).decode())
        return
    for cell in found.cells:
        where = " → ".join(f"[{p}]" for p in (cell.before, cell.after) if p is not None)
        click.echo(f"cell {where} {cell.kind}")
        click.echo(indent(cell.text, "    "))
    kinds = {
        "parameter": found.parameters, "data": found.data, "file": found.files,
        "package": found.packages, "metric": found.metrics,
    }  # fmt: skip
    shown = table("what", "name", found.before[:8], found.after[:8])
    for kind, changes in kinds.items():
        for one in changes:
            shown.add_row(kind, one.name, _short(one.before), _short(one.after))
    if shown.row_count:
        console().print(shown)
    if not shown.row_count and not found.cells:
        click.echo("no difference")


def _short(value: str | None) -> str:
    if value is None:
        return "none"
    return value[: len("blake3:") + 12] if value.startswith("blake3:") else value
