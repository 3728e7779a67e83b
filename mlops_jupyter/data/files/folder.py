"""A folder, into objects: a listing, and the bytes of its files.

Small files lie together in packs, so that ten thousand of them are a dozen objects. What the
version before has already is neither read, when its time and size say that it is the same, nor
written again; its places stay what they were, so that the listing changes little.
"""

from __future__ import annotations

import errno
import os
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import blake3
import msgspec

from mlops_jupyter.data.file_state import Mark, is_settled, mark_of
from mlops_jupyter.data.files import file, listing, pieces
from mlops_jupyter.data.files.file import Kept, changed
from mlops_jupyter.data.files.listing import Entry
from mlops_jupyter.data.files.pieces import Piece, Writer
from mlops_jupyter.data.files.walk import Found, Memory, walk
from mlops_jupyter.errors import IntegrityError, refused_by_disk
from mlops_jupyter.store.objects import Objects

SMALL_BYTES = 2**17
"""A file with no more than this goes into a pack."""

PACK_BYTES = 2**20
"""A pack holds about so much."""

_CRUMB_BYTES = PACK_BYTES // 4
_MOST_CRUMBS = 16
"""When more packs than this hold only a little that is still in use, they are packed anew."""

_MOST_BASES = 3
_WAITING = 8


class Scan(NamedTuple):
    """What lies in a folder now."""

    folder: Path
    name: str
    found: list[Found]

    @property
    def digest(self) -> str | None:
        """The folder's digest, if it is known without reading."""
        entries = [one.entry for one in self.found]
        if any(entry.is_file and not entry.value for entry in entries):
            return None
        return listing.digest(entries)


class Read(NamedTuple):
    """A file that was read: path, mark and digest, for `file_state.remember`."""

    path: str
    mark: Mark
    digest: str


def scan(folder: Path, name: str, memory: Memory) -> Scan:
    """Look at a folder without reading what is remembered.

    Parameters
    ----------
    folder : Path
    name : str
        What it is called.
    memory : dict
        What is remembered of the files in it.

    Raises
    ------
    UsageError, ConflictError
        As `walk`.
    """
    return Scan(folder, name, walk(folder, memory))


def write(
    objects: Objects, seen: Scan, before: Mapping[str, Any] | None = None
) -> tuple[Kept, list[Read]]:
    """Keep a folder; return it, and which files were read for it.

    Parameters
    ----------
    objects : Objects
    seen : Scan
    before : dict, optional
        The manifest of the version before.

    Raises
    ------
    UsageError
        A file may not be read.
    ConflictError
        A file changed while it was read.
    ExternalError
        The disk is full.
    """
    old = _Old.of(objects, before)
    with _Contents(objects, old) as contents:
        taken = [_take(seen, one, contents) for one in seen.found]
    entries = [entry for entry, _ in taken]
    text = listing.encode(entries)
    written = Writer(objects, old.pieces).all_of(
        _chunks(text), pieces.lined_up(old.pieces, old.size_bytes, len(text))
    )
    size = sum(entry.size for entry in entries)
    digest = listing.digest(entries)
    manifest, added = file.write_manifest(
        objects,
        {
            "kind": "folder",
            "name": seen.name,
            "size_bytes": size,
            "digest": digest,
            "listing": msgspec.to_builtins(written.pieces),
            "contents": msgspec.to_builtins(contents.used_by(entries)),
        },
    )
    added += contents.added_bytes + written.added_bytes
    return Kept("folder", digest, manifest, size, added), [read for _, read in taken if read]


def entries_of(objects: Objects, content: Mapping[str, Any]) -> list[Entry]:
    """Return the entries of a kept folder.

    Raises
    ------
    IntegrityError
        An object is missing or damaged, or the listing would lead out of the folder.
    """
    return listing.decode(b"".join(pieces.read(objects, pieces.of_json(content["listing"]))))


@dataclass(frozen=True, slots=True)
class _Old:
    """The version before."""

    entries: Mapping[bytes, Entry]
    pieces: tuple[Piece, ...]
    size_bytes: int
    contents: list[tuple[Piece, ...]]

    @classmethod
    def of(cls, objects: Objects, content: Mapping[str, Any] | None) -> _Old:
        if content is None:
            return cls({}, (), 0, [])
        old = pieces.of_json(content["listing"])
        contents = [pieces.of_json(one) for one in content["contents"]]
        try:
            text = b"".join(pieces.read(objects, old))
            entries = {entry.path: entry for entry in listing.decode(text)}
        except IntegrityError:
            return cls({}, (), 0, [])  # told when it is read; what is new is kept whole
        missing = {n for n, one in enumerate(contents) if not pieces.are_there(objects, one)}
        if missing:
            entries = {p: e for p, e in entries.items() if e.content not in missing}
        return cls(entries, old, len(text), contents)

    def places(self) -> dict[bytes, bytes]:
        """Return where the bytes of each digest lie, but for packs that are crumbs."""
        live: Counter[int | None] = Counter()
        for entry in self.entries.values():
            if entry.is_packed:
                live[entry.content] += entry.size
        crumbs = {content for content, size in live.items() if size < _CRUMB_BYTES}
        if len(crumbs) <= _MOST_CRUMBS:
            crumbs = set()
        return {
            entry.value: entry.place
            for entry in self.entries.values()
            if entry.place and not (crumbs and entry.is_packed and entry.content in crumbs)
        }

    def at(self, path: bytes) -> tuple[Piece, ...]:
        """Return the pieces that hold what the file at a path was."""
        entry = self.entries.get(path)
        content = entry.content if entry else None
        return () if content is None else self.contents[content]


@dataclass(slots=True)
class _Contents:
    """The contents of the new version: those of the old one, and packs and large files beside."""

    objects: Objects
    old: _Old
    added_bytes: int = 0
    places: dict[bytes, bytes] = field(init=False)
    _made: list[tuple[Piece, ...]] = field(init=False)
    _pack: list[bytes] = field(default_factory=list)
    _pack_bytes: int = 0
    _pack_base: Counter[tuple[Piece, ...]] = field(default_factory=Counter)
    _waiting: deque[tuple[int, Future[tuple[Piece, int]]]] = field(default_factory=deque)
    _writer: Writer = field(init=False)
    _pool: ThreadPoolExecutor = field(init=False)

    def __enter__(self) -> Self:
        self.places = self.old.places()
        self._made = list(self.old.contents)
        self._writer = Writer(self.objects)
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._end_pack()
                self._collect(0)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def add_small(self, path: bytes, value: bytes, content: bytes) -> None:
        """Put the bytes of a file into the pack that is being made."""
        if self._pack_bytes + len(content) > PACK_BYTES:
            self._end_pack()
        if not self._pack:
            self._made.append(())
        self.places[value] = b"%d+%d+%d" % (len(self._made) - 1, self._pack_bytes, len(content))
        self._pack.append(content)
        self._pack_bytes += len(content)
        before = self.old.at(path)
        if len(before) == 1:
            self._pack_base[before] += 1

    def add_large(self, path: bytes, chunks: Iterator[bytes], size: int) -> tuple[bytes, int]:
        """Keep the bytes of a file as a content of its own; return its value and size."""
        before = self.old.entries.get(path)
        known = self.old.at(path) if before and not before.is_packed else ()
        cut = pieces.lined_up(known, before.size, size) if known and before else None
        hasher = blake3.blake3()
        written = Writer(self.objects, known).all_of(file.hashed(chunks, hasher), cut)
        value: bytes = hasher.hexdigest().encode()
        self.added_bytes += written.added_bytes
        if value not in self.places:
            self._end_pack()
            self._made.append(written.pieces)
            self.places[value] = b"%d" % (len(self._made) - 1)
        return value, written.size_bytes

    def placed(self, entry: Entry, value: bytes) -> Entry:
        """Return an entry with its value and its place."""
        return Entry(entry.path, entry.kind, value, entry.size, self.places.get(value, b""))

    def used_by(self, entries: list[Entry]) -> list[tuple[Piece, ...]]:
        """Return the contents by number; those that no entry uses any more are empty."""
        used = {entry.content for entry in entries}
        made = [content if n in used else () for n, content in enumerate(self._made)]
        while made and not made[-1]:
            made.pop()
        return made

    def _end_pack(self) -> None:
        if not self._pack:
            return
        base = [one for (one,), _ in self._pack_base.most_common(_MOST_BASES)]
        content = b"".join(self._pack)
        future = self._pool.submit(self._writer.one, content, base)
        self._waiting.append((len(self._made) - 1, future))
        self._pack, self._pack_bytes, self._pack_base = [], 0, Counter()
        self._collect(_WAITING)

    def _collect(self, left: int) -> None:
        while len(self._waiting) > left:
            number, future = self._waiting.popleft()
            piece, added = future.result()
            self._made[number] = (piece,)
            self.added_bytes += added


def _take(seen: Scan, one: Found, contents: _Contents) -> tuple[Entry, Read | None]:
    """Return an entry with its value and its place, and what was read for it."""
    entry, mark = one
    if mark is None or (entry.value and not entry.size):
        return entry, None
    if entry.value and entry.value in contents.places:
        return contents.placed(entry, entry.value), None
    began = time.time_ns()
    path = os.path.join(os.fspath(seen.folder), os.fsdecode(entry.path))  # noqa: PTH118
    try:
        value = _read(path, entry, mark, contents)
    except FileNotFoundError:
        raise changed(Path(path)) from None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link stands there now
            raise changed(Path(path)) from None
        raise refused_by_disk(path, error) from error
    read = Read(path, mark, f"blake3:{value.decode()}") if is_settled(mark, began) else None
    return contents.placed(entry, value), read


def _read(path: str, entry: Entry, mark: Mark, contents: _Contents) -> bytes:
    # since it was looked at it may have become a pipe, or a link: neither is followed
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    try:
        if mark_of(os.fstat(descriptor)) != mark:
            raise changed(Path(path))
        if mark.size <= SMALL_BYTES:
            content = os.read(descriptor, mark.size + 1)
            size = len(content)
            value: bytes = blake3.blake3(content).hexdigest().encode()
            if size == mark.size and size and value not in contents.places:
                contents.add_small(entry.path, value, content)
        else:
            chunks = _chunks_of(descriptor)
            value, size = contents.add_large(entry.path, chunks, mark.size)
        if size != mark.size or mark_of(os.fstat(descriptor)) != mark:
            raise changed(Path(path))
    finally:
        os.close(descriptor)
    return value


def _chunks_of(descriptor: int) -> Iterator[bytes]:
    with open(descriptor, "rb", closefd=False) as opened:
        while chunk := opened.read(pieces.PIECE_BYTES):
            yield chunk


def _chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), pieces.PIECE_BYTES):
        yield content[start : start + pieces.PIECE_BYTES]
