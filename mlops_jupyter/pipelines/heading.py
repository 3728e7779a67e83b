"""Headings of a notebook's text, which begin steps where no tags do.

As in CommonMark (https://spec.commonmark.org): `## Load`, underlined lines, and HTML's ``<h2>``.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

USUAL = 2
"""The level that cuts, `##`, where a notebook has two of them: one `#` is its title."""

MOST = 6
"""The lowest level of a heading; text that is none counts as one below it."""

LONGEST_NAME = 60

WORDS = 6
"""Of a text without a heading: so many make its name."""

LONGEST_LINE = 1000
"""Characters of a line that may be a heading; longer ones are data, an image for instance."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_MARKED = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")
_HTML = re.compile(r"<h([1-6])\b[^>]*>(.*?)</h\1\s*>", re.IGNORECASE | re.DOTALL)
_NO_PARAGRAPH = re.compile(r"\s*([-*+>|#]|\d+[.)])(\s|$)")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: 1 is the uppermost level."""

    level: int
    text: str


def headings_of(source: str) -> tuple[Heading, ...]:
    """Return the headings of a text cell, in order.

    >>> headings_of("# Flights" + chr(10) + "text")
    (Heading(level=1, text='Flights'),)
    """
    return tuple(_headings(source))


def _headings(source: str) -> Iterator[Heading]:
    fence, before = "", ""
    for line in source.splitlines():
        if len(line) > LONGEST_LINE:
            before = ""
            continue
        found = _FENCE.match(line)
        if found is not None and (not fence or found[1].startswith(fence)):
            fence, before = ("" if fence else found[1]), ""
            continue
        if fence:
            continue
        marked = _MARKED.fullmatch(line)
        if marked is not None and marked[2]:
            yield Heading(len(marked[1]), _plain(marked[2]))
        elif before and (under := _UNDERLINE.fullmatch(line)) is not None:
            yield Heading(1 if under[1][0] == "=" else 2, _plain(before))
        else:
            yield from (Heading(int(m[1]), _plain(m[2])) for m in _HTML.finditer(line))
            before = "" if _NO_PARAGRAPH.match(line) else line.strip()
            continue
        before = ""


def _plain(text: str) -> str:
    bare = html.unescape(_TAG.sub("", _LINK.sub(r"\1", text)))
    return " ".join(re.sub(r"[*`~]|(?<!\w)_|_(?!\w)", "", bare).split())


def first_words(source: str) -> Heading:
    """Return what a text without headings is called after: how it begins.

    >>> first_words("Now we *fit* a model. It is small." + chr(10) + "More.")
    Heading(level=7, text='Now we fit a model')
    """
    lines = (_plain(line[:LONGEST_LINE]) for line in source.splitlines())
    line = next((line for line in lines if line), "")
    sentence = re.split(r"[.:;!?](?:\s|$)", line, maxsplit=1)[0]
    return Heading(MOST + 1, " ".join(sentence.split()[:WORDS]))


def cutting_level(headings: Iterable[Heading]) -> int | None:
    """Return the level whose headings begin steps: `##`, or else the one that occurs most."""
    counts = Counter(heading.level for heading in headings)
    if not counts:
        return None
    if counts[USUAL] > 1:
        return USUAL
    return max(counts, key=lambda level: (counts[level], -level))


def step_name(text: str, number: int, taken: Iterable[str]) -> str:
    """Return a step's name that says what its heading says.

    >>> step_name("2. Train the *model*", 2, ["load"]), step_name("データ", 3, [])
    ('2-train-the-model', 'step-3')
    """
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    if len(slug) > LONGEST_NAME:
        slug = slug[: LONGEST_NAME + 1].rpartition("-")[0] or slug[:LONGEST_NAME]
    wanted = slug or f"step-{number}"
    name, others = wanted, set(taken)
    count = 1
    while name in others:
        count += 1
        name = f"{wanted}-{count}"
    return name
