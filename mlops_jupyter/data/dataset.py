"""Nouns of the data layer."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Column(msgspec.Struct, frozen=True):
    """One column of a frame: its name as text, its dtype, how many values are missing."""

    name: str
    type: str
    missing: int


Kind = Literal["frame", "table", "array", "records", "file", "folder"]
"""A pandas frame or series; a table of Arrow or polars; an array of numpy or torch, or a sparse
matrix; a list of dicts; a file; a folder."""


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a version was made of, without secrets.

    Attributes
    ----------
    kind : str
    text : str
        Path from the project's root (else absolute), URL, or SQL.
    connection : str or None
        Of a query: which database, without user name and password.
    parameters : str or None
        Of a query, and of what DVC tracks (its ``md5``, the ``commit`` of an import): JSON.
    """

    kind: Literal["file", "folder", "url", "query", "dvc"]
    text: str
    connection: str | None = None
    parameters: str | None = None


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
        See `Kind`.
    manifest : str
        Digest of the object that says how to build the content again.
    row_count : int or None
        Rows of a frame, table, array or list; None for files and folders.
    columns : tuple of Column
        Columns of a frame, table or list, in order; else empty.
    size_bytes : int
        Size of the content, uncompressed.
    note : str or None
        What its maker said of it.
    created_at : str
        ISO 8601, UTC.
    source : Source or None
        What it was made of; None for a value of a cell.
    profile : str or None
        Digest of the object with its statistics, see `mlops_jupyter.data.statistics.profile`.
    stored_bytes : int or None
        What it added to the object store.
    tags : tuple of str
        Names that people gave it.
    gone_at, gone_why : str or None
        When and why its content was given up.
    """

    dataset: str
    number: int
    digest: str
    kind: Kind
    manifest: str
    row_count: int | None
    columns: tuple[Column, ...]
    size_bytes: int
    note: str | None
    created_at: str
    source: Source | None = None
    profile: str | None = None
    stored_bytes: int | None = None
    tags: tuple[str, ...] = ()
    gone_at: str | None = None
    gone_why: str | None = None

    @property
    def ref(self) -> str:
        """How people write it: ``train@3``."""
        return f"{self.dataset}@{self.number}"

    def __str__(self) -> str:
        return self.ref

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """Show one line below a cell: all fields are more than anybody reads."""
        rows = "" if self.row_count is None else f" · {self.row_count:,} rows"
        columns = f" × {len(self.columns)} columns" if self.columns else ""
        printer.text(f"{self.ref} · {self.kind}{rows}{columns} · {self.digest[:19]}…")


class Dataset(msgspec.Struct, frozen=True):
    """A name and all its versions, newest first."""

    name: str
    versions: tuple[DatasetVersion, ...]
