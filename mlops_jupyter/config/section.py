"""What the sections of ``mlops.yaml`` are made of."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
        description="Letters, digits, '_', '.' and '-'; at most 100.",
    ),
]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A section of ``mlops.yaml``: unknown keys are refused."""


_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip


def size_in_bytes(size: int | str, key: str) -> int:
    """Return a size that is written as a number of bytes or with a unit.

    Raises
    ------
    ValueError
        It is neither.
    """
    found = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]*)\s*", str(size).lower())
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"`{key}` is not a size: {size!r}; write bytes, or 200 MB, or 1 GiB")
    return int(float(found[1]) * _UNITS[found[2]])


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def age_in_seconds(age: str, key: str, setting: str = "max_age") -> float:
    """Return a time that is written as ``30m``, ``12h`` or ``1d``.

    Raises
    ------
    ValueError
        It is not.
    """
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([smhdw])", age.strip().lower())
    if found is None:
        raise ValueError(f"`{setting}` of {key!r} is not a time: {age!r}; write 30m, 12h or 1d")
    return float(found[1]) * _SECONDS[found[2]]
