"""Nouns of erasing rows for law."""

from __future__ import annotations

import msgspec


class ErasedVersion(msgspec.Struct, frozen=True):
    """A version that rows were taken out of.

    Attributes
    ----------
    ref : str
    rows : int or None
        How many went; None: its whole content was given up.
    before, after : str or None
        Digest of the content; `after` None: it has none any more.
    same_as : str or None
        Without these rows it is the same content as this version, which stands for it.
    """

    ref: str
    rows: int | None
    before: str
    after: str | None
    same_as: str | None = None


class Trace(msgspec.Struct, frozen=True):
    """Somewhere that what was erased may still be.

    Attributes
    ----------
    where : str
        A version, a run, an evaluation, the shared store.
    what : str
        In words.
    """

    where: str
    what: str


class Erasure(msgspec.Struct, frozen=True):
    """Rows that were erased from a dataset, or would be.

    Attributes
    ----------
    dataset : str
    predicate : str
        Empty where a whole version was given up.
    versions : tuple of ErasedVersion
        Those that had such rows.
    looked_at : int
        Versions of the dataset that were looked at.
    traces : tuple of Trace
        Where the rows may still be.
    id, reason, actor, erased_at : str or None
        Of the record; None where nothing was erased.
    """

    dataset: str
    predicate: str
    versions: tuple[ErasedVersion, ...]
    looked_at: int
    traces: tuple[Trace, ...] = ()
    id: str | None = None
    reason: str | None = None
    actor: str | None = None
    erased_at: str | None = None
