"""What a check of a contract found."""

from __future__ import annotations

import msgspec

FEW = 20
"""Failing values that a drafted contract lets pandera report of each check: all of a million
cost half a minute."""


class Finding(msgspec.Struct, frozen=True):
    """What of a contract does not hold.

    Attributes
    ----------
    column : str or None
        None: it concerns the frame.
    what : str
        In words.
    count : int or None
        Values that fail.
    examples : tuple of str
        Some of them, masked where they look personal.
    at_least : bool
        The check reports no more values than these; there may be more.
    """

    column: str | None
    what: str
    count: int | None = None
    examples: tuple[str, ...] = ()
    at_least: bool = False


class ContractReport(msgspec.Struct, frozen=True):
    """Whether a version holds a contract; `findings` is empty when it does."""

    ref: str
    contract: str
    rows: int
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


class DraftedContract(msgspec.Struct, frozen=True):
    """A contract that was drafted from a version, and the file that it is in."""

    ref: str
    path: str

    def __str__(self) -> str:
        return f"{self.path}: drafted from {self.ref}; read it, edit it, commit it"
