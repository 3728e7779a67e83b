"""What a pickle of values refers to in the data store, fetched from there.

The functions stand in the pickle by their names, each with what it needs: where the version is,
which part of it is meant, and how its memory lay. `mlops_jupyter.pipelines.aside` writes them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_jupyter.data import touched
from mlops_jupyter.data.dataset import DatasetVersion, Kind
from mlops_jupyter.errors import IntegrityError, UsageError
from mlops_jupyter.project import Project

if TYPE_CHECKING:
    from mlops_jupyter.data.storage.stored import Stored

Place = tuple[str, str, str]
"""Name of the value for people, dataset, digest of the content."""

Path = tuple[str, ...]
"""Names of parts, from the root."""

Answer = TypeVar("Answer")


class Fetching:
    """The versions that one pickle refers to; each is looked up once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._found: dict[Place, tuple[DatasetVersion, Kind, Stored]] = {}

    def find(self, place: Place) -> tuple[Kind, Stored]:
        """Return the tree that a value is put together from."""
        if place not in self._found:
            from mlops_jupyter.data import passed

            self._found[place] = passed.find(self._project, *place[1:])
        return self._found[place][1:]

    def part(self, place: Place, path: Path) -> Stored:
        """Return a part of a value."""
        return functools.reduce(lambda stored, name: stored.part(name), path, self.find(place)[1])

    def tell(self, variables: Collection[str] | None = None) -> None:
        """Tell whoever records it which versions were loaded, of some variables or of all."""
        for (name, *_), (version, _, _) in self._found.items():
            if variables is None or name.partition(".")[0] in variables:
                touched.tell(version)


def _told(verb: Callable[..., Answer]) -> Callable[..., Answer]:
    """Let an error name the value that it is about."""

    @functools.wraps(verb)
    def told(fetching: Fetching, place: Place, *facts: Any) -> Answer:
        try:
            return verb(fetching, place, *facts)
        except (IntegrityError, UsageError) as error:
            raise type(error)(
                f"the variable {place[0]!r} cannot be received: {error.message}", hint=error.hint
            ) from error

    return told


@_told
def array(fetching: Fetching, place: Place, path: Path, order: str, writeable: bool) -> Any:
    """Return an array of numpy."""
    import numpy as np

    from mlops_jupyter.data.value import block

    # the same values in another order are the same version
    found = np.asarray(block.read(fetching.part(place, path)), order=order)  # type: ignore[call-overload]
    return _as_it_was(found, writeable)


@_told
def lines(
    fetching: Fetching,
    place: Place,
    paths: Sequence[Path],
    dtype: Any,
    shape: tuple[int, ...],
    order: str,
    writeable: bool,
) -> Any:
    """Return an array whose rows, or the one that it is, are columns of frames."""
    import numpy as np

    from mlops_jupyter.data.value import columns, part, values

    made: Any = np.empty(shape, dtype, order=order)  # type: ignore[call-overload]
    rows = made.reshape(1, -1) if len(shape) == 1 else made

    def fill(number: int) -> None:
        stored = fetching.part(place, paths[number])
        if stored.kind == "object":
            rows[number] = values.put_together(stored)
        elif stored.rows != rows.shape[1]:
            raise IntegrityError("a stored column has another length")
        else:
            columns.read_numpy(stored, dtype, rows[number])

    fetching.find(place)  # the catalog is asked in this thread
    list(part.in_threads(fill, range(len(paths)), rows.shape[1]))
    return _as_it_was(made, writeable)


@_told
def texts(fetching: Fetching, place: Place, path: Path) -> Any:
    """Return an array of pandas that lies in Arrow's memory."""
    from mlops_jupyter.data.value import columns

    return columns.put_together(fetching.part(place, path))


@_told
def whole(fetching: Fetching, place: Place, chunks: Sequence[Sequence[int]] | None) -> Any:
    """Return a table, a series or a tensor; a table of Arrow in the chunks that it had."""
    from mlops_jupyter.data.value import content

    found = content.put_together(*fetching.find(place))
    return found if chunks is None else _in_chunks(found, chunks)


def _as_it_was(made: Any, writeable: bool) -> Any:
    if not writeable:
        made.flags.writeable = False
    return made


def _in_chunks(table: Any, chunks: Sequence[Sequence[int]]) -> Any:
    import pyarrow as pa

    columns: list[Any] = []
    for column, lengths in zip(table.columns, chunks, strict=True):
        if [len(chunk) for chunk in column.chunks] == list(lengths):
            columns.append(column)
            continue
        joined = pa.concat_arrays(column.chunks)
        starts = [sum(lengths[:number]) for number in range(len(lengths))]
        pieces = [joined.slice(s, length) for s, length in zip(starts, lengths, strict=True)]
        columns.append(pa.chunked_array(pieces, column.type))
    return pa.Table.from_arrays(columns, schema=table.schema)
