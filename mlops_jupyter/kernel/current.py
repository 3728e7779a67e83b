"""What this kernel is executing: read by code that others call, e.g. MLflow's when a run begins.

Whoever records fills it before each cell (0.2 µs). It is one place per process, as the cell
that executes is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec


class Cell(msgspec.Struct, frozen=True):
    """The cell that executes, or the last one that did.

    Attributes
    ----------
    root : Path
        The project's folder.
    session_id : str
    position : int
        1 is the first cell that the session executed.
    cell_id, notebook : str or None
        As the front end told them.
    """

    root: Path
    session_id: str
    position: int
    cell_id: str | None = None
    notebook: str | None = None


class Opening(msgspec.Struct, frozen=True):
    """A run that the user's own code is about to open in MLflow, or has opened.

    Attributes
    ----------
    tracking_uri : str
        MLflow's store, without credentials; files by their absolute path.
    mark : str or None
        The tag ``mlops.opening`` of that run: its id is not known before it is made.
    mlflow_run_id : str or None
        Its id, where it is known.
    run_id : str or None
        The run of ours that was open.
    """

    tracking_uri: str
    mark: str | None = None
    mlflow_run_id: str | None = None
    run_id: str | None = None


cell: Cell | None = None
"""None: nothing is recorded in this process."""


def _none() -> str | None:
    return None


innermost: Callable[[], str | None] = _none
"""Tells the innermost run of ours that is open where it is called: in this thread or task."""

openings: deque[Opening] = deque(maxlen=1000)
"""The MLflow runs that the user's code opened, nested ones left out."""


def set_cell(executing: Cell) -> None:
    """Say which cell begins to execute."""
    global cell
    cell = executing


def follow(runs: Callable[[], str | None]) -> None:
    """Say who knows which run of ours is open, once."""
    global innermost
    innermost = runs


def clear() -> None:
    """Say that recording has ended."""
    global cell, innermost
    cell, innermost = None, _none
    openings.clear()
