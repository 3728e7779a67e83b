"""``mlops reproduce`` and ``mlops diff``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Literal

import click

from mlops_jupyter.cli.show import console, table
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.reproduction.attempt import Progress, ReplayProgress
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
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option("--key", multiple=True, metavar="COL", help="Of data: a column that names its rows.")
@click.option("--check", is_flag=True, help="End with 1 when they differ.")
@click.option(
    "--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Of data: a page."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff_command(
    before: str, after: str, key: tuple[str, ...], check: bool, page: Path | None, as_json: bool
) -> int:
    """Show what AFTER has otherwise than BEFORE: two runs, or two data versions.

    Of runs: cells, parameters, data, packages, metrics. Of data, e.g. `train@2 train@3`:
    columns, rows, cells, distributions, and what may have gone wrong. Ends with 0, also when
    they differ; with --check with 1 then.
    """
    from mlops_jupyter.cli import data_diff

    project = open_project()
    if data_diff.is_data(project, before, after):
        return data_diff.run(project, before, after, key=key, check=check, page=page,
                             as_json=as_json)  # fmt: skip
    if key or page:
        raise UsageError("--key and --html are for data versions", hint="write e.g. train@3")
    found = _run_diff(project, before, after, as_json=as_json)
    return 1 if check and found else 0


def _run_diff(project: Project, before: str, after: str, *, as_json: bool) -> bool:
    """Show the difference of two runs, and return whether there is one."""
    from mlops_jupyter import wire
    from mlops_jupyter.reproduction.diff import diff

    found = diff(project, before, after)
    kinds = {
        "parameter": found.parameters, "data": found.data, "file": found.files,
        "package": found.packages, "metric": found.metrics,
    }  # fmt: skip
    if as_json:
        click.echo(wire.encode(found).decode())
        return bool(found.cells) or any(kinds.values())
    for cell in found.cells:
        where = " → ".join(f"[{p}]" for p in (cell.before, cell.after) if p is not None)
        click.echo(f"cell {where} {cell.kind}")
        click.echo(indent(cell.text, "    "))
    shown = table("what", "name", found.before[:8], found.after[:8])
    for kind, changes in kinds.items():
        for one in changes:
            shown.add_row(kind, one.name, _short(one.before), _short(one.after))
    if shown.row_count:
        console().print(shown)
    if not shown.row_count and not found.cells:
        click.echo("no difference")
    return bool(found.cells) or any(kinds.values())


def _short(value: str | None) -> str:
    if value is None:
        return "none"
    return value[: len("blake3:") + 12] if value.startswith("blake3:") else value
