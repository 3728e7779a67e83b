"""Parts in the object store: what reads them, and what gathers small pieces into packs.

Each chunk is one object, so that what two versions share is stored once. Pieces that are too
small for a file of their own lie together in packs.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_jupyter.data import trust
from mlops_jupyter.data.storage import column
from mlops_jupyter.data.value import part
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.store.objects import Objects

SMALL_BYTES = 16 * 2**10
"""A piece with less than this goes into a pack: it would take as long as a large one to write."""

PACK_BYTES = 2**20
"""A pack holds no more than this."""


class Reader:
    """Reads what a name in a manifest names: an object, or a place in one.

    `origin` is where the objects came from, when their pickles must not be read.
    """

    def __init__(self, objects: Objects, origin: str | None = None) -> None:
        self._objects = objects
        self.origin = origin
        self._packs: dict[str, bytes] = {}

    def __call__(self, name: str) -> memoryview:
        """Return the bytes.

        Raises
        ------
        IntegrityError
            The object is missing or damaged.
        """
        digest, packed, place = name.partition("+")
        if not packed:
            return memoryview(self._objects.read(digest))
        if digest not in self._packs:  # two threads may both read it, to no harm
            self._packs[digest] = self._objects.read(digest)
        start, _, length = place.partition("+")
        content = memoryview(self._packs[digest])[int(start) :][: int(length)]
        if len(content) != int(length):
            raise IntegrityError(f"{digest}: a place in it lies beyond its end")
        return content


@dataclass(frozen=True, slots=True)
class Stored:
    """A part of a manifest, and the store that its chunks lie in.

    `window` is the rows wanted, first and after the last, of a part whose leaf has a row for
    each row of the whole; None is all.
    """

    manifest: Mapping[str, Any]
    reader: Reader
    window: tuple[int, int] | None = field(default=None)

    @property
    def kind(self) -> str:
        """How it is built again."""
        return str(self.manifest["kind"])

    @property
    def facts(self) -> Mapping[str, Any]:
        """What that needs beside the values."""
        facts: Mapping[str, Any] = self.manifest.get("facts", {})
        return facts

    def unpickled(self, content: bytes) -> Any:
        """Return a value that stands in it as a pickle.

        Raises
        ------
        UsageError
            It came from elsewhere, and the user does not say that others are trusted.
        """
        if self.reader.origin is not None:
            raise trust.foreign(self.reader.origin)
        return pickle.loads(content)

    @property
    def rows(self) -> int:
        """Rows of the leaf that are wanted."""
        start, stop = self._bounds()
        return stop - start

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the smaller parts, in order."""
        return tuple(self.manifest.get("parts", ()))

    def part(self, name: str, *, by_row: bool = False) -> Stored:
        """Return a smaller part; `by_row`: it has a row for each row, and the window holds."""
        return Stored(self.manifest["parts"][name], self.reader, self.window if by_row else None)

    def all(self) -> Stored:
        """Return the part without its window."""
        return Stored(self.manifest, self.reader)

    def chunks(self) -> Iterator[Any]:
        """Read the leaf's Arrow arrays, one after the other; at least one."""
        start, stop = self._bounds()
        leaf = column.of(self.manifest["leaf"], self.reader)
        step = part.CHUNK_ROWS
        for end in [*range((start // step + 1) * step, stop, step), stop]:
            yield leaf.cut(start, end)
            start = end

    def _bounds(self) -> tuple[int, int]:
        rows = int(self.manifest["leaf"]["rows"])
        if self.window is None:
            return 0, rows
        return min(self.window[0], rows), min(self.window[1], rows)


class Place:
    """Where a piece lies; a small one gets its name when its pack is written."""

    __slots__ = ("content", "name", "packed")

    def __init__(self, name: str = "", content: bytes = b"") -> None:
        self.name = name
        self.content = content
        self.packed = bool(name)


class Writer:
    """Writes pieces: large ones at once, in any thread, and small ones together, in order.

    `added_bytes` is what this has added to the store.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._pack: list[Place] = []
        self._size = 0
        self._lock = threading.Lock()
        self.added_bytes = 0

    def add(self, content: bytes | memoryview) -> Place:
        """Keep a large piece; a small one waits for `pack`.

        Raises
        ------
        ExternalError, UsageError
            The disk is full, or may not be written.
        """
        if len(content) < SMALL_BYTES:
            return Place(content=bytes(content))
        return Place(self.write(content))

    def pack(self, place: Place) -> None:
        """Put a small piece to the others. The order counts: equal values make equal packs."""
        if place.packed:
            return
        place.packed = True
        if self._size + len(place.content) > PACK_BYTES:
            self.flush()
        self._pack.append(place)
        self._size += len(place.content)

    def flush(self) -> None:
        """Write the small pieces that wait."""
        pack, self._pack, self._size = self._pack, [], 0
        if not pack:
            return
        digest = self.write(b"".join(place.content for place in pack))
        start = 0
        for place in pack:
            length = len(place.content)
            place.name = digest if len(pack) == 1 else f"{digest}+{start}+{length}"
            place.content = b""
            start += length

    def write(self, content: bytes | memoryview) -> str:
        """Write an object, whatever its size."""
        digest, added = self._objects.add(content)
        with self._lock:
            self.added_bytes += added
        return digest
