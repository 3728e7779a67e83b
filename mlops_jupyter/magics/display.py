"""What the magics show below a cell: plain text everywhere, HTML where there is a page."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlops_jupyter.data import replayed
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.project import Project
from mlops_jupyter.runs import ranking
from mlops_jupyter.runs.metric import SYSTEM, delta_text, metric_text
from mlops_jupyter.runs.opened import OpenRun

SHOWN_METRICS = 4
SHOWN_RUNS = 5

OPEN_COMMAND = "mlops:open-run"
"""The command of the panel, see labextension/src/plugins/runs.tsx."""

QUIET = "color: var(--jp-ui-font-color2, gray); font-size: 85%"


def run_lines(shell: Any, project: Project, runs: Sequence[OpenRun]) -> None:
    """Show the quiet line of each run that the cell has ended, the last ones of many."""
    lines = []
    if len(runs) > SHOWN_RUNS:
        lines.append((f"… {len(runs) - SHOWN_RUNS} more runs",) * 2)
    lines += [_run_line(project, run) for run in runs[-SHOWN_RUNS:]]
    _publish(shell, lines)


def started_line(shell: Any, run: OpenRun, *, is_resumed: bool) -> None:
    """Show that a run has begun which goes on after this cell."""
    what = "goes on" if is_resumed else "has begun"
    text = f"run {run.name} · {what} · "
    _publish(shell, [(text + run.id[:8], html.escape(text) + link(run.id, run.name))])


def link(run_id: str, name: str) -> str:
    """Return the short id as HTML that opens the run in the panel, where there is one."""
    arguments = html.escape(json.dumps({"id": run_id, "name": name}))
    return (
        f'<a role="link" tabindex="0" style="cursor: pointer" title="mlops show {run_id[:8]}"'
        f' data-commandlinker-command="{OPEN_COMMAND}"'
        f' data-commandlinker-args="{arguments}">{run_id[:8]}</a>'
    )


def version_line(version: DatasetVersion, *, is_new: bool) -> str:
    """Return one line about a data version."""
    size = f"{readable_bytes(version.size_bytes)}"
    what = (
        size
        if version.row_count is None
        else f"{version.row_count:,} rows × {len(version.columns)} columns, {size}"
    )
    if replayed.is_unkept(version):
        return f"{version.ref} · {what} · another content than was recorded; not kept"
    return f"{version.ref} · {what}" + ("" if is_new else " · unchanged")


def readable_bytes(size: int) -> str:
    """Return a size as people read it: ``1.3 MB``."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def _run_line(project: Project, run: OpenRun) -> tuple[str, str]:
    shown = {n: v for n, v in sorted(run.last.items()) if not n.startswith(SYSTEM)}
    chosen = dict(list(shown.items())[:SHOWN_METRICS])
    best = ranking.best_before(project, run.id, chosen) if chosen else {}
    parts = [_metric(name, value, best) for name, value in chosen.items()]
    if len(shown) > SHOWN_METRICS:
        parts.append(f"and {len(shown) - SHOWN_METRICS} more")
    text = " · ".join([f"run {run.name}", run.status, *parts, *run.notes, ""])
    return text + run.id[:8], html.escape(text) + link(run.id, run.name)


def _metric(name: str, value: float, best: Mapping[str, float]) -> str:
    text = f"{name} {metric_text(value)}"
    return f"{text} ({delta_text(name, value, best[name])})" if name in best else text


def _publish(shell: Any, lines: Sequence[tuple[str, str]]) -> None:
    shell.display_pub.publish(
        {
            "text/plain": "\n".join(text for text, _ in lines),
            "text/html": "".join(f'<div style="{QUIET}">{page}</div>' for _, page in lines),
        }
    )
