"""How many examples a property looks at, and which."""

from __future__ import annotations

import os

FRESH = bool(os.environ.get("FRESH_EXAMPLES"))
"""Whether properties look at examples that nobody has seen: for who looks for mistakes."""


def examples(count: int) -> int:
    """Return how many: half as many where they are the same each time."""
    return count if FRESH else count // 2
