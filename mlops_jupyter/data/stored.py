"""Parts in the object store.

Each chunk is one object, so that what two versions share is stored once: a column that did
not change, and the rows before those that were appended. Chunks that are too small for a file
of their own lie together in packs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlops_jupyter.data import arrow
from mlops_jupyter.data.arrow import Measure
from mlops_jupyter.data.part import Leaf, Measures, Part, in_threads, written
from mlops_jupyter.errors import ConflictError
from mlops_jupyter.store.objects import Objects

SMALL_BYTES = 16 * 2**10
"""A chunk with less than this goes into a pack: it would take as long as a large one to write."""

PACK_BYTES = 2**20
"""A pack holds no more than this."""


def write(part: Part, measures: Measures, objects: Objects) -> dict[str, Any]:
    """Keep all chunks of a part and return its manifest.

    Raises
    ------
    ConflictError
        The values are no longer those that were measured.
    """
    leaves = list(_leaves(part))
    chunks = [
        _Chunk(leaf, start, expected)
        for leaf in leaves
        for start, expected in zip(leaf.starts, measures[leaf], strict=True)
    ]
    packs = list(_packs(chunks))
    names: dict[_Chunk, str] = {}
    for pack, written_names in zip(
        packs, in_threads(lambda pack: _keep(pack, objects), packs), strict=True
    ):
        names.update(zip(pack, written_names, strict=True))
    told = iter(names[chunk] for chunk in chunks)
    return _manifest(part, {leaf: [next(told) for _ in leaf.starts] for leaf in leaves})


@dataclass(frozen=True, slots=True)
class Stored:
    """A part of a manifest, and the store that its chunks lie in."""

    manifest: Mapping[str, Any]
    objects: Objects
    packs: dict[str, bytes] = field(default_factory=dict)

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

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the smaller parts, in order."""
        return tuple(self.manifest.get("parts", ()))

    def part(self, name: str) -> Stored:
        """Return a smaller part."""
        return Stored(self.manifest["parts"][name], self.objects, self.packs)

    def chunks(self) -> Iterator[Any]:
        """Read the leaf's Arrow arrays, one after the other."""
        for name in self.manifest["leaf"]["chunks"]:
            digest, packed, place = name.partition("+")
            if not packed:
                yield arrow.from_bytes(self.objects.read(digest))
                continue
            if digest not in self.packs:  # two threads may both read it, to no harm
                self.packs[digest] = self.objects.read(digest)
            start, _, length = place.partition("+")
            content = memoryview(self.packs[digest])[int(start) :][: int(length)]
            yield arrow.from_bytes(content)


class _Chunk(NamedTuple):
    leaf: Leaf
    start: int
    expected: Measure


def _leaves(part: Part) -> Iterator[Leaf]:
    """Walk the leaves that are kept; those of an identity only stand in the digest."""
    if part.leaf is not None:
        yield part.leaf
    for smaller in part.parts.values():
        yield from _leaves(smaller)


def _packs(chunks: Sequence[_Chunk]) -> Iterator[list[_Chunk]]:
    """Put small chunks together, in order; a large one stays alone."""
    pack: list[_Chunk] = []
    size = 0
    for chunk in chunks:
        if chunk.expected.size_bytes >= SMALL_BYTES:
            yield [chunk]
            continue
        if size + chunk.expected.size_bytes > PACK_BYTES:
            yield pack
            pack, size = [], 0
        pack.append(chunk)
        size += chunk.expected.size_bytes
    if pack:
        yield pack


def _keep(pack: Sequence[_Chunk], objects: Objects) -> list[str]:
    """Write one object; name each chunk by its digest, in a pack with its place and length."""
    streams = [_stream(chunk) for chunk in pack]
    if len(streams) == 1:
        return [objects.write(streams[0])]
    digest = objects.write(b"".join(streams))
    names, start = [], 0
    for stream in streams:
        names.append(f"{digest}+{start}+{len(stream)}")
        start += len(stream)
    return names


def _stream(chunk: _Chunk) -> memoryview:
    array = chunk.leaf.chunk(chunk.start)
    if arrow.measure(array) != chunk.expected:
        raise ConflictError(
            "the data changed while its snapshot was taken",
            hint="take it again when nothing writes to the data",
        )
    return memoryview(arrow.to_bytes(array))


def _manifest(part: Part, names: Mapping[Leaf, Sequence[str]]) -> dict[str, Any]:
    own = names[part.leaf] if part.leaf else []
    return written(part, own, {n: _manifest(p, names) for n, p in part.parts.items()})
