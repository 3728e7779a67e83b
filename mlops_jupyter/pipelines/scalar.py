"""Single values: text, numbers, dates and paths, converted where nothing is lost."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mlops_jupyter.pipelines.literal import LARGEST_BITS, Reference, Timestamp

TRUE = {"true", "yes", "1"}
FALSE = {"false", "no", "0"}
NULL = {"null", "~", ""}

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_INFINITY = re.compile(r"[-+]?\.?inf(?:inity)?", re.IGNORECASE)
_REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_LOUD_REFERENCE = re.compile(r"env:([A-Z_][A-Z0-9_]*)")
_WHOLE = re.compile(r"[-+]?\d[\d_]*")
_FRACTION = re.compile(r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?\.inf|\.nan")


class Plain(str):
    """Text without quotes: it may stand for a number, or for null."""

    __slots__ = ()


class ReasonedError(ValueError):
    """A value that does not fit, for a reason worth telling."""


def shown(value: object, most: int = 60) -> str:
    """Return a value as Python shows it, cut short."""
    try:
        return repr(value)[:most]
    except Exception:  # noqa: BLE001 - a number of too many digits, or the user's own __repr__
        return f"a value of type {type(value).__name__}"


def unwrapped(value: Any) -> Any:
    """Return Python's own value for one of numpy's or pandas'."""
    module, name = type(value).__module__, type(value).__name__
    if module == "numpy":
        if name == "datetime64":
            return Timestamp(str(value))
        return value if name == "ndarray" and value.shape else value.item()
    if module.partition(".")[0] == "pandas" and name == "Timestamp":
        return Timestamp(value.isoformat(), _zone(value.tz))
    return value


def _zone(tz: Any) -> str | None:
    """Return the name of a zone; one that is only an offset has none."""
    if tz is None:
        return None
    try:
        return str(ZoneInfo(str(tz)))
    except (OSError, ValueError, LookupError):
        return None


def resolved(text: str) -> Any:
    """Return what a text without quotes stands for."""
    if text in NULL:
        return None
    if text in {"true", "True", "false", "False"}:
        return text.lower() == "true"
    if _WHOLE.fullmatch(text):
        return _int(text)
    if _FRACTION.fullmatch(text):
        return _float(text)
    return _text(text)


def _none(value: Any) -> None:
    if value is not None and not (isinstance(value, Plain) and value in NULL):
        raise TypeError(value)


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else ""
    if word not in TRUE | FALSE:
        raise ValueError(value)
    return word in TRUE


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(value)
    number = int(value) if isinstance(value, str) else int.__index__(value)
    if number.bit_length() > LARGEST_BITS:
        raise ReasonedError("it has more than 4,200 digits")
    return number


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise TypeError(value)
    if not isinstance(value, str):
        number = float(value)
        if math.isinf(number) and not math.isinf(value):
            raise ReasonedError("it is too large")
        return number
    text = value.strip()
    is_dotted = text.lower().lstrip("+-") in {".inf", ".nan"}
    number = float(text.replace(".", "", 1) if is_dotted else text)
    if math.isinf(number) and _INFINITY.fullmatch(text) is None:
        raise ReasonedError("it is too large")
    return number


def _str(value: Any) -> Any:
    return value if isinstance(value, Reference) else _text(value)


def _text(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise TypeError(value)
    if (found := _LOUD_REFERENCE.fullmatch(value)) is not None:
        return Reference(found[1])
    str.encode(value)  # half of a character cannot be written down
    return str.__str__(value)


def _secret(value: Any) -> Reference:
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found is None and not isinstance(value, Reference):
        raise TypeError(value)
    return value if found is None else Reference(found[1])


def _date(value: Any) -> date:
    if isinstance(value, str):
        if not _DATE.fullmatch(value):
            raise ValueError(value)
        return date.fromisoformat(value)
    if isinstance(value, datetime | Timestamp):
        moment = _datetime(value)
        if moment != datetime(moment.year, moment.month, moment.day):  # noqa: DTZ001
            raise ReasonedError("it has a time of day")
        return moment.date()
    if not isinstance(value, date):
        raise TypeError(value)
    return date(value.year, value.month, value.day)


def _datetime(value: Any) -> datetime:
    if isinstance(value, Timestamp):
        digits = re.search(r"\.\d{6}(\d+)", value.text)
        if digits is not None and digits[1].strip("0"):
            raise ReasonedError("it has nanoseconds")
        return _in_zone(datetime.fromisoformat(value.text), value.zone)
    if isinstance(value, str):
        return datetime.fromisoformat(str.__str__(value))
    if isinstance(value, datetime):
        return datetime.combine(value.date(), value.timetz())
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    raise TypeError(value)


def _in_zone(moment: datetime, zone: str | None) -> datetime:
    if zone is None:
        return moment
    found = ZoneInfo(zone)
    return moment.replace(tzinfo=found) if moment.tzinfo is None else moment.astimezone(found)


def _timestamp(value: Any) -> Timestamp:
    if isinstance(value, Timestamp):
        return value
    if isinstance(value, str):
        return Timestamp(value.strip())
    if isinstance(value, datetime):
        return Timestamp(value.isoformat(), _zone(value.tzinfo))
    if isinstance(value, date):
        return Timestamp(value.isoformat())
    raise TypeError(value)


def _path(value: Any) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise TypeError(value)
    path = os.fspath(value)
    path.encode()
    return Path(str.__str__(path))


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise TypeError(value)
    return Decimal(repr(float(value)) if isinstance(value, float) else value)


SCALARS: dict[str, Callable[[Any], Any]] = {
    "None": _none,
    "bool": _bool,
    "int": _int,
    "float": _float,
    "str": _str,
    "date": _date,
    "datetime": _datetime,
    "timestamp": _timestamp,
    "path": _path,
    "decimal": _decimal,
    "secret": _secret,
}
"""How each kind of single value is made of another."""
