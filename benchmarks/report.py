"""What all benchmarks share: how a table is printed, how figures are written."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def table(title: str, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: the first column says what, the others how much."""
    shown = Table(title=title, title_justify="left")
    for position, header in enumerate(headers):
        shown.add_column(header, justify="right" if position else "left")
    for row in rows:
        shown.add_row(*(_text(cell) for cell in row))
    console = Console()
    console.width = max(console.width, 120)
    console.print(shown)


def write(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write figures as JSON, with the machine they were taken on; None writes nothing."""
    if path is None:
        return
    machine = {
        "python": platform.python_version(),
        "machine": platform.platform(),
        "cpus": os.cpu_count(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**machine, **figures}, indent=2) + "\n", encoding="utf-8")


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.3g}" if abs(cell) < 1000 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
