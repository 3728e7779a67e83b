"""Who wants to know which data versions are taken and loaded.

The recorder of runs, a layer above, puts itself on the list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlops_jupyter.data.dataset import DatasetVersion

listeners: list[Callable[[DatasetVersion, bool, Any], None]] = []
"""Called after each snapshot and each load, in the thread that made it.

With the version, whether it was taken, and what it was taken of; of a load that is None.
"""

askers: list[Callable[[str, DatasetVersion], None]] = []
"""Called when a written version was looked up: with what was asked for, and what it is now."""


def tell_asked(asked: str, version: DatasetVersion) -> None:
    """Tell that a version was asked for by `asked`, e.g. ``train@latest``."""
    for asker in askers:
        asker(asked, version)


def tell(version: DatasetVersion, *, taken: bool = False, value: Any = None) -> None:
    """Tell all listeners that a version was loaded, or `taken` of a value by a snapshot."""
    for listener in listeners:
        listener(version, taken, value)
