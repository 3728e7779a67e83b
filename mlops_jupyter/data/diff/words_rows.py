"""What is said of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_jupyter.data.diff import rows
from mlops_jupyter.data.diff.compared import Compared, codes_of
from mlops_jupyter.data.diff.difference import Finding, Rows
from mlops_jupyter.data.diff.grid import Grid, Ragged
from mlops_jupyter.data.diff.words import counted, finding, listed

_CANDIDATES = 50
_SMALLEST_BLOCK = 2
_HEADER = 0.75


def said(compared: Compared, found: Rows) -> Iterator[Finding]:
    """Say what happened to rows."""
    before, after = compared.counts
    if before and not after:
        yield finding("emptied", f"all {counted(before, 'row')} are gone", count=before)
        return
    yield from _ragged(compared)
    headers = header_rows(compared.after)
    if len(headers) > len(header_rows(compared.before)) and not compared.has_lost_header:
        text = f"the header stands again as a row of data: row {_places(headers)}"
        yield finding("header_row", text, count=len(headers))
    yield from _repeated(compared, headers)
    yield from _key(compared)
    yield from _moved(found)
    yield from _counts(compared, found)


def header_rows(grid: Grid) -> Any:
    """Return the rows that hold the names of their columns."""
    hits = np.zeros(grid.row_count, np.int64)
    count = 0
    for column in grid.columns:
        if pa.types.is_large_string(column.array.type):
            count += 1
            equal = pc.equal(column.array, column.name)
            hits += pc.fill_null(equal, False).to_numpy(zero_copy_only=False)
    if count < 2:  # of one column it may be a value
        return np.zeros(0, np.int64)
    return np.flatnonzero(hits >= max(count * _HEADER, 2))


def _ragged(compared: Compared) -> Iterator[Finding]:
    old, new = compared.before.ragged, compared.after.ragged
    if len(new) > len(old):
        yield finding("ragged", _ragged_text(compared, new, "has"), count=len(new))
    elif len(new) < len(old):
        text = _ragged_text(compared, old, "had", is_before=True)
        yield finding("ragged_mended", f"mended: {text}", count=len(old) - len(new))


def _ragged_text(
    compared: Compared, marks: Sequence[Ragged], verb: str, *, is_before: bool = False
) -> str:
    first = marks[0]
    grid = compared.before if is_before else compared.after
    name = grid.columns[0].shown(first.row - 1) if grid.columns else ""
    text = f"row {first.row:,} ({name}) {verb} {counted(first.fields, 'field')} of {first.of}"
    return text if len(marks) == 1 else f"{text}, and {counted(len(marks) - 1, 'row')} like it"


def _places(places: Any) -> str:
    return listed([f"{place + 1:,}" for place in places.tolist()])


def _repeated(compared: Compared, headers: Any) -> Iterator[Finding]:
    if not compared.pairs:
        return
    old, new = rows.hashes_of(codes_of(compared.pairs), compared.counts)
    kept = np.delete(new, headers)
    block = period(kept)
    if block and period(old) != block:
        times = len(kept) // block
        how = "twice" if times == 2 else f"{times} times"
        yield finding(
            "pasted_twice", f"the same {counted(block, 'row')} stand {how}, one block after the"
            " other", count=len(kept) - block,
        )  # fmt: skip
        return
    copies, copies_before = (len(side) - _distinct(side) for side in (kept, old))
    if (copies > 2 * copies_before and compared.key.places != ()) or copies > copies_before == 0:
        text = f"{counted(copies, 'row')} {'is a copy' if copies == 1 else 'are copies'} of others"
        if copies_before:
            text += f", {copies_before:,} before"
        yield finding("duplicates", text, count=copies - copies_before)


def _distinct(hashes: Any) -> int:
    return int(np.count_nonzero(np.diff(np.sort(hashes)))) + 1 if len(hashes) else 0


def period(hashes: Any) -> int:
    """Return the length of the block that rows are copies of, or 0."""
    count = len(hashes)
    for start in np.flatnonzero(hashes == hashes[0])[1:_CANDIDATES].tolist() if count else ():
        if start >= _SMALLEST_BLOCK and count % start == 0:
            is_whole = np.array_equal(hashes[start:], hashes[:-start])
            if is_whole and len(np.unique(hashes[:start])) > start // 2:
                return int(start)
    return 0


def _key(compared: Compared) -> Iterator[Finding]:
    if not compared.key.places:
        return
    chosen = [compared.pairs[place] for place in compared.key.places]
    old, new = rows.hashes_of(codes_of(chosen), compared.counts)
    names = listed(compared.key_names)
    if _distinct(old) == len(old) and _distinct(new) < len(new):
        _, first, counts = np.unique(new, return_index=True, return_counts=True)
        repeated = int((counts > 1).sum())
        row = int(first[counts > 1].min())
        example = listed(str(one.after.shown(row)) for one in chosen)
        text = (
            f"{names} is no longer unique: {counted(repeated, 'value')} stand more than once,"
            f" e.g. {example}"
        )
        yield finding("key_not_unique", text, column=names, count=repeated)
    respelt = np.flatnonzero(compared.alignment.respelt)
    if len(respelt):
        at = int(respelt[0])
        pair = chosen[0]
        old_key = pair.before.shown(int(compared.alignment.before[at]))
        new_key = pair.after.shown(int(compared.alignment.after[at]))
        text = (
            f"{counted(len(respelt), 'row')} under another {names}, else the same:"
            f" {old_key} → {new_key}"
        )
        yield finding("respelt_key", text, column=names, count=len(respelt))


def _moved(found: Rows) -> Iterator[Finding]:
    if not found.moved:
        return
    if not (found.added or found.removed or found.changed):
        text = (
            f"the same {counted(found.same, 'row')} in another order: {found.moved:,} stand at"
            " another place among the others"
        )
        yield finding("order", text, count=found.moved)
    else:
        moved = counted(found.moved, "row")
        yield finding("moved", f"{moved} at another place among the others", count=found.moved)


def _counts(compared: Compared, found: Rows) -> Iterator[Finding]:
    added, removed = found.added, found.removed
    alignment = compared.alignment
    old = f"{compared.counts[0]:,} → {compared.counts[1]:,}"
    if removed:
        rows_removed = counted(removed, "row")
        examples = listed(example.text for example in found.removed_rows)
        yield finding("rows_removed", f"{rows_removed} gone ({old}): {examples}", count=removed)
    if not added:
        return
    rows_added = counted(added, "row")
    examples = listed(example.text for example in found.added_rows)
    last = int(alignment.after[-1]) if len(alignment.after) else -1
    if removed or found.moved or int(alignment.added[0]) < last or last < 0:
        yield finding("rows_added", f"{rows_added} new ({old}): {examples}", count=added)
        return
    text = f"{rows_added} new at the end ({old}): {examples}"
    yield finding("rows_appended", text, count=added)
    if 0 < found.changed < found.same:
        text = f"the table grew at its end, and {counted(found.changed, 'old row')} changed"
        yield finding("restated", text, count=found.changed)
