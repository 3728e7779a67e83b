"""Which of the things found by themselves a run records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

import msgspec

Value = TypeVar("Value")


class Selection(msgspec.Struct, frozen=True):
    """What a run is narrowed to; what is logged explicitly is always kept.

    Attributes
    ----------
    metrics, params : tuple of str
        Patterns as of file names: ``val_*``. One that matches the whole name, or its last part
        (``val_loss`` of ``model.val_loss``), takes it in. None given: everything.
    figures : bool
        Whether figures are kept.
    """

    metrics: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    figures: bool = True

    def metric(self, name: str) -> bool:
        """Whether a metric of this name is kept."""
        return matches(name, self.metrics)

    def parameters(self, found: Mapping[str, Value]) -> dict[str, Value]:
        """Return those of the parameters that are kept."""
        return {name: value for name, value in found.items() if matches(name, self.params)}


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a name, or its last part, matches one of the patterns; without any, it does."""
    names = {name, name.rpartition(".")[2]}
    return not patterns or any(fnmatchcase(n, pattern) for n in names for pattern in patterns)


def patterns(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return patterns one by one: ``"val_*,r2"`` and ``["val_*", "r2"]`` are the same."""
    words = [given] if isinstance(given, str) else list(given or ())
    parts = [part.strip() for word in words for part in word.split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))
