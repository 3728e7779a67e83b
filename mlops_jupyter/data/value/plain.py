"""Arrow arrays of any type as arrays of the types that `arrow` has a canonical layout for.

A text view becomes text, a map a list of its entries, run ends are written out, an extension
becomes what it stores. `form` says into which type; None where there is no way there and back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_jupyter.data.value import arrow

_WIDE_INDEX_BITS = 32


def form(kind: Any) -> Any | None:
    """Return the plain type for a type, or None when it has none."""
    return kind if arrow.is_plain(kind) else _inner(kind)


def _inner(kind: Any) -> Any | None:
    """Return the plain type for one within another: dictionaries and nulls are none there."""
    if pa.types.is_null(kind):
        return None
    if arrow.is_plain(kind) and not pa.types.is_dictionary(kind):
        return kind
    for is_kind, verb in _FORMS:
        if is_kind(kind):
            return verb(kind)
    return None


def plain(array: Any, target: Any) -> Any:
    """Return an array in the type that `form` names for its own."""
    if array.type.equals(target, check_metadata=True):
        return array
    outer = _opened(array)
    if outer.type.equals(target, check_metadata=True):
        return outer
    kind = outer.type
    if pa.types.is_struct(kind):
        fields = [plain(f, t.type) for f, t in zip(outer.flatten(), target, strict=True)]
        return _struct(outer, fields, target)
    return _list(outer, plain(_inside(outer), target.value_type), target)


def again(array: Any, kind: Any) -> Any:
    """Return a plain array in the type it was of."""
    if array.type.equals(kind, check_metadata=True):
        return array
    for is_kind, verb in _AGAIN:
        if is_kind(kind):
            return verb(array, kind)
    if pa.types.is_struct(kind):
        fields = [again(f, t.type) for f, t in zip(array.flatten(), kind, strict=True)]
        return _struct(array, fields, kind)
    if pa.types.is_map(kind):
        return _map(array, kind)
    if _is_listlike(kind):
        return _list(array, again(_inside(array), kind.value_type), kind)
    return array.cast(kind)


def tell(kind: Any) -> Any:
    """Return a type as JSON, equal for equal types; its fields with what is said of them."""
    if isinstance(kind, pa.BaseExtensionType):
        own = kind.__arrow_ext_serialize__().hex() if isinstance(kind, pa.ExtensionType) else ""
        return ["extension", kind.extension_name, str(kind), own, tell(kind.storage_type)]
    fields = [tell_field(kind.field(i)) for i in range(kind.num_fields)]
    if pa.types.is_dictionary(kind):
        return ["dictionary", bool(kind.ordered), tell(kind.index_type), tell(kind.value_type)]
    if fields and not pa.types.is_run_end_encoded(kind):
        return [type(kind).__name__, _beside_fields(kind), fields]
    return str(kind)


def tell_field(field: Any) -> Any:
    """Return a field as JSON: name, type, may it be null, and what is said of it."""
    return [field.name, tell(field.type), field.nullable, tell_notes(field.metadata)]


def tell_notes(notes: Any) -> Any:
    """Return the metadata of a field or schema as JSON, in one order."""
    return sorted([key.hex(), value.hex()] for key, value in (notes or {}).items())


def _beside_fields(kind: Any) -> Any:
    if pa.types.is_fixed_size_list(kind):
        return kind.list_size
    if pa.types.is_map(kind):
        return bool(kind.keys_sorted)
    if pa.types.is_union(kind):
        return [kind.mode, list(kind.type_codes)]
    return None


# --- which plain type ----------------------------------------------------------------------------


def _of_list(make: Callable[..., Any]) -> Callable[[Any], Any | None]:
    def of(kind: Any) -> Any | None:
        inner = _inner(kind.value_type)
        return None if inner is None else make(kind.value_field.with_type(inner))

    return of


def _of_fixed_list(kind: Any) -> Any | None:
    inner = _inner(kind.value_type)
    return None if inner is None else pa.list_(kind.value_field.with_type(inner), kind.list_size)


def _of_struct(kind: Any) -> Any | None:
    inner = [_inner(field.type) for field in kind]
    if any(one is None for one in inner):
        return None
    return pa.struct([field.with_type(one) for field, one in zip(kind, inner, strict=True)])


def _of_map(kind: Any) -> Any | None:
    entries = _inner(_entries(kind).type)
    return None if entries is None else pa.list_(_entries(kind).with_type(entries))


def _entries(kind: Any) -> Any:
    return pa.field("entries", pa.struct([kind.key_field, kind.item_field]), nullable=False)


def _of_runs(kind: Any) -> Any | None:
    try:
        pc.run_end_encode(pa.array([], kind.value_type), run_end_type=kind.run_end_type)
    except pa.ArrowException:
        return None  # Arrow writes such runs out, and has no way back
    return _inner(kind.value_type)


def _of_dictionary(kind: Any) -> Any | None:
    # two chunks may have more values together than a narrow index can count
    if kind.ordered or kind.index_type.bit_width < _WIDE_INDEX_BITS:
        return None
    inner = _inner(kind.value_type)
    return None if inner is None or pa.types.is_nested(inner) else inner


_FORMS: list[tuple[Callable[[Any], bool], Callable[[Any], Any | None]]] = [
    (lambda kind: isinstance(kind, pa.BaseExtensionType), lambda kind: _inner(kind.storage_type)),
    (pa.types.is_string_view, lambda _: pa.large_string()),
    (pa.types.is_binary_view, lambda _: pa.large_binary()),
    (pa.types.is_dictionary, _of_dictionary),
    (pa.types.is_run_end_encoded, _of_runs),
    (pa.types.is_map, _of_map),
    (pa.types.is_struct, _of_struct),
    (pa.types.is_fixed_size_list, _of_fixed_list),
    (lambda kind: pa.types.is_list(kind) or pa.types.is_list_view(kind), _of_list(pa.list_)),
    (
        lambda kind: pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind),
        _of_list(pa.large_list),
    ),
]


# --- there ---------------------------------------------------------------------------------------


def _opened(array: Any) -> Any:
    """Take off what lies around the values, not within them."""
    kind = array.type
    for is_kind, verb in _OPENED:
        if is_kind(kind):
            return _opened(verb(array))
    return array


_OPENED: list[tuple[Callable[[Any], bool], Callable[[Any], Any]]] = [
    (lambda kind: isinstance(kind, pa.BaseExtensionType), lambda array: array.storage),
    (pa.types.is_run_end_encoded, pc.run_end_decode),
    (pa.types.is_dictionary, lambda array: array.dictionary_decode()),
    (pa.types.is_string_view, lambda array: array.cast(pa.large_string())),
    (pa.types.is_binary_view, lambda array: array.cast(pa.large_binary())),
    (pa.types.is_map, lambda array: array.cast(pa.list_(_entries(array.type)))),
]


# --- and back ------------------------------------------------------------------------------------


def _struct(array: Any, fields: list[Any], kind: Any) -> Any:
    mask = array.is_null() if array.null_count else None
    if not fields:
        return array
    return pa.StructArray.from_arrays(fields, fields=list(kind), mask=mask)


def _inside(array: Any) -> Any:
    if not pa.types.is_fixed_size_list(array.type):
        return array.flatten()
    size = array.type.list_size
    return array.values.slice(array.offset * size, len(array) * size)


def _list(array: Any, values: Any, kind: Any) -> Any:
    mask = array.is_null() if array.null_count else None
    if pa.types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(values, type=kind, mask=mask)
    ends = _ends(array)
    if pa.types.is_list_view(kind):
        starts, sizes = pa.array(ends[:-1], pa.int32()), pa.array(np.diff(ends), pa.int32())
        return pa.ListViewArray.from_arrays(starts, sizes, values, type=kind, mask=mask)
    if pa.types.is_large_list_view(kind):
        starts, sizes = pa.array(ends[:-1]), pa.array(np.diff(ends))
        return pa.LargeListViewArray.from_arrays(starts, sizes, values, type=kind, mask=mask)
    if pa.types.is_large_list(kind):
        return pa.LargeListArray.from_arrays(pa.array(ends), values, type=kind, mask=mask)
    ends = pa.array(ends, pa.int32())
    return pa.ListArray.from_arrays(ends, values, type=kind, mask=mask)


def _ends(array: Any) -> Any:
    ends = np.zeros(len(array) + 1, np.int64)
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    np.cumsum(lengths, out=ends[1:])
    return ends


def _map(array: Any, kind: Any) -> Any:
    keys, items = array.flatten().flatten()
    return pa.MapArray.from_arrays(
        pa.array(_ends(array), pa.int32()),
        again(keys, kind.key_type),
        again(items, kind.item_type),
        type=kind,
        mask=array.is_null() if array.null_count else None,
    )


def _dictionary(array: Any, kind: Any) -> Any:
    encoded = array.dictionary_encode()
    indices = encoded.indices.cast(kind.index_type)
    return pa.DictionaryArray.from_arrays(indices, again(encoded.dictionary, kind.value_type))


def _is_listlike(kind: Any) -> bool:
    return any(
        check(kind)
        for check in (
            *(pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list),
            *(pa.types.is_list_view, pa.types.is_large_list_view),
        )
    )


_AGAIN: list[tuple[Callable[[Any], bool], Callable[[Any, Any], Any]]] = [
    (
        lambda kind: isinstance(kind, pa.BaseExtensionType),
        lambda array, kind: pa.ExtensionArray.from_storage(kind, again(array, kind.storage_type)),
    ),
    (
        pa.types.is_run_end_encoded,
        lambda array, kind: pc.run_end_encode(
            again(array, kind.value_type), run_end_type=kind.run_end_type
        ),
    ),
    (pa.types.is_dictionary, _dictionary),
]
