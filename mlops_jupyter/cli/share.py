"""``mlops push``, ``mlops pull`` and ``mlops fetch``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from mlops_jupyter.cli.data import size
from mlops_jupyter.cli.show import console
from mlops_jupyter.project import open_project
from mlops_jupyter.sharing.transfer import Progress, TransferProgress

_REFS = click.argument("refs", nargs=-1)
_URL = click.option("--to", "url", help="The shared store. Default: remote.url of mlops.yaml.")
_FROM = click.option("--from", "url", help="The shared store. Default: remote.url of mlops.yaml.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("push")
@_REFS
@_URL
@_JSON
def push_command(refs: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """Send what the shared store does not have: all, or the datasets and versions REFS."""
    from mlops_jupyter import wire
    from mlops_jupyter.sharing.push import push

    with _shown("push", as_json) as progress:
        done = push(open_project(), url, refs=refs or None, progress=progress)
    if as_json:
        click.echo(wire.encode(done).decode())
        return
    what = _counted(len(done.versions), "data version"), _counted(done.runs, "run")
    click.echo(f"{', '.join(what)}, {_objects(done.objects, done.size_bytes)} → {done.url}")


@click.command("pull")
@_REFS
@_FROM
@click.option("--no-runs", is_flag=True, help="Data versions and their tags only.")
@_JSON
def pull_command(refs: tuple[str, ...], url: str | None, no_runs: bool, as_json: bool) -> None:
    """Bring what the shared store has and is not here: all, or the versions REFS."""
    from mlops_jupyter import wire
    from mlops_jupyter.sharing.pull import pull

    with _shown("pull", as_json) as progress:
        done = pull(open_project(), url, refs or None, runs=not no_runs, progress=progress)
    if as_json:
        click.echo(wire.encode(done).decode())
        return
    what = _counted(len(done.versions), "data version"), _counted(done.runs, "run")
    click.echo(f"{', '.join(what)}, {_objects(done.objects, done.size_bytes)} ← {done.url}")
    if done.renumbered:
        changed = ", ".join(f"{before} is now {after}" for before, after in done.renumbered)
        click.echo(f"{changed}: others had shared versions under these numbers")
    if done.left_out:
        click.echo(f"left out: {', '.join(done.left_out)}")
    if done.erased:
        click.echo(f"rows were erased elsewhere from {', '.join(done.erased)}: `mlops data erase`")


@click.command("fetch")
@_REFS
@_FROM
@_JSON
def fetch_command(refs: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """Bring objects that the catalog here names and that are missing: all, or those of REFS."""
    from mlops_jupyter import wire
    from mlops_jupyter.sharing.fetch import fetch

    with _shown("fetch", as_json) as progress:
        done = fetch(open_project(), url, refs or None, progress=progress)
    if as_json:
        click.echo(wire.encode(done).decode())
    else:
        click.echo(f"{_objects(done.objects, done.size_bytes)} ← {done.url}")


@contextmanager
def _shown(verb: str, quiet: bool) -> Iterator[Progress | None]:
    """Give a function to be told how far it is: a bar in a terminal, nothing elsewhere."""
    where = console()
    if quiet or not where.is_terminal:
        yield None
        return
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn()
    with Bars(*columns, console=where, transient=True) as bars:
        yield _Told(verb, bars).tell


class _Told:
    def __init__(self, verb: str, bars: Bars) -> None:
        self._verb = verb
        self._bars = bars
        self._task: TaskID = bars.add_task(f"{verb} …", total=None)

    def tell(self, far: TransferProgress) -> None:
        words = f"{self._verb} {far.what} {far.done}/{far.total}"
        if far.what == "objects":
            self._bars.update(
                self._task, description=words, completed=far.done_bytes, total=far.total_bytes
            )
        else:
            self._bars.update(self._task, description=words)


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def _objects(count: int, size_bytes: int) -> str:
    return f"{_counted(count, 'object')} ({size(size_bytes)})"
