"""Warnings that are held back while we look at the user's code and values."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unwarned() -> Iterator[None]:
    """Ignore all warnings in the block.

    Unlike `warnings.catch_warnings`, it does not make Python forget which warnings it has
    shown: the user's would be shown again after every cell.
    """
    before = warnings.filters
    warnings.filters = [("ignore", None, Warning, None, 0)]
    try:
        yield
    finally:
        warnings.filters = before
