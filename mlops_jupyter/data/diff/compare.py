"""Compare two versions of data: the one verb of this package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.diff.difference import DataDiff, Side
from mlops_jupyter.data.diff.words import finding, ranked
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project


def diff(project: Project, before: str, after: str, *, key: Sequence[str] = ()) -> DataDiff:
    """Say what one version of data has otherwise than another.

    Parameters
    ----------
    project : Project
    before, after : str
        ``train@2``; also versions of two datasets.
    key : sequence of str
        The columns by which rows are found again. Default: a column that obviously names the
        rows, else their content.

    Raises
    ------
    NotFoundError
        There is no such version, or no such column on both sides.
    UsageError
        One is a table and the other is none; the key names no row; the content was given up.
    IntegrityError
        An object is missing or damaged.
    """
    if isinstance(key, str):
        raise UsageError("key: a sequence of names, not text", hint=f"key=[{key!r}]")
    one, other = versions.resolve(project, before), versions.resolve(project, after)
    sides = _side(one), _side(other)
    if one.digest == other.digest and one.kind == other.kind:
        return DataDiff(*sides)
    if "folder" in (one.kind, other.kind):
        return _of_folders(project, one, other)
    contents = versions.look(project, one), versions.look(project, other)
    if isinstance(contents[0], Path) or isinstance(contents[1], Path):
        return _of_files(sides, contents, key)
    return _of_values(sides, contents, key)


def _side(version: DatasetVersion) -> Side:
    columns = len(version.columns) if version.row_count is not None else None
    return Side(version.ref, version.digest, version.kind, version.row_count, columns,
                version.size_bytes)  # fmt: skip


def _of_folders(project: Project, one: DatasetVersion, other: DatasetVersion) -> DataDiff:
    from mlops_jupyter.data.diff import folder

    if one.kind != other.kind:
        raise UsageError(f"{one} is a {one.kind}, {other} a {other.kind}: nothing to compare")
    both = folder.digests(project, one), folder.digests(project, other)
    paths = folder.changes(*both)
    count = len(both[0].keys() | both[1].keys())
    return DataDiff(
        _side(one), _side(other), paths=paths, findings=ranked(folder.said(paths, count))
    )


def _of_files(sides: tuple[Side, Side], contents: Sequence[Any], key: Sequence[str]) -> DataDiff:
    """Compare two files, or a file with a value: by their bytes, then as tables if they are."""
    from mlops_jupyter.data.diff import grid, reading, tables, text

    read = [reading.read(one) if isinstance(one, Path) else None for one in contents]
    grids = [
        grid.grid_of(value) if file is None else file.grid
        for value, file in zip(contents, read, strict=True)
    ]
    both = (read[0], read[1]) if read[0] is not None and read[1] is not None else None
    if grids[0] is None or grids[1] is None:
        if both is None:
            side = sides[0] if grids[0] is None else sides[1]
            raise UsageError(f"{side.ref} is a file that is no table: it has no rows to compare")
        lines, told = text.lines(*both)
        said = [*text.said(*both), *([told] if told else [])]
        return DataDiff(*sides, findings=ranked(said), facts=text.facts(*both), lines=lines)
    found = tables.compare(sides, grids[0], grids[1], key)
    if both is None:
        return found
    return tables.with_bytes(found, ranked([*text.said(*both), *found.findings]), text.facts(*both))


def _of_values(sides: tuple[Side, Side], contents: tuple[Any, Any], key: Sequence[str]) -> DataDiff:
    from mlops_jupyter.data.diff import grid, tables

    found = tables.compare(sides, *grid.grids_of(*contents), key)
    if found.findings:
        return found
    said = finding(
        "same_values",
        "the same values; what differs is how they are held: types, index, labels, attributes or"
        " the kind of missing values",
    )
    return tables.with_bytes(found, (said,), ())
