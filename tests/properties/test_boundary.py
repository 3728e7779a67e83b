"""Whatever crosses a boundary hangs together afterwards as it did before, and holds the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.data.storage import stored
from mlops_jupyter.data.value import part
from mlops_jupyter.pipelines import aside, record, views
from mlops_jupyter.pipelines.digest import digest_of_values
from mlops_jupyter.pipelines.notebook import cut_source
from mlops_jupyter.pipelines.reached import reached
from mlops_jupyter.pipelines.source import read_notebook
from mlops_jupyter.pipelines.values import restore_values, store_values
from mlops_jupyter.project import Project, init
from tests.pipelines.notebooks import begin, fresh_namespace, steps
from tests.same_frame import assert_same, same_value

Cross = Callable[[dict[str, Any]], dict[str, Any]]


class Split:
    """An object with attributes."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts


@pytest.fixture(scope="module")
def cross(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cross]:
    """Return what passes values on and receives them; nothing is too small to be put aside."""
    project = init(tmp_path_factory.mktemp("study"))
    made = cut_source(read_notebook(steps(project.root / "study.ipynb", "", "n", "n")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aside, "LEAST_BYTES", 1)
        patch.setattr(aside, "LEAST_LINE_BYTES", 1)
        patch.setattr(part, "CHUNK_ROWS", 8)
        patch.setattr(stored, "SMALL_BYTES", 40)
        yield lambda values: _across(project, made, values)


def _across(project: Project, made: Any, values: dict[str, Any]) -> dict[str, Any]:
    opened = begin(project, made)
    store_values(project, record.begin_step(project, opened, 0), values, list(values))
    arrived = fresh_namespace()
    restore_values(project, record.begin_step(project, opened, 1), arrived)
    return {name: arrived[name] for name in values}


NUMBERS = st.lists(st.integers(-9, 9), min_size=1, max_size=20)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


def frame(found: list[int]) -> pd.DataFrame:
    texts = pd.Series([f"{n}" for n in found])
    made = pd.DataFrame({"n": found, "half": np.array(found) / 2, "t": texts})
    return made.assign(when=pd.to_datetime(found, unit="D"), kind=texts.astype("category"))


LEAVES: list[Callable[[list[int]], Any]] = [
    frame,
    lambda found: frame(found).set_index("t"),
    lambda found: pd.DataFrame(np.array([found, found]).T * 0.5),
    lambda found: pd.Series(found, name="n", index=pd.MultiIndex.from_tuples(enumerate(found))),
    lambda found: frame(found).assign(o=[[n] for n in found]),
    np.array,
    lambda found: np.asfortranarray(np.array([found, found]) * 1.5),
    lambda found: np.array([[n] for n in found] + [None], dtype=object),
    lambda found: scipy.sparse.csr_matrix([found]),
    lambda found: pl.DataFrame({"n": found, "t": [str(n) for n in found]}),
    lambda found: pa.table({"n": found}),
    lambda found: found,
    lambda found: {"n": found},
    lambda found: tuple(found),
    lambda found: str(found),
]


def fixed(array: Any) -> Any:
    """Return a view that may not be written."""
    view = array[:]
    view.flags.writeable = False
    return view


VIEWS: list[Callable[[Any], Any]] = [
    lambda array: array[1:],
    lambda array: array[::-1],
    lambda array: array.T,
    lambda array: array.reshape(-1)[::2],
    fixed,
]
CUTS: list[Callable[[Any], Any]] = [
    lambda made: made.iloc[:, 0] if made.ndim == 2 else made,
    lambda made: made.iloc[1:],
    lambda made: made.copy(deep=False),
    lambda made: made.index,
]
HOLDERS: list[Callable[[list[Any]], Any]] = [
    list,
    tuple,
    lambda parts: {f"k {n}": one for n, one in enumerate(parts)},
    lambda parts: Split(*parts),
]


@st.composite
def nodes(draw: Any) -> list[Any]:
    """Draw objects that hold one another, in circles too, or share their memory."""
    made: list[Any] = []
    for _ in range(draw(st.integers(1, 7))):
        how = draw(st.sampled_from(["leaf", "leaf", "view", "hold", "hold"]))
        of = draw(st.sampled_from(made)) if made else None
        if how == "view" and type(of) is np.ndarray and not of.dtype.hasobject:
            made.append(draw(st.sampled_from(VIEWS))(of))
        elif how == "view" and isinstance(of, pd.DataFrame | pd.Series):
            made.append(draw(st.sampled_from(CUTS))(of))
        elif how == "hold" and made:
            parts = draw(st.lists(st.sampled_from(made), max_size=3))
            made.append(draw(st.sampled_from(HOLDERS))(parts))
        else:
            made.append(draw(st.sampled_from(LEAVES))(draw(NUMBERS)))
    for one in made:
        if type(one) is list and draw(st.booleans()):
            one.append(draw(st.sampled_from(made)))
    return made


class Same:
    """Compares two structures: what is one object in one is one in the other."""

    def __init__(self) -> None:
        self._there: dict[int, Any] = {}
        self._back: dict[int, Any] = {}

    def __call__(self, found: Any, expected: Any) -> None:
        assert type(found) is type(expected)
        if type(expected) in (int, str, float, type(None), tuple):
            pass  # of those nobody can tell
        elif id(expected) in self._there or id(found) in self._back:
            assert self._there.get(id(expected)) is found
            assert self._back.get(id(found)) is expected
            return
        self._there[id(expected)], self._back[id(found)] = found, expected
        self._inside(found, expected)

    def _inside(self, found: Any, expected: Any) -> None:
        if isinstance(expected, list | tuple):
            assert len(found) == len(expected)
            for one, other in zip(found, expected, strict=True):
                self(one, other)
        elif isinstance(expected, dict):
            assert list(found) == list(expected)
            self(list(found.values()), list(expected.values()))
        elif isinstance(expected, Split):
            self(found.parts, expected.parts)
        elif isinstance(expected, pd.DataFrame | pd.Series):
            assert_same(found, expected)
        elif isinstance(expected, pl.DataFrame | pa.Table | pd.Index):
            assert found.equals(expected)
        elif isinstance(expected, np.ndarray):
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
            assert found.flags.writeable == expected.flags.writeable
            same_value(found.tolist(), expected.tolist())
        elif scipy.sparse.issparse(expected):
            assert (found != expected).nnz == 0
        else:
            assert found == expected


def arrays(values: dict[str, Any]) -> list[Any]:
    """Return all arrays, in one order."""
    found = [value for _, value in reached(values)]
    return [one for one in found if type(one) is np.ndarray and not one.dtype.hasobject]


@given(nodes(), st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_was_one_is_one_and_what_was_equal_is_equal(
    cross: Cross, made: list[Any], data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(made), min_size=1, max_size=4))
    values = {f"v{n}": one for n, one in enumerate(chosen)}
    arrived = cross(values)
    Same()(arrived, values)
    for (one, other), (was, was_other) in zip(
        combinations(arrays(arrived), 2), combinations(arrays(values), 2), strict=True
    ):
        assert np.shares_memory(one, other) == np.shares_memory(was, was_other)


@given(nodes())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_arrived_crosses_the_next_boundary_alike(cross: Cross, made: list[Any]) -> None:
    values = {f"v{n}": one for n, one in enumerate(made)}
    arrived = cross(values)
    assert digest(arrived) == digest(values)
    Same()(cross(arrived), values)


def digest(values: dict[str, Any]) -> str:
    shared = views.shared(value for _, value in reached(values))
    return digest_of_values(values, lambda _: False, shared)


def test_rows_of_an_array_cross_the_next_boundary_alike(cross: Cross) -> None:
    whole = np.asfortranarray(np.zeros((2, 2)) * 1.5)
    values = {"v0": whole, "v1": whole[1:]}
    arrived = cross(values)
    assert np.shares_memory(arrived["v0"], arrived["v1"])
    assert digest(arrived) == digest(values)
