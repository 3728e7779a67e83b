"""Where a running pipeline is: a line for each step in a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import click
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Column

from mlops_jupyter.cli.show import console
from mlops_jupyter.pipelines.execute import Progress, StepProgress
from mlops_jupyter.pipelines.pipeline import StepRun

Manner = Literal["bars", "lines", "json"]

Look = Callable[[], Mapping[str, StepRun]]
"""Returns the steps of the run by name, as they were written down."""

_SIGNS = {
    "finished": "✓", "cached": "=", "failed": "✗", "interrupted": "–", "queued": "·",
}  # fmt: skip


def manner(*, plain: bool = False, as_json: bool = False) -> Manner:
    """Return how progress is shown here: bars only to people who look at a terminal."""
    if as_json:
        return "json"
    is_watched = console().is_terminal and not plain and not os.environ.get("CI")
    return "bars" if is_watched else "lines"


@contextmanager
def shown(how: Manner | None = None, look: Look = dict) -> Iterator[Progress]:
    """Give a function to be told of each step and cell.

    Parameters
    ----------
    how : str, optional
        Default: what fits the place that is written to.
    look : callable, optional
        Says why each step is run, and how it ended.
    """
    chosen = how or manner()
    if chosen == "json":
        yield _tell_json
        return
    if chosen == "lines":
        lines = _Lines(look)
        yield lines.tell
        return
    with _bars(console()) as bars:
        lines_of_steps = _Bars(bars, look)
        try:
            yield lines_of_steps.tell
        finally:
            lines_of_steps.end()


def _tell_json(place: StepProgress) -> None:
    from mlops_jupyter import wire

    click.echo(wire.encode({"progress": place}).decode())


class _Lines:
    """One line when a step begins, one when it has ended; several may run at once."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._began: dict[str, float] = {}

    def tell(self, place: StepProgress) -> None:
        step = f"step {place.number}/{place.steps} {place.step}"
        if place.error is not None:
            click.echo(f"{step}: tried again, {place.error}")
        elif place.status == "running":
            if place.step not in self._began:
                self._began[place.step] = time.monotonic()
                why = _why(self._look, place.step)
                click.echo(f"{step} …" + (f"  {why}" if why else ""))
        elif place.status == "cached":
            click.echo(f"{step}: not run again")
        elif place.status == "finished":
            seconds = time.monotonic() - self._began.pop(place.step, time.monotonic())
            click.echo(f"{step}: {_cells(place)}, {seconds:.1f} s")


def _bars(where: Console) -> Bars:
    text = Column(no_wrap=True, overflow="ellipsis")
    return Bars(
        TextColumn("{task.fields[sign]}", markup=False),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[cells]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[why]}", markup=False, style="dim", table_column=text),
        console=where,
    )


class _Bars:
    """One line for each step: its state, a bar of its cells, how long, and why."""

    def __init__(self, bars: Bars, look: Look) -> None:
        self._bars = bars
        self._look = look
        self._tasks: dict[str, TaskID] = {}
        self._ended: set[str] = set()

    def tell(self, place: StepProgress) -> None:
        if place.step not in self._tasks:
            self._tasks[place.step] = self._bars.add_task(
                f"{place.number}/{place.steps} {place.step}", total=place.cells,
                sign="●", cells="", why=_why(self._look, place.step),
            )  # fmt: skip
        ended = place.status != "running"
        done = place.cells if ended else max(place.cell - 1, 0)
        cells = _cells(place) if ended else f"cell {place.cell}/{place.cells}"
        self._bars.update(self._tasks[place.step], completed=done, cells=cells)
        if ended:
            self._finish(place.step, place.status)
        else:
            self._ended.discard(place.step)

    def end(self) -> None:
        """Say how those ended that did not say so themselves."""
        steps = self._look()
        for step in self._tasks.keys() - self._ended:
            self._finish(step, steps[step].status if step in steps else "interrupted")

    def _finish(self, step: str, status: str) -> None:
        self._ended.add(step)
        task = self._tasks[step]
        why = "not run again" if status == "cached" else _why(self._look, step)
        self._bars.update(task, sign=_SIGNS.get(status, "–"), why=why)
        self._bars.stop_task(task)


def _cells(place: StepProgress) -> str:
    return "1 cell" if place.cells == 1 else f"{place.cells} cells"


def _why(look: Look, step: str) -> str:
    found = look().get(step)
    return " ".join((found.why if found is not None and found.why else "").split())
