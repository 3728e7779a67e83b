"""``%%track NAME``: the cell is a run; and the options that it shares with ``%mlops start``.

The first line is taken off before IPython compiles the cell, so that the rest behaves as if
it stood alone: ``await``, the value of the last line, another cell magic below, and line
numbers in tracebacks. Capture reads the name from the cell as it was typed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

import msgspec

from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.runs.selection import Selection, patterns

MAGIC = "%%track"
LONGEST_NAME = 200

_FLAGS = ("--no-figures",)
_NARROWING = ("--metrics", "--params", *_FLAGS)


class Header(msgspec.Struct, frozen=True):
    """What the line of a magic says of a run.

    Attributes
    ----------
    name : str
        Empty when a run is resumed.
    selection : Selection
    resume : str or None
        The run that goes on.
    """

    name: str
    selection: Selection = msgspec.field(default_factory=Selection)
    resume: str | None = None


def parse(line: str, magic: str = MAGIC) -> Header:
    """Read ``NAME [--metrics PATTERN] [--params PATTERN] [--no-figures]``.

    ``%mlops start`` also knows ``--resume RUN``, in place of the name.

    Raises
    ------
    UsageError
        There is no name, or more than one word and no quotes, or an unknown option.
    """
    known = _NARROWING if magic == MAGIC else (*_NARROWING, "--resume")
    words, options = read(line, magic, known)
    resumed = [run for option, run in options if option == "--resume"]
    hint = f"write `{magic} NAME`; a name of several words stands in quotes"
    if resumed and words:
        raise UsageError(f"{magic}: a run that is resumed has its name already: {words[0]!r}")
    if not resumed and (len(words) != 1 or not words[0].strip()):
        what = "no name is given" if not words else f"expected one name, found {len(words)} words"
        raise UsageError(f"{magic}: {what}", hint=hint)
    if words and len(words[0]) > LONGEST_NAME:
        raise UsageError(f"{magic}: the name is longer than {LONGEST_NAME} characters")
    selection = Selection(
        metrics=patterns(value for option, value in options if option == "--metrics"),
        params=patterns(value for option, value in options if option == "--params"),
        figures=("--no-figures", "") not in options,
    )
    return Header(words[0] if words else "", selection, resumed[-1] if resumed else None)


def read(line: str, magic: str, known: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Split the line of a magic into words and options with their values.

    Raises
    ------
    UsageError
        Quotes are open, an option is unknown, or has no value.
    """
    try:
        words = iter(shlex.split(line, comments=True))
    except ValueError as error:
        hint = f"write `{magic} NAME`; a name of several words stands in quotes"
        raise UsageError(f"{magic} {line.strip()}: {error}", hint=hint) from None
    plain, options = [], []
    for word in words:
        if word.startswith("--"):
            options.append(_option(word, words, magic, known))
        else:
            plain.append(word)
    return plain, options


def _option(word: str, rest: Iterator[str], magic: str, known: Sequence[str]) -> tuple[str, str]:
    option, equals, value = word.partition("=")
    if option not in known:
        raise UsageError(f"{magic}: unknown option {option}", hint=did_you_mean(option, known))
    if option in _FLAGS:
        if equals:
            raise UsageError(f"{magic}: {option} takes no value")
        return option, ""
    found = value if equals else next(rest, "")
    if not found:
        raise UsageError(f"{magic}: {option} needs a value", hint=f"e.g. `{option} 'val_*'`")
    return option, found


def header_of(source: str) -> Header | None:
    """Return what the first line of a cell says of the run that it opens, or None."""
    line = source.lstrip().partition("\n")[0]
    if line != MAGIC and not line.startswith((f"{MAGIC} ", f"{MAGIC}\t")):
        return None
    try:
        return parse(line.removeprefix(MAGIC))
    except UsageError:
        return None  # left in the cell: the magic itself says what is wrong


def take_off(lines: Sequence[str]) -> list[str]:
    """Take the magic's line off a cell (an IPython input transformer)."""
    if not lines or header_of(lines[0]) is None:
        return list(lines)
    below = next((line for line in lines[1:] if line.strip()), "")
    if below.startswith("%%"):
        return list(lines[lines.index(below) :])
    return ["\n", *lines[1:]]
