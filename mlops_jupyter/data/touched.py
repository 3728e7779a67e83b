"""Who wants to know which data versions are taken and loaded.

The recorder of runs, a layer above, puts itself on the list.
"""

from __future__ import annotations

from collections.abc import Callable

from mlops_jupyter.data.dataset import DatasetVersion

listeners: list[Callable[[DatasetVersion], None]] = []
"""Called after each snapshot and each load, in the thread that made it."""


def tell(version: DatasetVersion) -> None:
    """Tell all listeners that a version was taken or loaded."""
    for listener in listeners:
        listener(version)
