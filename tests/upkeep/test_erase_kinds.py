"""Rows are erased from every kind of table, and from whatever else holds their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from mlops_jupyter.upkeep.erase import erase
from mlops_jupyter.upkeep.verify import verify
from tests.same_frame import assert_same
from tests.upkeep.store import ADA, WHY, bytes_hold, people


def _categorical(names: list[str]) -> pd.DataFrame:
    made = people(*names)
    return made.assign(name=pd.Categorical(names, categories=["unused", *sorted(set(names))]))


def _levels(names: list[str]) -> pd.DataFrame:
    return people(*names).set_index(["name", "customer_id"])


def _series(names: list[str]) -> pd.Series:
    return pd.Series(names, name="name", index=pd.Index(range(len(names)), name="customer_id"))


def _category_index(names: list[str]) -> pd.DataFrame:
    made = people(*names)
    return made.set_index(pd.CategoricalIndex(names, name="name")).drop(columns="name")


def _objects(names: list[str]) -> pd.DataFrame:
    made = people(*names)
    return made.assign(name=pd.Series([*names[:-1], 5], dtype=object), extra=[{n} for n in names])


def _ordered(names: list[str]) -> pa.Table:
    kind = pa.dictionary(pa.int32(), pa.string(), ordered=True)
    column = pa.DictionaryArray.from_arrays(
        list(range(len(names))), pa.array(names), ordered=True
    ).cast(kind)
    return pa.table({"customer_id": list(range(len(names))), "name": column})


def _records(names: list[str]) -> list[dict[str, Any]]:
    return [{"customer_id": n, "name": name} for n, name in enumerate(names)]


KINDS: dict[str, Callable[[list[str]], Any]] = {
    "frame": lambda names: people(*names),
    "arrow strings": lambda names: people(*names).astype({"name": "string[pyarrow]"}),
    "categorical": _categorical,
    "levels of the index": _levels,
    "series": _series,
    "categories of the index": _category_index,
    "objects": _objects,
    "table": lambda names: pa.Table.from_pandas(people(*names)),
    "record batch": lambda names: pa.RecordBatch.from_pandas(people(*names)),
    "dictionary": lambda names: pa.table(
        {"customer_id": range(len(names)), "name": pa.array(names).dictionary_encode()}
    ),
    "ordered dictionary": _ordered,
    "polars": lambda names: pl.DataFrame({"customer_id": range(len(names)), "name": names}),
    "polars categorical": lambda names: pl.DataFrame(
        {"customer_id": range(len(names)), "name": pl.Series(names, dtype=pl.Categorical)}
    ),
    "records": _records,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_forgets_the_row(project: Project, kind: str) -> None:
    snapshot(project, KINDS[kind](["Grace", ADA, "Edsger"]), "train")
    assert bytes_hold(project, ADA)
    made = erase(project, "train", "customer_id = 1", WHY)
    assert [v.rows for v in made.versions] == [1]
    assert not bytes_hold(project, ADA)
    left = versions.load(project, "train@1")
    assert len(left) == 2
    assert type(left) is type(KINDS[kind](["Grace", ADA, "Edsger"]))
    assert verify(project, deep=True).is_clean


def test_categories_that_no_row_had_stay(project: Project) -> None:
    snapshot(project, _categorical(["Grace", ADA]), "train")
    erase(project, "train", "customer_id = 1", WHY)
    assert list(versions.load(project, "train@1")["name"].cat.categories) == ["unused", "Grace"]


def test_attrs_flags_and_dtypes_stay(project: Project) -> None:
    made = (
        people("Grace", ADA)
        .astype({"customer_id": "Int16"})
        .set_flags(allows_duplicate_labels=False)
    )
    made.attrs["unit"] = "EUR"
    snapshot(project, made, "train")
    erase(project, "train", "customer_id = 1", WHY)
    assert_same(versions.load(project, "train@1"), made.iloc[:1])
