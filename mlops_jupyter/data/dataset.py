"""Nouns of the data layer."""

from __future__ import annotations

from typing import Literal

import msgspec


class Column(msgspec.Struct, frozen=True):
    """One column of a frame: its name as text, its dtype, how many values are missing."""

    name: str
    type: str
    missing: int


class DatasetVersion(msgspec.Struct, frozen=True):
    """An immutable state of a named table or file, written ``train@3``.

    Attributes
    ----------
    dataset : str
        The name.
    number : int
        1 is the first version.
    digest : str
        ``blake3:…`` of the content: two versions with one digest are the same content.
    kind : str
        ``frame`` or ``file``.
    manifest : str
        Digest of the object that says how to build the content again.
    row_count : int or None
        Rows of a frame.
    columns : tuple of Column
        Columns of a frame, in order; empty for a file.
    size_bytes : int
        Size of the content, uncompressed.
    note : str or None
        What its maker said of it.
    created_at : str
        ISO 8601, UTC.
    """

    dataset: str
    number: int
    digest: str
    kind: Literal["frame", "file"]
    manifest: str
    row_count: int | None
    columns: tuple[Column, ...]
    size_bytes: int
    note: str | None
    created_at: str

    @property
    def ref(self) -> str:
        """How people write it: ``train@3``."""
        return f"{self.dataset}@{self.number}"

    def __str__(self) -> str:
        return self.ref


class Dataset(msgspec.Struct, frozen=True):
    """A name and all its versions, newest first."""

    name: str
    versions: tuple[DatasetVersion, ...]
