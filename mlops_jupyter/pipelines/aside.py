"""Large memory of values is put aside, into data versions; the pickle keeps all the rest.

A pickle says how values hang together: which names are one object, in which blocks a frame lies,
what an index is called. Only the bytes of arrays and the texts of columns are replaced in it by
where they are found: `mlops_jupyter.pipelines.fetched` brings them back. So what shared an object
does so again, and what has no exact place in a version stays in the pickle.

Frames, series, arrays, sparse matrices and tensors that stand under a variable, or in containers
under it, become versions of a dataset of their own, next to those of the runs before: what did not
change is not kept again.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mlops_jupyter.data import naming, touched, versions
from mlops_jupyter.data.replayed import is_on as is_replayed
from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines import fetched
from mlops_jupyter.pipelines.fetched import Path, Place
from mlops_jupyter.pipelines.reached import Named
from mlops_jupyter.pipelines.views import View
from mlops_jupyter.project import Project

if TYPE_CHECKING:
    from mlops_jupyter.data.passed import Passed

LEAST_BYTES = 64 * 2**10
"""What is smaller is in the pickle sooner than looked up."""

LEAST_LINE_BYTES = 4 * 2**10
"""Of a column in a block of a frame: many short ones are many small reads."""

Reduced = tuple[Callable[..., Any], tuple[Any, ...]]

REFUSED = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What libraries raise for a value that the data store cannot take; it stays in the pickle."""

_NUMBERS = "biufcMm"
_MOST_DIGITS_BYTES = {"f": 8, "c": 16}
"""Longer numbers have bits without a meaning, which are not kept."""

_SPARSE = frozenset({"csr", "csc", "bsr", "coo", "dia"})


class Aside:
    """Puts memory of the values of one step aside.

    The caller holds the objects until `add` has made the rows.

    Parameters
    ----------
    project : Project
    pipeline, step : str
        Whose values these are: their datasets are named after them.
    """

    def __init__(self, project: Project, pipeline: str, step: str) -> None:
        self._project, self._pipeline, self._step = project, pipeline, step
        self._named: dict[int, Named] = {}
        self._kept: dict[int, Place | None] = {}
        self._made: dict[Place, tuple[Passed, Any]] = {}
        # by where they lie; each stands beside its place, so that nothing else comes to lie there
        self._lines: dict[tuple[int, ...], tuple[Any, Place, Path]] = {}
        self._arrays: dict[Any, tuple[Any, Place, Path]] = {}
        self._texts: dict[Any, tuple[Any, Place, Path]] = {}
        self._used: dict[Place, tuple[Passed, Any]] = {}
        self._verbs: dict[type, Callable[[Any], Reduced | None] | None] = {}

    def look_at(self, found: Iterable[Named], views: Mapping[int, View]) -> None:
        """Note what may be put aside, before a pickle is made of it."""
        self._used.clear()
        if is_replayed():
            return  # what a run gives when it is executed again becomes no version
        for name, value in found:
            view = views.get(id(value))
            if view is not None:
                self._named.setdefault(id(view.owner), (f"{name}.base", view.owner))
            elif self._verb(type(value)) is not None and _size(value) >= LEAST_BYTES:
                self._named.setdefault(id(value), (name, value))

    def reduced(self, value: Any) -> Reduced | None:
        """Return what stands for a value in the pickle, or None: it stays there as it is."""
        verb = self._verb(type(value))
        if verb is None:
            return None
        try:
            return verb(value)
        except REFUSED:
            return None

    def add(self, rows: sqlite3.Connection, passes: str) -> None:
        """Make the rows of the versions that the pickle refers to; within a transaction.

        Parameters
        ----------
        passes : str
            The object with the pickle.
        """
        if not self._used:
            return
        from mlops_jupyter.data.passed import add

        by = f"{self._pipeline}:{self._step}"
        for (name, _, digest), (passed, _) in self._used.items():
            rows.execute(
                "INSERT OR REPLACE INTO passed_value (passes, name, version_id, digest)"
                " VALUES (?, ?, ?, ?)",
                (passes, name, add(rows, self._project, passed, by), digest),
            )

    def tell(self) -> None:
        """Tell whoever records it which versions were taken, of which values."""
        for (_, dataset, digest), (_, value) in self._used.items():
            version = versions.find(self._project, dataset, digest)
            if version is not None:
                touched.tell(version, taken=True, value=value)

    # --- by type --------------------------------------------------------------------------------

    def _verb(self, kind: type) -> Callable[[Any], Reduced | None] | None:
        if kind not in self._verbs:
            self._verbs[kind] = self._verb_of(kind)
        return self._verbs[kind]

    def _verb_of(self, kind: type) -> Callable[[Any], Reduced | None] | None:
        library, name = kind.__module__.partition(".")[0], kind.__name__
        if library == "scipy":
            known = getattr(sys.modules.get("scipy.sparse"), name, None) is kind
            return self._sparse if known and name.partition("_")[0] in _SPARSE else None
        verbs: dict[tuple[str, str], Callable[[Any], Reduced | None]] = {
            ("numpy", "ndarray"): self._array,
            ("pandas", "DataFrame"): self._frame,
            ("pandas", "Series"): self._frame,
            ("pandas", "ArrowStringArray"): self._text,
            ("pandas", "ArrowExtensionArray"): self._text,
            ("polars", "DataFrame"): self._whole,
            ("polars", "Series"): self._whole,
            ("pyarrow", "Table"): self._table,
            ("pyarrow", "RecordBatch"): self._table,
            ("torch", "Tensor"): self._tensor,
        }
        verb = verbs.get((library, name))
        return verb if getattr(sys.modules.get(library), name, kind) is kind else None

    def _array(self, array: Any) -> Reduced | None:
        if array.nbytes < LEAST_BYTES:
            return None
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        facts = order, array.flags.writeable
        place = self._place(array) if _is_exact(array.dtype) else None
        if place is not None:
            return fetched.array, (place, (), *facts)
        known = self._arrays.get(_whole_key(array))
        if known is not None:
            return fetched.array, (*self._use(known[1:]), *facts)
        lines = self._lines_of(array)
        if lines is None:
            return None
        place, paths = lines
        return fetched.lines, (place, paths, array.dtype, array.shape, *facts)

    def _lines_of(self, array: Any) -> tuple[Place, tuple[Path, ...]] | None:
        """Return which columns of one frame the rows of an array are, if they are."""
        if array.ndim not in (1, 2) or array.shape[-1] * array.itemsize < LEAST_LINE_BYTES:
            return None
        rows = array.reshape(1, -1) if array.ndim == 1 else array
        found = []
        for row in rows:
            known = self._lines.get(_line_key(row))
            if known is None or known[0].dtype != array.dtype:
                return None
            found.append(known[1:])
        (place, _), *others = found
        if any(other != place for other, _ in others):
            return None
        self._use(found[0])
        return place, tuple(path for _, path in found)

    def _frame(self, frame: Any) -> None:
        place = self._place(frame)
        if place is not None:
            from mlops_jupyter.pipelines.columns import lines_of, texts_of

            # what lies in another frame too is now found in this one: its blocks follow
            for path, line in lines_of(frame):
                self._lines[_line_key(line)] = line, place, path
            for path, text in texts_of(frame):
                self._texts[_text_key(text)] = text, place, path

    def _text(self, array: Any) -> Reduced | None:
        if array.nbytes < LEAST_BYTES:
            return None
        known = self._texts.get(_text_key(array))
        return None if known is None else (fetched.texts, self._use(known[1:]))

    def _sparse(self, matrix: Any) -> None:
        place = self._place(matrix)
        if place is not None:
            held = vars(matrix)
            pieces = {name: held[name] for name in ("data", "indices", "indptr", "offsets")
                      if name in held}  # fmt: skip
            pieces |= {f"axis{n}": axis for n, axis in enumerate(held.get("coords", ()))}
            for name, array in pieces.items():
                self._arrays.setdefault(_whole_key(array), (array, place, (name,)))

    def _whole(self, value: Any) -> Reduced | None:
        place = self._place(value)
        return None if place is None else (fetched.whole, (place, None))

    def _table(self, table: Any) -> Reduced | None:
        from mlops_jupyter.pipelines.columns import is_exact_table

        place = self._place(table) if is_exact_table(table) else None
        if place is None:
            return None
        is_chunked = all(hasattr(column, "chunks") for column in table.columns)
        chunks = (
            [[len(c) for c in column.chunks] for column in table.columns] if is_chunked else None
        )
        return fetched.whole, (place, chunks)

    def _tensor(self, tensor: Any) -> Reduced | None:
        place = self._place(tensor) if self._is_alone(tensor) else None
        return None if place is None else (fetched.whole, (place, None))

    def _is_alone(self, tensor: Any) -> bool:
        """Tell whether a tensor is all of its memory, and nothing but numbers."""
        import torch

        if tensor.device.type != "cpu" or tensor.layout != torch.strided or tensor.is_quantized:
            return False
        if not (tensor.is_leaf and tensor.is_contiguous()) or vars(tensor):
            return False
        if tensor.is_conj() or tensor.is_neg() or tensor._backward_hooks:  # noqa: SLF001
            return False
        memory = tensor.untyped_storage()
        return memory.nbytes() == tensor.nbytes and not any(
            other is not tensor
            and type(other) is torch.Tensor
            and other.untyped_storage().data_ptr() == memory.data_ptr()
            for _, other in self._named.values()
        )

    # --- versions -------------------------------------------------------------------------------

    def _place(self, value: Any) -> Place | None:
        """Keep a value that has a name as a version; None where it has none, or cannot be."""
        named = self._named.get(id(value))
        if named is None:
            return None
        if id(value) not in self._kept:
            self._kept[id(value)] = self._keep(*named)
        place = self._kept[id(value)]
        if place is not None:
            self._used[place] = self._made[place]
        return place

    def _keep(self, name: str, value: Any) -> Place | None:
        from mlops_jupyter.data import passed
        from mlops_jupyter.data.value import content

        try:
            taken = content.take_apart(value)
        except UsageError:
            return None
        dataset = naming.dataset_of_value(self._pipeline, self._step, name)
        made = passed.keep(self._project, taken, dataset)
        place = name, dataset, made.digest
        self._made[place] = made, value
        return place

    def _use(self, known: tuple[Place, Path]) -> tuple[Place, Path]:
        self._used[known[0]] = self._made[known[0]]
        return known


def _size(value: Any) -> int:
    kind = type(value)
    if hasattr(kind, "memory_usage"):  # what else a frame has may be a column
        size = value.memory_usage(index=True, deep=False)
        return int(size.sum() if hasattr(size, "sum") else size)
    if hasattr(kind, "estimated_size"):
        return int(value.estimated_size())
    if hasattr(kind, "nbytes"):
        return int(value.nbytes)
    return sum(getattr(held, "nbytes", 0) for held in vars(value).values())


def _is_exact(dtype: Any) -> bool:
    if dtype.metadata or dtype.names or dtype.subdtype:
        return False
    if dtype.kind in "SU":
        return True
    return dtype.kind in _NUMBERS and dtype.itemsize <= _MOST_DIGITS_BYTES.get(dtype.kind, 8)


def _line_key(array: Any) -> tuple[int, ...]:
    """Return where a column lies; two of one key are the same memory."""
    memory = array.__array_interface__["data"][0]
    return memory, array.strides[0], len(array), array.itemsize


def _whole_key(array: Any) -> Any:
    memory = array.__array_interface__["data"][0]
    return memory, array.strides, array.shape, array.dtype.str


def _text_key(array: Any) -> Any:
    """Return where the chunks of an array in Arrow's memory lie."""
    chunks = getattr(array.__arrow_array__(), "chunks", None)
    if chunks is None:
        chunks = [array.__arrow_array__()]
    return (
        str(array.dtype),
        type(array).__name__,
        tuple(
            (chunk.offset, len(chunk), *(None if b is None else b.address for b in chunk.buffers()))
            for chunk in chunks
        ),
    )
