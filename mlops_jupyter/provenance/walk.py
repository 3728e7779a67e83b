"""The verb: where something came from, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.provenance import describe, start
from mlops_jupyter.provenance.down import Down
from mlops_jupyter.provenance.noun import Edge, Key, Lineage, Link
from mlops_jupyter.provenance.sessions import Sessions
from mlops_jupyter.provenance.up import Up


def lineage(
    project: Project, ref: str, *, up: bool = True, down: bool = True, depth: int | None = None
) -> Lineage:
    """Return where something came from, and what came of it.

    Up: the cell that made it, and what the cells on which that one stands had loaded and read,
    and so on to the first sources. Down: the cells and runs that used it, the versions made from
    it, the models fitted by these runs, their evaluations and the decisions on them.

    Parameters
    ----------
    project : Project
    ref : str
        ``train@3``; a run's id, the beginning of it, or its name; ``delays@2`` of a model; a path.
    up, down : bool
        Whether to walk there.
    depth : int, optional
        How many steps. Default: to the end.

    Raises
    ------
    NotFoundError
        Nothing is called so.
    UsageError
        More than one thing is, or `depth` is less than 1.
    """
    if depth is not None and depth < 1:
        raise UsageError(f"not a depth: {depth}", hint="1 or more steps")
    key = start.find(project, ref)
    sessions = Sessions(project)
    above = _walk(key, Up(project, sessions), depth, upward=True) if up else []
    below = _walk(key, Down(project, sessions, key), depth, upward=False) if down else []
    ends = (end for link in (*above, *below) for end in (link.source, link.target))
    return Lineage(key.id, describe.nodes(project, [key, *ends]), _edges(above), _edges(below))


def _walk(
    first: Key,
    step: Callable[[Sequence[Key]], Iterable[Link]],
    depth: int | None,
    *,
    upward: bool,
) -> list[Link]:
    """Go on from all that was newly reached; each thing is left behind once, so it ends."""
    found: list[Link] = []
    reached, edge = {first}, [first]
    while edge and (depth is None or depth > 0):
        nearer, edge = edge, []
        for link in step(nearer):
            found.append(link)
            other = link.source if upward else link.target
            if other not in reached:
                reached.add(other)
                if not (upward and link.how == "ran"):  # its cells say what it stands on
                    edge.append(other)
        depth = None if depth is None else depth - 1
    return found


def _edges(links: Iterable[Link]) -> tuple[Edge, ...]:
    return tuple(Edge(link.source.id, link.target.id, *link[2:]) for link in links)
