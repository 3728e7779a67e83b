"""A difference as plain text: the worst first, one screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_jupyter.data.diff.difference import CellExample, Cells, DataDiff, Level, Shift, Side
from mlops_jupyter.data.diff.shift import in_words

SIGNS: dict[Level, str] = {"broken": "!", "content": "~", "form": "·"}
"""What stands before a finding."""

MOST_FINDINGS = 14
MOST_COLUMNS = 6
MOST_PATHS = 12
_NOTED_SHIFT = 0.05
_NOTED_MISSING = 0.01
_CHANCE = 1.358
"""Of two samples of n and m rows, one pair in 20 differs by this times sqrt((n + m) / nm)."""


def as_text(found: DataDiff) -> str:
    """Return a difference as lines of text."""
    return "\n".join(plain(line) for line in _lines(found))


def plain(text: str) -> str:
    """Return text without what a terminal would obey."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def headline(found: DataDiff) -> str:
    """Return what was compared: ``train@2 → train@3 · 500 → 501 rows · 3 columns``."""
    before, after = found.before, found.after
    parts = [f"{before.ref} → {after.ref}"]
    if found.rows is not None:
        parts += [_both(before, after, "rows"), _both(before, after, "columns")]
    elif found.is_same and after.rows is not None:
        parts.append(f"{after.rows:,} rows")
    return " · ".join(parts)


def row_line(found: DataDiff) -> str:
    """Return how many rows are what: ``491 the same, 9 gone, 9 new``."""
    rows = found.rows
    if rows is None:
        return ""
    counts = (
        (rows.same - rows.rewritten, "the same"),
        (rows.rewritten, "the same but for the form"),
        (rows.changed, "changed"),
        (rows.removed, "gone"),
        (rows.added, "new"),
        (rows.moved, "moved"),
    )
    told = ", ".join(f"{count:,} {word}" for count, word in counts if count)
    return f"rows: {told or 'none'}; found again {rows.why}"


def noted_shifts(found: DataDiff) -> list[Shift]:
    """Return the shifts that are worth a line: more than chance gives with so few rows."""
    rows = [max(side.rows or 0, 1) for side in (found.before, found.after)]
    least = max(_NOTED_SHIFT, _CHANCE * (sum(rows) / (rows[0] * rows[1])) ** 0.5)
    return [
        one
        for one in found.shifts
        if one.effect >= least or abs(one.missing[1] - one.missing[0]) >= _NOTED_MISSING
    ]


def shift_line(one: Shift) -> str:
    """Return how a column is distributed otherwise, in one line."""
    measure = "KS" if one.kind == "number" else "distance"
    parts = []
    if one.effect >= _NOTED_SHIFT:
        parts = [f"distributed {in_words(one.effect)} otherwise ({measure} {one.effect:.3g})"]
    if one.missing[0] != one.missing[1]:
        parts.append(f"missing {one.missing[0]:.1%} → {one.missing[1]:.1%}")
    if one.range_before and one.range_after and one.range_before != one.range_after:
        parts.append(f"range {' … '.join(one.range_before)} → {' … '.join(one.range_after)}")
    return ", ".join(parts)


def cell_line(one: Cells) -> str:
    """Return how many cells of a column are what."""
    parts = [
        f"{count:,} {word}"
        for count, word in ((one.changed, "changed"), (one.rewritten, "written otherwise"))
        if count
    ]
    return f"{' and '.join(parts)} of {one.of:,}"


def example(one: CellExample) -> str:
    """Return a cell before and after."""
    return f"{_value(one.before)} → {_value(one.after)}"


def rest_line(shown: int, total: int, what: str) -> str:
    """Return how many are not shown, empty when all are."""
    return f"and {total - shown:,} more {what}; all of them with --json" if total > shown else ""


def _lines(found: DataDiff) -> Iterator[str]:
    yield headline(found)
    if found.is_same:
        yield "no difference"
        return
    for one in found.findings[:MOST_FINDINGS]:
        yield f"{SIGNS[one.level]} {one.text}"
    yield from _rest(MOST_FINDINGS, found.findings, "findings")
    if found.rows is not None:
        yield row_line(found)
    for cells in found.cells[:MOST_COLUMNS]:
        yield f"  {cells.column}: {cell_line(cells)}: {'; '.join(map(example, cells.examples))}"
    yield from _rest(MOST_COLUMNS, found.cells, "columns")
    shifts = noted_shifts(found)
    for shift in shifts[:MOST_COLUMNS]:
        yield f"  {shift.column}: {shift_line(shift)}"
    yield from _rest(MOST_COLUMNS, shifts, "shifts")
    yield from _of_paths(found)
    yield from found.lines.splitlines()


def _of_paths(found: DataDiff) -> Iterator[str]:
    for path in found.paths[:MOST_PATHS]:
        names = [name for name in (path.before, path.after) if name is not None]
        yield f"  {path.kind}: {' → '.join(dict.fromkeys(names))}"
    yield from _rest(MOST_PATHS, found.paths, "files")


def _rest(shown: int, every: Sequence[object], what: str) -> Iterator[str]:
    line = rest_line(shown, len(every), what)
    if line:
        yield f"  {line}"


def _both(before: Side, after: Side, what: str) -> str:
    counts = [getattr(side, what) or 0 for side in (before, after)]
    if counts[0] == counts[1]:
        return f"{counts[1]:,} {what}"
    return f"{counts[0]:,} → {counts[1]:,} {what}"


def _value(text: str | None) -> str:
    return "missing" if text is None else repr(text) if text != text.strip() or not text else text
