"""The ways in which data goes wrong that have a name, the worst first."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_jupyter.data.diff.difference import Finding, Level

CODES: dict[str, Level] = {
    # it looks like an accident
    "unreadable": "broken",
    "emptied": "broken",
    "header_lost": "broken",
    "header_row": "broken",
    "pasted_twice": "broken",
    "key_not_unique": "broken",
    "ragged": "broken",
    "cut_short": "broken",
    "mark_in_name": "broken",
    "mojibake": "broken",
    "text_for_numbers": "broken",
    "leading_zeros": "broken",
    "category_spelling": "broken",
    "restated": "broken",
    "scale": "broken",
    "duplicates": "broken",
    # other values, rows or columns
    "column_removed": "content",
    "column_added": "content",
    "column_renamed": "content",
    "categories_gone": "content",
    "categories_new": "content",
    "became_missing": "content",
    "filled_in": "content",
    "rounding": "content",
    "more_digits": "content",
    "offset": "content",
    "cells_changed": "content",
    "rows_removed": "content",
    "rows_added": "content",
    "rows_appended": "content",
    "respelt_key": "content",
    "type": "content",
    "ragged_mended": "content",
    "text_changed": "content",
    "paths": "content",
    "bytes": "content",
    # the same values
    "order": "form",
    "moved": "form",
    "columns_moved": "form",
    "date_format": "form",
    "number_format": "form",
    "whitespace": "form",
    "case": "form",
    "unicode": "form",
    "mojibake_mended": "form",
    "missing_marker": "form",
    "encoding": "form",
    "mark": "form",
    "line_ends": "form",
    "last_line_end": "form",
    "delimiter": "form",
    "packing": "form",
    "written": "form",
    "same_values": "form",
}
"""Each known way and what it is, in the order in which they are told."""

_RANKS = {code: rank for rank, code in enumerate(CODES)}


def finding(
    code: str, text: str, *, column: str | None = None, count: int | None = None
) -> Finding:
    """Return a finding of a known way."""
    return Finding(code, CODES[code], text, column, count)


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, the worst first; of one way those that touch most."""
    return tuple(sorted(findings, key=lambda f: (_RANKS[f.code], -(f.count or 0), f.column or "")))


def counted(count: int, word: str) -> str:
    """Return ``1 row``, ``2 rows``, ``1,000 rows``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return names with commas, the first few of many."""
    shown = [str(name) for name in names]
    rest = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {rest:,} more" if rest > 0 else "")
