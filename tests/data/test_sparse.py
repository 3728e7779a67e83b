"""Sparse matrices come back in their format, with every index and every bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

from mlops_jupyter.store.objects import Objects
from tests import kept
from tests.kept import digest, there_and_back
from tests.same_frame import same_value

FORMATS = ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]
DENSE = np.array([[0, 1.5, 0, 0], [0, 0, 0, -2.5], [0, 0, 0, 0], [3, 0, 0, 0]], "f4")


def parts_of(matrix: Any) -> dict[str, Any]:
    names = ["data", "indices", "indptr", "offsets", "rows"]
    found = {n: getattr(matrix, n) for n in names if hasattr(matrix, n)}
    if matrix.format == "coo":
        found["coords"] = list(matrix.coords)
    if matrix.format == "dok":
        assert all(type(value) is matrix.dtype.type for value in matrix.values())
        return {"items": sorted((np.atleast_1d(key).tolist(), v) for key, v in matrix.items())}
    if matrix.format == "lil":
        return {"rows": matrix.rows.tolist(), "data": matrix.data.tolist()}
    return found


def assert_same_matrix(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    same_value(parts_of(found), parts_of(expected))
    assert (found != expected).nnz == 0


@pytest.mark.parametrize("make", [f"{f}_{kind}" for f in FORMATS for kind in ("matrix", "array")])
@pytest.mark.parametrize("dense", [DENSE, DENSE.astype("c16"), DENSE != 0, np.zeros((3, 0))])
def test_a_sparse_matrix_comes_back_in_its_format(objects: Objects, make: str, dense: Any) -> None:
    if dense.size == 0 and make.startswith(("bsr", "dia")):
        dense = np.zeros((2, 2))
    made = getattr(scipy.sparse, make)(dense)
    again = there_and_back(objects, made)
    assert_same_matrix(again, made)
    assert digest(again) == digest(made) == digest(made.copy())
    if made.nnz:  # it can be reckoned with
        np.testing.assert_array_equal((again @ again.T).toarray(), (made @ made.T).toarray())


@pytest.mark.parametrize("name", FORMATS)
def test_some_rows_of_a_sparse_matrix(objects: Objects, name: str) -> None:
    made = getattr(scipy.sparse, f"{name}_array")(DENSE)
    again = kept.read(objects, kept.write(objects, kept.examine(made)), rows=(1, 4))
    assert type(again) is type(made)
    np.testing.assert_array_equal(again.toarray(), DENSE[1:4])


@pytest.mark.parametrize("make", ["csr_array", "csc_matrix"])
def test_indices_out_of_order_and_twice_stay_so(objects: Objects, make: str) -> None:
    parts = (np.array([1.0, 2, 3, 0]), np.array([2, 0, 0, 1], "i8"), np.array([0, 3, 4], "i8"))
    made = getattr(scipy.sparse, make)(parts, shape=(2, 3) if make == "csr_array" else (3, 2))
    again = there_and_back(objects, made)
    assert_same_matrix(again, made)
    assert not again.has_sorted_indices
    assert not again.has_canonical_format
    tidy = made.copy()
    tidy.sum_duplicates()
    assert digest(tidy) != digest(made)


def test_wide_indices_stay_wide(objects: Objects) -> None:
    made = scipy.sparse.coo_array(DENSE)
    made.coords = tuple(axis.astype("i8") for axis in made.coords)
    assert there_and_back(objects, made).coords[0].dtype == np.dtype("i8")


def test_sparse_arrays_of_one_axis(objects: Objects) -> None:
    for make in (scipy.sparse.coo_array, scipy.sparse.csr_array, scipy.sparse.dok_array):
        made = make(np.array([0, 1.5, 0]))
        assert_same_matrix(there_and_back(objects, made), made)


def test_blocks_keep_their_size(objects: Objects) -> None:
    made = scipy.sparse.bsr_array(np.kron(np.eye(2), np.ones((2, 3))), blocksize=(2, 3))
    again = there_and_back(objects, made)
    assert again.blocksize == (2, 3)
    assert_same_matrix(again, made)


def test_the_order_in_which_keys_were_set_is_no_content() -> None:
    one, other = scipy.sparse.dok_array((2, 2)), scipy.sparse.dok_array((2, 2))
    one[0, 0], one[1, 1] = 1, 2
    other[1, 1], other[0, 0] = 2, 1
    assert digest(one) == digest(other)


def test_one_matrix_in_two_formats_is_two_contents() -> None:
    made = {digest(getattr(scipy.sparse, f"{name}_array")(DENSE)) for name in FORMATS}
    assert len(made) == len(FORMATS)
