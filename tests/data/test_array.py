"""Arrays: dtype, shape, order in memory, and every bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy.sparse.linalg import LinearOperator

from mlops_jupyter.data.storage import manifest
from mlops_jupyter.data.value import block, content
from mlops_jupyter.data.value.content import take_apart
from mlops_jupyter.data.value.part import CHUNK_ROWS
from mlops_jupyter.errors import UsageError
from mlops_jupyter.store.objects import Objects
from tests import kept
from tests.kept import digest, there_and_back
from tests.same_frame import same_value


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    assert found.dtype == expected.dtype
    assert found.dtype.isalignedstruct == expected.dtype.isalignedstruct
    assert found.shape == expected.shape
    if expected.dtype.names is not None:
        for name in expected.dtype.names:
            assert_same(found[name], expected[name])
    elif expected.dtype.hasobject or expected.dtype.char == "T":
        same_value(found.tolist(), expected.tolist())
    elif expected.dtype.char in "gG":  # ten of sixteen bytes have a meaning
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(np.signbit(found.real), np.signbit(expected.real))
    else:
        assert found.tobytes() == expected.tobytes()


ROW = [("id", "<i4"), ("at", "<M8[s]"), ("name", "U3"), ("xy", "<f4", (2, 2)), ("z", ">c16")]
DEEP = [("who", [("name", "O"), ("age", "<i2")]), ("long", "g")]
GAPS = {"names": ["a", "b"], "formats": ["i1", "<f8"], "offsets": [3, 8], "itemsize": 24}
TITLES = {"names": ["a"], "formats": ["<i4"], "titles": ["the first"]}
TEXTS = np.dtypes.StringDType(na_object=np.nan)
KNOWN_ARRAY = np.arange(6, dtype="<f8").reshape(2, 3)

ARRAYS: dict[str, Any] = {
    "floats": np.array([[1.5, -0.0, np.nan], [np.inf, 0.0, 1e-300]]),
    "nan with a payload": np.array([0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0000], "u8").view("f8"),
    "halves": np.array([1.5, np.nan], "f2"),
    "long doubles": np.array([[1.5, -0.0]], "g"),
    "long complex": np.array([1.5 - 0j, np.nan], "G"),
    "complex": np.array([1 + 2j, complex(-0.0, np.nan)], "c8"),
    "big-endian": np.array([[1, 2], [3, 4]], ">i4"),
    "big-endian times": np.array(["2024-02-29", "NaT"], ">M8[D]"),
    "flags": np.array([[True], [False]]),
    "unsigned": np.array([2**64 - 1, 0], "u8"),
    "times": np.array(["2024-02-29T12:00", "NaT"], "M8[25s]"),
    "spans": np.array([1, -1], "m8[ns]"),
    "spans of nothing named": np.array([1, -1], "m8"),
    "text": np.array(["ü", "", "\ud800"], "U4"),
    "big-endian text": np.array(["ü", ""], ">U4"),
    "bytes": np.array([b"a\0b", b""], "S4"),
    "void": np.array([b"\0\1", b"\2\0"], "V2"),
    "texts of any length": np.array(["a", "a" * 99, ""], np.dtypes.StringDType()),
    "texts, some missing": np.array([["a", np.nan], [np.nan, ""]], TEXTS),
    "texts, some None": np.array(["a", None], np.dtypes.StringDType(na_object=None, coerce=False)),
    "texts, some NA": np.array(["a", pd.NA], np.dtypes.StringDType(na_object=pd.NA)),
    "objects": np.array([[None, 1], [2.5, "x"]], object),
    "lists in cells": np.fromiter([[1], [2, 3]], object, 2),
    "one value": np.array(3.5),
    "one object": np.array({"a": 1}, object),
    "one text": np.array("a", np.dtypes.StringDType()),
    "no rows": np.empty((0, 3), "i2"),
    "no columns": np.empty((3, 0), "f4"),
    "rows of nothing": np.empty((2, 0, 5), object),
    "text without a length": np.array(["", ""], "U0"),
    "structured": np.array([(1, "2024-01-01", "abc", [[1, 2], [3, 4]], 1j)] * 2, ROW),
    "deeply structured": np.array([((["x"], 3), 0.1), ((None, 4), -0.0)], DEEP),
    "structured with gaps": np.array([(1, 2.5), (3, np.nan)], GAPS),
    "structured with titles": np.array([(1,), (2,)], TITLES),
    "aligned": np.array([(1, 2.5)], np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "one structured value": np.array((1, 2.5), GAPS),
    "structured, two axes": np.zeros((2, 3), ROW),
    "no fields": np.zeros(3, []),
    "five axes": np.arange(2 * 3 * 1 * 4 * 2, dtype="u1").reshape(2, 3, 1, 4, 2),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_comes_back_equal(objects: Objects, name: str) -> None:
    made = ARRAYS[name]
    again = there_and_back(objects, made)
    assert_same(again, made)
    assert again.flags.c_contiguous
    assert digest(again) == digest(made) == digest(made.copy())


@pytest.mark.parametrize("name", ARRAYS)
def test_a_view_is_the_same_content(name: str) -> None:
    made = ARRAYS[name]
    if made.ndim == 0:
        view = np.array([made, made])[1] if made.dtype.hasobject else np.stack([made, made])[1:][0]
        view = np.asarray(view, dtype=made.dtype)
    else:
        view = np.concatenate([made, made, made])[len(made) : 2 * len(made)]
        view = np.repeat(view, 2, axis=-1)[..., ::2] if made.shape[-1] else view
    assert digest(view.astype(made.dtype, copy=False)) == digest(made)


def some_of(objects: Objects, made: Any, start: int, stop: int) -> Any:
    manifest = kept.write(objects, kept.examine(made))
    return kept.read(objects, manifest, rows=(start, stop))


@pytest.mark.parametrize("name", ARRAYS)
def test_some_rows_of_an_array(objects: Objects, name: str) -> None:
    made = ARRAYS[name]
    for start, stop in [(0, 1), (1, 2), (1, 1)]:
        expected = made[start:stop] if made.ndim else made
        assert_same(some_of(objects, made, start, stop), expected)


@pytest.mark.parametrize("name", [n for n, made in ARRAYS.items() if made.ndim and made.size])
def test_the_next_version_of_a_tall_array_comes_back_equal(objects: Objects, name: str) -> None:
    tall = np.concatenate([ARRAYS[name]] * 1000)
    before = None
    for made in [tall, tall[:-1], np.concatenate([tall, tall[:2]]), tall[::-1]]:
        before = kept.write_next(objects, made, before)
        assert_same(kept.read(objects, before), made)


TURNED = {
    "columns first": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "three axes, turned": np.arange(24).reshape(2, 3, 4).T,
    "channels last": np.arange(24).reshape(2, 3, 4).transpose(0, 2, 1),
    "every other column of it": np.asfortranarray(np.arange(24.0).reshape(3, 8))[:, ::2],
    "backwards": np.asfortranarray(np.arange(12.0).reshape(3, 4))[::-1],
    "objects": np.array([["a", 1], [None, 2.5]], object).T,
    "structured": np.zeros((2, 3), ROW).T,
}


@pytest.mark.parametrize("name", TURNED)
def test_the_order_in_memory_comes_back(objects: Objects, name: str) -> None:
    made = TURNED[name]
    again = there_and_back(objects, made)
    assert_same(again, made)
    assert again.strides == np.copy(made, order="K").strides
    assert not again.flags.c_contiguous


def test_the_order_in_memory_is_no_content(objects: Objects) -> None:
    rows_first = np.arange(12.0).reshape(3, 4)
    columns_first = np.asfortranarray(rows_first)
    assert digest(rows_first) == digest(columns_first)
    # so that the same numbers out of a frame, or out of a file, are one version
    frame = pd.DataFrame(rows_first)
    assert frame.to_numpy().flags.f_contiguous or frame.to_numpy().flags.c_contiguous
    assert digest(frame.to_numpy()) == digest(np.column_stack([frame[c] for c in frame]))


@pytest.mark.parametrize(
    "other",
    [
        KNOWN_ARRAY + 1,
        KNOWN_ARRAY.astype("f4"),
        KNOWN_ARRAY.astype(">f8"),
        KNOWN_ARRAY.reshape(3, 2),
        KNOWN_ARRAY.reshape(6),
        KNOWN_ARRAY[::-1],
        KNOWN_ARRAY.view("i8"),
        KNOWN_ARRAY * np.array([[-1], [1]]),
    ],
    ids=["value", "dtype", "byte order", "shape", "axes", "rows", "bits", "-0.0"],
)
def test_another_content_has_another_digest(other: Any) -> None:
    assert digest(other) != digest(KNOWN_ARRAY)


def test_the_digest_of_known_arrays_never_changes() -> None:
    # another numpy, another pyarrow, another Python: the same digests
    structured = np.array([(1, "2024-01-01", "abc", [[1, 2], [3, 4]], 1j)], ROW)
    sparse = scipy.sparse.csr_array(KNOWN_ARRAY)
    assert [digest(KNOWN_ARRAY), digest(structured), digest(sparse)] == KNOWN_DIGESTS


KNOWN_DIGESTS = [
    "blake3:b0c65abe586e99976b51e339250c96adae1bd4e138e7c5e56a41ca2663abbd6e",
    "blake3:0fbd9cd0e4eba1339f524e2a2ba916f2a31a6a66497b5d777e0ed4aa3965ff94",
    "blake3:cc005e381b017ca98749791cba6b9b0229631b222201ced62a2e807c6fccc410",
]


def test_what_lies_between_the_fields_is_no_content() -> None:
    made = np.zeros(2, GAPS)
    held = bytearray(b"\x07" * made.nbytes)
    dirty = np.frombuffer(held, GAPS)
    dirty["a"], dirty["b"] = 0, 0
    assert any(held)
    assert digest(dirty) == digest(made)


def test_wide_rows_lie_in_several_leaves(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "CHUNK_BYTES", 1000)
    made = np.arange(7 * 300, dtype="i4").reshape(7, 100, 3)
    parts = take_apart(made).tree.parts["values"].parts
    assert {part.leaf.rows for part in parts.values() if part.leaf} == {7}
    assert len(parts) == 10  # of 31 numbers: 1,000 bytes for 8 rows
    for turned in (made, made.transpose(0, 2, 1), made[0]):
        assert_same(there_and_back(objects, turned), turned)
    tree = take_apart(np.concatenate([made, made[:1]])).tree
    assert len(tree.parts["values"].parts) == len(parts)


def test_a_tall_array_shares_its_first_chunks(objects: Objects) -> None:
    made = np.random.default_rng(0).random((CHUNK_ROWS + 1000, 3))
    assert_same(there_and_back(objects, made), made)
    before = set(objects.root.rglob("*"))
    longer = np.concatenate([made, made[:10]])
    assert_same(there_and_back(objects, longer), longer)
    fresh = [path for path in set(objects.root.rglob("*")) - before if path.is_file()]
    assert sum(path.stat().st_size for path in fresh) < 100_000


def test_a_version_tells_its_rows() -> None:
    found = take_apart(np.zeros((5, 2)))
    assert (found.kind, found.row_count, found.columns()) == ("array", 5, ())
    assert take_apart(np.array(1)).row_count == 1


def test_an_array_has_no_columns_to_choose(objects: Objects) -> None:
    digest = kept.write(objects, kept.examine(np.eye(2)))
    with pytest.raises(UsageError, match="no columns"):
        content.put_together(*manifest.content(objects, digest), ["a"])


# --- masks ---------------------------------------------------------------------------------------

MASKED: dict[str, Any] = {
    "some": np.ma.MaskedArray([1.5, 2.5, -0.0], mask=[True, False, False], fill_value=9),
    "none told": np.ma.MaskedArray([1, 2]),
    "none": np.ma.MaskedArray([[1, 2]], mask=[[False, False]]),
    "hard": np.ma.MaskedArray([1, 2], mask=[True, False], hard_mask=True),
    "structured": np.ma.MaskedArray([(1, 2.0)], mask=[(True, False)], dtype="i4,f8"),
    "text": np.ma.MaskedArray(["a", "b"], mask=[False, True]),
    "one value": np.ma.MaskedArray(5, mask=True),
}


@pytest.mark.parametrize("name", MASKED)
def test_a_masked_array_comes_back_with_its_mask(objects: Objects, name: str) -> None:
    made = MASKED[name]
    again = there_and_back(objects, made)
    assert type(again) is np.ma.MaskedArray
    assert_same(np.asarray(again.data), np.asarray(made.data))  # what lies under the mask too
    assert (again.mask is np.ma.nomask) == (made.mask is np.ma.nomask)
    assert_same(np.asarray(again.mask), np.asarray(made.mask))
    assert again.fill_value == made.fill_value
    assert again.hardmask == made.hardmask
    assert digest(again) == digest(made)


def test_some_rows_of_a_masked_array(objects: Objects) -> None:
    again = some_of(objects, MASKED["some"], 0, 2)
    assert again.tolist() == [None, 2.5]
    assert again.fill_value == 9


def test_mask_and_fill_value_are_content() -> None:
    values, mask = np.array([1.5, 2.5]), [True, False]
    made = [
        values,
        np.ma.MaskedArray(values),
        np.ma.MaskedArray(values, mask=mask),
        np.ma.MaskedArray(values, mask=mask, fill_value=8),
        np.ma.MaskedArray(values, mask=mask[::-1]),
    ]
    assert len(set(map(digest, made))) == len(made)


# --- what is refused -----------------------------------------------------------------------------


def masked_records() -> Any:
    from numpy.ma import mrecords

    return mrecords.fromarrays([[1]])


@pytest.mark.parametrize(
    "thing", [np.matrix([[1]]), np.rec.array([(1,)], dtype=[("a", "i4")]), masked_records()]
)
def test_other_arrays_are_refused_with_what_to_do(thing: Any) -> None:
    with pytest.raises(UsageError, match="cannot be kept as a data version") as caught:
        take_apart(thing)
    assert "numpy.asarray" in str(caught.value.hint)


@pytest.mark.parametrize(
    "thing",
    [np.float64(1), np.dtype("i4"), np.random.default_rng(0), LinearOperator((1, 1), print)],
)
def test_what_is_no_array_is_refused(thing: Any) -> None:
    with pytest.raises(UsageError, match="cannot be kept as a data version"):
        take_apart(thing)


def test_what_cannot_be_pickled_is_refused() -> None:
    with pytest.raises(UsageError, match="the array: a function cannot be kept"):
        take_apart(np.array([lambda: 1]))
    made = np.array([(1, lambda: 1)], [("id", "i4"), ("f", "O")])
    with pytest.raises(UsageError, match="the array, field 'f': a function cannot be kept"):
        take_apart(made)


def test_what_stands_for_a_missing_text_must_be_known() -> None:
    with pytest.raises(UsageError, match="whose missing value is 'none' cannot be kept"):
        take_apart(np.array(["a"], np.dtypes.StringDType(na_object="none")))
