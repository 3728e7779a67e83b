"""Who wants to know which data versions are taken and loaded.

The recorder of runs, a layer above, puts itself on the list.
"""

from __future__ import annotations

from collections.abc import Callable

from mlops_jupyter.data.dataset import DatasetVersion

listeners: list[Callable[[DatasetVersion, bool], None]] = []
"""Called after each snapshot and each load, in the thread that made it; true: it was taken."""


def tell(version: DatasetVersion, *, taken: bool = False) -> None:
    """Tell all listeners that a version was loaded, or `taken` by a snapshot."""
    for listener in listeners:
        listener(version, taken)
