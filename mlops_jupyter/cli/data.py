"""``mlops snapshot``, ``mlops keep`` and ``mlops data``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from mlops_jupyter.cli.show import age, console, table
from mlops_jupyter.data.dataset import Dataset, DatasetVersion
from mlops_jupyter.project import open_project


@click.command("snapshot")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", help="Of the dataset. Default: the name of the file.")
@click.option("--note", help="What it is, for people.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def snapshot_command(path: Path, name: str | None, note: str | None, as_json: bool) -> None:
    """Keep a version of the file PATH. The same content is the same version."""
    from mlops_jupyter import wire
    from mlops_jupyter.data.snapshot import snapshot

    project = open_project()
    before = project.catalog.row("SELECT max(id) FROM dataset_version")
    version = snapshot(project, path, name or name_of(path), note)
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


@click.command("data")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def data_command(name: str | None, as_json: bool) -> None:
    """List all datasets, or the versions of the dataset NAME; the newest first."""
    from mlops_jupyter import wire
    from mlops_jupyter.data import versions

    project = open_project()
    if name is not None:
        one = versions.dataset(project, name)
        if as_json:
            click.echo(wire.encode(one).decode())
        else:
            _show_versions(one)
        return
    found = versions.datasets(project)
    if as_json:
        click.echo(wire.encode(wire.Datasets(found)))
    elif found:
        _show_datasets(found)
    else:
        click.echo("no data versions yet: `%snapshot df --name train`, or `mlops snapshot FILE`")


def name_of(path: Path) -> str:
    """Return a dataset's name for a file: its stem, with '-' for what a name may not hold."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", path.name.lstrip(".").partition(".")[0])
    return plain.strip("-_")[:100] or "data"


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


def _show_datasets(found: tuple[Dataset, ...]) -> None:
    shown = table("dataset", "versions", "newest", "shape", "size", "age", "note")
    for one in found:
        newest = one.versions[0]
        shown.add_row(one.name, str(len(one.versions)), newest.ref, *_facts(newest))
    console().print(shown)


def _show_versions(one: Dataset) -> None:
    shown = table("version", "shape", "size", "age", "note", "digest")
    for version in one.versions:
        shown.add_row(version.ref, *_facts(version), version.digest[: len("blake3:") + 12])
    console().print(shown)


def _facts(version: DatasetVersion) -> tuple[str, str, str, str]:
    shape = "file"
    if version.row_count is not None:
        shape = f"{version.row_count:,} × {len(version.columns)}"
    return shape, size(version.size_bytes), age(version.created_at), version.note or ""
