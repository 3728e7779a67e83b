"""``%mlops profile``: a data version, drawn small; text everywhere, HTML where there is a page."""

from __future__ import annotations

import html
from typing import Any

from mlops_jupyter.cli import profile as words
from mlops_jupyter.data import versions
from mlops_jupyter.data.statistics.column_profile import ColumnProfile
from mlops_jupyter.data.statistics.histogram import bars, extent
from mlops_jupyter.data.statistics.profile import Profile, of
from mlops_jupyter.magics.display import QUIET
from mlops_jupyter.project import Project

MOST_COLUMNS = 200
BARS, WIDTH, HEIGHT = 24, 120, 28

_LEFT = "text-align: left; vertical-align: middle; padding: 2px 10px"
_RIGHT = _LEFT.replace("left", "right", 1)
_FILL = "var(--jp-brand-color1, currentColor)"


def show(shell: Any, project: Project, ref: str) -> None:
    """Show the profile of a version below the cell."""
    version = versions.resolve(project, ref)
    shell.display_pub.publish(bundle(version.ref, of(project, version.ref)))


def bundle(ref: str, profile: Profile) -> dict[str, str]:
    """Return the profile as text and as HTML."""
    return {"text/plain": words.as_text(ref, profile), "text/html": as_html(ref, profile)}


def as_html(ref: str, profile: Profile) -> str:
    """Return the profile as HTML, in the colours of the page."""
    heads = [("column", _LEFT), ("missing", _RIGHT), ("distinct", _RIGHT), ("", _LEFT),
             ("values", _LEFT)]  # fmt: skip
    head = "".join(f'<th style="{style}">{text}</th>' for text, style in heads)
    body = "".join(_row(column) for column in profile.columns[:MOST_COLUMNS])
    more = len(profile.columns) - MOST_COLUMNS
    rest = f"and {more:,} more columns; see <code>mlops profile</code>" if more > 0 else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""
    return (
        f'<div style="margin-bottom: 4px">{html.escape(words.heading(ref, profile))}</div>'
        f'{table}<div style="{QUIET}">{rest}</div>'
    )


def _row(column: ColumnProfile) -> str:
    name = html.escape(words.shown(column.name, 60))
    kind = html.escape(words.shown(column.type, 40))
    cells = [
        (f'<b>{name}</b> <span style="{QUIET}">{kind}</span>', _LEFT),
        (words.missing(column), _RIGHT),
        (words.distinct(column), _RIGHT),
        (svg(column), f"{_LEFT}; min-width: {WIDTH}px"),
        (html.escape(words.values(column)), _LEFT),
    ]
    return f"<tr>{''.join(f'<td style={_quoted(style)}>{text}</td>' for text, style in cells)}</tr>"


def svg(column: ColumnProfile) -> str:
    """Return the distribution as bars; that of all other values of a category is paler."""
    shares = bars(column, BARS)
    if len(shares) < 2:
        return ""
    step, high = WIDTH / max(len(shares), 4), max(shares)
    drawn = []
    for place, share in enumerate(shares):
        if share <= 0:
            continue
        tall = max((HEIGHT - 2) * share / high, 1.0)
        pale = ' opacity="0.4"' if _is_rest(column, place, len(shares)) else ""
        drawn.append(
            f'<rect x="{place * step:.1f}" y="{HEIGHT - 1 - tall:.1f}" width="{step - 1:.1f}"'
            f' height="{tall:.1f}"{pale}/>'
        )
    label = html.escape(_label(column))
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{label}" style="vertical-align: middle"><title>{label}</title>'
        f'<path d="M0 {HEIGHT - 0.5}H{WIDTH}" stroke="currentColor" opacity="0.3"/>'
        f'<g style="fill: {_FILL}">{"".join(drawn)}</g></svg>'
    )


def _is_rest(column: ColumnProfile, place: int, count: int) -> bool:
    return not column.quantiles and place == count - 1 and place >= min(len(column.top), BARS - 1)


def _label(column: ColumnProfile) -> str:
    """Say what the picture shows."""
    if not column.quantiles:
        return f"the {len(column.top)} most frequent values"
    low, high = extent(column)
    is_cut = (low, high) != (column.quantiles[0], column.quantiles[-1])
    if column.kind == "time":
        return "distribution" + (", its ends cut off" if is_cut else "")
    ends = f"{words.number(low)} to {words.number(high)}"
    return f"distribution from {ends}" + (", the ends beyond are cut off" if is_cut else "")


def _quoted(style: str) -> str:
    return f'"{style}"'
