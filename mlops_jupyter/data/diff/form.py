"""The ways in which people and programs write the same number, time or word."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Floats = np.ndarray[Any, np.dtype[np.float64]]

MARKERS = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "<NA>", "#N/A")
"""What stands for a missing value in text files: most of what pandas reads as one."""

_PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_GROUPED = r"^[+-]?\d{1,3}([,  '’]\d{3})+(\.\d*)?$"
_DECIMAL_COMMA = r"^[+-]?(\d+|\d{1,3}([. ]\d{3})+),\d+$"
_SURELY_DECIMAL = r"(,\d{1,2}|,\d{4,}|\.\d{3},\d+)$"
_PADDED = r"^[+-]?0\d+$"
_EXACT = 2.0**53
"""From here on a float64 does not hold every whole number."""


def numbers(texts: Any) -> Floats:
    """Return the numbers that texts stand for, NaN where one stands for none.

    Knows ``1e3``, ``1,000.5``, ``1 000``, and the decimal comma where the column writes it.
    """
    stripped = pc.utf8_trim_whitespace(texts)
    try:
        return np.array(stripped.cast(pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowException:
        pass  # not all of them are plain
    found = np.full(len(stripped), np.nan)
    rest = np.ones(len(stripped), bool)
    _fill(found, rest, stripped, _PLAIN, lambda one: one)
    if not rest.any():
        return found
    if pc.any(pc.match_substring_regex(stripped, _SURELY_DECIMAL)).as_py():
        _fill(found, rest, stripped, _DECIMAL_COMMA, _from_decimal_comma)
    _fill(found, rest, stripped, _GROUPED, lambda one: _without(one, "[,  '’]"))
    _fill(found, rest, stripped, _DECIMAL_COMMA, _from_decimal_comma)
    return found


def is_padded(texts: Any) -> bool:
    """Tell whether whole numbers are written with zeros before them, as codes are."""
    return bool(pc.any(pc.match_substring_regex(texts, _PADDED)).as_py())


def is_exact(found: Floats) -> bool:
    """Tell whether float64 holds all these numbers as they were written."""
    with np.errstate(invalid="ignore"):
        return not bool((np.abs(found) >= _EXACT).any())


def _fill(found: Floats, rest: Any, texts: Any, pattern: str, plain: Callable[[Any], Any]) -> None:
    """Read the texts of one pattern, of those that were not read yet."""
    fits = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False) & rest
    if fits.any():
        chosen = plain(texts.filter(pa.array(fits)))
        found[fits] = chosen.cast(pa.float64()).to_numpy(zero_copy_only=False)
        rest &= ~fits


def _without(texts: Any, pattern: str) -> Any:
    return pc.replace_substring_regex(texts, pattern, "")


def _from_decimal_comma(texts: Any) -> Any:
    return pc.replace_substring(_without(texts, "[. ]"), ",", ".")


@dataclass(frozen=True, slots=True)
class Times:
    """Texts read as times: nanoseconds, and how they are written, in words."""

    values: np.ndarray[Any, np.dtype[np.int64]]
    words: str


_MISSING_TIME = np.iinfo(np.int64).min

_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%m/%d/%Y", "%m/%d/%y", "%d/%m/%Y",
    "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d-%b-%y",
    "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y",
)  # fmt: skip
_CLOCKS = (
    "", " %H:%M:%S", "T%H:%M:%S", "T%H:%M:%SZ", " %H:%M", "T%H:%M", " %H:%M:%S.%f",
    "T%H:%M:%S.%f", "T%H:%M:%S.%fZ", " %H:%M:%S%z", "T%H:%M:%S%z", "T%H:%M:%S.%f%z",
    " %I:%M:%S %p", " %I:%M %p",
)  # fmt: skip
_WORDS = {
    "%Y": "YYYY", "%m": "MM", "%d": "DD", "%y": "YY", "%b": "Mon", "%B": "Month", "%H": "hh",
    "%M": "mm", "%S": "ss", "%f": "fff", "%z": "+hh:mm", "%I": "hh", "%p": "am/pm",
}  # fmt: skip
_LOOKS_LIKE_TIME = r"^.{0,12}\d.{4,30}$"
_SAMPLE = 200
_TRIED = 3
_ENOUGH = 0.9


def times(texts: Any, other: Any) -> tuple[Times, Times] | None:
    """Return two columns of texts as times, or None when one of them holds none.

    Where a column may be read in two ways, e.g. ``03/04/20``, the one that gives more of the
    times of the other column is taken.
    """
    ways, others = _formats(texts), _formats(other)
    if not ways or not others:
        return None
    read = [(_parsed(texts, one), one) for one in ways]
    read_others = [(_parsed(other, one), one) for one in others]
    common, best = -1, (read[0], read_others[0])
    for one in read:
        for another in read_others:
            count = len(np.intersect1d(one[0], another[0]))
            if count > common:
                common, best = count, (one, another)
    before, after = best
    return Times(before[0], _in_words(before[1])), Times(after[0], _in_words(after[1]))


def is_time(values: Any) -> Any:
    """Return where `Times.values` holds a time."""
    return values != _MISSING_TIME


def _formats(texts: Any) -> list[str]:
    """Return the ways in which (nearly) all of a sample can be read."""
    step = max(len(texts) // _SAMPLE, 1)
    places = pa.array(range(0, len(texts), step), pa.int64())
    sample = pd.Series(texts.take(places).to_pylist(), dtype=object)
    if sample.empty or sample.str.fullmatch(_LOOKS_LIKE_TIME).mean() < _ENOUGH:
        return []
    found: dict[str, float] = {}
    clocks = [clock for clock in _CLOCKS if bool(clock) == (":" in sample[0])]
    for way in (date + clock for date in _DATES for clock in clocks):
        share = _share(sample, way) if _share(sample.iloc[:_TRIED], way) else 0.0
        if share >= _ENOUGH:
            found[way] = share
    most = max(found.values(), default=0)
    return [way for way, share in found.items() if share == most]


def _share(sample: Any, way: str) -> float:
    return float(pd.to_datetime(sample, format=way, errors="coerce", utc=True).notna().mean())


def _parsed(texts: Any, way: str) -> Any:
    found = pd.to_datetime(pd.Series(texts.to_pylist(), dtype=object), format=way,
                           errors="coerce", utc=True)  # fmt: skip
    return found.dt.as_unit("ns").astype("int64").to_numpy()


def _in_words(way: str) -> str:
    for code, word in _WORDS.items():
        way = way.replace(code, word)
    return way


def spellings(before: Sequence[str], after: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Find words that are spelt otherwise.

    Parameters
    ----------
    before, after : sequences of str
        Values that only one side has.

    Returns
    -------
    dict
        Of those after: the value before and the way, a key of `SPELLINGS`. Only where exactly
        one value of each side comes into question.
    """
    found: dict[str, tuple[str, str]] = {}
    left, right = list(before), list(after)
    for way, (plain, plain_after) in SPELLINGS.items():
        if not left or not right:
            break
        known, ours = _by_plain(left, plain), _by_plain(right, plain_after)
        for key, texts in ours.items():
            olds = known.get(key, ())
            if len(texts) == len(olds) == 1 and texts[0] != olds[0]:
                found[texts[0]] = (olds[0], way)
        taken = {old for old, _ in found.values()}
        left = [text for text in left if text not in taken]
        right = [text for text in right if text not in found]
    return found


def _by_plain(texts: Sequence[str], plain: Callable[[str], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in texts:
        found.setdefault(plain(text), []).append(text)
    return found


def composed(text: str) -> str:
    """Return text with each letter and its accent as one character."""
    return unicodedata.normalize("NFC", text)


def _trimmed(text: str) -> str:
    return " ".join(composed(text).split())


def _repaired(text: str) -> str:
    """Undo UTF-8 that was read as Windows-1252 or Latin-1."""
    for codec in ("cp1252", "latin-1"):
        try:
            return text.encode(codec).decode("utf-8")
        except UnicodeError:
            continue
    return text


SPELLINGS: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "unicode": (composed, composed),
    "whitespace": (_trimmed, _trimmed),
    "case": (lambda text: composed(text).casefold(), lambda text: composed(text).casefold()),
    "case and whitespace": (lambda text: _trimmed(text).casefold(),) * 2,
    "encoding": (lambda text: text, _repaired),
    "encoding repaired": (_repaired, lambda text: text),
}
"""How values are brought to what they have in common, before and after."""

SPELLED = ("unicode", "whitespace", "case", "case and whitespace")
"""Those that are the same in both directions."""
