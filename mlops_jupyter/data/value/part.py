"""A frame taken apart: a tree of parts, whose leaves are Arrow columns cut in chunks.

The digest of a tree is that of its content; how the chunks are kept is in `stored`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mlops_jupyter.data.value import arrow
from mlops_jupyter.data.value.arrow import Measure
from mlops_jupyter.store.objects import digest_of

CHUNK_ROWS = 131_072
"""Rows of a chunk. Part of the format and of the digest; a multiple of 8 (bitmaps)."""

LONG_ROWS = 10_000
"""To hand a task to a thread takes 0.1 ms, as do so many numbers."""

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
    # a leaf may stand in an identity too
    leaves = list(dict.fromkeys(part.leaves()))
    tasks = [(leaf, start) for leaf in leaves for start in leaf.starts]
    longest = max((leaf.rows for leaf in leaves), default=0)
    done = iter(in_threads(lambda task: arrow.measure(task[0].chunk(task[1])), tasks, longest))
    return {leaf: [next(done) for _ in leaf.starts] for leaf in leaves}


def digest(part: Part, measures: Measures) -> str:
    """Return the digest of the content of a part, which storage has no say in."""
    text = json.dumps(_identity(part, measures), sort_keys=True, separators=(",", ":"))
    return digest_of(text.encode("ascii"))


def size_bytes(part: Part, measures: Measures) -> int:
    """Return how many bytes the values of a part take."""
    own = sum(m.size_bytes for m in measures[part.leaf]) if part.leaf else 0
    return own + sum(size_bytes(p, measures) for p in part.parts.values())


def written(part: Part, leaf: dict[str, Any] | None, parts: dict[str, Any]) -> dict[str, Any]:
    """Return a part as JSON, with what stands for its leaf; what is empty is left out."""
    made: dict[str, Any] = {"kind": part.kind}
    if part.facts:
        made["facts"] = dict(part.facts)
    if leaf is not None:
        made["leaf"] = leaf
    if parts:
        made["parts"] = parts
    return made


def in_threads(
    verb: Callable[[Task], Answer], tasks: Sequence[Task], rows: int = sys.maxsize
) -> Iterator[Answer]:
    """Do the tasks on a few threads, results in order; the hard work releases the GIL.

    Parameters
    ----------
    verb : callable
    tasks : sequence
    rows : int
        Of the longest column that a task is about: short ones are done sooner than handed over.
        Default: many.
    """
    if len(tasks) < 2 or rows < LONG_ROWS:
        yield from map(verb, tasks)
        return
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        yield from pool.map(verb, tasks)


def _identity(part: Part, measures: Measures) -> dict[str, Any]:
    if part.identity is not None:
        return _identity(part.identity, measures)
    leaf = None
    if part.leaf is not None:
        leaf = {"rows": part.leaf.rows, "chunks": [m.digest for m in measures[part.leaf]]}
    return written(part, leaf, {n: _identity(p, measures) for n, p in part.parts.items()})
