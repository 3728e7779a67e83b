"""A store, while somebody else is at work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
