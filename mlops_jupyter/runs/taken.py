"""Which runs stand on data versions though no cell of theirs took or loaded them.

A notebook keeps a frame in one cell, ``%snapshot train``, and fits on it in another. The value
that a name holds is told by the execution that last bound or changed it. So a run whose cells
read a name while it held the value of a version stands on that version.
"""

from __future__ import annotations

from collections.abc import Iterable

from mlops_jupyter.runs.trace import Trace, Traced


class Taken:
    """The names of one kernel that hold, or held, what data versions were taken of.

    Parameters
    ----------
    trace : Trace
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._versions: dict[tuple[str, int], set[int]] = {}

    def add(self, names: Iterable[str], version: int, traced: Traced) -> None:
        """Note that a cell took a version of the value that some names hold.

        What the same cell binds or changes may be another value by its end; and who reads that
        stands on the cell anyway.
        """
        for name in names:
            if name not in traced.bound and name not in traced.changed:
                held = (name, self._trace.maker(name) or 0)
                self._versions.setdefault(held, set()).add(version)

    def read_by(self, positions: Iterable[int]) -> tuple[int, ...]:
        """Return the versions whose values some executions read."""
        if not self._versions:
            return ()
        read = (held for position in positions for held in self._trace.read(position))
        return tuple(sorted({v for held in read for v in self._versions.get(held, ())}))
