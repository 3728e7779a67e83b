"""How people write a version: ``train``, ``train@3``, ``train@golden``, ``train@2026-11-01``.

What stands after the ``@`` is read as the first of these that it looks like: ``latest``, a
number, a date, digits of a digest, a tag. No tag may look like one of the others, so that what
is written means one thing; braces around it change nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec

from mlops_jupyter.config import NAME
from mlops_jupyter.errors import UsageError

LATEST = "latest"

SHOWN = 80
"""Characters of a wrong reference that an error repeats."""

_NUMBER = re.compile(r"[0-9]{1,18}")
_DIGEST = re.compile(r"(?P<name>blake3:)?(?P<digits>[0-9a-fA-F]{8,64})")
_DATE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<minute>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2}(?P<fraction>\.[0-9]{1,6})?)?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
)
_LIKE_A_DATE = re.compile(r"[0-9]{4}-[0-9]{2}\b.*")
_LIKE_A_NUMBER = re.compile(r"[0-9_]+\.?[0-9_]*")
_ALONE = 12
"""Hex digits of a digest that may stand without a dataset."""


class Ref(msgspec.Struct, frozen=True):
    """A written version, taken apart.

    Attributes
    ----------
    text : str
        As it was written.
    dataset : str or None
        None where a digest stands alone.
    number : int or None
    digits : str or None
        The first hex digits of the digest. A `number` of eight digits may be that too, and
        the name of a dataset that stands alone.
    before : str or None
        The newest version made before this time, as the catalog writes times.
    tag : str or None
        With none of the four, the newest version is meant.
    """

    text: str
    dataset: str | None
    number: int | None = None
    digits: str | None = None
    before: str | None = None
    tag: str | None = None

    @property
    def is_alone(self) -> bool:
        """Whether there is nothing but a name, or a digest."""
        return "@" not in self.text

    @property
    def shown(self) -> str:
        """The text, as much of it as an error repeats."""
        return self.text[:SHOWN]


def parse(text: str) -> Ref:
    """Take a written version apart; the name of the dataset may be any text.

    Raises
    ------
    UsageError
        It is not written as a version is.
    """
    if not isinstance(text, str):
        raise UsageError(f"not a data version: a {type(text).__qualname__}", hint=_hint())
    name, at, which = text.partition("@")
    if which[:1] == "{" and which[-1:] == "}":
        which = which[1:-1]
    if not name or (at and not which):
        raise UsageError(f"not a data version: {text[:SHOWN]!r}", hint=_hint())
    if at:
        return _after_at(text, name, which)
    digest = _DIGEST.fullmatch(name)
    if digest is None or (not digest["name"] and len(digest["digits"]) < _ALONE):
        return Ref(text, name)
    return Ref(text, None if digest["name"] else name, digits=digest["digits"].lower())


def check_tag(tag: str) -> None:
    """Refuse a tag that is no name, or that means something else after the ``@``.

    Raises
    ------
    UsageError
        It holds other characters, is too long, or looks like a number, a date or a digest.
    """
    if not isinstance(tag, str) or not NAME.fullmatch(tag):
        raise UsageError(
            f"not a name for a tag: {str(tag)[:SHOWN]!r}",
            hint="letters, digits, '_', '.' and '-', the first a letter or a digit; at most 100",
        )
    looks = {
        "the newest version": tag.lower() == LATEST,
        "a number": _LIKE_A_NUMBER.fullmatch(tag) is not None,
        "a date": _LIKE_A_DATE.fullmatch(tag) is not None,
        "a digest": _DIGEST.fullmatch(tag) is not None,
    }
    for what, is_so in looks.items():
        if is_so:
            raise UsageError(
                f"not a name for a tag: {tag!r} would be read as {what}",
                hint="put a word before it, e.g. 'v-" + tag[:20] + "'",
            )


def _after_at(text: str, name: str, which: str) -> Ref:
    if which == LATEST:
        return Ref(text, name)
    digest = _DIGEST.fullmatch(which)
    digits = digest["digits"].lower() if digest else None
    if _NUMBER.fullmatch(which):
        return Ref(text, name, number=int(which), digits=digits)
    date = _DATE.fullmatch(which)
    if date is not None:
        return Ref(text, name, before=_end_of(date, which))
    return Ref(text, name, digits=digits, tag=None if digits else which)


def _end_of(date: re.Match[str], which: str) -> str:
    """Return the end of the day, minute or second that is written, UTC; local without offset."""
    if date["minute"] is None:
        unit = timedelta(days=1)
    elif date["second"] is None:
        unit = timedelta(minutes=1)
    else:
        unit = timedelta(microseconds=1) if date["fraction"] else timedelta(seconds=1)
    clock = (date["minute"] or "00:00") + (date["second"] or "")
    zone = (date["zone"] or "").upper()
    try:
        begin = datetime.fromisoformat(f"{date['day']}T{clock}{zone}")
        return (begin + unit).astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"not a date: {which!r}: {error}", hint="write 2026-11-01T12:00") from None


def _hint() -> str:
    return "write train, train@3, train@latest, train@TAG or train@2026-11-01"
