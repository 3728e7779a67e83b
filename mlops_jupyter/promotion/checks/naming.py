"""Names and values out of data, in the sentences of a gate report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

LONGEST = 60
"""Characters of a name or a value that a sentence repeats."""

SHOWN = 5
"""Names that a sentence lists before it says how many more there are."""


def shown(name: Any) -> str:
    """Return a name on one line and no longer than people read."""
    try:
        text = str(name)
    except Exception:  # noqa: BLE001 - the user's own __str__
        text = f"a {type(name).__name__}"
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: LONGEST + 1])
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def listed(names: Iterable[Any]) -> str:
    """Return the first names, and how many more there are.

    >>> listed("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    found: Sequence[Any] = list(names)
    more = len(found) - SHOWN
    return ", ".join(map(shown, found[:SHOWN])) + (f" and {more:,} more" if more > 0 else "")


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
