"""What is found in frames, tables, arrays and lists."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mlops_jupyter.data.diff.compare import diff
from mlops_jupyter.data.diff.difference import ColumnChange
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project
from tests.data.diff.asked import asked, codes, compared, the


def people(rows: int = 40) -> pd.DataFrame:
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "person": [f"p{n:03}" for n in range(rows)],
            "city": random.choice(["Rome", "Oslo", "Bern"], rows),
            "height": np.round(random.normal(170, 9, rows), 4),
            "income": random.integers(1_000, 9_000, rows),
            "joined": pd.date_range("2024-01-01", periods=rows),
        }
    )


def test_columns_new_gone_renamed_moved_and_of_another_type() -> None:
    before = people()
    after = before.rename(columns={"height": "cm"}).drop(columns="income")
    after["joined"] = after["joined"].dt.date
    after["city"] = after["city"].astype("category")
    after["flag"] = True
    after = after[["city", "person", "cm", "joined", "flag"]]
    found = compared(before, after)
    assert set(found.columns) == {
        ColumnChange("renamed", "cm", "height", "cm", "the same values"),
        ColumnChange("removed", "income", "income", None),
        ColumnChange("added", "flag", None, "flag"),
        ColumnChange("type", "city", "str", "category"),
        ColumnChange("type", "joined", before["joined"].dtype.name, "object"),
        ColumnChange("moved", "city", "2", "1"),
    }
    assert found.rows is not None
    assert (found.rows.same, found.rows.key) == (40, ("person",))


def test_a_name_spelt_otherwise_is_the_same_column() -> None:
    before = people()[["person", "height"]]
    found = compared(before, before.rename(columns={"height": " Height "}))
    assert [one.kind for one in found.columns] == ["renamed"]
    assert found.columns[0].why == "the name is spelt otherwise"
    assert codes(found) == ["column_renamed"]


def test_a_column_that_only_happens_to_be_like_another_is_not_renamed() -> None:
    random = np.random.default_rng(0)
    before = people(400).assign(a=random.random(400) < 0.95)
    after = people(400).assign(b=random.random(400) < 0.95)
    kinds = {one.column: one.kind for one in compared(before, after).columns}
    assert kinds == {"a": "removed", "b": "added"}


def test_names_twice_or_no_text() -> None:
    before = pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=["a", "a", 7])
    after = before.copy()
    after.iloc[1, 1] = 50
    found = compared(before, after)
    assert [(one.column, one.changed) for one in found.cells] == [("a", 1)]


def test_rows_by_an_obvious_key() -> None:
    before = people()
    after = before.sort_values("height", ignore_index=True)
    after.loc[after["person"] == "p007", "income"] = 1
    after = after[after["person"] != "p011"].reset_index(drop=True)
    found = compared(before, after)
    assert found.rows is not None
    assert found.rows.why == "by person, which is unique on both sides"
    assert (found.rows.changed, found.rows.removed, found.rows.added) == (1, 1, 0)
    assert [one.text for one in found.rows.removed_rows] == ["p011"]
    (cells,) = found.cells
    old = str(before.loc[7, "income"])
    assert (cells.column, cells.examples[0].before, cells.examples[0].after) == ("income", old, "1")


def test_a_row_under_another_key_is_the_same_row() -> None:
    before = people()
    after = before.replace({"person": {"p010": "p-010"}})
    found = compared(before, after)
    assert the(found, "respelt_key").text == (
        "1 row under another person, else the same: p010 → p-010"
    )
    assert found.rows is not None
    assert (found.rows.added, found.rows.removed, found.rows.respelt) == (0, 0, 1)


def test_rows_without_a_key_are_found_by_their_content() -> None:
    before = people()[["city", "height", "income"]]
    after = before.drop(index=[3, 20]).reset_index(drop=True)
    after.loc[10, "income"] = 7
    found = compared(before, after)
    assert found.rows is not None
    assert found.rows.key == ()
    assert (found.rows.removed, found.rows.changed, found.rows.moved) == (2, 1, 0)


def test_rows_of_which_no_two_are_alike_are_found_by_their_place() -> None:
    before = people()[["height", "income"]].astype(float)
    found = compared(before, before * 1000)
    assert found.rows is not None
    assert (found.rows.changed, found.rows.removed) == (40, 0)
    assert found.rows.why == "by their place: no two are alike"
    assert codes(found) == ["scale", "scale"]


def test_copies_of_rows_in_a_table_of_few_values() -> None:
    before = pd.DataFrame({"a": [0, 0, 1, 0, 1, 1, 0], "b": list("xxyxyyx")})
    after = before.drop(index=2).reset_index(drop=True)
    found = compared(before, after)
    assert found.rows is not None
    assert (found.rows.same, found.rows.removed, found.rows.moved) == (6, 1, 0)


def test_another_order_only() -> None:
    before = people().drop(columns=["person", "joined"])
    after = before.sample(frac=1, random_state=1).reset_index(drop=True)
    assert codes(compared(before, after)) == ["order"]


def test_an_index_names_the_rows() -> None:
    before = people().drop(columns="person")
    after = before[before["income"] > 3_000]
    found = compared(before, after)
    assert found.rows is not None
    assert found.rows.key == ("index",)
    assert found.rows.removed == int((before["income"] <= 3_000).sum())
    twice = compared(before, pd.concat([before, before.iloc[:2]]))
    assert "2 values stand more than once" in the(twice, "key_not_unique").text


def test_old_rows_of_a_table_that_grows() -> None:
    before = people(30)
    after = people(40).iloc[:33].copy()
    after.iloc[:30] = before
    after.loc[28, "height"] = 1.5
    found = compared(before, after)
    assert codes(found)[0] == "restated"
    assert the(found, "restated").count == 1
    assert the(found, "rows_appended").text.startswith("3 rows new at the end (30 → 33)")


def test_all_rows_gone() -> None:
    assert codes(compared(people(), people().iloc[:0])) == ["emptied"]
    assert codes(compared(people().iloc[:0], people())) == ["rows_added"]


def test_a_unit_that_changed() -> None:
    before = people()
    found = compared(before, before.assign(height=before["height"] / 100))
    assert the(found, "scale").text == (
        "height: numbers are 0.01 times what they were (40 of 40 cells)"
    )
    found = compared(before, before.assign(height=before["height"] + 5))
    assert the(found, "offset").text.startswith("height: numbers are greater by 5")


def test_values_lost_and_filled() -> None:
    before = people()
    after = before.copy()
    after.loc[[1, 2], "height"] = None
    assert "height: values became missing" in the(compared(before, after), "became_missing").text
    assert the(compared(after, before), "filled_in").count == 2


def test_categories_gone_and_new_and_beside_themselves() -> None:
    before = people()
    after = before.assign(city=before["city"].replace({"Rome": "Pisa"}))
    found = compared(before, after)
    count = (before["city"] == "Rome").sum()
    assert the(found, "categories_gone").text == f"city: 1 of 3 categories gone: Rome ({count})"
    assert the(found, "categories_new").text == f"city: 1 of 3 categories new: Pisa ({count})"
    after = before.copy()
    after.loc[before.index[before["city"] == "Rome"][0], "city"] = "Rome "
    found = compared(before, after)
    assert the(found, "category_spelling").text == "city: 'Rome', 'Rome ' stand beside each other"


def test_text_where_numbers_were() -> None:
    before = people()
    after = before.astype({"income": object})
    after.loc[4, "income"] = "none"
    after["income"] = after["income"].astype(str)
    found = compared(before, after)
    assert "e.g. 'none' in row 5" in the(found, "text_for_numbers").text
    assert [(one.column, one.changed) for one in found.cells] == [("income", 1)]


def test_distributions() -> None:
    random = np.random.default_rng(0)
    before = pd.DataFrame({"x": random.normal(size=4_000), "c": random.choice(["a", "b"], 4_000)})
    after = pd.DataFrame(
        {
            "x": random.normal(1, size=4_000),
            "c": random.choice(["a", "b"], 4_000, p=[0.9, 0.1]),
        }
    )
    category, number = sorted(compared(before, after).shifts, key=lambda one: one.kind)
    assert number.effect == pytest.approx(0.38, abs=0.03)  # of two normals that are 1 apart
    assert category.effect == pytest.approx(0.4, abs=0.03)
    assert number.psi is not None
    assert number.psi > 0.8
    assert compared(before, before.sample(frac=1, random_state=0)).shifts == ()


def test_the_effect_is_that_of_scipy() -> None:
    from scipy.stats import ks_2samp

    random = np.random.default_rng(1)
    before = pd.DataFrame({"x": np.round(random.normal(size=500), 1)})
    after = pd.DataFrame({"x": np.round(random.normal(0.3, 1.2, size=700), 1)})
    (shift,) = compared(before, after).shifts
    assert shift.effect == pytest.approx(ks_2samp(before["x"], after["x"]).statistic, abs=1e-6)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            pl.DataFrame({"k": [1, 2], "v": ["a", "b"]}),
            pl.DataFrame({"k": [1, 2], "v": ["a", "c"]}),
        ),
        (pa.table({"k": [1, 2], "v": [1.0, 2.0]}), pa.table({"k": [1, 2], "v": [1.0, 3.0]})),
        (np.arange(6.0).reshape(3, 2), np.array([[0.0, 1], [2, 9], [4, 5]])),
        (np.zeros((3, 20, 20)), np.concatenate([np.zeros((2, 20, 20)), np.ones((1, 20, 20))])),
        ([{"k": 1, "v": [1]}, {"k": 2, "v": [2]}], [{"k": 1, "v": [1]}, {"k": 2, "v": [3]}]),
    ],
    ids=["polars", "arrow", "array", "images", "records"],
)
def test_values_of_other_libraries(before: object, after: object) -> None:
    found = compared(before, after)
    assert [one.changed for one in found.cells] == [1]


def test_types_that_meet() -> None:
    day = dt.date(2024, 1, 2)
    before = pd.DataFrame({"n": [1, 2], "d": [day, day], "t": ["1", "2"]})
    after = pd.DataFrame(
        {"n": [1.0, 2.0], "d": pd.to_datetime([day, day]), "t": pd.array([1, 2], "Int64")}
    )
    found = compared(before, after)
    assert {one.kind for one in found.columns} == {"type"}
    assert {one.changed for one in found.cells} <= {0}
    assert found.rows is not None
    assert found.rows.same == 2


def test_a_frame_that_is_only_held_otherwise(project: Project) -> None:
    frame = people()
    held = frame.copy()
    held.attrs["source"] = "survey"
    found = asked(project, frame, held)
    assert codes(found) == ["same_values"]
    assert not found.is_same


def test_objects_of_all_kinds() -> None:
    values = [1, "1", [1], {"a": (1, 2)}, {1, 2}, None, 2**70, 1.5, object]
    before = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    after = before.copy()
    after.at[3, "x"] = {"a": (1, 3)}
    found = compared(before, after)
    assert [(one.examples[0].before, one.examples[0].after) for one in found.cells] == [
        ("{'a': (1, 2)}", "{'a': (1, 3)}")
    ]


@pytest.mark.parametrize(
    "empty", [pd.DataFrame(), pd.DataFrame(index=range(3)), pd.DataFrame({"a": []})]
)
def test_frames_of_nothing(empty: pd.DataFrame) -> None:
    for sides in ((empty, people()), (people(), empty), (empty, empty)):
        found = compared(*sides)
        assert str(found)
    assert found.findings == ()


def test_a_key_that_is_asked_for(project: Project) -> None:
    before = people().drop(columns="person")
    after = before.sort_values("income", ignore_index=True)
    found = asked(project, before, after, key=["joined"])
    assert found.rows is not None
    assert (found.rows.why, found.rows.same) == ("by joined, as asked", 40)
    both = asked(project, before, after, key=["city", "joined"])
    assert both.rows is not None
    assert both.rows.key == ("city", "joined")
    with pytest.raises(NotFoundError, match="'joind'") as missing:
        asked(project, before, after, key=["joind"])
    assert missing.value.hint == "did you mean 'joined'?"
    with pytest.raises(UsageError, match="city: not unique on either side"):
        asked(project, before, after, key=["city"])


def test_things_that_cannot_be_compared(project: Project) -> None:
    snapshot(project, people(), "people")
    with pytest.raises(UsageError, match="a file that is no table"):
        asked(project, "just words\n", people(), name="notes.md")
    with pytest.raises(NotFoundError, match="people@2"):
        diff(project, "people@1", "people@2")


def test_examples_that_look_personal_are_masked() -> None:
    before = pd.DataFrame(
        {"key": [1, 2], "note": ["write to ada@example.org", "none"], "surname": ["Lovelace", "Ng"]}
    )
    after = before.assign(note=["write to bob@example.org", "none"], surname=["LOVELACE", "Ng"])
    said = str(compared(before, after))
    assert "example.org" not in said
    assert "ovelace" not in said.lower()
    assert "Xxxxxxxx → XXXXXXXX" in said


def test_one_number_that_follows_no_rule_is_told_beside_it() -> None:
    before = people()
    after = before.assign(height=before["height"].round(1))
    after.loc[7, "height"] = 9999.0
    texts = [one.text for one in compared(before, after).findings if one.column == "height"]
    assert "height: numbers were rounded to 1 decimals (39 of 40 cells)" in texts
    assert "height: 1 of 40 cells changed otherwise (2.5%)" in texts
