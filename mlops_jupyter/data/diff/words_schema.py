"""What is said of columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from mlops_jupyter.data.diff.codes import MISSING
from mlops_jupyter.data.diff.compared import Compared
from mlops_jupyter.data.diff.difference import ColumnChange, Finding
from mlops_jupyter.data.diff.pair import Pair
from mlops_jupyter.data.diff.schema import MARK
from mlops_jupyter.data.diff.words import counted, finding, listed


def said(compared: Compared, changes: Sequence[ColumnChange]) -> Iterator[Finding]:
    """Say what happened to columns."""
    by_kind: dict[str, list[ColumnChange]] = {}
    for change in changes:
        by_kind.setdefault(change.kind, []).append(change)
    before, after = len(compared.before.columns), len(compared.after.columns)
    total = "" if before == after else f" ({before} → {after} columns"
    renamed = len(by_kind.get("renamed", ()))
    if total and renamed:
        by_name = [len(by_kind.get(kind, ())) + renamed for kind in ("added", "removed")]
        total += f"; by name +{by_name[0]} −{by_name[1]}"
    total += ")" if total else ""
    if compared.has_lost_header:
        yield finding("header_lost", "the header is gone: the first row was taken for the names")
    for kind, verb in (("removed", "gone"), ("added", "new")):
        names = [change.column for change in by_kind.get(kind, ())]
        if names:
            text = f"{counted(len(names), 'column')} {verb}: {listed(names)}{total}"
            yield finding(f"column_{kind}", text, count=len(names))
    for change in by_kind.get("renamed", ()):
        yield _renamed(change)
    moved = [change.column for change in by_kind.get("moved", ())]
    if moved:
        text = f"{counted(len(moved), 'column')} moved: {listed(moved)}"
        yield finding("columns_moved", text, count=len(moved))
    for one in compared.pairs:
        yield from _types(one)


def _renamed(change: ColumnChange) -> Finding:
    before, after = change.before or "", change.after or ""
    if (MARK in after) != (MARK in before):
        where = "is glued to" if MARK in after else "is gone from"
        name = after.replace(MARK, "")
        return finding(
            "mark_in_name", f"a byte-order mark {where} the name of the column {name}",
            column=after,
        )  # fmt: skip
    text = f"{before} is now named {after}: {change.why}"
    return finding("column_renamed", text, column=after)


def _types(one: Pair) -> Iterator[Finding]:
    """Say where numbers became text, or the type is another."""
    before, after = one.before.array.type, one.after.array.type
    if not pa.types.is_large_string(after) or one.is_equal:
        if one.before.type != one.after.type:
            yield _type(one)
        return
    if pa.types.is_large_string(before):
        bad = _words_among_numbers(one)
    elif _is_number(before):
        bad = np.flatnonzero(np.isnan(_floats_or_nan(one)) & (one.value[1] != MISSING))
    else:
        bad = np.zeros(0, np.int64)
    if len(bad):
        example = one.after.shown(int(bad[0]))
        yield finding(
            "text_for_numbers",
            f"{one.name}: only numbers before, now {counted(len(bad), 'cell')} hold text,"
            f" e.g. {example!r} in row {int(bad[0]) + 1:,}",
            column=one.name, count=len(bad),
        )  # fmt: skip
    elif one.before.type != one.after.type:
        yield _type(one)


def _type(one: Pair) -> Finding:
    text = f"{one.name}: {one.before.type} before, now {one.after.type}"
    return finding("type", text, column=one.name)


def _is_number(kind: object) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _floats_or_nan(one: Pair) -> np.ndarray:
    found = one.floats[1]
    return np.full(len(one.value[1]), np.nan) if found is None else found


def _words_among_numbers(one: Pair) -> np.ndarray:
    """Return the rows of text where before were numbers only."""
    old = one.floats[0]
    if old is None or (np.isnan(old) & (one.value[0] != MISSING)).any():
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.isnan(_floats_or_nan(one)) & (one.value[1] != MISSING))
