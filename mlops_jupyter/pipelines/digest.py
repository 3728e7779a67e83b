"""A digest of values that is equal for equal values, also in another process.

The bytes of a pickle are not: they differ with which equal strings are one object, and with the
order of a set, which changes from process to process. So values are walked here, each by what it
holds. BLAKE3, and not the xxh3 of `mlops_jupyter.kernel.fingerprint`: what is taken from the cache
rests on this digest, for as long as the project lives.

Which objects are one object counts: ``b = a`` is not the same as two equal lists.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

import blake3

from mlops_jupyter.pipelines.views import View, Views

DEEPEST = 400
"""Values in values that are followed; deeper ones have no digest."""


class NoDigestError(Exception):
    """A value holds something that does not show what it holds."""


def digest_of_values(
    values: Mapping[str, Any], by_name: Callable[[Any], bool], views: Views | None = None
) -> str:
    """Return the digest of named values.

    Parameters
    ----------
    values : mapping of str to object
    by_name : callable
        Tells of a function or class whether the next step has it as code: its name is enough.
    views : mapping of int to View, optional
        Of the arrays in them that share memory with others, see `mlops_jupyter.pipelines.views`.

    Raises
    ------
    NoDigestError
        One of them does not show what it holds.
    """
    walk = _Walk(by_name, views or {})
    try:
        for name in sorted(values):
            walk.value(name)
            walk.value(values[name])
    except NoDigestError:
        raise
    except (Exception, RecursionError) as error:  # whatever a class does when it is asked
        raise NoDigestError(f"{type(error).__name__}: {error}") from error
    return "blake3:" + walk.hash.hexdigest()


class _Walk:
    """Walks values, and hashes what they hold."""

    def __init__(self, by_name: Callable[[Any], bool], views: Views) -> None:
        self.hash = blake3.blake3()
        self._by_name, self._views = by_name, views
        self._met: dict[int, int] = {}
        self._alive: list[Any] = []
        self._depth = 0

    def value(self, value: Any) -> None:
        """Walk one value."""
        value = self._views.get(id(value), value)
        kind = type(value)
        plain = _PLAIN.get(kind)
        if plain is not None:
            self._put(kind.__name__, plain(value))
            return
        if _is_scalar(value, kind):  # of numbers and dtypes of numpy the identity means nothing
            content = value.tobytes() if hasattr(value, "tobytes") else b""
            shown = f"{kind.__name__} {getattr(value, 'dtype', value)} "
            self._put("scalar", shown.encode() + content)
            return
        known = self._met.get(id(value))
        if known is not None:
            self._put("again", known.to_bytes(8, "little"))
            return
        if kind is not tuple:  # equal tuples of constants may be one, or may not
            self._met[id(value)] = len(self._met)
        self._alive.append(value)
        self._depth += 1
        if self._depth > DEEPEST:
            raise NoDigestError("too deep")
        self._compound(value, kind)
        self._depth -= 1

    def _put(self, tag: str, content: bytes | memoryview = b"") -> None:
        self.hash.update(f"{tag} {len(content)}:".encode())
        self.hash.update(content)

    def _all(self, tag: str, values: Iterable[Any]) -> None:
        found = list(values)
        self._put(tag, len(found).to_bytes(8, "little"))
        for value in found:
            self.value(value)

    def _compound(self, value: Any, kind: type) -> None:
        if kind is list or kind is tuple:
            self._all(kind.__name__, value)
        elif kind is dict:
            self._all("keys", value.keys())
            self._all("values", value.values())
        elif kind is set or kind is frozenset:
            self._set(value)
        elif kind is bytearray:
            self._put("bytearray", bytes(value))
        elif kind is View:
            self._all("view", (value.owner, value.offset, value.shape, value.strides, value.dtype))
        elif isinstance(value, type | FunctionType | BuiltinFunctionType):
            self._named(value)
        elif isinstance(value, MethodType):
            self._all("method", (value.__self__, value.__func__))
        elif isinstance(value, ModuleType):
            self._put("module", value.__name__.encode())
        elif isinstance(value, CodeType):
            self._code(value)
        else:
            self._instance(value, kind)

    def _set(self, value: Iterable[Any]) -> None:
        digests = []
        for one in value:
            inner = _Walk(self._by_name, self._views)
            inner.value(one)
            self._alive.append(inner)
            digests.append(inner.hash.digest())
        self._put("set", b"".join(sorted(digests)))

    def _named(self, value: Any) -> None:
        module, name = getattr(value, "__module__", None), value.__qualname__
        if self._by_name(value) or _is_importable(value, module, name):
            self._put("named", f"{module}:{name}".encode())
        elif isinstance(value, FunctionType):
            closure = [_content(cell) for cell in value.__closure__ or ()]
            self._all("function", (
                value.__code__, value.__defaults__, value.__kwdefaults__, value.__dict__, closure,
            ))  # fmt: skip
        elif isinstance(value, type):
            left_out = {"__dict__", "__weakref__", "__doc__", "__firstlineno__", "_abc_impl"}
            own = {k: v for k, v in vars(value).items() if k not in left_out}
            self._all("class", (name, value.__bases__, own))
        else:
            raise NoDigestError(f"{name} of {module}")

    def _code(self, code: CodeType) -> None:
        self._put("code", code.co_code)
        self._all("of", (code.co_consts, code.co_names, code.co_varnames, code.co_freevars))

    def _instance(self, value: Any, kind: type) -> None:
        library = kind.__module__.partition(".")[0]
        if library == "numpy" and kind.__name__ in {"ndarray", "memmap"}:
            self._array(value)
        elif library == "pandas" and kind.__name__ in {"DataFrame", "Series"}:
            self._pandas(value)
        elif library == "pandas" and _has_arrow(value):
            self._arrow(value)
        elif library == "pyarrow" and hasattr(value, "num_rows"):
            self._stream(value)
        else:
            self._reduced(value)

    def _array(self, array: Any) -> None:
        if array.dtype.names:  # what lies between the fields is anything
            self._put("fields", repr(array.shape).encode())
            for name in array.dtype.names:
                self._put("field", name.encode())
                self._array(array[name])
            return
        self._put("array", f"{array.dtype.str} {array.shape}".encode())
        if array.dtype.hasobject:
            self._all("objects", array.ravel().tolist())
            return
        content = array if array.flags.c_contiguous else array.copy(order="C")
        self._put("content", memoryview(content.reshape(-1).view("u1")) if array.size else b"")

    def _pandas(self, value: Any) -> None:
        is_frame = value.ndim == 2
        self._all("pandas", (type(value).__name__, value.index, value.attrs))
        if not is_frame:
            self._all("series", (value.name, _column(value)))
            return
        self.value(value.columns)
        for position in range(value.shape[1]):
            self.value(_column(value.iloc[:, position]))

    def _arrow(self, value: Any) -> None:
        import pyarrow as pa

        found = pa.chunked_array(value.__arrow_array__())
        self._put("dtype", str(value.dtype).encode())
        self._stream(pa.table({"": found}))

    def _stream(self, table: Any) -> None:
        import pyarrow as pa

        if isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        self._put("schema", table.schema.serialize())
        for column in table.columns:
            # one chunk, copied, so that no slice or padding of the memory it came from shows
            kept = column.combine_chunks()
            chunks = kept.chunks if isinstance(kept, pa.ChunkedArray) else [kept]
            for chunk in chunks:
                taken = pa.concat_arrays([chunk, chunk.slice(0, 0)])
                self._put("nulls", taken.is_null().cast("uint8").to_numpy().tobytes())
                self._all("arrow", taken.to_pylist() if len(taken) < 1000 else [_content_of(taken)])

    def _reduced(self, value: Any) -> None:
        reduced = value.__reduce_ex__(5)
        if isinstance(reduced, str):
            self._put("global", f"{type(value).__module__}:{reduced}".encode())
            return
        make, arguments, *rest = reduced
        state, items, pairs = (*rest[:3], None, None, None)[:3]
        self._all("object", (
            make, arguments, state,
            None if items is None else list(items),
            None if pairs is None else [list(pair) for pair in pairs],
        ))  # fmt: skip


def _is_scalar(value: Any, kind: type) -> bool:
    if kind.__module__.partition(".")[0] != "numpy":
        return False
    import numpy as np

    if isinstance(value, np.dtype):
        return value.names is None
    return isinstance(value, np.generic) and not value.dtype.hasobject and not value.dtype.names


def _column(series: Any) -> Any:
    """Return what holds the values of a column: an array of numpy, or one of pandas."""
    array = series.array
    return array.to_numpy() if type(array).__name__ == "NumpyExtensionArray" else array


def _has_arrow(value: Any) -> bool:
    return hasattr(value, "__arrow_array__") and type(value).__name__.startswith("Arrow")


def _content_of(array: Any) -> bytes:
    """Return the bytes of an Arrow array as one stream."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    batch = pa.record_batch([array], names=[""])
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return blake3.blake3(memoryview(sink.getvalue())).digest()


def _is_importable(value: Any, module: str | None, name: str) -> bool:
    if module in {None, "__main__"}:
        return False
    found: Any = sys.modules.get(str(module))
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "an empty cell"


_PLAIN: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"",
    type(...): lambda _: b"",
    bool: lambda value: b"1" if value else b"0",
    int: lambda value: str(value).encode() if -(10**40) < value < 10**40 else hex(value).encode(),
    float: lambda value: struct.pack("<d", value),
    complex: lambda value: struct.pack("<dd", value.real, value.imag),
    str: lambda value: value.encode("utf-8", "surrogatepass"),
    bytes: lambda value: value,
}
