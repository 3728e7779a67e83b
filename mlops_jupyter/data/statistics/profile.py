"""The profile of a data version: its columns in numbers, kept with it.

It is made while the content is in memory, from the columns as they were taken apart. A later
version takes over the statistics of the columns that did not change. Its quantiles and top values
are what new data is compared with, without the rows that they came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_jupyter.data import trust, versions
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.statistics.column_profile import ColumnKind, ColumnProfile
from mlops_jupyter.data.statistics.personal import is_personal_name
from mlops_jupyter.errors import IntegrityError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import Objects

if TYPE_CHECKING:
    from mlops_jupyter.data.value.content import TakenColumn

__all__ = [
    "ColumnKind",
    "ColumnProfile",
    "Profile",
    "content_of",
    "make",
    "of",
    "of_value",
    "read",
    "write",
]

FORMAT = 1


class Profile(msgspec.Struct, frozen=True):
    """Summary statistics of a data version.

    Attributes
    ----------
    rows : int
    columns : tuple of ColumnProfile
        In order.
    sampled : int or None
        Quantiles, distinct and top values come from as many rows; None: from all.
    format : int
        Of the statistics.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    sampled: int | None = None
    format: int = FORMAT

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """Show one line below a cell; `%mlops profile` draws all of it."""
        size = f"{self.rows:,} rows × {len(self.columns)} columns"
        printer.text(f"profile of {size}: see `.columns`, or draw it by `%mlops profile`")


def make(
    columns: Sequence[TakenColumn],
    digests: Sequence[str],
    rows: int,
    known: Profile | None = None,
) -> Profile:
    """Return the profile of a value that was taken apart.

    Parameters
    ----------
    columns : sequence of TakenColumn
    digests : sequence of str
        Of the content of each column.
    rows : int
    known : Profile, optional
        Of another version: columns of the same content are not looked at again.
    """
    from mlops_jupyter.data.statistics.quantile import bins_of, sampled_rows
    from mlops_jupyter.data.value.part import in_threads

    sample, bins = sampled_rows(rows), bins_of(len(columns))
    ready = {}
    if known is not None and known.format == FORMAT:
        ready = {column.digest: column for column in known.columns}

    def one(task: tuple[TakenColumn, str]) -> ColumnProfile:
        from mlops_jupyter.data.statistics.describe import describe

        column, digest = task
        before = ready.get(digest)
        if before is not None and _holds(before, column):
            return msgspec.structs.replace(before, name=column.name, type=column.type)
        return describe(column, digest, rows, sample, bins)

    made = tuple(in_threads(one, list(zip(columns, digests, strict=True)), rows))
    return Profile(rows, made, None if sample is None else len(sample))


def write(objects: Objects, profile: Profile) -> str:
    """Keep a profile and return the digest of its object."""
    return objects.write(msgspec.json.encode(profile))


def read(objects: Objects, digest: str) -> Profile:
    """Return a kept profile.

    Raises
    ------
    IntegrityError
        The object is missing or damaged.
    UsageError
        A newer version of this package wrote it.
    """
    content = objects.read(digest)
    try:
        told = msgspec.json.decode(content, type=_Format).format
        if told > FORMAT:
            raise UsageError(
                f"this profile has format {told}, newer than {FORMAT}",
                hint="upgrade mlops-jupyter",
            )
        return msgspec.json.decode(content, type=Profile)
    except msgspec.DecodeError as error:
        raise IntegrityError(f"{digest} is no profile: {error}") from None


def of(project: Project, ref: str) -> Profile:
    """Return the profile of a version; it is made and kept now where there is none.

    Raises
    ------
    NotFoundError
        There is no such version.
    UsageError
        It is a folder, or a file that holds no table.
    IntegrityError
        An object is missing or damaged.
    """
    version = versions.resolve(project, ref)
    if version.profile is not None:
        return read(project.objects, version.profile)
    made = of_value(content_of(project, version))
    with project.objects.held():
        digest = write(project.objects, made)
        with project.catalog.transaction() as connection:
            connection.execute(
                "UPDATE dataset_version SET profile = ?"
                " WHERE dataset = ? AND digest = ? AND profile IS NULL AND gone_at IS NULL",
                (digest, version.dataset, version.digest),
            )
    return made


def of_value(value: Any) -> Profile:
    """Return the profile of a value of memory, which need not be a version.

    Raises
    ------
    UsageError
        It is of a kind that cannot be kept, or has no columns.
    """
    from mlops_jupyter.data.value import content, part

    taken = content.take_apart(value)
    columns = taken.columns()
    digests = [part.digest(column.part, part.measure(column.part)) for column in columns]
    return make(columns, digests, taken.row_count)


def content_of(project: Project, version: DatasetVersion) -> Any:
    """Return the content of a version, a file's as a frame.

    Unlike `versions.load` this is no use of it by a cell.

    Raises
    ------
    UsageError
        It is a folder, or a file that holds no table.
    IntegrityError
        An object is missing or damaged.
    """
    if version.kind in {"file", "folder"}:
        from mlops_jupyter.data.statistics import tabular

        return tabular.of_version(project, version)
    from mlops_jupyter.data.storage import manifest
    from mlops_jupyter.data.value import content

    origin = trust.distrusted(project, version)
    return content.put_together(*manifest.content(project.objects, version.manifest, None, origin))


def _holds(before: ColumnProfile, column: TakenColumn) -> bool:
    """Whether statistics hold under a new name: one that looks personal hides values."""
    return is_personal_name(before.name) == is_personal_name(column.name)


class _Format(msgspec.Struct):
    format: int
