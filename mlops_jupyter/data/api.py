"""``mlops_jupyter.snapshot`` and ``mlops_jupyter.load``: the verbs in the project here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlops_jupyter.data import versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.snapshot import snapshot as take_snapshot
from mlops_jupyter.project import Project, open_project

if TYPE_CHECKING:
    from mlops_jupyter.data.diff.difference import DataDiff


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
    with _here() as project:
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
    with _here() as project:
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
    with _here() as project:
        return compare.diff(project, str(before), str(after), key=names)


@contextmanager
def _here() -> Iterator[Project]:
    project = open_project()
    try:
        yield project
    finally:
        project.catalog.close()
