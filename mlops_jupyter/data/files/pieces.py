"""Bytes as pieces in the object store, each whole or as a delta against pieces of before.

A piece in a manifest is the name of an object with its bytes, or a `Delta`, which holds the
pieces of its base: a manifest alone names every object that it needs.

Deltas are chained by the scheme of skip-deltas: the version with the serial number `n` is based
on that with `n & (n - 1)`, which is `n` without its lowest bit. So the way from any version to a
whole one has as many steps as its number has bits set, ten at most for a thousand versions, and
the base is always one of those that the version before is based on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from mlops_jupyter.data.files import delta
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.store.objects import Objects, digest_of

PIECE_BYTES = 4 * 2**20
"""Content is kept in pieces of this size, so that memory stays small for any file, and so that
zstd looks at all of a base of three pieces: of a dictionary it takes the last 16 MiB."""

MOST_OBJECTS = 12
"""A piece needs no more objects than this to be read."""

_NEAR_BYTES = 2**16
"""Content that moved by less is found again without the piece beside."""

_VAIN = 4
"""After so many deltas in a row that were not worth it no more are tried."""

_WAITING = 4


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece as what it has new against others.

    Attributes
    ----------
    delta : str
        The object that holds the frame, see `mlops_jupyter.data.files.delta`.
    serial : int
        How many versions lie between this one and the last whole one.
    base : tuple of str or Delta
        The pieces whose bytes, one after the other, are the dictionary.
    digest : str or None
        Of the piece's bytes; None in a base.
    """

    delta: str
    serial: int
    base: tuple[str | Delta, ...]
    digest: str | None = None


Piece = str | Delta

Cut = Callable[[int, int], tuple[Piece, ...]]
"""From where a piece starts and how long it is to the pieces that it may be a delta against."""


class Written(msgspec.Struct, frozen=True):
    """Content that was kept: its pieces, its size, what it added to the store."""

    pieces: tuple[Piece, ...]
    size_bytes: int
    added_bytes: int


class Writer:
    """Keeps bytes as pieces.

    Parameters
    ----------
    objects : Objects
    known : iterable of pieces
        Those of the version before: a piece with the same bytes is not written again.
    """

    def __init__(self, objects: Objects, known: Iterable[Piece] = ()) -> None:
        self._objects = objects
        self._known = {digest: piece for piece in known if (digest := digest_of_piece(piece))}
        self._vain = 0

    def all_of(self, chunks: Iterator[bytes], cut: Cut | None = None) -> Written:
        """Keep a stream, a few pieces at a time, on a few threads.

        Parameters
        ----------
        chunks : iterator of bytes
            Each becomes a piece.
        cut : callable, optional
            Which pieces of before a piece may be a delta against.
        """
        pieces: list[Piece] = []
        size = added = 0
        for length, piece, new in self._in_threads(chunks, cut or _nothing):
            pieces.append(piece)
            size += length
            added += new
        return Written(tuple(pieces), size, added)

    def one(self, content: bytes, base: Sequence[Piece] = ()) -> tuple[Piece, int]:
        """Keep a piece, as a delta if that is worth it; return it and the bytes it added."""
        if self._known:
            known = self._known.get(digest_of(content))
            if known is not None and are_there(self._objects, (known,)):
                return known, 0
        if base and content and self._vain < _VAIN:
            made = self._as_delta(content, base)
            self._vain = 0 if made else self._vain + 1
            if made:
                return made
        return self._objects.add(content)

    def _as_delta(self, content: bytes, base: Sequence[Piece]) -> tuple[Delta, int] | None:
        serial = _serial(base[0]) + 1
        if len(base) == 1:
            base = (_ancestor(base[0], serial & (serial - 1)),)
        if 1 + sum(map(_weight, base)) > MOST_OBJECTS:
            return None
        try:
            against = b"".join(read(self._objects, base))
        except IntegrityError:
            return None  # what is damaged is told when it is read; nothing new is built on it
        frame = delta.encode(content, against)
        if frame is None:
            return None
        name, added = self._objects.add(frame)
        return Delta(name, serial, tuple(map(_bare, base)), digest_of(content)), added

    def _in_threads(self, chunks: Iterator[bytes], cut: Cut) -> Iterator[tuple[int, Piece, int]]:
        waiting: deque[tuple[int, Future[tuple[Piece, int]]]] = deque()
        start = 0
        # they wait for the disk more than they compute
        with ThreadPoolExecutor(_WAITING) as pool:
            for chunk in chunks:
                base = cut(start, len(chunk))
                waiting.append((len(chunk), pool.submit(self.one, chunk, base)))
                start += len(chunk)
                if len(waiting) >= _WAITING:
                    length, done = waiting.popleft()
                    yield length, *done.result()
            for length, done in waiting:
                yield length, *done.result()


def lined_up(pieces: Sequence[Piece], size_before: int, size_now: int | None) -> Cut:
    """Return which pieces of before lie where a piece is now.

    Counted from the start, and from the end where the size is another: after one insertion or
    deletion, wherever it is, each piece finds what it was.

    Parameters
    ----------
    pieces : sequence of pieces
        Of `PIECE_BYTES` each, but the last.
    size_before, size_now : int
        Of the whole content; None: not known yet.
    """
    moved = 0 if size_now is None else size_now - size_before
    if abs(moved) < _NEAR_BYTES:
        moved = 0

    def cut(start: int, length: int) -> tuple[Piece, ...]:
        places = {start // PIECE_BYTES}
        if moved:
            first, last = start - moved, start + length - 1 - moved
            places |= set(range(first // PIECE_BYTES, last // PIECE_BYTES + 1))
        return tuple(pieces[place] for place in sorted(places) if 0 <= place < len(pieces))

    return cut


def read(objects: Objects, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Return the bytes of pieces, one after the other.

    Raises
    ------
    IntegrityError
        An object is missing or damaged.
    """
    for piece in pieces:
        yield _content(objects, piece)


def names(pieces: Iterable[Piece]) -> Iterator[str]:
    """Walk the names of all objects that pieces need."""
    for piece in pieces:
        if isinstance(piece, Delta):
            yield piece.delta
            yield from names(piece.base)
        else:
            yield piece


def are_there(objects: Objects, pieces: Iterable[Piece]) -> bool:
    """Tell whether all objects that pieces need are in the store, without reading them."""
    return all(objects.path(name).exists() for name in names(pieces))


def digest_of_piece(piece: Piece) -> str | None:
    """Return the digest of a piece's bytes; None: it stands in a base."""
    return piece.digest if isinstance(piece, Delta) else piece


def of_json(found: Any) -> tuple[Piece, ...]:
    """Return pieces as they stand in a manifest.

    Raises
    ------
    IntegrityError
        They are written otherwise.
    """
    try:
        pieces = msgspec.convert(found, tuple[str | Delta, ...])
        if any(_weight(piece) > MOST_OBJECTS for piece in pieces):
            raise IntegrityError("a manifest's piece needs more objects than any may")
        return pieces
    except (msgspec.ValidationError, RecursionError) as error:
        raise IntegrityError(
            f"a manifest's pieces are not written as they should: {error}"
        ) from None


def _nothing(_start: int, _length: int) -> tuple[Piece, ...]:
    return ()


def _content(objects: Objects, piece: Piece) -> bytes:
    if not isinstance(piece, Delta):
        return objects.read(piece)
    frame = objects.read(piece.delta)
    content = delta.decode(frame, b"".join(read(objects, piece.base)))
    if content is None or (piece.digest is not None and digest_of(content) != piece.digest):
        raise IntegrityError(f"{objects.path(piece.delta)}: does not fit what it is based on")
    return content


def _serial(piece: Piece) -> int:
    return piece.serial if isinstance(piece, Delta) else 0


def _weight(piece: Piece) -> int:
    return 1 + sum(map(_weight, piece.base)) if isinstance(piece, Delta) else 1


def _ancestor(piece: Piece, serial: int) -> Piece:
    while isinstance(piece, Delta) and piece.serial > serial:
        piece = piece.base[0]
    return piece


def _bare(piece: Piece) -> Piece:
    return msgspec.structs.replace(piece, digest=None) if isinstance(piece, Delta) else piece
