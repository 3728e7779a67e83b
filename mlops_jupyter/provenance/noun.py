"""Nouns of the lineage layer."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

Kind = Literal[
    "data", "cell", "run", "model", "evaluation", "decision", "file", "folder", "url", "query",
    "dvc",
]  # fmt: skip

How = Literal[
    "took", "loaded", "read", "wrote", "used", "holds", "from", "ran", "fitted", "evaluated",
    "decided",
]  # fmt: skip
"""How the first of two things came to the second.

``took``: a cell kept a data version. ``loaded``: a data version, by a cell. ``read``, ``wrote``:
files. ``used``: a data version, by a run. ``holds``: a path and one content of it. ``from``: what
a data version was made of. ``ran``: a run and its cell. ``fitted``: a run and a model version.
``evaluated``: a model version, or data, and an evaluation. ``decided``: a model version and a
decision.
"""


class Key(NamedTuple):
    """What tells one thing from all others.

    Of data and cells `name` is the row, of files a path, and `part` the digest of the content
    that is meant, if one is; of models `part` is the number.
    """

    kind: Kind
    name: int | str
    part: int | str | None = None

    @property
    def id(self) -> str:
        """The key as one text."""
        rest = "" if self.part is None else f"#{self.part}"
        return f"{self.kind}:{self.name}{rest}"


class Link(NamedTuple):
    """One step: `text` says more of it in words, `when` it was."""

    source: Key
    target: Key
    how: How
    text: str = ""
    when: str | None = None


class Node(msgspec.Struct, frozen=True):
    """One thing that data came through.

    Attributes
    ----------
    id : str
        Tells it from all others of the project.
    kind : str
    ref : str
        How people write it: ``train@3``, ``study.ipynb [7]``, the id of a run, ``delays@2``, the
        path of a file.
    text : str
        What it is: the source of a cell, the shape of a version, the metrics of an evaluation.
    when : str or None
        ISO 8601, UTC. Of a file it is not known.
    """

    id: str
    kind: Kind
    ref: str
    text: str
    when: str | None


class Edge(msgspec.Struct, frozen=True):
    """The way of data from one node to another, both given by their ids; see `How`."""

    source: str
    target: str
    how: How
    text: str
    when: str | None


class Lineage(msgspec.Struct, frozen=True):
    """Where something came from, and what came of it.

    Attributes
    ----------
    start : str
        The node that was asked for.
    nodes : tuple of Node
        Each once, the start first.
    up : tuple of Edge
        What it came from, the nearest first: their `target` is nearer to the start.
    down : tuple of Edge
        What came of it: their `source` is nearer to the start.
    """

    start: str
    nodes: tuple[Node, ...]
    up: tuple[Edge, ...]
    down: tuple[Edge, ...]

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """Show one line below a cell; `%mlops lineage` draws all of it."""
        ref = self.nodes[0].ref if self.nodes else self.start
        steps = f"{len(self.up)} steps up, {len(self.down)} down"
        printer.text(f"lineage of {ref}: {steps}; see `.nodes`, or draw it by `%mlops lineage`")
