"""What the magics show below a cell: plain text everywhere, HTML where there is a page."""

from __future__ import annotations

import html
from typing import Any

from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.runs.metric import metric_text
from mlops_jupyter.runs.recorder import Findings
from mlops_jupyter.runs.run import Status

SHOWN_METRICS = 4


def run_line(shell: Any, name: str, run_id: str, status: Status, found: Findings) -> None:
    """Show the one quiet line that ends a tracked cell."""
    last = {metric: value for (metric, _), value in sorted(found.metrics.items())}
    parts = [
        f"{metric} {metric_text(value)}" for metric, value in list(last.items())[:SHOWN_METRICS]
    ]
    if len(last) > SHOWN_METRICS:
        parts.append(f"and {len(last) - SHOWN_METRICS} more")
    text = " · ".join([f"run {name}", status, *parts, run_id[:8]])
    style = "color: var(--jp-ui-font-color2, gray); font-size: 85%"
    shell.display_pub.publish(
        {"text/plain": text, "text/html": f'<span style="{style}">{html.escape(text)}</span>'}
    )


def version_line(version: DatasetVersion, *, is_new: bool) -> str:
    """Return one line about a data version."""
    size = f"{readable_bytes(version.size_bytes)}"
    what = (
        size
        if version.row_count is None
        else f"{version.row_count:,} rows × {len(version.columns)} columns, {size}"
    )
    return f"{version.ref} · {what}" + ("" if is_new else " · unchanged")


def readable_bytes(size: int) -> str:
    """Return a size as people read it: ``1.3 MB``."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
