"""What is to be run again, as people ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_jupyter.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.graph import Graph


@dataclass(frozen=True, slots=True)
class Choice:
    """Which steps are run although they need not be.

    Attributes
    ----------
    force : bool
        All of them.
    from_ : str or None
        This one, and all after it.
    only : str or None
        This one; those before it are not run, and those after it do not take place.
    to : str or None
        This one, and what it needs: those after it do not take place.
    cache : bool
        False: nothing is looked up, and nothing kept.
    known : mapping of str to str
        By step: the entry that is taken for it, whatever has changed since.
    part_of : str or None
        The pipeline run on another machine for which a step is run.
    audit : bool or None
        True: what is known is run all the same, and compared. None: each fiftieth time it is.
    """

    force: bool = False
    from_: str | None = None
    only: str | None = None
    to: str | None = None
    cache: bool = True
    known: Mapping[str, str] = field(default_factory=dict)
    part_of: str | None = None
    audit: bool | None = None

    def check(self, steps: Sequence[str]) -> None:
        """Refuse what cannot be meant.

        Raises
        ------
        NotFoundError
            There is no such step.
        UsageError
            Two that do not go together.
        """
        for name in (self.from_, self.only, self.to):
            if name is not None and name not in steps:
                raise NotFoundError("step", name, steps)
        given = {"force": self.force, "from": self.from_, "only": self.only}
        words = [f"--{key}" for key, value in given.items() if value]
        if self.only:
            words += ["--no-cache"] * (not self.cache) + ["--to"] * (self.to is not None)
        if len(words) > 1:
            raise UsageError(f"{' and '.join(words)} do not go together", hint="give one of them")

    def takes_place(self, graph: Graph) -> set[int]:
        """Return the positions of the steps that take place."""
        end = self.only or self.to
        if end is None:
            return set(range(len(graph.nodes)))
        position = graph.names.index(end)
        return {position} | graph.ancestors(position)

    def forced(self, position: int, graph: Graph) -> str:
        """Say why a step is run in any case; empty: it need not be."""
        if not self.cache:
            return "without the cache"
        if self.force:
            return "forced"
        if self.only == graph.names[position]:
            return "asked for"
        if self.from_ is None:
            return ""
        first = graph.names.index(self.from_)
        is_after = position == first or position in graph.descendants(first)
        return f"from {self.from_} on" if is_after else ""
