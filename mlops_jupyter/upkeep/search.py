"""Looking for rows in the versions of a dataset."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.upkeep.erasure import Trace
from mlops_jupyter.upkeep.matching import Mask, match
from mlops_jupyter.upkeep.predicate import Predicate, columns
from mlops_jupyter.upkeep.rows import Columns, Value

TABLES = {"frame", "table", "records"}
"""Kinds of versions that have rows and named columns."""


@dataclass(frozen=True, slots=True)
class Found:
    """A version, its value, and the rows in it that a predicate is true of."""

    version: DatasetVersion
    value: Value
    rows: Mask

    @property
    def count(self) -> int:
        """How many rows."""
        return int(self.rows.sum())


@dataclass(slots=True)
class Search:
    """Finds the rows that a predicate is true of, and remembers where it could not be asked.

    Attributes
    ----------
    project : Project
    predicate : Predicate
    doubts : list of Trace
        Versions that lack a column, or whose column holds something else than what it was
        compared with.
    """

    project: Project
    predicate: Predicate
    doubts: list[Trace] = field(default_factory=list)
    _lacking: list[str] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _fits: bool = False

    def __call__(self, version: DatasetVersion) -> Found:
        """Find the rows of one version; none where it lacks a column."""
        value = versions.look(self.project, version)
        named = Columns(value)
        self._names.update(named.names)
        lacking = [name for name in columns(self.predicate) if name not in named.names]
        if lacking:
            self._lacking += lacking
            if named.rows:
                self.doubts.append(Trace(version.ref, f"has no column {lacking[0]!r}"))
            return Found(version, value, np.zeros(named.rows, bool))
        matched = match(self.predicate, named, named.rows)
        if matched.misfits:
            self.doubts.append(Trace(version.ref, "; ".join(matched.misfits)))
        else:
            self._fits = True
        return Found(version, value, matched.rows)

    def check(self, dataset: str) -> None:
        """Refuse a predicate that fitted none of the versions.

        Raises
        ------
        NotFoundError
            They have no such column.
        UsageError
            They hold something else than what it is compared with.
        """
        if self._fits or not self.doubts:
            return
        if len(self._lacking) == len(self.doubts):
            raise NotFoundError(f"column in {dataset},", self._lacking[0], self._names)
        first = next(doubt for doubt in self.doubts if not doubt.what.startswith("has no column"))
        raise UsageError(
            f"{first.where}: {first.what}",
            hint="text stands in quotes, customer_id = '7', and a number does not: customer_id = 7",
        )
