"""``mlops gc``, ``mlops verify`` and ``mlops data erase``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from mlops_jupyter.cli.data import size
from mlops_jupyter.cli.show import console, table
from mlops_jupyter.errors import IntegrityError, UsageError
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.upkeep.erasure import Erasure
from mlops_jupyter.upkeep.files import Heap
from mlops_jupyter.upkeep.gc import Garbage
from mlops_jupyter.upkeep.repair import Repair
from mlops_jupyter.upkeep.suffering import Suffering
from mlops_jupyter.upkeep.verify import Findings, Place, Progress

SHOWN = 20
"""Damaged objects, versions to drop and the like that are named before the rest is counted."""


@click.command("gc")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; remove only with --yes.")
def gc_command(yes: bool, dry_run: bool, as_json: bool) -> None:
    """Remove what nothing needs: objects without a row, and versions that may go.

    What runs, models, evaluations, decisions and tags need is never removed. Which versions may
    go says `data: {keep: …}` in mlops.yaml; by default none.
    """
    from mlops_jupyter import wire
    from mlops_jupyter.upkeep import gc

    project = open_project()
    garbage = gc.plan(project)
    if as_json:
        answer = garbage if dry_run or not yes else gc.collect(project, garbage)
        click.echo(wire.encode(answer).decode())
        return
    _show_garbage(garbage)
    if dry_run or garbage.is_empty:
        return
    if not yes:
        click.confirm("Remove all this?", abort=True)
    collected = gc.collect(project, garbage)
    versions = f", {_count(len(collected.versions), 'version')} given up"
    click.echo(f"removed {_heap(collected.removed)}{versions if collected.versions else ''}")


@click.command("verify")
@click.argument("refs", nargs=-1, metavar="[VERSION]...")
@click.option("--deep", is_flag=True, help="Build each data version too, and digest it again.")
@click.option("--repair", is_flag=True, help="Move bad objects away, fetch good ones.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify_command(refs: tuple[str, ...], deep: bool, repair: bool, as_json: bool) -> int:
    """Read every object and every row; name what is damaged, and who suffers.

    With VERSION, e.g. train@3 or train: only these. It changes nothing without --repair, which
    moves bad objects to .mlops/damaged and fetches good ones from the shared store.
    """
    from mlops_jupyter import wire
    from mlops_jupyter.upkeep.repair import repair as mend
    from mlops_jupyter.upkeep.verify import verify

    project = open_project()
    with _progress(quiet=as_json) as progress:
        findings = verify(project, deep=deep, refs=refs or None, progress=progress)
    mended = mend(project, findings) if repair and not findings.is_clean else None
    left = findings
    if mended is not None:
        left = verify(project, deep=deep, refs=refs or None)
    if as_json:
        click.echo(wire.encode({"found": findings, "repair": mended, "left": left}).decode())
    else:
        _show_findings(findings)
        if mended is not None:
            _show_repair(mended, left)
    return 0 if left.is_clean else IntegrityError.exit_code


@click.command("erase")
@click.argument("name")
@click.option("--where", metavar="PREDICATE", help="Which rows, as in SQL: customer_id = 7")
@click.option("--version", "ref", metavar="VERSION", help="Give a whole version up: raw@2")
@click.option("--all", "everywhere", is_flag=True, help="In all datasets that have the columns.")
@click.option("--reason", help="For the record, which stays.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; erase only with --yes.")
def erase_command(
    name: str,
    where: str | None,
    ref: str | None,
    everywhere: bool,
    reason: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take rows out of every version of the dataset NAME, for good, and leave a record.

    Versions keep their numbers, notes, tags and runs. Where else the rows may be is listed.
    """
    from mlops_jupyter import wire

    if (where is None) == (ref is None):
        raise UsageError("give --where or --version", hint='--where "customer_id = 7"')
    if not dry_run and not reason:
        raise UsageError("an erasure needs a reason", hint="--reason 'asked for by the customer'")
    project = open_project()
    found = _looked(project, name, where, ref, everywhere=everywhere)
    if not as_json:
        for one in found:
            _show_found(one)
        if not dry_run and not yes and any(one.versions for one in found):
            click.confirm("Erase this for good?", abort=True)
    if not dry_run and (yes or not as_json):
        found = _erased(project, found, str(reason))
        if not as_json:
            _show_erased(found)
    if as_json:
        click.echo(wire.encode(found).decode())


def _looked(
    project: Project, name: str, where: str | None, ref: str | None, *, everywhere: bool
) -> list[Erasure]:
    from mlops_jupyter.upkeep import erase

    if where is None:
        return [erase.look_at(project, str(ref) if "@" in str(ref) else f"{name}@{ref}")]
    names = erase.homes(project, name, where) if everywhere else (name,)
    return [erase.look(project, one, where) for one in names]


def _erased(project: Project, found: Sequence[Erasure], reason: str) -> list[Erasure]:
    from mlops_jupyter.upkeep import erase

    return [
        erase.erase(project, one.dataset, one.predicate, reason)
        if one.predicate
        else erase.give_up(project, one.versions[0].ref, reason)
        for one in found
    ]


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress | None]:
    """Show a bar in a terminal."""
    where = console()
    if quiet or not where.is_terminal:
        yield None
        return
    from rich.progress import Progress as Bars

    with Bars(console=where, transient=True) as bars:
        tasks = {what: bars.add_task(what, total=None) for what in ("objects", "versions")}

        def tell(place: Place) -> None:
            bars.update(tasks[place.what], completed=place.done, total=place.total)

        yield tell


def _show_garbage(garbage: Garbage) -> None:
    if garbage.is_empty:
        click.echo("nothing to remove")
        return
    shown = table("what", "files", "size")
    heaps = {
        "objects that nothing needs": garbage.unneeded,
        "objects of versions that may go": garbage.of_versions,
        "copies of files of versions that are gone": garbage.copies,
        "half-written files of dead processes": garbage.leftovers,
        "checkpoints of steps that nobody goes on with": garbage.checkpoints,
    }
    for what, heap in heaps.items():
        if heap.count:
            shown.add_row(what, f"{heap.count:,}", size(heap.size_bytes))
    console().print(shown)
    for version in garbage.versions[:SHOWN]:
        click.echo(f"{version.ref} goes: {version.why}")
    _rest(len(garbage.versions), "version")


def _show_findings(found: Findings) -> None:
    parts = [
        f"{_heap(found.objects, 'object')} read",
        _count(len(found.damages), "damage") if found.damages else "no damage",
    ]
    if found.is_deep:
        parts.insert(1, f"{_count(found.versions, 'version')} built again")
    click.echo(", ".join(parts))
    if found.garbage.count:
        click.echo(f"{_heap(found.garbage, 'object')} that nothing needs: `mlops gc`")
    for stranger in found.strangers[:SHOWN]:
        click.echo(f"no object of ours: objects/{stranger}")
    for damage in found.damages[:SHOWN]:
        click.echo(f"{damage.what}: {damage.why}")
        who = _who(damage.suffers)
        if who or damage.what.startswith("blake3:"):
            click.echo(f"  {who or 'nothing needs it'}")
    _rest(len(found.damages), "damage")
    if len(found.damages) > 1 and _who(found.suffers):
        click.echo(f"in all: {_who(found.suffers)}")


def _show_repair(mended: Repair, left: Findings) -> None:
    if mended.moved:
        click.echo(f"moved to .mlops/damaged: {_count(len(mended.moved), 'object')}")
    if mended.fetched:
        click.echo(f"fetched: {_count(len(mended.fetched), 'object')}")
    if mended.error:
        click.echo(f"the shared store could not be asked: {mended.error}")
    if left.is_clean:
        click.echo("everything is whole again")
    elif mended.missing:
        versions = ", ".join(left.suffers.versions[:SHOWN])
        again = f"; a snapshot of the same content mends {versions}" if versions else ""
        click.echo(f"no good copy of {_count(len(mended.missing), 'object')}{again}")


def _show_found(found: Erasure) -> None:
    if found.predicate:
        looked = _count(found.looked_at, "version")
        rows = sum(version.rows or 0 for version in found.versions)
        what = f"{rows:,} of their rows" if rows else "no row"
        click.echo(f"{found.dataset}: {looked} looked at, {what} where {found.predicate}")
    if found.versions:
        shown = table("version", "rows to erase")
        for version in found.versions:
            rows_there = "all of it" if version.rows is None else f"{version.rows:,}"
            shown.add_row(version.ref, rows_there)
        console().print(shown)
    for trace in found.traces:
        click.echo(f"look there too: {trace.where}: {trace.what}")


def _show_erased(done: Sequence[Erasure]) -> None:
    for one in (one for one in done if one.id):
        click.echo(f"erased from {_count(len(one.versions), 'version')} of {one.dataset}: {one.id}")
        for version in one.versions:
            if version.same_as:
                click.echo(f"  {version.ref} is now the same as {version.same_as}")


def _who(suffers: Suffering) -> str:
    words = [
        f"{what}: {', '.join(names[:SHOWN])}" + (" …" if len(names) > SHOWN else "")
        for what, names in (
            ("versions", suffers.versions), ("runs", suffers.runs), ("models", suffers.models),
        )
        if names
    ]  # fmt: skip
    return "; ".join(words)


def _heap(heap: Heap, what: str = "file") -> str:
    return f"{_count(heap.count, what)} ({size(heap.size_bytes)})"


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _rest(count: int, what: str) -> None:
    if count > SHOWN:
        click.echo(f"and {_count(count - SHOWN, what)} more")
