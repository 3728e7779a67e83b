"""``%%track NAME``: the cell is a run.

The first line is taken off before IPython compiles the cell, so that the rest behaves as if
it stood alone: ``await``, the value of the last line, another cell magic below, and line
numbers in tracebacks. Capture reads the name from the cell as it was typed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from mlops_jupyter.errors import UsageError

MAGIC = "%%track"
LONGEST_NAME = 200


def parse(line: str) -> str:
    """Return the name of the run from the rest of the magic's line.

    Raises
    ------
    UsageError
        There is no name, or more than one word and no quotes.
    """
    hint = "write `%%track NAME`; a name of several words stands in quotes"
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise UsageError(f"{MAGIC} {line.strip()}: {error}", hint=hint) from None
    if len(words) != 1 or not words[0].strip():
        what = "no name is given" if not words else f"expected one name, found {len(words)} words"
        raise UsageError(f"{MAGIC}: {what}", hint=hint)
    if len(words[0]) > LONGEST_NAME:
        raise UsageError(f"{MAGIC}: the name is longer than {LONGEST_NAME} characters")
    return words[0]


def name_of(source: str) -> str | None:
    """Return the name of the run that a cell opens, or None."""
    line = source.lstrip().partition("\n")[0]
    if line != MAGIC and not line.startswith((f"{MAGIC} ", f"{MAGIC}\t")):
        return None
    try:
        return parse(line.removeprefix(MAGIC))
    except UsageError:
        return None  # left in the cell: the magic itself says what is wrong


def take_off(lines: Sequence[str]) -> list[str]:
    """Take the magic's line off a cell (an IPython input transformer)."""
    if not lines or name_of(lines[0]) is None:
        return list(lines)
    below = next((line for line in lines[1:] if line.strip()), "")
    if below.startswith("%%"):
        return list(lines[lines.index(below) :])
    return ["\n", *lines[1:]]
