"""Which objects are needed, and by whom: everything that the rows of the catalog lead to."""

from __future__ import annotations

from collections.abc import Collection

from mlops_jupyter.data import reach
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.project import Project
from mlops_jupyter.store.references import OBJECT_COLUMNS

_VERSION = "dataset_version"

PLAIN_COLUMNS = tuple(pair for pair in OBJECT_COLUMNS if pair[0] != _VERSION)
"""Columns whose objects are all that a row needs: a version's manifest leads to more."""


class Marks:
    """The digests of all needed objects, looked up again only when the catalog has changed.

    Manifests do not change: each is read once.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._walked: dict[str, frozenset[str]] = {}
        self._seen: int | None = None
        self._needed: frozenset[str] = frozenset()

    def needed(self, without: Collection[int] = ()) -> frozenset[str]:
        """Return the needed objects.

        Parameters
        ----------
        without : collection of int
            Rows of versions that are as if they were gone.

        Raises
        ------
        IntegrityError
            A manifest is damaged: what its version needs is not known.
        """
        catalog = self._project.catalog
        if without:
            return self._look(without)
        seen = catalog.data_version()
        if seen != self._seen:
            self._needed = self._look(())
            self._seen = seen
        return self._needed

    def forget(self) -> None:
        """Look again in any case: this connection has written, which it does not see itself."""
        self._seen = None

    def _look(self, without: Collection[int]) -> frozenset[str]:
        found: set[str] = set()
        for table, column in PLAIN_COLUMNS:
            rows = self._project.catalog.rows(
                f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL"
            )
            found.update(row[0] for row in rows)
        for row in self._project.catalog.rows(
            f"SELECT id, dataset, number, manifest, profile FROM {_VERSION} WHERE gone_at IS NULL"
        ):
            if row["id"] in without:
                continue
            found |= self._of(row["manifest"], f"{row['dataset']}@{row['number']}")
            if row["profile"]:
                found.add(row["profile"])
        return frozenset(found)

    def _of(self, manifest: str, ref: str) -> frozenset[str]:
        if manifest not in self._walked:
            try:
                self._walked[manifest] = frozenset(
                    reach.objects_of(self._project.objects, manifest)
                )
            except IntegrityError as error:
                raise IntegrityError(
                    f"what {ref} needs is not known: {error.message}",
                    hint="nothing is removed until `mlops verify --repair` has mended it, or "
                    f"`mlops data erase {ref.partition('@')[0]} --version {ref}` has given it up",
                ) from None
        return self._walked[manifest]
