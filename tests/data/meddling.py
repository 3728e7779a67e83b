"""A store, while somebody else is at work."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import Objects


class Meddling(Objects):
    """A real store, at whose first write something else happens."""

    def __init__(self, root: Path, meddle: Any) -> None:
        super().__init__(root)
        self.meddle = meddle

    def add(self, content: bytes | memoryview) -> tuple[str, int]:
        """Meddle once, then write."""
        meddle, self.meddle = self.meddle, lambda: None
        meddle()
        return super().add(content)


@contextmanager
def nobody_commits(project: Project) -> Iterator[None]:
    """Write to the catalog all the while: a writer gets as far as its rows, and waits."""
    with closing(sqlite3.connect(project.catalog.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
