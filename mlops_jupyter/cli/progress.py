"""Where a running pipeline is: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from mlops_jupyter.cli.show import console
from mlops_jupyter.pipelines.execute import Progress, StepProgress


@contextmanager
def shown() -> Iterator[Progress]:
    """Give a function to be told of each step and cell."""
    where = console()
    if not where.is_terminal:
        yield _Lines().tell
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("cells"),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Bars(*columns, console=where) as bars:
        yield _Bars(bars).tell


class _Lines:
    """One line when a step begins, one when it has ended."""

    def __init__(self) -> None:
        self._began = 0.0

    def tell(self, place: StepProgress) -> None:
        step = f"step {place.number}/{place.steps} {place.step}"
        if place.status == "cached":
            click.echo(f"{step}: not run again")
        elif place.status == "finished":
            seconds = time.monotonic() - self._began
            cells = "1 cell" if place.cells == 1 else f"{place.cells} cells"
            click.echo(f"{step}: {cells}, {seconds:.1f} s")
        elif place.error is not None:
            click.echo(f"{step}: tried again, {place.error}")
        elif place.cell == 0:
            self._began = time.monotonic()
            click.echo(f"{step} …")


class _Bars:
    """One bar for each step."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def tell(self, place: StepProgress) -> None:
        if place.step not in self._tasks:
            words = f"step {place.number}/{place.steps} {place.step}"
            self._tasks[place.step] = self._bars.add_task(words, total=place.cells)
        ended = place.cells if place.status == "finished" else max(place.cell - 1, 0)
        self._bars.update(self._tasks[place.step], completed=ended)
        if place.status == "finished":
            self._bars.stop_task(self._tasks[place.step])
