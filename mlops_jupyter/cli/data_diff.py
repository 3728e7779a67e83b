"""``mlops diff`` of two data versions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops_jupyter.errors import refused_by_disk
from mlops_jupyter.project import Project

if TYPE_CHECKING:
    from mlops_jupyter.data.diff.difference import DataDiff

PAGE = """<!doctype html>
<meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>{title}</title>
<body style="font-family: system-ui, sans-serif; margin: 2em">
{body}
"""


def is_data(project: Project, before: str, after: str) -> bool:
    """Tell whether one of two names is that of a data version: no run has such a name."""
    if "@" in before + after or any(one.startswith("blake3:") for one in (before, after)):
        return True
    rows = project.catalog.rows(
        "SELECT 1 FROM dataset_version WHERE dataset IN (?, ?) LIMIT 1", (before, after)
    )
    return bool(rows)


def run(
    project: Project, before: str, after: str, *,
    key: Sequence[str], check: bool, page: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Compare two data versions, show it, and return the exit code."""
    from mlops_jupyter import wire
    from mlops_jupyter.data.diff.compare import diff

    found = diff(project, before, after, key=key)
    if page is not None:
        _write(page, found)
    if as_json:
        click.echo(wire.encode(found).decode())
    else:
        click.echo(str(found))
    return 1 if check and not found.is_same else 0


def _write(page: Path, found: DataDiff) -> None:
    import html

    from mlops_jupyter.data.diff.page import as_html

    title = html.escape(f"{found.before.ref} → {found.after.ref}")
    try:
        page.write_text(PAGE.format(title=title, body=as_html(found)), encoding="utf-8")
    except OSError as error:
        raise refused_by_disk(page, error) from error
