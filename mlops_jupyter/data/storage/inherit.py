"""A tree of parts into the store, next to the trees of versions before.

A leaf that a version before has already is described as there, and nothing is written. One that
changed is kept as what differs from its base, where that is little; any other is kept whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_jupyter.data.storage import align, column, leaf_delta
from mlops_jupyter.data.storage.align import Pair
from mlops_jupyter.data.storage.leaf_delta import Description
from mlops_jupyter.data.storage.row_map import RowMap
from mlops_jupyter.data.storage.stored import Place, Reader, Writer
from mlops_jupyter.data.value import arrow
from mlops_jupyter.data.value.part import Leaf, Measures, Part, in_threads, written
from mlops_jupyter.errors import IntegrityError

if TYPE_CHECKING:
    from mlops_jupyter.data.storage.manifest import Examined

Path = tuple[str, ...]
"""Names of parts, from the root."""

Leaves = dict[Leaf, Description]


@dataclass(frozen=True, slots=True)
class Version:
    """A version before: its tree as the manifest has it, and the names of its columns."""

    tree: Mapping[str, Any]
    names: Sequence[str]


def write(
    examined: Examined,
    names: Sequence[str],
    known: Sequence[Version],
    reader: Reader,
    writer: Writer,
) -> dict[str, Any]:
    """Keep a tree and return it as the manifest has it.

    Parameters
    ----------
    examined : Examined
    names : sequence of str
        Of its columns.
    known : sequence of Version
        The versions to share with; the first is the base of what changed.

    Raises
    ------
    ConflictError
        The values are no longer those that were measured.
    ExternalError, UsageError
        The disk is full, or may not be written.
    """
    tree, measures = examined.taken.tree, examined.measures
    leaves = dict(_leaves(tree))
    made: Leaves = _shared(leaves.values(), measures, known)
    if known:
        try:
            work = _Changes(examined, _by_path(leaves, names, known[0]), made, reader, writer)
            made.update(work.done())
        except IntegrityError:
            pass  # a base is damaged: `mlops verify` tells of it, and this version stands alone
    made.update(_whole([leaf for leaf in leaves.values() if leaf not in made], measures, writer))
    for leaf in leaves.values():
        for place in leaf_delta.places_in(made[leaf]):
            writer.pack(place)
    writer.flush()
    return _manifest(tree, made, measures)


def depth(tree: Mapping[str, Any]) -> int:
    """Return how many bases stand under the leaves of a tree, at most."""
    return max((column.depth(leaf) for leaf in _stored_leaves(tree).values()), default=0)


@dataclass(slots=True)
class _Changes:
    """The leaves that changed and have a base.

    Leaves with a row for each row of the whole share one row map; any other has its own.
    """

    examined: Examined
    bases: Mapping[Leaf, Mapping[str, Any]]
    shared: Leaves
    reader: Reader
    writer: Writer
    _told: dict[Leaf, tuple[RowMap, Description | None]] = field(default_factory=dict)

    def done(self) -> Leaves:
        """Keep what differs, of those where that is little."""
        changed = [leaf for leaf in self.bases if leaf not in self.shared and self._may(leaf)]
        rows = self.examined.taken.row_count
        by_row = [leaf for leaf in changed if leaf.rows == rows]
        self._map(by_row)
        for leaf in changed:
            if leaf.rows != rows:
                self._map([leaf])
        mapped = [leaf for leaf in changed if leaf in self._told]
        found = in_threads(self._differences, mapped, rows)
        return {leaf: made for leaf, made in zip(mapped, found, strict=True) if made}

    def _may(self, leaf: Leaf) -> bool:
        size = sum(m.size_bytes for m in self.examined.measures[leaf])
        kind = leaf.cut(0, 0).type
        return (
            size >= leaf_delta.LEAST_BYTES
            and arrow.is_flat(kind)
            and self.bases[leaf].get("type") == str(kind)
            and self.bases[leaf]["rows"] > 0
        )

    def _map(self, leaves: Sequence[Leaf]) -> None:
        counts = Counter(self.bases[leaf]["rows"] for leaf in leaves)
        if not counts:
            return
        base_rows = counts.most_common(1)[0][0]
        leaves = [leaf for leaf in leaves if self.bases[leaf]["rows"] == base_rows]
        found = self._aligned(leaves, base_rows)
        if found is not None:
            told = leaf_delta.told_map(found, base_rows, self.writer)
            self._told.update(dict.fromkeys(leaves, (found, told)))

    def _aligned(self, leaves: Sequence[Leaf], base_rows: int) -> RowMap | None:
        rows = leaves[0].rows
        if rows == base_rows and any(
            leaf.rows == rows and self._says_much(leaf) for leaf in self.shared
        ):
            return align.identity(rows)
        return align.align(
            [Pair(leaf, column.of(self.bases[leaf], self.reader)) for leaf in leaves]
        )

    def _says_much(self, leaf: Leaf) -> bool:
        """Tell whether an unchanged leaf shows that rows are where they were."""
        kind = leaf.cut(0, 0).type
        if not arrow.is_flat(kind):
            return False
        some = arrow.as_numbers(leaf.cut(0, min(leaf.rows, 1000)))
        return len(some.unique()) > len(some) // 2

    def _differences(self, leaf: Leaf) -> Description | None:
        rows, told = self._told[leaf]
        return leaf_delta.write(
            leaf,
            self.examined.measures,
            self.bases[leaf],
            rows,
            told,
            self.reader,
            self.writer,
        )


def _shared(leaves: Iterable[Leaf], measures: Measures, known: Sequence[Version]) -> Leaves:
    """Return the leaves whose content a version before has."""
    there = {
        (leaf["type"], tuple(leaf["digests"])): leaf
        for version in known
        for leaf in _stored_leaves(version.tree).values()
        if "digests" in leaf
    }
    if not there:
        return {}
    found = {leaf: there.get((_type(leaf), tuple(_digests(leaf, measures)))) for leaf in leaves}
    return {leaf: dict(one) for leaf, one in found.items() if one is not None}


def _by_path(
    leaves: Mapping[Path, Leaf], names: Sequence[str], base: Version
) -> dict[Leaf, Mapping[str, Any]]:
    """Return the leaf of the base that stands where each leaf stands: columns go by name."""
    there = _stored_leaves(base.tree)
    places = dict(zip(_told_apart(base.names), map(str, range(len(base.names))), strict=True))
    old = {
        str(place): places[name] for place, name in enumerate(_told_apart(names)) if name in places
    }
    found = {}
    for path, leaf in leaves.items():
        if path[:1] == ("columns",) and len(path) > 1:
            if path[1] not in old:
                continue
            path = ("columns", old[path[1]], *path[2:])
        if path in there:
            found[leaf] = there[path]
    return found


def _told_apart(names: Sequence[str]) -> list[tuple[str, int]]:
    """Return names with a number for each that is there again."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        found.append((name, seen[name]))
        seen[name] += 1
    return found


def _whole(leaves: Sequence[Leaf], measures: Measures, writer: Writer) -> Leaves:
    tasks = [
        (leaf, start, expected)
        for leaf in leaves
        for start, expected in zip(leaf.starts, measures[leaf], strict=True)
    ]

    def keep(task: tuple[Leaf, int, arrow.Measure]) -> Place:
        return writer.add(memoryview(arrow.to_bytes(leaf_delta.fresh(*task))))

    longest = max((leaf.rows for leaf in leaves), default=0)
    made: Leaves = {leaf: {"chunks": []} for leaf in leaves}
    for (leaf, _, _), place in zip(tasks, in_threads(keep, tasks, longest), strict=True):
        # here, in order: what waits for its pack stays small in memory
        writer.pack(place)
        made[leaf]["chunks"].append(place)
    return made


def _type(leaf: Leaf) -> str:
    return str(leaf.cut(0, 0).type)


def _digests(leaf: Leaf, measures: Measures) -> list[str]:
    return [measure.digest for measure in measures[leaf]]


def _leaves(part: Part, path: Path = ()) -> Iterator[tuple[Path, Leaf]]:
    """Walk the leaves that are kept; those of an identity only stand in the digest."""
    if part.leaf is not None:
        yield path, part.leaf
    for name, smaller in part.parts.items():
        yield from _leaves(smaller, (*path, name))


def _stored_leaves(tree: Mapping[str, Any]) -> dict[Path, Mapping[str, Any]]:
    def walk(part: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        if "leaf" in part:
            yield path, part["leaf"]
        for name, smaller in part.get("parts", {}).items():
            yield from walk(smaller, (*path, name))

    return dict(walk(tree, ()))


def _manifest(part: Part, made: Leaves, measures: Measures) -> dict[str, Any]:
    leaf = None
    if part.leaf is not None:
        leaf = {
            "rows": part.leaf.rows,
            "type": _type(part.leaf),
            **_named(made[part.leaf]),
            "digests": _digests(part.leaf, measures),
        }
    parts = {name: _manifest(smaller, made, measures) for name, smaller in part.parts.items()}
    return written(part, leaf, parts)


def _named(description: Any) -> Any:
    if isinstance(description, Place):
        return description.name
    if isinstance(description, dict):
        return {key: _named(value) for key, value in description.items()}
    if isinstance(description, list):
        return [_named(value) for value in description]
    return description
