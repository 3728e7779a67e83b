"""How the commands show things: tables, numbers, ages."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

PAGE_COLUMNS = 96
"""What JupyterLab shows of a line beside the panel, on a screen of 1280 pixels."""


def console() -> Console:
    """Return where tables are printed: a page, a terminal, or a pipe, as wide as they need."""
    made = Console(highlight=False, markup=False, emoji=False)
    if made.is_jupyter:
        made.width = PAGE_COLUMNS
    elif not made.is_terminal:
        made.width = 200
    return made


def table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table of the house's style; cells are text, never markup."""
    made = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def age(time: str, now: datetime | None = None) -> str:
    """Return how long ago an ISO 8601 time was: ``3 min``."""
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(time)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
