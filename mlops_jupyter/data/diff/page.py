"""A difference as HTML for a notebook: small, without scripts, in the colours of the page.

Every text from the data is escaped. Colours are those of the page, so that it reads in a light
and in a dark theme; what they say is said by a word or a sign too.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator

from mlops_jupyter.data.diff import show
from mlops_jupyter.data.diff.difference import Cells, DataDiff, Level, Shift

_QUIET = "color: var(--jp-ui-font-color2, gray)"
_BORDER = "1px solid var(--jp-border-color2, rgba(128, 128, 128, 0.4))"
_COLORS: dict[Level, str] = {
    "broken": "var(--jp-error-color1, #d32f2f)",
    "content": "var(--jp-warn-color1, #b26a00)",
    "form": "var(--jp-ui-font-color2, gray)",
}
_LEVELS: dict[Level, str] = {
    "broken": "looks broken",
    "content": "other content",
    "form": "form only",
}
_CELL = "text-align: left; padding: 2px 12px 2px 0; vertical-align: top"


def as_html(found: DataDiff) -> str:
    """Return a difference as HTML."""
    return (
        '<div style="font-size: var(--jp-ui-font-size1, 13px); line-height: 1.5; max-width: 60em">'
        + "".join(_parts(found))
        + "</div>"
    )


def _parts(found: DataDiff) -> Iterator[str]:
    yield f'<div style="font-weight: 600">{_text(show.headline(found))}</div>'
    if found.is_same:
        yield f'<div style="{_QUIET}">no difference</div>'
        return
    if found.rows is not None:
        yield f'<div style="{_QUIET}">{_text(show.row_line(found))}</div>'
    yield from _findings(found)
    yield from _cells(found)
    yield from _shifts(found)
    yield from _paths(found)
    if found.lines:
        yield f'<pre style="overflow-x: auto; margin: 6px 0">{_lines(found.lines)}</pre>'


def _text(text: str) -> str:
    return html.escape(show.plain(text))


def _lines(text: str) -> str:
    return "\n".join(_text(line) for line in text.splitlines())


def _findings(found: DataDiff) -> Iterator[str]:
    if not found.findings:
        return
    yield '<ul style="list-style: none; margin: 6px 0; padding: 0">'
    for one in found.findings[: show.MOST_FINDINGS]:
        mark = (
            f'<span title="{_LEVELS[one.level]}" style="display: inline-block; width: 1.4em;'
            f' text-align: center; font-weight: 700; color: {_COLORS[one.level]}">'
            f"{show.SIGNS[one.level]}</span>"
        )
        yield (
            f'<li style="display: flex; margin: 2px 0" data-code="{_text(one.code)}">{mark}'
            f'<span style="overflow-wrap: anywhere">{_text(one.text)}</span></li>'
        )
    yield "</ul>"
    yield from _rest(show.MOST_FINDINGS, len(found.findings), "findings")


def _cells(found: DataDiff) -> Iterator[str]:
    if not found.cells:
        return
    rows = (_cell_row(one) for one in found.cells[: show.MOST_COLUMNS])
    yield _table(("column", "cells", "before → after"), rows)
    yield from _rest(show.MOST_COLUMNS, len(found.cells), "columns")


def _cell_row(one: Cells) -> tuple[str, ...]:
    share = (one.changed + one.rewritten) / max(one.of, 1)
    examples = "<br>".join(f"<code>{_text(show.example(e))}</code>" for e in one.examples)
    return _text(one.column), f"{_bar(share)}{_text(show.cell_line(one))}", examples


def _shifts(found: DataDiff) -> Iterator[str]:
    noted = show.noted_shifts(found)
    if noted:
        rows = (_shift_row(one) for one in noted[: show.MOST_COLUMNS])
        yield _table(("column", "distribution"), rows)
        yield from _rest(show.MOST_COLUMNS, len(noted), "shifts")


def _shift_row(one: Shift) -> tuple[str, ...]:
    return _text(one.column), f"{_bar(one.effect)}{_text(show.shift_line(one))}"


def _paths(found: DataDiff) -> Iterator[str]:
    if found.paths:
        rows = (
            (one.kind, *(_text(name or "") for name in (one.before, one.after)))
            for one in found.paths[: show.MOST_PATHS]
        )
        yield _table(("", "before", "after"), rows)
        yield from _rest(show.MOST_PATHS, len(found.paths), "files")


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(
        f'<th style="{_CELL}; font-weight: 600; {_QUIET}; border-bottom: {_BORDER}">{one}</th>'
        for one in heads
    )
    body = "".join(
        f'<tr style="background: none">{"".join(_data(one) for one in row)}</tr>' for row in rows
    )
    return (
        '<table style="border-collapse: collapse; margin: 6px 0; border: none; font-size: inherit">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _data(inside: str) -> str:
    return f'<td style="{_CELL}; overflow-wrap: anywhere; white-space: normal">{inside}</td>'


def _bar(share: float) -> str:
    """Return a share as a bar; its number stands beside it."""
    width = max(min(share, 1), 0) * 100
    return (
        '<span aria-hidden="true" style="display: inline-block; width: 40px; height: 6px;'
        " margin-right: 6px; vertical-align: middle; border-radius: 3px; background:"
        ' var(--jp-layout-color3, rgba(128, 128, 128, 0.25))"><span style="display: block;'
        f" width: {width:.0f}%; height: 6px; border-radius: 3px; background:"
        ' var(--jp-brand-color1, #1976d2)"></span></span>'
    )


def _rest(shown: int, total: int, what: str) -> Iterator[str]:
    line = show.rest_line(shown, total, what)
    if line:
        yield f'<div style="{_QUIET}">{line}</div>'
