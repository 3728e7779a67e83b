"""``mlops data log``, ``show``, ``tag``, ``untag`` and ``export``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import click

from mlops_jupyter.cli.data import shape, size
from mlops_jupyter.cli.show import age, console, table
from mlops_jupyter.data.dataset import DatasetVersion, Source
from mlops_jupyter.project import open_project

LONGEST_CELL = 40

DIGITS = 12
"""Of a digest: enough to name a version by."""


@click.command("log")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def log_command(asked: bool | None, name: str, as_json: bool) -> None:
    """List the versions of the dataset NAME, the newest first."""
    from mlops_jupyter import wire
    from mlops_jupyter.data import versions
    from mlops_jupyter.runs.makers import makers

    project = open_project()
    found = versions.dataset(project, name)
    if as_json or asked:
        click.echo(wire.encode(found).decode())
    else:
        click.echo(_log(found.versions, makers(project, name)))


@click.command("show")
@click.argument("ref")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_command(ref: str, as_json: bool) -> None:
    """Show the version REF: what it holds, what it was made of, what it takes."""
    from mlops_jupyter import wire
    from mlops_jupyter.data import versions
    from mlops_jupyter.runs.makers import makers

    project = open_project()
    version = versions.resolve(project, ref)
    if as_json:
        click.echo(wire.encode(version).decode())
        return
    made_by = makers(project, version.dataset).get(version.number)
    for label, text in _facts(version, made_by).items():
        if text:
            click.echo(f"{label:<9} {text}")
    if version.columns:
        shown = table("column", "type", "missing")
        for column in version.columns:
            shown.add_row(column.name, column.type, f"{column.missing:,}" if column.missing else "")
        console().print(shown)


@click.command("tag")
@click.argument("ref")
@click.argument("tag")
@click.option("--force", is_flag=True, help="Move it, where it stands on another version.")
def tag_command(ref: str, tag: str, force: bool) -> None:
    """Name the version REF, so that it can be written DATASET@TAG."""
    from mlops_jupyter.data import tags

    version = tags.tag(open_project(), ref, tag, move=force)
    click.echo(f"{version.dataset}@{tag} is {version.ref}")


@click.command("untag")
@click.argument("ref", metavar="DATASET@TAG")
def untag_command(ref: str) -> None:
    """Take a tag off. The version stays."""
    from mlops_jupyter.data import tags

    version = tags.untag(open_project(), ref)
    click.echo(f"{ref} is no more; it was {version.ref}")


@click.command("export")
@click.argument("ref")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--format", "format_", help="Default: what the ending of PATH says.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def export_command(ref: str, path: Path, format_: str | None, force: bool) -> None:
    """Write the version REF to PATH, for programs that know nothing of us."""
    verb = importlib.import_module("mlops_jupyter.data.export").export
    verb(open_project(), ref, path, format_, overwrite=force)
    click.echo(f"{path}  {size(path.stat().st_size)}" if path.is_file() else str(path))


def _log(found: Sequence[DatasetVersion], made_by: Mapping[int, str]) -> str:
    """Return the versions as lines: a thousand of them at once, which a drawn table is not."""
    head = ("version", "when", "shape", "size", "stored", "tags", "digest", "made by", "note")
    lines = [head, *(_line(version, made_by.get(version.number)) for version in found)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    lines.insert(1, tuple("─" * width for width in widths))
    kept = [at for at in range(len(head)) if any(line[at] for line in lines[2:])]
    return "\n".join(
        "  ".join(line[at].ljust(widths[at]) for at in kept).rstrip() for line in lines
    )


def _line(version: DatasetVersion, made_by: str | None) -> tuple[str, ...]:
    note = version.note or ""
    if version.gone_at is not None:
        note = f"given up: {version.gone_why or version.gone_at[:10]}"
    return (
        version.ref,
        _when(version.created_at),
        shape(version),
        size(version.size_bytes),
        "" if version.stored_bytes is None else size(version.stored_bytes),
        ", ".join(version.tags),
        version.digest.removeprefix("blake3:")[:DIGITS],
        _short(made_by or _origin(version.source)),
        _short(note, 2 * LONGEST_CELL),
    )


def _facts(version: DatasetVersion, made_by: str | None) -> dict[str, str]:
    stored = "" if version.stored_bytes is None else f", {size(version.stored_bytes)} stored"
    gone = version.gone_at and f"{_when(version.gone_at)}: {version.gone_why or 'no reason given'}"
    source = version.source
    return {
        "version": version.ref,
        "tags": ", ".join(version.tags),
        "note": version.note or "",
        "made": f"{_when(version.created_at)}, {age(version.created_at)} ago",
        "by": made_by or "",
        "source": f"{source.kind} {source.text}" if source else "",
        "database": (source and source.connection) or "",
        "with": (source and source.parameters) or "",
        "shape": f"{version.kind}, {shape(version)}" if version.row_count is not None else "",
        "size": size(version.size_bytes) + stored,
        "digest": version.digest,
        "given up": gone or "",
    }


def _origin(source: Source | None) -> str:
    return "" if source is None else f"{source.kind} {source.text}"


def _when(time: str) -> str:
    return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M")


def _short(text: str, length: int = LONGEST_CELL) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
