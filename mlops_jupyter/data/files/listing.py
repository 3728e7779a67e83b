"""The listing of a folder: what lies in it, what each file holds, and where that is kept.

As bytes: for each entry five fields, each ended by a zero byte, which no path can hold: path, kind,
value, size, place. The entries are sorted by the bytes of their paths.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.store.objects import digest_of

FILE = b"f"
PROGRAM = b"x"
LINK = b"l"
EMPTY_FOLDER = b"d"

_FIELDS = 5


class Entry(NamedTuple):
    """Something that lies in a folder.

    Attributes
    ----------
    path : bytes
        From the folder, as the file system has it, parted by ``/``.
    kind : bytes
        A file, a file that may be executed, a symbolic link, or an empty folder.
    value : bytes
        Of a file the 64 hex digits of its BLAKE3; of a link what it leads to; else empty.
    size : int
        Of a file, in bytes.
    place : bytes
        Of a file: which of the manifest's contents it is, ``3``, or where it lies in it,
        ``3+1024+77``: start and length. Of an empty file and of others nothing.
    """

    path: bytes
    kind: bytes
    value: bytes = b""
    size: int = 0
    place: bytes = b""

    @property
    def is_file(self) -> bool:
        """Whether it has bytes."""
        return self.kind in {FILE, PROGRAM}

    @property
    def content(self) -> int | None:
        """Which of the manifest's contents holds its bytes, if it has any."""
        return int(self.place.partition(b"+")[0]) if self.place else None

    @property
    def is_packed(self) -> bool:
        """Whether other files lie in the same content."""
        return b"+" in self.place

    def span(self) -> slice:
        """Return where its bytes lie in a content that holds several files."""
        start, length = map(int, self.place.split(b"+")[1:])
        return slice(start, start + length)


def encode(entries: Iterable[Entry]) -> bytes:
    """Return sorted entries as bytes."""
    lines = [b"\0".join((e.path, e.kind, e.value, b"%d" % e.size, e.place, b"")) for e in entries]
    return b"".join(lines)


def decode(content: bytes) -> list[Entry]:
    """Return the entries of a listing.

    Raises
    ------
    IntegrityError
        It is none, or an entry would lead out of the folder.
    """
    fields = content.split(b"\0")
    last = fields.pop()
    if last or len(fields) % _FIELDS:
        raise IntegrityError("a folder's listing is cut short")
    columns = [fields[number::_FIELDS] for number in range(_FIELDS)]
    try:
        entries = list(map(Entry, *columns[:3], map(int, columns[3]), columns[4]))
    except ValueError as error:
        raise IntegrityError(f"a folder's listing is no listing: {error}") from None
    _check(entries)
    return entries


def digest(entries: Iterable[Entry]) -> str:
    """Return the digest of a folder: of all paths, kinds and values, sorted by path."""
    lines = [b"\0".join((e.path, e.kind, e.value, b"")) for e in entries]
    return digest_of(b"folder\0" + b"".join(lines))


def _check(entries: Sequence[Entry]) -> None:
    """Refuse paths that lead out of the folder, be it through a link of the listing."""
    kinds = {FILE, PROGRAM, LINK, EMPTY_FOLDER}
    no_folders = {e.path for e in entries if e.kind != EMPTY_FOLDER}
    checked: set[bytes] = set()
    for entry in entries:
        parent, _, name = entry.path.rpartition(b"/")
        good = name not in {b"", b".", b".."} and entry.kind in kinds
        if good and parent and parent not in checked:
            steps = parent.split(b"/")
            above = {b"/".join(steps[: n + 1]) for n in range(len(steps))}
            good = not {b"", b".", b".."}.intersection(steps) and not above & no_folders
            checked.add(parent)
        if not good or (not parent and entry.path.startswith(b"/")):
            shown = os.fsdecode(entry.path[:80])
            raise IntegrityError(f"the stored path {shown!r} would lead out of its folder")
    if len(no_folders) + sum(e.kind == EMPTY_FOLDER for e in entries) != len(entries):
        raise IntegrityError("a folder's listing names a path twice")
