"""Data versions as Parquet, CSV or Arrow, for programs that know nothing of us."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_jupyter.data import versions
from mlops_jupyter.errors import (
    UsageError,
    did_you_mean,
    last_line,
    refused_by_disk,
)
from mlops_jupyter.project import Project

FORMATS = ("parquet", "csv", "arrow")

_BY_ENDING = {".parquet": "parquet", ".csv": "csv", ".arrow": "arrow", ".feather": "arrow"}


def export(
    project: Project,
    ref: str,
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002 - what people call it
    *,
    overwrite: bool = False,
) -> Path:
    """Write a version as a file that other programs read.

    The file is there and whole, or not there. The index of a frame is kept in its columns,
    unless it only counts the rows; pandas reads it back from Parquet and Arrow as an index.

    Parameters
    ----------
    project : Project
    ref : str
        A frame, a table, a list of dicts, or an array with one or two axes.
    path : path
    format : {"parquet", "csv", "arrow"}, optional
        ``arrow`` is the file format of Arrow IPC, also called Feather. Default: what the ending
        of the path says.
    overwrite : bool
        Whether a file that is there is replaced.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        The file is there, its format is not known, or a column cannot be written in it.
    ExternalError
        The disk is full.
    """
    target = Path(path)
    writer = _WRITERS[_format(target, format)]
    if not overwrite and target.exists():
        raise _is_there(target)
    version = versions.resolve(project, ref)
    if version.kind in {"file", "folder"}:
        raise UsageError(
            f"{version.ref} is a {version.kind}, and is had as it is",
            hint=f"`mlops checkout {version.ref}`",
        )
    value = versions.look(project, version)
    _write(target, lambda aside: writer(value, aside), overwrite=overwrite)
    return target


def _format(path: Path, told: str | None) -> str:
    if told is None:
        found = _BY_ENDING.get(path.suffix.lower())
        if found is None:
            raise UsageError(
                f"{path}: the ending does not say which format to write",
                hint="end it in .parquet, .csv, .arrow or .feather, or give the format",
            )
        return found
    if told not in FORMATS:
        raise UsageError(
            f"not a format to export to: {str(told)[:80]!r}",
            hint=did_you_mean(str(told), FORMATS),
        )
    return told


def _is_there(path: Path) -> UsageError:
    return UsageError(f"{path} is there already", hint="give another path, or --force")


def _write(target: Path, write: Callable[[str], None], *, overwrite: bool) -> None:
    """Write beside the target, then put it in its place."""
    aside = target.with_name(f".writing-{secrets.token_hex(8)}")
    try:
        try:
            write(str(aside))
            with aside.open("rb") as written:
                os.fsync(written.fileno())
            _put(aside, target, overwrite=overwrite)
        finally:
            aside.unlink(missing_ok=True)
    except FileNotFoundError:
        raise UsageError(
            f"there is no folder {str(target.parent)!r}", hint="make it first"
        ) from None
    except OSError as error:
        raise refused_by_disk(target, error) from None


def _put(aside: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        aside.replace(target)
        return
    try:
        os.link(aside, target)  # which never replaces what somebody else wrote meanwhile
    except FileExistsError:
        raise _is_there(target) from None
    except OSError:  # the file system has no links
        if target.exists():
            raise _is_there(target) from None
        aside.replace(target)


# --- formats -------------------------------------------------------------------------------------


def _parquet(value: Any, path: str) -> None:
    from pyarrow import parquet

    from mlops_jupyter.data import export_form
    from mlops_jupyter.data.value import arrow_table

    table = export_form.for_parquet(arrow_table.as_arrow(value))
    _try(table, "Parquet", lambda part, sink: parquet.write_table(part, sink), path)


def _arrow(value: Any, path: str) -> None:
    import pyarrow as pa

    from mlops_jupyter.data.value import arrow_table

    def write(part: Any, sink: Any) -> None:
        # a file has one dictionary for each column
        with pa.ipc.new_file(sink, part.schema) as writer:
            writer.write_table(part.unify_dictionaries())

    _try(arrow_table.as_arrow(value), "Arrow", write, path)


def _csv(value: Any, path: str) -> None:
    import pandas as pd
    from pyarrow import csv

    from mlops_jupyter.data import convert, export_form
    from mlops_jupyter.data.value import arrow_table

    if isinstance(value, pd.DataFrame | pd.Series):
        value = convert.with_index_as_columns(value)
    table = export_form.for_csv(arrow_table.as_arrow(value))
    _try(table, "CSV", lambda part, sink: csv.write_csv(part, sink), path)


def _try(table: Any, name: str, write: Callable[[Any, Any], None], path: str) -> None:
    """Write a table; say which column cannot be written, if one cannot."""
    import pyarrow as pa

    try:
        write(table, path)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        for place, column in enumerate(table.column_names):
            try:
                write(table.select([place]), pa.BufferOutputStream())
            except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as reason:
                kind = table.schema.field(place).type
                raise UsageError(
                    f"column {column!r} is {kind}, which {name} does not hold: {last_line(reason)}",
                    hint="export to another format, or leave the column out of the version",
                ) from None
        raise UsageError(f"{name} cannot hold the table: {last_line(error)}") from None


_WRITERS: dict[str, Callable[[Any, str], None]] = {
    "parquet": _parquet,
    "csv": _csv,
    "arrow": _arrow,
}
