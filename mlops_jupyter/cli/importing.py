"""``mlops import``: versions that others have kept."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.project import open_project


@click.group("import")
def import_command() -> None:
    """Bring versions of data that another tool has kept."""


@import_command.command("dvc")
@click.argument("path", type=click.Path(path_type=Path), default=".")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def dvc_command(path: Path, as_json: bool) -> int | None:
    """Bring the files and folders that DVC tracks in PATH, each committed state as a version.

    PATH is a .dvc file, or a folder in a DVC repository. What the cache does not hold is said,
    and the exit code is 8.
    """
    from mlops_jupyter import wire
    from mlops_jupyter.data.files.dvc_import import import_dvc

    done = import_dvc(open_project(), path)
    if as_json:
        click.echo(wire.encode(done).decode())
    else:
        for version in done.versions:
            click.echo(f"{version.ref}  {version.note or ''}".rstrip())
    for one in done.missing:
        at = one.commit[:8] if one.commit else "the working tree"
        click.echo(f"error: {one.path} of {at}, md5 {one.md5}: {one.why}", err=True)
    if done.missing:
        click.echo("  hint: `dvc fetch --all-commits` brings what a remote has", err=True)
    return IntegrityError.exit_code if done.missing else None
