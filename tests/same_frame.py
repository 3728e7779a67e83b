"""Equality of frames as strict as it can be said; importable by every test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def assert_same(found: Any, expected: Any) -> None:
    """Fail unless two frames or Series are equal in everything that a program could see."""
    assert type(found) is type(expected)
    if isinstance(expected, pd.Series):
        same_value(found.name, expected.name)
        found, expected = found.to_frame(0).set_flags(), expected.to_frame(0).set_flags()
    same_index(found.index, expected.index)
    same_index(found.columns, expected.columns)
    same_value(found.attrs, expected.attrs)
    assert found.flags == expected.flags
    assert found.shape == expected.shape
    for position in range(expected.shape[1]):
        same_array(found.iloc[:, position].array, expected.iloc[:, position].array)


def same_index(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    for one, other in zip(found.names, expected.names, strict=True):
        same_value(one, other)
    if isinstance(expected, pd.MultiIndex):
        pd.testing.assert_index_equal(found, expected, exact=True)
        for number in range(expected.nlevels):
            same_index(found.levels[number], expected.levels[number])
            assert list(found.codes[number]) == list(expected.codes[number])
    elif not isinstance(expected, pd.RangeIndex):
        assert getattr(found, "freq", None) == getattr(expected, "freq", None)
        same_array(found.array, expected.array)
    else:
        assert list(found) == list(expected)


def same_array(found: Any, expected: Any) -> None:
    if isinstance(expected, pd.arrays.NumpyExtensionArray):
        found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype
    if not isinstance(expected.dtype, pd.SparseDtype):  # 0.0 and numpy's 0.0 fill alike
        assert str(found.dtype) == str(expected.dtype)
    assert type(found) is type(expected)
    assert len(found) == len(expected)
    if isinstance(expected, pd.Categorical):
        same_index(found.categories, expected.categories)
        assert found.ordered == expected.ordered
        assert list(found.codes) == list(expected.codes)
    elif isinstance(expected.dtype, np.dtype) and expected.dtype != object:
        same_bytes(np.asarray(found), np.asarray(expected))
    elif isinstance(expected, pd.arrays.SparseArray) and expected.sp_values.dtype != object:
        assert found.kind == expected.kind
        same_bytes(found.to_dense(), expected.to_dense())
    else:
        for one, other in zip(found, expected, strict=True):
            same_value(one, other)


def same_bytes(found: Any, expected: Any) -> None:
    assert found.dtype == expected.dtype
    if expected.dtype.kind == "f" and expected.dtype.itemsize > 8:
        np.testing.assert_array_equal(found, expected)  # ten of sixteen bytes have a meaning
    else:
        assert found.tobytes() == expected.tobytes()


def same_value(found: Any, expected: Any) -> None:
    """Compare two Python objects: exact types, NaN equal to NaN, -0.0 not equal to 0.0."""
    assert type(found) is type(expected), (found, expected)
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same_value(one, other)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            same_value(found[key], expected[key])
    elif isinstance(expected, np.ndarray | np.generic):
        assert found.shape == expected.shape
        if expected.dtype == object:
            same_value(found.tolist(), expected.tolist())
        else:
            same_bytes(found, expected)
    elif isinstance(expected, float):
        assert found.hex() == expected.hex()
    elif expected is None or expected is pd.NA or expected is pd.NaT:
        assert found is expected
    else:
        assert found == expected
        assert repr(found) == repr(expected)
