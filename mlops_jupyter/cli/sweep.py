"""``mlops pipeline run`` with parameters that are varied: what it asks for, and what is shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from mlops_jupyter.cli.show import console, table
from mlops_jupyter.project import Project
from mlops_jupyter.runs.metric import metric_text

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.axis import Reading
    from mlops_jupyter.pipelines.sweep import SweepProgress
    from mlops_jupyter.pipelines.trial import Sweep, Trial

MOST_METRICS = 6
"""Columns of metrics in the table."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says of a sweep."""

    grid: tuple[tuple[str, str], ...] = ()
    trials: int | None = None
    optimize: str | None = None
    direction: str | None = None
    seed: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Those of the verb that were given."""
        names = ("trials", "optimize", "direction", "seed")
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}


def sweep_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a sweep; the command gets them as one, `sweep`."""

    @functools.wraps(command)
    def packed(**values: Any) -> Any:
        asked = {name: values.pop(name) for name in Asked.__dataclass_fields__}
        return command(sweep=Asked(**asked), **values)

    made: Callable[..., Any] = packed
    for option in (
        click.option("--seed", type=int, help="Of what is drawn by chance. Default: 0."),
        click.option(
            "--direction", type=click.Choice(["minimize", "maximize"]),
            help="Which value of the metric is the best. Default: by its name.",
        ),
        click.option(
            "--optimize", metavar="METRIC",
            help="Show the best trial first; with --trials, Optuna chooses the values.",
        ),
        click.option("--trials", type=click.IntRange(1), help="So many, by chance. Default: all."),
        click.option(
            "--grid", type=_Pair(), multiple=True, metavar="KEY=VALUES",
            help="Run with each of these values, where -p would take them for one; repeatable.",
        ),
    ):  # fmt: skip
        made = option(made)
    return made


class _Pair(click.ParamType[tuple[str, str]]):
    """``KEY=VALUES``."""

    name = "KEY=VALUES"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Take it apart."""
        key, sign, values = str(value).partition("=")
        if not sign or not key:
            self.fail(f"{value!r:.60}: write KEY=VALUES, as in depth=2,3,5", param, ctx)
        return key, values


def reading(project: Project, name: str, texts: Mapping[str, str], asked: Asked) -> Reading | None:
    """Read the parameters of a run; None: none of them looks like several values."""
    from mlops_jupyter.errors import UsageError
    from mlops_jupyter.pipelines import axis

    wanted = [*asked.options]
    if not (axis.may_vary(texts.values()) or asked.grid or wanted):
        return None
    from mlops_jupyter.pipelines.form import parameters_of

    grids = dict(asked.grid)
    if len(grids) < len(asked.grid):
        raise UsageError("--grid: a parameter is given twice", hint="give all values in one")
    _, known = parameters_of(project, name)
    found = axis.read(known, texts, grids)
    for note in found.notes:
        click.echo(note, err=True)
    if wanted and not found.axes:
        raise UsageError(
            f"--{wanted[0]}: no parameter is varied",
            hint="e.g. `-p depth=2..8`, `-p lr=0.1,0.01`, `--grid method=fast,exact`",
        )
    return found


def run_sweep(
    project: Project,
    name: str,
    found: Reading,
    given: Mapping[str, Any],
    asked: Asked,
    **options: Any,
) -> Sweep:
    """Run a sweep and show it."""
    from mlops_jupyter.pipelines.sweep import sweep

    for one in found.axes:
        click.echo(f"{one.name}: {one.words}")
    vary = {one.name: one for one in found.axes}
    made = sweep(project, name, vary, given, tell, **asked.options, **options)
    show_sweep(made)
    return made


def tell(place: SweepProgress) -> None:
    """Print a line when a trial begins, and when it has ended."""
    if place.note:
        click.echo(place.note)
    if place.trial is None:
        return
    one = place.trial
    head = f"trial {one.number}/{place.trials} {_values(one)}"
    if one.status == "running":
        click.echo(f"{head} …")
        return
    shown = [f"{key} {metric_text(value)}" for key, value in sorted(one.metrics.items())]
    said = one.error or "  ".join(shown[:MOST_METRICS])
    click.echo(f"{head}: {_status(one)}{'  ' if said else ''}{said}")


def show_sweep(made: Sweep) -> None:
    """Print the trials of a sweep, the best one first."""
    names = list(made.varied)
    metrics = _metrics(made)
    shown = table("trial", *names, "status", *metrics, "run",
                  title=f"sweep {made.id[:8]} of {made.pipeline}: {made.status}")  # fmt: skip
    for one in made.trials:
        values = [str(one.parameters.get(name, "")) for name in names]
        numbers = [metric_text(one.metrics[m]) if m in one.metrics else "" for m in metrics]
        shown.add_row(str(one.number), *values, _status(one), *numbers, (one.run_id or "")[:8])
    console().print(shown)
    for one in sorted(made.trials, key=lambda one: one.number):
        if one.error is not None and one.status == "failed":
            click.echo(f"trial {one.number}: {one.error}")
    best = made.best
    if best is not None and made.metric is not None:
        value = metric_text(best.metrics[made.metric])
        how = "smallest" if made.minimize else "largest"
        click.echo(f"best: trial {best.number}, {_values(best)}: {how} {made.metric} {value}")
    click.echo(f"see `mlops pipeline show {made.id[:8]}`, `mlops show RUN`")


def in_short(made: Sweep) -> tuple[str, str, str]:
    """Return the status of a sweep, what was varied, and its Run, in short."""
    finished = sum(one.status == "finished" for one in made.trials)
    varied = "  ".join(f"{name}: {words}" for name, words in made.varied.items())
    return f"{made.status}, {finished} of {len(made.trials)} finished", varied, made.run_id[:8]


def _metrics(made: Sweep) -> list[str]:
    found = sorted({name for one in made.trials for name in one.metrics})
    if made.metric is not None:
        found = [made.metric, *(name for name in found if name != made.metric)]
    return found[:MOST_METRICS]


def _status(one: Trial) -> str:
    return "not run again" if one.cached else one.status


def _values(one: Trial) -> str:
    return "  ".join(f"{name}={value}" for name, value in one.parameters.items())
