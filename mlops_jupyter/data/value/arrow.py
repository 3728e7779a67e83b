"""Arrow arrays in one canonical form: equal values give equal bytes.

An Arrow array may be a view, may carry anything under its nulls and in the last bits of its
bitmaps. `canonical` takes all of that away, for the types that `is_plain` allows. `measure`
digests the values themselves, so that a digest does not depend on how Arrow writes messages;
`to_bytes` writes them as an Arrow IPC stream, which any Arrow library reads.

The layouts are those of https://arrow.apache.org/docs/format/Columnar.html.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import blake3
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_jupyter.errors import IntegrityError

FIELD = "values"
"""The name of the one column in each stream."""


class Measure(NamedTuple):
    """The digest of an array's values, and their size without Arrow's framing."""

    digest: str
    size_bytes: int


def is_plain(kind: Any) -> bool:
    """Tell whether `canonical` knows the layout of an Arrow type."""
    if pa.types.is_dictionary(kind):
        # the order of an ordered dictionary means something, and decoding would lose it
        return not kind.ordered and (_is_text(kind.value_type) or _is_fixed(kind.value_type))
    return pa.types.is_null(kind) or _is_plain_inside(kind)


def _is_plain_inside(kind: Any) -> bool:
    """Tell it of a type within another.

    `measure` sees no dictionary in there; and of columns that can only be null pyarrow 25 gives
    too few values where what is around them is null, and aborts later.
    """
    if is_flat(kind):
        return True
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _is_plain_inside(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_is_plain_inside(kind.field(i).type) for i in range(kind.num_fields))
    return False


def is_flat(kind: Any) -> bool:
    """Tell whether rows of this Arrow type can be told apart, taken and put one by one."""
    return _is_text(kind) or _is_fixed(kind) or bool(pa.types.is_boolean(kind))


def as_numbers(array: Any) -> Any:
    """Return an array as integers of the same bits, where Arrow's functions know only those."""
    kind = array.type
    for is_kind, number in _AS_NUMBERS:
        if is_kind(kind):
            return array.view(number)
    return array


_AS_NUMBERS = (
    (pa.types.is_duration, pa.int64()),
    (pa.types.is_float16, pa.int16()),
    (pa.types.is_decimal32, pa.int32()),
    (pa.types.is_decimal64, pa.int64()),
)


def is_text(kind: Any) -> bool:
    """Tell whether the values are text or bytes, each as long as it is."""
    return _is_text(kind)


def differs(new: Any, old: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell row by row where two arrays of one flat type are not the same, bit for bit.

    `new` is canonical. NaN is itself, 0.0 and -0.0 are two, null is only null.
    """
    nulls = new.null_count or old.null_count
    if _is_text(new.type):
        found = pc.not_equal(new, old)
        if nulls:
            found = found.fill_null(False)
    else:
        found = pa.array(_differ(bits(new), bits(old)))
    told: np.ndarray[Any, np.dtype[np.bool_]] = found.to_numpy(zero_copy_only=False)
    if nulls:
        one_null = pc.xor(new.is_null(), old.is_null()).to_numpy(zero_copy_only=False)
        both = pc.and_(new.is_null(), old.is_null()).to_numpy(zero_copy_only=False)
        told = (told | one_null) & ~both
    return told


def bits(array: Any) -> np.ndarray[Any, Any]:
    """Return the values of a fixed-width type as integers, or as rows of bytes."""
    if pa.types.is_boolean(array.type):
        return np.asarray(array.fill_null(False).cast(pa.uint8()))
    width = array.type.bit_width // 8
    if array.buffers()[1] is None or not len(array):
        return np.empty(0, np.uint8) if width in _UNSIGNED else np.empty((0, width), np.uint8)
    values = array.buffers()[1].slice(array.offset * width, len(array) * width)
    if width in _UNSIGNED:
        return np.frombuffer(values, _UNSIGNED[width])
    return np.frombuffer(values, np.uint8).reshape(-1, width)


_UNSIGNED: dict[int, type[np.unsignedinteger[Any]]] = {
    1: np.uint8,
    2: np.uint16,
    4: np.uint32,
    8: np.uint64,
}


def _differ(new: np.ndarray[Any, Any], old: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    unequal = np.asarray(new != old)
    return unequal if unequal.ndim == 1 else np.asarray(unequal.any(axis=1))


def canonical(array: Any) -> Any:
    """Return an array with the same values whose buffers depend on the values alone."""
    kind = array.type
    if pa.types.is_null(kind):
        return array
    if pa.types.is_dictionary(kind):
        encoded = array.dictionary_decode().dictionary_encode()
        indices = canonical(encoded.indices.cast(kind.index_type))
        return pa.DictionaryArray.from_arrays(indices, canonical(encoded.dictionary))
    buffers, children = _layout(array)
    valid = _bits(array.is_valid()) if array.null_count else None
    return pa.Array.from_buffers(
        kind, len(array), [valid, *buffers], array.null_count, 0, children or None
    )


def measure(array: Any) -> Measure:
    """Return digest and size of a canonical array."""
    hasher = blake3.blake3()
    size = 0
    parts = [array]
    if pa.types.is_dictionary(array.type):
        parts.append(array.dictionary)
    for part in parts:
        buffers = part.buffers()
        sizes = [-1 if buffer is None else buffer.size for buffer in buffers]
        hasher.update(struct.pack(f"<q{len(sizes)}q", len(part), *sizes))
        for buffer in buffers:
            if buffer is not None and buffer.size:
                hasher.update(memoryview(buffer))
                size += buffer.size
    return Measure("blake3:" + hasher.hexdigest(), size)


def to_bytes(array: Any) -> Any:
    """Return an Arrow IPC stream with one column and one batch, as a buffer."""
    batch = pa.record_batch([array], names=[FIELD])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def from_bytes(content: bytes | memoryview) -> Any:
    """Return the array of an Arrow IPC stream that `to_bytes` wrote.

    Raises
    ------
    IntegrityError
        It is not such a stream.
    """
    try:
        column = pa.ipc.open_stream(content).read_all().column(FIELD)
    except (pa.ArrowException, KeyError) as error:
        raise IntegrityError(f"not an Arrow stream with a column {FIELD!r}: {error}") from None
    return single(column)


def single(chunked: Any) -> Any:
    """Return a chunked array as one array, without a copy when it is one."""
    if chunked.num_chunks == 1:
        return chunked.chunk(0)
    if chunked.num_chunks == 0:
        return pa.array([], type=chunked.type)
    return pa.concat_arrays(chunked.chunks)


def _is_text(kind: Any) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _is_fixed(kind: Any) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_temporal(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _layout(array: Any) -> tuple[list[Any], list[Any]]:
    """Return the buffers after the bitmap, and the children."""
    kind = array.type
    if pa.types.is_boolean(kind):
        return [_bits(array.fill_null(False) if array.null_count else array)], []
    if _is_text(kind):
        return _text(array), []
    if pa.types.is_struct(kind):
        # flatten() puts the nulls of the struct into its fields
        return [], [canonical(field) for field in array.flatten()]
    if pa.types.is_fixed_size_list(kind):
        return [], [canonical(_fixed_children(array))]
    if pa.types.is_nested(kind):
        return _offsets(array), [canonical(array.flatten())]
    return [_fixed(array)], []


def _bits(booleans: Any) -> Any:
    flags = booleans.cast(pa.uint8()).to_numpy(zero_copy_only=False)
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _fixed(array: Any) -> Any:
    width = array.type.bit_width // 8
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return pa.py_buffer(b"")
    values = buffer.slice(array.offset * width, len(array) * width)
    if not array.null_count:
        return values
    kept = np.frombuffer(values, np.uint8).reshape(-1, width).copy()
    kept[array.is_null().to_numpy(zero_copy_only=False)] = 0
    return pa.py_buffer(kept)


def _text(array: Any) -> list[Any]:
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    number = np.int64 if wide else np.int32
    if not len(array):
        return [pa.py_buffer(np.zeros(1, number)), pa.py_buffer(b"")]
    if array.null_count:
        # a null may stand on bytes of its own: give it none
        binary = pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)
        array = array.fill_null(b"" if binary else "")
    _, ends, text = array.buffers()
    offsets = np.frombuffer(ends, number)[array.offset : array.offset + len(array) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    inside = text.slice(first, last - first) if last > first else pa.py_buffer(b"")
    return [pa.py_buffer(np.subtract(offsets, first, dtype=number)), inside]


def _offsets(array: Any) -> list[Any]:
    number = np.int64 if pa.types.is_large_list(array.type) else np.int32
    offsets = np.zeros(len(array) + 1, number)
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    np.cumsum(lengths, out=offsets[1:])
    return [pa.py_buffer(offsets)]


def _fixed_children(array: Any) -> Any:
    size = array.type.list_size
    children = array.values.slice(array.offset * size, len(array) * size)
    if not array.null_count:
        return children
    outside = np.repeat(array.is_null().to_numpy(zero_copy_only=False), size)
    # `if_else` of pyarrow 25 makes decimals wider
    return children.take(pa.array(np.arange(len(children)), mask=outside))
