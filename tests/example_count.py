"""How many examples a property looks at."""

from __future__ import annotations

import os


def examples(count: int) -> int:
    """Return how many: in CI, where they are the same each time, half as many."""
    return count // 2 if os.environ.get("CI") else count
