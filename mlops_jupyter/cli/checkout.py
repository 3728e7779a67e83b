"""``mlops checkout``."""

from __future__ import annotations

from pathlib import Path

import click

from mlops_jupyter.project import open_project


@click.command("checkout")
@click.argument("version")
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option("--force", is_flag=True, help="Replace files that are there and differ.")
def checkout_command(version: str, folder: Path, force: bool) -> None:
    """Put the file or folder of the data VERSION, e.g. images@2, into FOLDER, read-only.

    Without copying, where the file system can. What is there and differs is not replaced.
    """
    from mlops_jupyter.data.files.checkout import checkout

    click.echo(str(checkout(open_project(), version, folder, overwrite=force)))
