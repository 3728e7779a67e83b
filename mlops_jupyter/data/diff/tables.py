"""Two tables: columns, rows, cells and distributions, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from mlops_jupyter.data.diff import schema, words_cells, words_rows, words_schema
from mlops_jupyter.data.diff.cells import Differing, differing
from mlops_jupyter.data.diff.compared import Compared, compared
from mlops_jupyter.data.diff.difference import (
    DataDiff,
    Fact,
    Finding,
    RowExample,
    Rows,
    Side,
)
from mlops_jupyter.data.diff.grid import Grid
from mlops_jupyter.data.diff.shift import shifts
from mlops_jupyter.data.diff.words import finding, ranked

EXAMPLES = 5
_SHOWN_CELLS = 3


def compare(sides: tuple[Side, Side], before: Grid, after: Grid, key: Sequence[str]) -> DataDiff:
    """Compare two grids.

    Raises
    ------
    NotFoundError, UsageError
        As `compared.compared`.
    """
    made = compared(before, after, key)
    columns = tuple(schema.changes(made.before, made.after, made.matches))
    cells = differing(made)
    rows = _rows(made, cells)
    said = [
        *words_schema.said(made, columns),
        *words_rows.said(made, rows),
        *words_cells.said(made, cells),
    ]
    one, other = (
        msgspec.structs.replace(side, rows=grid.row_count, columns=len(grid.columns))
        for side, grid in zip(sides, (before, after), strict=True)
    )
    return DataDiff(
        one,
        other,
        findings=ranked(said),
        columns=columns,
        rows=rows,
        cells=tuple(sorted((one.cells for one in cells), key=lambda c: -c.changed)),
        shifts=shifts(made),
    )


def with_bytes(found: DataDiff, findings: tuple[Finding, ...], facts: tuple[Fact, ...]) -> DataDiff:
    """Return the difference with what is said of bytes.

    Of two files whose cells are all the same, something else must differ.
    """
    if not findings and not facts:
        text = "the same cells, written otherwise: quotes, blank lines or trailing fields"
        findings = (finding("written", text),)
    return msgspec.structs.replace(found, findings=findings, facts=facts)


def _rows(made: Compared, cells: Sequence[Differing]) -> Rows:
    alignment = made.alignment
    changed, written = (np.zeros(len(alignment.after), bool) for _ in range(2))
    for one in cells:
        changed[one.changed] = True
        written[one.rewritten] = True
    count = int(changed.sum())
    return Rows(
        same=len(changed) - count,
        changed=count,
        rewritten=int((written & ~changed).sum()),
        moved=int(alignment.moved.sum()),
        added=len(alignment.added),
        removed=len(alignment.removed),
        respelt=int(alignment.respelt.sum()),
        key=made.key_names,
        why="by their place: no two are alike" if alignment.is_by_place else made.key.why,
        added_rows=_examples(made, made.after, alignment.added, side=1),
        removed_rows=_examples(made, made.before, alignment.removed, side=0),
    )


def _examples(made: Compared, grid: Grid, places: Any, *, side: int) -> tuple[RowExample, ...]:
    """Show rows by their key, else by their first cells."""
    chosen = [(pair.before, pair.after)[side] for pair in made.pairs]
    named = [chosen[place] for place in made.key.places]
    shown = named or list(grid.columns[:_SHOWN_CELLS])
    found = []
    for place in places[:EXAMPLES].tolist():
        cells = [column.shown(place) for column in shown]
        text = " | ".join("" if cell is None else cell for cell in cells)
        found.append(RowExample(place + 1, text))
    return tuple(found)
