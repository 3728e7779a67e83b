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
    return _cut("".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: LONGEST + 1]))


def in_one_line(text: str, longest: int, *, first: bool = False) -> str:
    """Return somebody's text on one line, cut.

    Parameters
    ----------
    text : str
    longest : int
        Characters.
    first : bool
        Only the first line.
    """
    chosen = text.strip().partition("\n")[0] if first else text
    plain = "".join(c if c.isprintable() else " " for c in chosen[: 2 * longest])
    return _cut(" ".join(plain.split()), longest)


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


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
