"""``mlops_jupyter.snapshot``, ``load`` and the other verbs of data, in the project here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.snapshot import snapshot as take_snapshot
from mlops_jupyter.project import here

if TYPE_CHECKING:
    from mlops_jupyter.data.diff.difference import DataDiff
    from mlops_jupyter.data.statistics.profile import Profile


def snapshot(
    obj: Any,
    name: str,
    *,
    note: str | None = None,
    tags: Sequence[str] = (),
    move_tags: bool = False,
) -> DatasetVersion:
    """Keep a value, a file or a folder as a version of the dataset `name`, in the project here.

    Parameters
    ----------
    obj : frame, table, array, tensor, sparse matrix, list of dicts, or path
        Of pandas, polars, pyarrow, numpy, torch and scipy.
    name : str
    note : str, optional
        What it is, for people.
    tags : sequence of str
        Names to give to the version: ``golden`` is written ``train@golden``.
    move_tags : bool
        Whether a tag that stands on another version is moved.

    Returns
    -------
    DatasetVersion
        The one that is there already, when the content is the same.
    """
    with here() as project:
        return take_snapshot(project, obj, name, note, tags=tags, move_tags=move_tags)


def load(
    ref: str | DatasetVersion,
    *,
    columns: Sequence[str] | None = None,
    rows: slice | None = None,
    as_: str | None = None,
) -> Any:
    """Return the content of a version, e.g. ``train@2``, in the project here.

    Parameters
    ----------
    ref : str or DatasetVersion
        ``train`` and ``train@latest`` are the newest version, ``train@2`` is the second,
        ``train@golden`` the one tagged so, ``train@2026-11-01`` the newest at the end of that
        day, ``train@blake3:…`` the one with this content.
    columns : sequence of str, optional
        Only these, in this order.
    rows : slice, optional
        Only these.
    as_ : {"pandas", "polars", "arrow", "numpy"}, optional
        Default: as it was taken.

    Returns
    -------
    object
        A value equal to the one taken; of a file, the path of a read-only copy.
    """
    with here() as project:
        return versions.load(project, str(ref), columns=columns, rows=rows, as_=as_)


def diff(
    before: str | DatasetVersion, after: str | DatasetVersion, *, key: Sequence[str] | str = ()
) -> DataDiff:
    """Say what one version has otherwise than another, in the project here.

    Parameters
    ----------
    before, after : str or DatasetVersion
    key : str or sequence of str, optional
        The columns by which rows are found again. Default: a column that obviously names the
        rows, else their content.

    Returns
    -------
    DataDiff
        Shows itself as text, and as HTML in a notebook.
    """
    from mlops_jupyter.data.diff import compare

    names = (key,) if isinstance(key, str) else tuple(key)
    with here() as project:
        return compare.diff(project, str(before), str(after), key=names)


def profile(ref: str | DatasetVersion) -> Profile:
    """Return the statistics of the columns of a version, in the project here."""
    from mlops_jupyter.data.statistics import profile as profiles

    with here() as project:
        return profiles.of(project, str(ref))


def tag(ref: str | DatasetVersion, name: str, *, move: bool = False) -> DatasetVersion:
    """Give a version a name of its own, ``train@golden``, in the project here.

    Parameters
    ----------
    ref : str or DatasetVersion
    name : str
    move : bool
        Whether the tag may be taken from another version.
    """
    from mlops_jupyter.data import tags

    with here() as project:
        return tags.tag(project, str(ref), name, move=move)


def untag(ref: str) -> DatasetVersion:
    """Take a tag away, e.g. ``train@golden``, in the project here."""
    from mlops_jupyter.data import tags

    with here() as project:
        return tags.untag(project, ref)


def checkout(ref: str | DatasetVersion, folder: Path | str, *, overwrite: bool = False) -> Path:
    """Put a kept file or folder into a folder, read-only, in the project here.

    Parameters
    ----------
    ref : str or DatasetVersion
    folder : path
    overwrite : bool
        Whether files there that hold something else are replaced.
    """
    from mlops_jupyter.data.files import checkout as checkouts

    with here() as project:
        return checkouts.checkout(project, str(ref), folder, overwrite=overwrite)


def export(
    ref: str | DatasetVersion,
    path: Path | str,
    format: str | None = None,  # noqa: A002 - what pandas and polars call it
    *,
    overwrite: bool = False,
) -> Path:
    """Write a version as a file that others read, in the project here.

    Parameters
    ----------
    ref : str or DatasetVersion
    path : path
    format : {"parquet", "csv", "arrow"}, optional
        Default: by the ending of the path.
    overwrite : bool
        Whether a file that is there is replaced.
    """
    from mlops_jupyter.data import export as exports

    with here() as project:
        return exports.export(project, str(ref), path, format, overwrite=overwrite)
