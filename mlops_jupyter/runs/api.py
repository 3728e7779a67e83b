"""``mlops_jupyter.track`` and the functions that log to the run that is open here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from mlops_jupyter.errors import UsageError
from mlops_jupyter.runs import live
from mlops_jupyter.runs.block import Block
from mlops_jupyter.runs.opened import LONGEST_NAME
from mlops_jupyter.runs.selection import Selection, patterns


def track(
    name: str | None = None,
    *,
    metrics: str | Iterable[str] | None = None,
    params: str | Iterable[str] | None = None,
    figures: bool = True,
    resume: str | None = None,
) -> Block:
    """Make a block a run: ``with mlops_jupyter.track("ridge") as run:``.

    What the block binds is recorded as of a ``%%track`` cell. Blocks may stand in each other,
    in functions, threads and tasks; in plain Python the project around the working directory
    is meant.

    Parameters
    ----------
    name : str
    metrics, params : str or iterable of str, optional
        Patterns, as of file names: of what is found by itself only this is recorded.
    figures : bool
        Whether figures are kept.
    resume : str, optional
        In place of `name`: the id of an ended run that goes on.

    Raises
    ------
    UsageError
        There is neither a name nor a run to resume, or both.
    """
    if (name is None) == (resume is None):
        raise UsageError(
            "track: give a name, or a run to resume", hint='track("ridge"), track(resume=RUN)'
        )
    word = name if resume is None else resume
    if not isinstance(word, str) or not word.strip() or len(word) > LONGEST_NAME:
        raise UsageError(
            f"track: not a name: {word!r:.80}", hint=f"a text, at most {LONGEST_NAME} long"
        )
    return Block(name, Selection(patterns(metrics), patterns(params), figures), resume)


def log_metric(name: str, value: float, step: int | None = None) -> None:
    """Record a metric of the run that is open here.

    Parameters
    ----------
    name : str
    value : float
        NaN and infinities are kept.
    step : int, optional
        Epoch or iteration, from 0. Default: one after the last of this name in the run.

    Raises
    ------
    UsageError
        No run is open, or `value` is not a number.
    """
    run = live.current("log_metric", name)
    if run is not None:
        run.log_metric(name, value, step)


def log_param(name: str, value: Any) -> None:
    """Record a parameter of the run that is open here.

    Parameters
    ----------
    name : str
    value : object
        Plain data as it is, anything else as its text.
    """
    log_params({name: value})


def log_params(parameters: Mapping[str, Any]) -> None:
    """Record parameters of the run that is open here.

    Parameters
    ----------
    parameters : mapping of str to object
    """
    run = live.current("log_params", ", ".join(map(str, parameters)))
    if run is not None:
        run.log_params(parameters)


def log_figure(fig: Any, name: str) -> None:
    """Record a figure of the run that is open here.

    Parameters
    ----------
    fig : figure
        Of matplotlib, plotly or PIL, or with a ``_repr_png_`` or ``_repr_svg_``.
    name : str
        The name of a file; without an extension, the right one is added.
    """
    run = live.current("log_figure", name)
    if run is not None:
        run.log_figure(fig, name)


def log_artifact(file: str | os.PathLike[str] | bytes, name: str | None = None) -> None:
    """Record a file, as it is now, of the run that is open here.

    Parameters
    ----------
    file : path or bytes
        At most 1 GB.
    name : str, optional
        Default: the file's own.
    """
    run = live.current("log_artifact", "…" if name is None else name)
    if run is not None:
        run.log_artifact(file, name)
