"""What is said of cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from mlops_jupyter.data.diff.cells import Differing, Way
from mlops_jupyter.data.diff.codes import MISSING, Codes, kinds
from mlops_jupyter.data.diff.compared import Compared
from mlops_jupyter.data.diff.difference import Finding
from mlops_jupyter.data.diff.pair import Pair
from mlops_jupyter.data.diff.words import finding, listed

MOST_CATEGORIES = 50
SHOWN = 5
_ROWS_OF_ONE = 2
"""Rows that a category has at least, on average, where a column has categories at all."""

_CODES = {
    "number": ("number_format", "numbers are written otherwise, e.g. {before} → {after}"),
    "date": ("date_format", "dates are written otherwise: {before} → {after}"),
    "leading zeros": ("leading_zeros", "zeros before numbers are gone or new: {before} → {after}"),
    "missing marker": (
        "missing_marker", "missing values are written otherwise: {before!r} → {after!r}"),
    "unicode": ("unicode", "accents are encoded otherwise, e.g. {before!r} → {after!r}"),
    "whitespace": ("whitespace", "only white space differs, e.g. {before!r} → {after!r}"),
    "case": ("case", "only upper and lower case differ, e.g. {before!r} → {after!r}"),
    "case and whitespace": (
        "case", "only case and white space differ, e.g. {before!r} → {after!r}"),
    "encoding": (
        "mojibake", "text was read in the wrong encoding, e.g. {before!r} → {after!r}"),
    "encoding repaired": (
        "mojibake_mended", "text that was in the wrong encoding is mended: {before!r} → {after!r}"),
    "rounding": ("rounding", "numbers were rounded to {after} decimals"),
    "more digits": ("more_digits", "numbers have more digits, rounded before to {after} decimals"),
    "scale": ("scale", "numbers are {after} times what they were"),
    "offset": ("offset", "numbers are greater by {after}"),
    "lost": ("became_missing", "values became missing, e.g. {before!r}"),
    "filled": ("filled_in", "missing values were filled in, e.g. with {after!r}"),
}  # fmt: skip


def said(compared: Compared, found: Sequence[Differing]) -> Iterator[Finding]:
    """Say what happened to cells."""
    for one in found:
        for way in one.ways:
            yield _way(way)
        told = sum(way.count for way in one.ways if way.kind in _OF_CHANGED)
        is_key = one.cells.column in compared.key_names  # told as rows under another key
        if one.cells.changed > told and not is_key:
            yield _changed(one, told)
    for place, pair in enumerate(compared.pairs):
        if place not in compared.key.places:
            yield from _categories(pair)
            yield from _spellings(pair)


def _changed(one: Differing, told: int) -> Finding:
    """Say how many cells changed; beside a rule, those that do not follow it."""
    is_ruled = any(way.kind in _RULES for way in one.ways)
    count, other = (one.cells.changed - told, " otherwise") if is_ruled else (one.cells.changed, "")
    share = count / max(one.cells.of, 1)
    shown = f"{share:.2g}" if share < 0.001 else f"{share:.1%}"
    text = f"{one.cells.column}: {count:,} of {one.cells.of:,} cells changed{other} ({shown})"
    return finding("cells_changed", text, column=one.cells.column, count=count)


def _spellings(one: Pair) -> Iterator[Finding]:
    """Say which words stand beside themselves, spelt otherwise, where they did not before."""
    if not one.spelt or one.exact is None:
        return
    found = [
        np.unique(np.column_stack([value, exact])[value != MISSING], axis=0)
        for value, exact in zip(one.value, one.exact, strict=True)
    ]
    twice = [values[counts > 1] for values, counts in
             (np.unique(side[:, 0], return_counts=True) for side in found)]  # fmt: skip
    new = np.setdiff1d(twice[1], twice[0])
    if len(new):
        exact = found[1][found[1][:, 0] == new[0], 1]
        words = [repr(one.after.shown(_row(one.exact[1], code))) for code in exact]
        text = f"{one.name}: {listed(words)} stand beside each other"
        if len(new) > 1:
            text += f", and {len(new) - 1:,} more such"
        yield finding("category_spelling", text, column=one.name, count=len(new))


_RULES = {"rounding", "more digits", "scale", "offset"}
_OF_CHANGED = {*_RULES, "lost", "filled"}


def _way(way: Way) -> Finding:
    code, text = _CODES[way.kind]
    words = text.format(before=way.before, after=way.after)
    text = f"{way.column}: {words} ({way.count:,} of {way.of:,} cells)"
    return finding(code, text, column=way.column, count=way.count)


def _categories(one: Pair) -> Iterator[Finding]:
    """Say which words of a column with few of them are gone or new."""
    if not _has_words(one):
        return
    both = [kinds(side) for side in one.value]
    for side, (code, verb) in enumerate((("categories_gone", "gone"), ("categories_new", "new"))):
        alone = np.setdiff1d(both[side], both[1 - side], assume_unique=True)
        if not len(alone) or not _are_categories(one, both):
            continue
        found, column = one.value[side], (one.before, one.after)[side]
        sizes = np.bincount(found[found != MISSING])
        alone = alone[np.argsort(-sizes[alone], kind="stable")]
        names = [f"{column.shown(_row(found, c))} ({sizes[c]:,})" for c in alone[:SHOWN]]
        rest = f" and {len(alone) - SHOWN:,} more" if len(alone) > SHOWN else ""
        text = f"{one.name}: {len(alone):,} of {len(both[side]):,} categories {verb}: "
        yield finding(code, text + listed(names) + rest, column=one.name, count=len(alone))


def _has_words(one: Pair) -> bool:
    kind = one.after.array.type
    if not (pa.types.is_large_string(kind) or pa.types.is_boolean(kind)):
        return False
    if any(side.dtype != np.int32 for side in one.value):
        return False  # of another type before
    return one.floats[0] is None or one.floats[1] is None


def _are_categories(one: Pair, both: Sequence[Codes]) -> bool:
    """Tell whether both sides hold few values, and most of them more than once."""
    if not 0 < min(map(len, both)) <= MOST_CATEGORIES:
        return False
    return all(
        len(ours) * _ROWS_OF_ONE <= len(found) for ours, found in zip(both, one.value, strict=True)
    )


def _row(codes: np.ndarray, code: int) -> int:
    return int(np.argmax(codes == code))
