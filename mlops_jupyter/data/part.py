"""A frame taken apart: a tree of parts, whose leaves are Arrow columns cut in chunks.

Each chunk is one object, so that what two versions share is stored once: a column that did
not change, and the rows before those that were appended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mlops_jupyter.data import arrow
from mlops_jupyter.data.arrow import Measure
from mlops_jupyter.errors import ConflictError
from mlops_jupyter.store.objects import Objects, digest_of

CHUNK_ROWS = 131_072
"""Rows of a chunk. Part of the format and of the digest; a multiple of 8 (bitmaps)."""

Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """One Arrow column.

    Attributes
    ----------
    rows : int
    cut : callable
        From start and stop to the Arrow array of these rows.
    """

    rows: int
    cut: Callable[[int, int], Any]

    @property
    def starts(self) -> range:
        """Where the chunks begin; one empty chunk carries the type of a column without rows."""
        return range(0, max(self.rows, 1), CHUNK_ROWS)

    def chunk(self, start: int) -> Any:
        """Return one chunk, canonical."""
        return arrow.canonical(self.cut(start, min(start + CHUNK_ROWS, self.rows)))


@dataclass(frozen=True, slots=True)
class Part:
    """A column, an index, or a piece of one.

    Attributes
    ----------
    kind : str
        How it is built again.
    facts : dict
        What that needs beside the values; JSON.
    leaf : Leaf or None
        The values.
    parts : dict of str to Part
        Smaller parts.
    identity : Part or None
        What stands for it in the digest, where the same content has several forms: the levels
        of a MultiIndex, the bytes of a pickle.
    """

    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    leaf: Leaf | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    identity: Part | None = None

    def leaves(self) -> Iterator[Leaf]:
        """Walk all leaves, those that only stand in the digest too."""
        if self.leaf is not None:
            yield self.leaf
        for part in self.parts.values():
            yield from part.leaves()
        if self.identity is not None:
            yield from self.identity.leaves()


Measures = Mapping[Leaf, Sequence[Measure]]


def measure(part: Part) -> Measures:
    """Digest each chunk of each leaf."""
    leaves = list(part.leaves())
    tasks = [(leaf, start) for leaf in leaves for start in leaf.starts]
    done = iter(in_threads(lambda task: arrow.measure(task[0].chunk(task[1])), tasks))
    return {leaf: [next(done) for _ in leaf.starts] for leaf in leaves}


def digest(part: Part, measures: Measures) -> str:
    """Return the digest of the content of a part, which storage has no say in."""
    text = json.dumps(_identity(part, measures), sort_keys=True, separators=(",", ":"))
    return digest_of(text.encode("ascii"))


def size_bytes(part: Part, measures: Measures) -> int:
    """Return how many bytes the values of a part take."""
    own = sum(m.size_bytes for m in measures[part.leaf]) if part.leaf else 0
    return own + sum(size_bytes(p, measures) for p in part.parts.values())


def write(part: Part, measures: Measures, objects: Objects) -> dict[str, Any]:
    """Keep each chunk as an object and return the part's manifest.

    Raises
    ------
    ConflictError
        The values are no longer those that were measured.
    """
    leaves = list(_stored(part))
    tasks = [
        (leaf.chunk, start, expected)
        for leaf in leaves
        for start, expected in zip(leaf.starts, measures[leaf], strict=True)
    ]

    def keep(task: tuple[Callable[[int], Any], int, Measure]) -> str:
        chunk, start, expected = task
        array = chunk(start)
        if arrow.measure(array) != expected:
            raise ConflictError(
                "the data changed while its snapshot was taken",
                hint="take it again when nothing writes to the data",
            )
        return objects.write(memoryview(arrow.to_bytes(array)))

    done = iter(in_threads(keep, tasks))
    return _manifest(part, {leaf: [next(done) for _ in leaf.starts] for leaf in leaves})


@dataclass(frozen=True, slots=True)
class Stored:
    """A part of a manifest, and the store that its chunks lie in."""

    manifest: Mapping[str, Any]
    objects: Objects

    @property
    def kind(self) -> str:
        """How it is built again."""
        return str(self.manifest["kind"])

    @property
    def facts(self) -> Mapping[str, Any]:
        """What that needs beside the values."""
        facts: Mapping[str, Any] = self.manifest.get("facts", {})
        return facts

    @property
    def rows(self) -> int:
        """Rows of the leaf."""
        return int(self.manifest["leaf"]["rows"])

    def chunks(self) -> Iterator[Any]:
        """Read the leaf's Arrow arrays, one after the other."""
        for name in self.manifest["leaf"]["chunks"]:
            yield arrow.from_bytes(self.objects.read(name))

    def part(self, name: str) -> Stored:
        """Return a smaller part."""
        return Stored(self.manifest["parts"][name], self.objects)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the smaller parts, in order."""
        return tuple(self.manifest.get("parts", ()))


def in_threads(verb: Callable[[Task], Answer], tasks: Sequence[Task]) -> Iterator[Answer]:
    """Do the tasks on a few threads, results in order; the hard work releases the GIL."""
    if len(tasks) < 2:
        yield from map(verb, tasks)
        return
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        yield from pool.map(verb, tasks)


def _stored(part: Part) -> Iterator[Leaf]:
    if part.leaf is not None:
        yield part.leaf
    for smaller in part.parts.values():
        yield from _stored(smaller)


def _identity(part: Part, measures: Measures) -> dict[str, Any]:
    if part.identity is not None:
        return _identity(part.identity, measures)
    names = [m.digest for m in measures[part.leaf]] if part.leaf else []
    return _written(part, names, {n: _identity(p, measures) for n, p in part.parts.items()})


def _manifest(part: Part, chunks: Mapping[Leaf, Sequence[str]]) -> dict[str, Any]:
    names = chunks[part.leaf] if part.leaf else []
    return _written(part, names, {n: _manifest(p, chunks) for n, p in part.parts.items()})


def _written(part: Part, names: Sequence[str], parts: dict[str, Any]) -> dict[str, Any]:
    """Return a part as JSON; what is empty is left out."""
    written: dict[str, Any] = {"kind": part.kind}
    if part.facts:
        written["facts"] = dict(part.facts)
    if part.leaf is not None:
        written["leaf"] = {"rows": part.leaf.rows, "chunks": list(names)}
    if parts:
        written["parts"] = parts
    return written
