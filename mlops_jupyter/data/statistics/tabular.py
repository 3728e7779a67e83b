"""Kept files that hold a table, read as a frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.files import file
from mlops_jupyter.errors import UsageError, last_line
from mlops_jupyter.project import Project

_PACKED = {".gz", ".bz2", ".xz", ".zst", ".zip"}
_TEXT = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_LINES = {".jsonl", ".ndjson"}
_PARQUET = {".parquet", ".pq"}


def of_version(project: Project, version: DatasetVersion) -> Any:
    """Return the table of a file version as a pandas frame.

    Raises
    ------
    UsageError
        It is a folder, or its content is no table.
    IntegrityError
        An object is missing or damaged.
    """
    if version.kind == "folder":
        raise UsageError(f"{version.ref} is a folder, not a table")
    path = file.read(project.objects, version.manifest, project.folder / "files")
    try:
        return read(path)
    except UsageError as error:
        raise UsageError(f"{version.ref}: {error.message}", hint=error.hint) from None


def read(path: Path) -> Any:
    """Return the table of a file as a pandas frame, by the ending of its name.

    Raises
    ------
    UsageError
        It is no table.
    """
    import pandas as pd
    from pyarrow import ArrowException

    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    ending = endings[-1] if endings else ""
    try:
        if ending in _TEXT:
            return pd.read_csv(path, sep=_TEXT[ending], low_memory=False)
        if ending in _LINES:
            return pd.read_json(path, lines=True)
        if ending in _PARQUET:
            return pd.read_parquet(path, engine="pyarrow")
    except (ValueError, OverflowError, ArrowException, EOFError, OSError, ImportError) as error:
        raise UsageError(f"{path.name} holds no table: {last_line(error)}") from None
    raise UsageError(
        f"{path.name} holds no table that is known by its name",
        hint="there are csv, tsv, jsonl and parquet",
    )


def as_frame(value: Any, what: str) -> Any:
    """Return a value of a data version as a pandas frame.

    Parameters
    ----------
    value : frame, table, array or list of dicts
    what : str
        Its version, for the message.

    Raises
    ------
    UsageError
        It is no table.
    """
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return value
    if isinstance(value, pd.Series):
        return value.to_frame(value.name if value.name is not None else 0)
    if isinstance(value, list):
        return pd.DataFrame(value)
    if hasattr(value, "to_pandas"):
        return pd.DataFrame(value.to_pandas())
    if getattr(value, "ndim", 0) in {1, 2} and hasattr(value, "__array__"):
        return pd.DataFrame(value)
    raise UsageError(f"{what} is no table: it is a {type(value).__qualname__}")
