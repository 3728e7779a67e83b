"""Nouns of a difference of two data versions."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Level = Literal["broken", "content", "form"]
"""``broken``: it looks like an accident; ``content``: values, rows or columns are others;
``form``: the same values, written or ordered otherwise."""


class Side(msgspec.Struct, frozen=True):
    """One of the two versions.

    Attributes
    ----------
    ref, digest, kind : str
    rows, columns : int or None
        None when it is no table.
    size_bytes : int
    """

    ref: str
    digest: str
    kind: str
    rows: int | None
    columns: int | None
    size_bytes: int


class Finding(msgspec.Struct, frozen=True):
    """One thing that happened, said in one sentence.

    Attributes
    ----------
    code : str
        See `mlops_jupyter.data.diff.words.CODES`.
    level : str
        See `Level`.
    text : str
        The sentence.
    column : str or None
        Of which column it is said.
    count : int or None
        How many rows, cells, columns or values it touches.
    """

    code: str
    level: Level
    text: str
    column: str | None = None
    count: int | None = None


class Fact(msgspec.Struct, frozen=True):
    """A fact of the bytes of a file that is another after."""

    name: str
    before: str
    after: str


class ColumnChange(msgspec.Struct, frozen=True):
    """A column that is new, gone, renamed, moved, or of another type.

    Attributes
    ----------
    kind : str
    before, after : str or None
        Its names; of another type the types; when moved the positions, from 1.
    column : str
        Its name after, or before when it is gone.
    why : str
        Of a renamed one: how that is known.
    """

    kind: Literal["added", "removed", "renamed", "type", "moved"]
    column: str
    before: str | None
    after: str | None
    why: str = ""


class RowExample(msgspec.Struct, frozen=True):
    """A row that only one side has; `row` counts from 1."""

    row: int
    text: str


class Rows(msgspec.Struct, frozen=True):
    """Which row is which.

    Attributes
    ----------
    same, changed : int
        Rows that both sides have, with the same values or others.
    rewritten : int
        Of the same, those with values that are written otherwise, e.g. ``18.0`` and ``18``.
    moved : int
        Of these, how many stand at another place among the others.
    added, removed : int
    respelt : int
        Rows that are the same but for their key; they count as changed.
    key : tuple of str
        The columns by which rows were found again; empty: by their content.
    why : str
        Why these.
    added_rows, removed_rows : tuple of RowExample
        The first few.
    """

    same: int
    changed: int
    rewritten: int
    moved: int
    added: int
    removed: int
    respelt: int
    key: tuple[str, ...]
    why: str
    added_rows: tuple[RowExample, ...]
    removed_rows: tuple[RowExample, ...]


class CellExample(msgspec.Struct, frozen=True):
    """A cell of the same row before and after; None: missing. `row` counts from 1, after."""

    row: int
    before: str | None
    after: str | None


class Cells(msgspec.Struct, frozen=True):
    """The cells of one column, in rows that both sides have.

    Attributes
    ----------
    column : str
        Its name after.
    changed : int
        Cells with another value.
    rewritten : int
        Cells with the same value in another form, e.g. ``18.0`` and ``18``.
    of : int
        Rows that both sides have.
    examples : tuple of CellExample
        The first few, masked where they look personal.
    """

    column: str
    changed: int
    rewritten: int
    of: int
    examples: tuple[CellExample, ...]


class Shift(msgspec.Struct, frozen=True):
    """How a column as a whole is distributed otherwise.

    Attributes
    ----------
    column : str
    kind : str
        ``number`` or ``category``.
    effect : float
        From 0 (alike) to 1 (nothing in common): the Kolmogorov-Smirnov statistic of numbers,
        the total variation distance of categories.
    psi : float or None
        The population stability index; None where there are too many categories.
    missing : tuple of two float
        Share of missing values, before and after.
    range_before, range_after : tuple of two str, or None
        Smallest and largest number, or time.
    center : tuple of two float, or None
        Medians.
    """

    column: str
    kind: Literal["number", "category"]
    effect: float
    psi: float | None
    missing: tuple[float, float]
    range_before: tuple[str, str] | None = None
    range_after: tuple[str, str] | None = None
    center: tuple[float, float] | None = None


class PathChange(msgspec.Struct, frozen=True):
    """A file of a folder that is new, gone, changed, or lies under another name."""

    kind: Literal["added", "removed", "changed", "renamed"]
    before: str | None
    after: str | None


class DataDiff(msgspec.Struct, frozen=True):
    """What the version `after` has otherwise than `before`.

    Attributes
    ----------
    before, after : Side
    findings : tuple of Finding
        The worst first.
    columns : tuple of ColumnChange
    rows : Rows or None
        None when one of them is no table.
    cells : tuple of Cells
        Columns with cells that are other ones, most first.
    shifts : tuple of Shift
        Columns that are distributed otherwise, most first.
    facts : tuple of Fact
        Of the bytes of files.
    paths : tuple of PathChange
        Of folders.
    lines : str
        Of text that is no table: a unified diff, cut short.
    """

    before: Side
    after: Side
    findings: tuple[Finding, ...] = ()
    columns: tuple[ColumnChange, ...] = ()
    rows: Rows | None = None
    cells: tuple[Cells, ...] = ()
    shifts: tuple[Shift, ...] = ()
    facts: tuple[Fact, ...] = ()
    paths: tuple[PathChange, ...] = ()
    lines: str = ""

    @property
    def is_same(self) -> bool:
        """Whether both are the same content."""
        return self.before.digest == self.after.digest and self.before.kind == self.after.kind

    def __str__(self) -> str:
        from mlops_jupyter.data.diff.show import as_text

        return as_text(self)

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        from mlops_jupyter.data.diff.page import as_html

        return as_html(self)
