"""``mlops snapshot``, ``mlops keep`` and the group ``mlops data``."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.cli.lazy import LazyGroup
from mlops_jupyter.cli.show import age, console, table
from mlops_jupyter.data.dataset import Dataset, DatasetVersion
from mlops_jupyter.data.naming import name_of
from mlops_jupyter.errors import NotFoundError
from mlops_jupyter.project import open_project

COMMANDS = {
    "log": ("mlops_jupyter.cli.version", "List the versions of a dataset."),
    "show": ("mlops_jupyter.cli.version", "Show one version: columns, source, digest."),
    "tag": ("mlops_jupyter.cli.version", "Give a version a name: train@golden."),
    "untag": ("mlops_jupyter.cli.version", "Take the name off."),
    "export": ("mlops_jupyter.cli.version", "Write a version as Parquet, CSV or Arrow."),
    "contract": ("mlops_jupyter.cli.profile", "Draft a contract of a version, for the gate."),
    "erase": ("mlops_jupyter.cli.care", "Erase rows from all versions, for law."),
}

CHANGES = {"tag", "untag", "erase"}


@click.command("snapshot")
@click.argument("path")
@click.option("--name", help="Of the dataset. Default: the name of the file.")
@click.option("--note", help="What it is, for people.")
@click.option("--tag", "tags", multiple=True, help="A name for the version; repeatable.")
@click.option("--force", is_flag=True, help="Move tags that stand on another version.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def snapshot_command(
    path: str,
    name: str | None,
    note: str | None,
    tags: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Keep a version of the file, folder or URL PATH. The same content is the same version."""
    from mlops_jupyter import wire
    from mlops_jupyter.data.snapshot import snapshot

    project = open_project()
    before = project.catalog.row("SELECT max(id) FROM dataset_version")
    name = name or name_of(Path(path.partition("?")[0] if "://" in path else path))
    version = snapshot(project, path, name, note, tags=tags, move_tags=force)
    after = project.catalog.row("SELECT max(id) FROM dataset_version")
    if as_json:
        click.echo(wire.encode(version).decode())
        return
    said = "the same content as before" if before == after else size(version.size_bytes)
    click.echo(f"{version.ref}  {said}  {version.digest}")


@click.command("keep")
@click.argument("run")
@click.argument("path")
@click.option("--name", help="Of the dataset. Default: the name of the file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def keep_command(run: str, path: str, name: str | None, as_json: bool) -> None:
    """Keep the file PATH that RUN read as a data version of the run.

    Only if it still holds what the run read.
    """
    from mlops_jupyter import wire
    from mlops_jupyter.runs.files import keep_file

    version = keep_file(open_project(), run, path, name or name_of(Path(path)))
    if as_json:
        click.echo(wire.encode(version).decode())
    else:
        click.echo(f"{version.ref}  {size(version.size_bytes)}  {version.digest}")


class DataGroup(LazyGroup):
    """A group in which the name of a dataset is short for ``log NAME``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take a first word that is no command for a dataset."""
        if args[0] not in self.homes and not args[0].startswith("-"):
            if len([word for word in args if not word.startswith("-")]) > 1:
                raise NotFoundError("command", f"data {args[0]}"[:80], self.homes)
            args = ["log", *args]
        return super().resolve_command(ctx, args)


@click.group(
    "data",
    cls=DataGroup,
    homes=COMMANDS,
    changes=CHANGES,
    invoke_without_command=True,
    subcommand_metavar="[NAME | COMMAND ...]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--steps", is_flag=True, help="Also what passes from step to step of pipelines.")
@click.pass_context
def data_command(ctx: click.Context, as_json: bool, steps: bool) -> None:
    """List all datasets, or the versions of the dataset NAME; the newest first."""
    ctx.obj = as_json
    if ctx.invoked_subcommand is not None:
        return
    from mlops_jupyter import wire
    from mlops_jupyter.data import versions

    found = versions.datasets(open_project(), passed=steps)
    if as_json:
        click.echo(wire.encode(wire.Datasets(found)))
    elif found:
        _show_datasets(found)
    else:
        click.echo("no data versions yet: `%snapshot df --name train`, or `mlops snapshot FILE`")


def size(count: int) -> str:
    """Return a size as people read it: ``1.5 MB``."""
    if count < 1000:
        return f"{count} B"
    number = float(count)
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.5:
            return f"{number:.3g} {unit}"
    return f"{number / 1000:.3g} TB"


def shape(version: DatasetVersion) -> str:
    """Return rows × columns, or what has none."""
    if version.row_count is None:
        return version.kind
    if not version.columns:
        return f"{version.row_count:,} rows"
    return f"{version.row_count:,} × {len(version.columns)}"


def _show_datasets(found: tuple[Dataset, ...]) -> None:
    shown = table("dataset", "versions", "newest", "shape", "size", "age", "tags", "note")
    for one in found:
        newest = one.versions[0]
        shown.add_row(
            one.name,
            str(len(one.versions)),
            newest.ref,
            shape(newest),
            size(newest.size_bytes),
            age(newest.created_at),
            ", ".join(newest.tags),
            newest.note or "",
        )
    console().print(shown)
