"""What the bytes of two files differ in."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import islice

from mlops_jupyter.data.diff.difference import Fact, Finding
from mlops_jupyter.data.diff.reading import FileRead, unix_lines
from mlops_jupyter.data.diff.words import counted, finding

MOST_LINES = 40
_LONGEST_LINE = 200
_MOST_COMPARED = 20_000
"""Lines of text that is no table, of which a diff is made."""

_WIDE = ("UTF-16", "UTF-32")
_NAMES = {"": "none", "\t": "tab"}


def facts(before: FileRead, after: FileRead) -> tuple[Fact, ...]:
    """Return what is another about the bytes."""
    told = (
        ("packing", before.packed or "none", after.packed or "none"),
        ("encoding", before.encoding, after.encoding),
        ("byte-order mark", _yes(before.has_mark), _yes(after.has_mark)),
        ("line ends", before.line_ends, after.line_ends),
        ("last line ends", _yes(_ends(before)), _yes(_ends(after))),
        ("delimiter", _named(before.delimiter), _named(after.delimiter)),
    )
    return tuple(Fact(*one) for one in told if one[1] != one[2])


def said(before: FileRead, after: FileRead) -> Iterator[Finding]:
    """Say what happened to the bytes of a file that is text."""
    if before.packed != after.packed:
        text = f"packed by {after.packed or 'nothing'}, before by {before.packed or 'nothing'}"
        yield finding("packing", text)
    if before.grid is not None and after.grid is None:
        yield finding("unreadable", "a table before, and now it cannot be read as one")
    if before.content is None or after.content is None:
        return
    only = "only " if _is_same_text(before.content, after.content) else ""
    if _is_encoding_another(before, after):
        yield finding("encoding", f"the text is in {after.encoding}, before in {before.encoding}")
    if before.has_mark != after.has_mark:
        verb = "has" if after.has_mark else "no longer has"
        yield finding("mark", f"{only}the file {verb} a byte-order mark before its text")
    if before.line_ends != after.line_ends and before.line_ends and after.line_ends:
        text = f"{only}the line ends differ: {before.line_ends} → {after.line_ends}"
        yield finding("line_ends", text, count=unix_lines(after.content).count(b"\n"))
    if _ends(before) != _ends(after) and before.content and after.content:
        verb = "has" if _ends(after) else "no longer has"
        yield finding("last_line_end", f"{only}the last line {verb} an end")
    if before.delimiter != after.delimiter and before.delimiter and after.delimiter:
        text = f"fields are divided by {after.delimiter!r}, before by {before.delimiter!r}"
        yield finding("delimiter", text)
    if _is_cut(before.content, after.content):
        share = len(after.content) / len(before.content)
        text = f"the file ends after {share:.1%} of what it was, in the middle of a line"
        yield finding("cut_short", text)


def lines(before: FileRead, after: FileRead) -> tuple[str, Finding | None]:
    """Return a short diff of text that is no table, and what is said of it."""
    if before.content is None or after.content is None:
        return "", finding("bytes", "the bytes differ; it is no text and no table that is known")
    old, new = (
        unix_lines(one.content or b"").decode("utf-8", "replace").splitlines()
        for one in (before, after)
    )
    if old == new:
        return "", None
    if max(len(old), len(new)) > _MOST_COMPARED:
        return "", finding("text_changed", f"the text differs, {counted(len(new), 'line')} now")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    added = removed = 0
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            removed, added = removed + j - i, added + m - k
    unified = islice(difflib.unified_diff(old, new, lineterm="", n=1), 2, 2 + MOST_LINES)
    shown = "\n".join(line[:_LONGEST_LINE] for line in unified)
    text = f"{counted(added, 'line')} new, {removed:,} gone"
    return shown, finding("text_changed", text, count=added + removed)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _named(delimiter: str) -> str:
    return _NAMES.get(delimiter, delimiter)


def _ends(one: FileRead) -> bool:
    return bool(one.content) and (one.content or b"")[-1:] in (b"\n", b"\r")


def _is_same_text(before: bytes, after: bytes) -> bool:
    return unix_lines(before).rstrip(b"\n") == unix_lines(after).rstrip(b"\n")


def _is_encoding_another(before: FileRead, after: FileRead) -> bool:
    """Tell whether the encoding is another: ASCII is a part of most others."""
    both = {before.encoding, after.encoding}
    if "ASCII" in both and not both & set(_WIDE):
        return False
    return len(both) > 1


def _is_cut(before: bytes, after: bytes) -> bool:
    if not after or len(after) >= len(before) or after[-1:] in (b"\n", b"\r"):
        return False
    at = before[len(after) : len(after) + 1]
    return before.startswith(after) and at not in (b"\n", b"\r")
