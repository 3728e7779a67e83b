"""Canonical Arrow: equal values give equal bytes, whatever they were cut from."""

from __future__ import annotations

import decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlops_jupyter.data.value import arrow
from mlops_jupyter.errors import IntegrityError

ARRAYS = [
    pa.array([1, None, 3, 4], pa.int8()),
    pa.array([1.5, -0.0, None]),
    pa.array(["a", None, "ccc", ""]),
    pa.array([b"x", None], pa.large_binary()),
    pa.array([True, None, False] * 5),
    pa.array([decimal.Decimal("1.50"), None], pa.decimal128(5, 2)),
    pa.array([b"ab", None], pa.binary(2)),
    pa.array([[1, 2], None, [], [None]]),
    pa.array([[["a"], None], []]),
    pa.array([[1, 2], None, [3, None]], pa.list_(pa.int32(), 2)),
    pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}]),
    pa.array(["a", "b", None, "a"]).dictionary_encode(),
    pa.nulls(3),
    pa.array([], pa.string()),
    pa.array([], pa.list_(pa.string())),
]
NAMES = [f"{array.type}-{len(array)}" for array in ARRAYS]


@pytest.mark.parametrize("array", ARRAYS, ids=NAMES)
def test_canonical_keeps_the_values(array: Any) -> None:
    made = arrow.canonical(array)
    made.validate(full=True)
    assert arrow.is_plain(array.type)
    assert made.equals(array)
    assert made.type == array.type


@pytest.mark.parametrize("array", ARRAYS, ids=NAMES)
def test_a_view_has_the_same_digest_and_the_same_bytes(array: Any) -> None:
    view = pa.concat_arrays([array[-1:], array, array[:1]])[len(array[-1:]) :][: len(array)]
    one, other = arrow.canonical(array), arrow.canonical(view)
    assert arrow.measure(one) == arrow.measure(other)
    assert arrow.to_bytes(one).equals(arrow.to_bytes(other))


@pytest.mark.parametrize("array", ARRAYS, ids=NAMES)
def test_bytes_come_back(array: Any) -> None:
    again = arrow.from_bytes(arrow.to_bytes(arrow.canonical(array)).to_pybytes())
    assert again.equals(array)
    assert again.type == array.type


def hidden(content: bytes) -> Any:
    """Return [1, null, 3] with something else under the null."""
    return pa.Array.from_buffers(pa.int8(), 3, [pa.py_buffer(b"\x05"), pa.py_buffer(content)])


def test_what_lies_under_a_null_does_not_count() -> None:
    one, other = hidden(b"\x01\x07\x03"), hidden(b"\x01\x63\x03")
    assert one.equals(other)
    assert arrow.measure(arrow.canonical(one)) == arrow.measure(arrow.canonical(other))


def test_text_under_a_null_does_not_count() -> None:
    valid, ends = pa.py_buffer(b"\x01"), pa.array([0, 1, 4], pa.int32()).buffers()[1]
    one = pa.Array.from_buffers(pa.string(), 2, [valid, ends, pa.py_buffer(b"asecret")])
    other = pa.array(["a", None])
    assert arrow.measure(arrow.canonical(one)) == arrow.measure(arrow.canonical(other))
    assert b"secret" not in arrow.to_bytes(arrow.canonical(one)).to_pybytes()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([0.0], [-0.0]),
        ([1, None], [1, 0]),
        (["ab", "c"], ["a", "bc"]),
        (["", None], [None, ""]),
        ([[1], [2]], [[1, 2], []]),
        ([[], None], [None, []]),
        ([{"a": None}], [None]),
    ],
)
def test_other_values_have_another_digest(one: list[Any], other: list[Any]) -> None:
    first, second = pa.array(one), pa.array(other, pa.array(one).type)
    assert arrow.measure(arrow.canonical(first)) != arrow.measure(arrow.canonical(second))


@pytest.mark.parametrize(
    "kind",
    [
        pa.string_view(),
        pa.map_(pa.string(), pa.int8()),
        pa.dictionary(pa.int8(), pa.string(), ordered=True),
        pa.list_(pa.string_view()),
    ],
)
def test_types_without_one_layout_are_told_apart(kind: Any) -> None:
    assert not arrow.is_plain(kind)


@pytest.mark.parametrize("content", [b"", b"no stream", bytes(100)])
def test_what_is_no_stream_is_refused(content: bytes) -> None:
    with pytest.raises(IntegrityError, match="not an Arrow stream"):
        arrow.from_bytes(content)


FLAT = [
    *(pa.int8(), pa.uint64(), pa.float16(), pa.float64(), pa.bool_(), pa.date64(), pa.time32("s")),
    *(pa.timestamp("us", "UTC"), pa.duration("ns"), pa.month_day_nano_interval(), pa.binary(3)),
    *(pa.decimal32(3, 0), pa.decimal64(9, 0), pa.decimal128(9, 0), pa.decimal256(50, 0)),
    *(pa.string(), pa.large_binary()),
]


@pytest.mark.parametrize("kind", FLAT, ids=str)
def test_arrow_can_do_what_a_delta_needs_of_each_flat_type(kind: Any) -> None:
    assert arrow.is_flat(kind)
    numbers = arrow.as_numbers(pa.nulls(3, kind))
    numbers.unique()
    replaced = pc.replace_with_mask(numbers, pa.array([True, False, False]), numbers[:1])
    assert replaced.view(kind).equals(pa.nulls(3, kind))
