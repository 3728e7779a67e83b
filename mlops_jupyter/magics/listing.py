"""``%mlops runs``: a table of the runs, with a sparkline of each metric.

Saved notebooks run no script, so the table stands as it is; where a page with living widgets
asked for it, two widgets above put it in another order.
"""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from mlops_jupyter.cli.show import PAGE_COLUMNS, age, table
from mlops_jupyter.magics.display import QUIET, link
from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, series
from mlops_jupyter.runs.metric import SYSTEM, best, metric_text, sparkline
from mlops_jupyter.runs.run import Run

MOST_METRICS = 6
WIDTH, HEIGHT = 64, 14
NEWEST = "newest first"

Steps = Mapping[tuple[str, str], Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class Listing:
    """Some runs, and what of their metrics is shown."""

    runs: tuple[Run, ...]
    total: int
    metrics: tuple[str, ...]
    steps: Steps

    def best(self, metric: str) -> float | None:
        """Return the best value of a metric in the table."""
        return best(metric, (run.metrics.get(metric) for run in self.runs))


def listing(project: Project, limit: int, sort: str | None, *, ascending: bool) -> Listing:
    """Return the runs of one table."""
    page = history.page(project, limit, sort_by_metric=sort, descending=not ascending)
    counts: dict[str, int] = {}
    for run in page.runs:
        for name in run.metrics:
            counts[name] = counts.get(name, 0) + (not name.startswith(SYSTEM))
    names = sorted((n for n in counts if counts[n]), key=lambda n: (n != sort, -counts[n], n))
    steps = series.values_of(project, [run.id for run in page.runs]) if page.runs else {}
    return Listing(page.runs, page.total, tuple(names[:MOST_METRICS]), steps)


def show(
    shell: Any, project: Project, *, limit: int = 20, sort: str | None = None, ascending: bool
) -> None:
    """Show the runs below the cell."""
    shown = listing(project, limit, sort, ascending=ascending)
    if not shown.runs:
        print("no runs yet: put `%%track NAME` on top of a cell")  # noqa: T201
        return
    if _has_widgets(shell):
        _sortable(shell, project, shown, limit)
    else:
        shell.display_pub.publish(bundle(shown))


def bundle(shown: Listing) -> dict[str, str]:
    """Return the table as text and as HTML."""
    return {"text/plain": as_text(shown), "text/html": as_html(shown)}


def as_text(shown: Listing) -> str:
    """Return the table as text; the best value of each metric has a star."""
    from rich.console import Console

    made = table("run", "name", "status", *shown.metrics, "data", "age")
    for run in shown.runs:
        cells = [_text_cell(shown, run, metric) for metric in shown.metrics]
        made.add_row(run.id[:8], run.name, run.status, *cells, ", ".join(run.data),
                     age(run.started_at))  # fmt: skip
    console = Console(
        file=io.StringIO(), width=PAGE_COLUMNS + 16 * len(shown.metrics), force_jupyter=False,
        color_system=None, markup=False, emoji=False,
    )  # fmt: skip
    with console.capture() as printed:
        console.print(made)
    lines = [line.rstrip() for line in printed.get().splitlines() if line.strip()]
    return "\n".join(lines) + _rest(shown, "\n")


def as_html(shown: Listing) -> str:
    """Return the table as HTML; the best value of each metric is bold and has a star."""
    heads = ["run", "name", "status", *shown.metrics, "data", "age"]
    rows = [
        "".join(f'<td style="text-align: left">{cell}</td>' for cell in _html_row(shown, run))
        for run in shown.runs
    ]
    head = "".join(f'<th style="text-align: left">{html.escape(h)}</th>' for h in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f'<div style="{QUIET}">{_rest(shown, "")}</div>'
    )


def _html_row(shown: Listing, run: Run) -> list[str]:
    escape = html.escape
    metrics = [_html_cell(shown, run, metric) for metric in shown.metrics]
    data = escape(", ".join(run.data))
    started = f'<span title="{escape(run.started_at)}">{age(run.started_at)}</span>'
    return [link(run.id, run.name), escape(run.name), run.status, *metrics, data, started]


def _text_cell(shown: Listing, run: Run, metric: str) -> str:
    if metric not in run.metrics:
        return ""
    steps = shown.steps.get((run.id, metric), ())
    line = f" {sparkline(steps, 8)}" if len(steps) > 1 else ""
    return f"{metric_text(run.metrics[metric])}{_star(shown, run, metric)}{line}"


def _html_cell(shown: Listing, run: Run, metric: str) -> str:
    if metric not in run.metrics:
        return ""
    text = html.escape(metric_text(run.metrics[metric]))
    star = _star(shown, run, metric)
    steps = shown.steps.get((run.id, metric), ())
    drawn = f" {svg(steps)}" if len(steps) > 1 else ""
    return (f"<b>{text}{star}</b>" if star else text) + drawn


def _star(shown: Listing, run: Run, metric: str) -> str:
    is_best = len(shown.runs) > 1 and run.metrics[metric] == shown.best(metric)
    return " ★" if is_best and run.metrics[metric] is not None else ""


def svg(values: Sequence[float | None]) -> str:
    """Return a sparkline as SVG in the colour of the text; gaps where there is no number."""
    most = WIDTH * 2
    chosen = (
        values if len(values) <= most else [values[i * len(values) // most] for i in range(most)]
    )
    numbers = [v for v in chosen if v is not None and v - v == 0]
    if not numbers:
        return ""
    low, span = min(numbers), (max(numbers) - min(numbers)) or 1.0
    path, pen = [], "M"
    for i, value in enumerate(chosen):
        if value is None or value - value != 0:
            pen = "M"
            continue
        x = i * WIDTH / max(len(chosen) - 1, 1)
        y = 1 + (HEIGHT - 2) * (1 - (value - low) / span)
        path.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' style="vertical-align: middle"><path d="{"".join(path)}" fill="none"'
        ' stroke="currentColor" stroke-width="1.2"/></svg>'
    )


def _rest(shown: Listing, before: str) -> str:
    count = len(shown.runs)
    return f"{before}{count} of {shown.total} runs; see --limit" if shown.total > count else ""


def _has_widgets(shell: Any) -> bool:
    """Whether widgets can live on the page: JupyterLab and Notebook 7 name the cell."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None or find_spec("ipywidgets") is None:
        return False
    return bool(kernel.get_parent().get("metadata", {}).get("cellId"))


def _sortable(shell: Any, project: Project, shown: Listing, limit: int) -> None:
    import ipywidgets
    from IPython.display import DisplayHandle

    handle = DisplayHandle()
    order = ipywidgets.Dropdown(options=[NEWEST, *shown.metrics], description="order by")
    ascending = ipywidgets.Checkbox(description="smallest first", indent=False)
    again = _again(handle, project, limit, order, ascending)
    order.observe(again, "value")
    ascending.observe(again, "value")
    shell.display_pub.publish(
        {
            "text/plain": "",
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": _box(ipywidgets, order, ascending).model_id,
            },
        }
    )
    handle.display(bundle(shown), raw=True)


def _box(ipywidgets: Any, *widgets: Any) -> Any:
    return ipywidgets.HBox(widgets)


def _again(
    handle: Any, project: Project, limit: int, order: Any, ascending: Any
) -> Callable[[Any], None]:
    def show_again(_: Any) -> None:
        sort = None if order.value == NEWEST else order.value
        made = listing(project, limit, sort, ascending=ascending.value)
        handle.update(bundle(made), raw=True)

    return show_again
