"""What takes much memory crosses a boundary as data versions, and comes back as it was."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from mlops_jupyter.data import versions
from mlops_jupyter.errors import IntegrityError
from mlops_jupyter.pipelines import record
from mlops_jupyter.pipelines.notebook import cut_source
from mlops_jupyter.pipelines.source import read_notebook
from mlops_jupyter.pipelines.values import restore_values, store_values
from mlops_jupyter.project import Project
from tests.pipelines.notebooks import begin, fresh_namespace, steps
from tests.same_frame import assert_same, same_bytes
from tests.upkeep.store import flip

ROWS = 20_000


class Crossing:
    """Two steps of one pipeline, run as often as asked."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._made = cut_source(read_notebook(steps(project.root / "study.ipynb", "", "n", "n")))

    def pass_on(self, **values: Any) -> str:
        """Pass values on, and return the step run that is to receive them."""
        opened = begin(self.project, self._made)
        store_values(self.project, record.begin_step(self.project, opened, 0), values, list(values))
        return record.begin_step(self.project, opened, 1)

    def receive(self, step_run_id: str) -> dict[str, Any]:
        """Return the values that arrive."""
        arrived = fresh_namespace()
        restore_values(self.project, step_run_id, arrived)
        return arrived

    def __call__(self, **values: Any) -> dict[str, Any]:
        """Pass values over a boundary and return what arrives."""
        return self.receive(self.pass_on(**values))

    def refs(self) -> list[str]:
        """Return all data versions."""
        found = versions.datasets(self.project)
        return [version.ref for one in found for version in reversed(one.versions)]

    def pickle(self, step_run_id: str) -> bytes:
        """Return the object with the values that a step run is to receive."""
        sql = "SELECT receives FROM step_run WHERE id = ?"
        (row,) = self.project.catalog.rows(sql, (step_run_id,))
        return self.project.objects.read(row["receives"])

    def stored_bytes(self) -> int:
        """Return what the object store takes."""
        files = self.project.objects.root.rglob("*")
        return sum(path.stat().st_size for path in files if path.is_file())


@pytest.fixture
def crossing(project: Project) -> Crossing:
    return Crossing(project)


def numbers(seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(ROWS, 4)), columns=list("abcd"))


def every_dtype() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    days = pd.date_range("2013-01-01", periods=ROWS, freq="h")
    texts = pd.Series(rng.integers(0, 99, ROWS).astype(str))
    return pd.DataFrame(
        {
            "float": rng.normal(size=ROWS), "int": np.arange(ROWS), "small": np.int8(3),
            "bool": rng.integers(0, 2, ROWS) > 0, "time": days, "zoned": days.tz_localize("UTC"),
            "period": days.to_period("h"), "text": texts, "category": texts.astype("category"),
            "masked": pd.array(np.arange(ROWS), dtype="Int64"),
            "arrow": texts.astype(pd.ArrowDtype(pa.string())),
            "objects": texts.astype(object), "lists": pd.Series([[n] for n in range(ROWS)]),
            "complex": np.arange(ROWS) * 1j,
        }
    ).set_axis(pd.Index(rng.normal(size=ROWS), name="key"), axis=0)  # fmt: skip


def test_a_frame_becomes_a_version_with_a_name(crossing: Crossing) -> None:
    frame = numbers()
    step_run = crossing.pass_on(flights=frame, rows=ROWS)
    assert crossing.refs() == ["study.s1.flights@1"]
    assert len(crossing.pickle(step_run)) < 20_000, "the numbers are not in the pickle"
    assert_same(versions.load(crossing.project, "study.s1.flights"), frame)
    arrived = crossing.receive(step_run)
    assert_same(arrived["flights"], frame)
    assert arrived["rows"] == ROWS


def test_every_dtype_comes_back_as_it_was(crossing: Crossing) -> None:
    frame = every_dtype()
    arrived = crossing(frame=frame)["frame"]
    assert_same(arrived, frame)
    arrived.loc[arrived.index[0], "float"] = 1.0  # nothing is read-only that was not


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2013-01-01", periods=ROWS, freq="h", tz="Europe/Berlin", name="hour"),
        pd.MultiIndex.from_product([range(ROWS // 10), list("abcdefghij")], names=["n", None]),
        pd.Index([f"text {n}" for n in range(ROWS)]),
        pd.Index([f"text {n}" for n in range(ROWS)], dtype=object),
        pd.RangeIndex(7, 7 + 2 * ROWS, 2),
    ],
    ids=["times", "levels", "texts", "objects", "range"],
)
def test_every_index_comes_back_as_it_was(crossing: Crossing, index: Any) -> None:
    frame = numbers().set_axis(index, axis=0)
    arrived = crossing(frame=frame, column=frame["a"])
    assert_same(arrived["frame"], frame)
    assert_same(arrived["column"], frame["a"])


@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_lie_in_memory_as_they_did(crossing: Crossing, order: Any) -> None:
    # sums of floating-point numbers depend on it
    frame = pd.DataFrame(np.array(numbers().to_numpy(), order=order), columns=list("abcd"))
    arrived = crossing(frame=frame, array=np.array(frame.to_numpy(), order=order))
    assert arrived["frame"].to_numpy().strides == frame.to_numpy().strides
    assert arrived["array"].flags.c_contiguous == (order == "C")
    assert crossing.refs() == ["study.s1.array@1", "study.s1.frame@1"]


ARRAYS: dict[str, Any] = {
    "numbers": np.arange(ROWS),
    "big endian": np.arange(ROWS, dtype=">i8"),
    "three axes": np.asfortranarray(np.arange(ROWS * 6.0).reshape(ROWS, 2, 3)),
    "texts": np.arange(ROWS).astype(str),
    "times": np.arange(ROWS).astype("M8[s]"),
    "fields": np.zeros(ROWS, [("a", "i4"), ("b", "f8")]),
    "cut": np.arange(4 * ROWS)[::2],
    "objects": np.array([{}] * ROWS),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back_as_they_were(crossing: Crossing, name: str) -> None:
    made = ARRAYS[name]
    arrived = crossing(made=made)["made"]
    assert arrived.shape == made.shape
    assert arrived.flags.c_contiguous == (made.flags.c_contiguous or name == "cut")
    if made.dtype.hasobject:
        assert arrived.tolist() == made.tolist()
        assert arrived[0] is arrived[1]
    else:
        same_bytes(arrived, made)
        arrived[0] = arrived[1]


def test_an_array_that_may_not_be_written_still_may_not(crossing: Crossing) -> None:
    fixed = np.arange(ROWS)
    fixed.flags.writeable = False
    arrived = crossing(fixed=fixed, head=fixed[:10], values={"head": fixed[:9]})
    assert not arrived["fixed"].flags.writeable
    assert not arrived["head"].flags.writeable


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia", "lil"])
def test_sparse_matrices_come_back_as_they_were(crossing: Crossing, form: str) -> None:
    rng = np.random.default_rng(3)
    diagonals = rng.normal(size=(5, 4000))
    matrix = scipy.sparse.diags_array(diagonals, offsets=range(5), shape=(4000, 4000)).asformat(
        form
    )
    arrived = crossing(matrix=matrix, split={"train": matrix})
    assert arrived["split"]["train"] is arrived["matrix"]
    assert type(arrived["matrix"]) is type(matrix)
    assert (arrived["matrix"] != matrix).nnz == 0
    assert crossing.refs() == ([] if form == "lil" else ["study.s1.matrix@1"])


def test_frames_of_polars_and_tables_of_arrow_come_back(crossing: Crossing) -> None:
    frame = pl.DataFrame({"n": range(ROWS), "t": [f"text {n % 7}" for n in range(ROWS)]})
    table = pa.concat_tables([frame.to_arrow()[:7000], frame.to_arrow()[7000:]])
    arrived = crossing(frame=frame, column=frame["n"], table=table)
    assert arrived["frame"].equals(frame)
    assert arrived["column"].equals(frame["n"])
    assert arrived["table"].equals(table)
    assert [len(chunk) for chunk in arrived["table"]["n"].chunks] == [7000, ROWS - 7000]
    assert crossing.refs() == ["study.s1.column@1", "study.s1.frame@1", "study.s1.table@1"]


def test_tensors_come_back(crossing: Crossing) -> None:
    torch = pytest.importorskip("torch")
    made = torch.arange(float(ROWS), requires_grad=True)
    arrived = crossing(made=made, half=made.detach().half(), cut=made.detach()[:ROWS])
    assert torch.equal(arrived["made"], made)
    assert arrived["made"].requires_grad
    assert arrived["half"].dtype == torch.float16
    assert torch.equal(arrived["cut"], made)


def test_what_is_one_object_stays_one_at_any_depth(crossing: Crossing) -> None:
    frame = numbers()
    arrived = crossing(a=frame, b=frame, c={"deep": [frame, (frame,)]})
    assert arrived["a"] is arrived["b"] is arrived["c"]["deep"][0] is arrived["c"]["deep"][1][0]
    arrived["a"].loc[0, "a"] = 5.0
    assert arrived["c"]["deep"][0].loc[0, "a"] == 5.0
    assert crossing.refs() == ["study.s1.a@1"]


def test_views_of_one_array_share_its_memory_at_any_depth(crossing: Crossing) -> None:
    table = numbers().to_numpy().copy()
    arrived = crossing(parts={"train": table[:15_000], "test": [table[15_000:]]}, last=table[-1:])
    arrived["last"][:] = 7
    assert arrived["parts"]["test"][0][-1].tolist() == [7, 7, 7, 7]
    assert np.shares_memory(arrived["parts"]["train"], arrived["last"].base)
    assert crossing.refs() == ["study.s1.parts.train.base@1"]


def test_a_column_cut_from_a_frame_is_one_of_its_own_as_in_pandas(crossing: Crossing) -> None:
    frame = numbers()
    column, part = frame["a"], frame[["b", "c"]]
    arrived = crossing(frame=frame, column=column, part=part)
    arrived["column"].iloc[0] = 5.0
    arrived["part"].iloc[0, 0] = 6.0
    assert_same(arrived["frame"], frame)
    arrived["frame"].iloc[1, 0] = 7.0
    assert arrived["column"].iloc[1] == column.iloc[1]


def test_objects_in_a_frame_that_have_another_name_keep_it(crossing: Crossing) -> None:
    frame = numbers()
    shared = {"seen": 0}
    frame["objects"] = [shared] * ROWS
    frame.attrs["notes"] = shared
    arrived = crossing(frame=frame, shared=shared)
    arrived["shared"]["seen"] = 1
    assert arrived["frame"]["objects"].iloc[-1] == {"seen": 1}
    assert arrived["frame"].attrs["notes"] is arrived["shared"]


def test_a_model_and_the_array_it_holds_share_it(crossing: Crossing) -> None:
    from sklearn.neighbors import KNeighborsClassifier

    table = numbers().to_numpy().copy()
    model = KNeighborsClassifier(algorithm="brute").fit(table, np.arange(ROWS) % 2)
    assert model._fit_X is table
    arrived = crossing(model=model, table=table)
    assert arrived["model"]._fit_X is arrived["table"]


def test_a_subclass_stays_in_the_pickle(crossing: Crossing) -> None:
    table = np.arange(ROWS).view(np.recarray)
    arrived = crossing(table=table, masked=np.ma.masked_less(np.arange(ROWS), 5))
    assert type(arrived["table"]) is np.recarray
    assert arrived["masked"].mask[:6].tolist() == [True] * 5 + [False]
    assert crossing.refs() == []


def test_small_values_stay_in_the_pickle(crossing: Crossing) -> None:
    crossing(frame=numbers().head(100), array=np.arange(100))
    assert crossing.refs() == []


def test_a_second_run_with_one_changed_row_adds_little(crossing: Crossing) -> None:
    frame = numbers()
    crossing(frame=frame)
    first = crossing.stored_bytes()
    crossing(frame=frame.copy())
    assert crossing.refs() == ["study.s1.frame@1"]
    again = crossing.stored_bytes() - first
    frame.loc[77, "b"] = 0.0
    arrived = crossing(frame=frame)
    assert_same(arrived["frame"], frame)
    assert crossing.refs() == ["study.s1.frame@1", "study.s1.frame@2"]
    assert again < first / 50
    assert crossing.stored_bytes() - first - again < first / 50


def test_names_that_no_dataset_may_have_are_told_apart(crossing: Crossing) -> None:
    made = {"ä": numbers(1), "ö": numbers(2), "x" * 200: numbers(3), "_": numbers(4)}
    arrived = crossing(**made, inside={"a b/../c": numbers(5), 7: numbers(6), (): numbers(7)})
    for name, frame in made.items():
        assert_same(arrived[name], frame)
    refs = crossing.refs()
    assert len(refs) == 7
    assert "study.s1._@1" in refs
    assert "study.s1.inside.7@1" in refs


def test_values_that_are_all_plain_are_read_without_unpickling(crossing: Crossing) -> None:
    values = {"rate": 0.1, "names": ["a", "\ud800"], "deep": {"x": [None, True, -(2**70)]}}
    step_run = crossing.pass_on(**values)
    assert json.loads(crossing.pickle(step_run))["values"] == values
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    assert {name: crossing.receive(step_run)[name] for name in values} == values
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


ONE_LIST: list[int] = []


@pytest.mark.parametrize(
    "odd",
    [(1,), {1: 2}, float("nan"), np.float64(1), {"a": ONE_LIST, "b": ONE_LIST}, b"", {1}],
    ids=repr,
)
def test_what_json_would_change_is_pickled(crossing: Crossing, odd: Any) -> None:
    step_run = crossing.pass_on(odd=odd)
    assert crossing.pickle(step_run).startswith(b"\x80")
    arrived = crossing.receive(step_run)["odd"]
    assert repr(arrived) == repr(odd)
    assert type(arrived) is type(odd)


def test_a_damaged_version_is_told_by_the_name_of_the_variable(crossing: Crossing) -> None:
    step_run = crossing.pass_on(rows=1, split={"train": numbers()})
    for path in crossing.project.objects.root.rglob("*"):
        if path.is_file() and path.stat().st_size > 50_000:
            flip(path)
    with pytest.raises(IntegrityError, match=r"the variable 'split.train' cannot be received"):
        crossing.receive(step_run)
    # what is damaged is out of the way: the same step writes it anew
    assert_same(crossing(split={"train": numbers()})["split"]["train"], numbers())
