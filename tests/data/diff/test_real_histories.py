"""What is said of real files with real histories; the answers were found by hand.

The whole text of each step stands in tests/goldens/data/. After a change that is meant:
``GOLDENS=write pytest tests/data/diff/test_real_histories.py``.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.data.diff.compare import diff
from mlops_jupyter.data.diff.difference import DataDiff
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project, init
from tests.data.diff.asked import asked, codes, the

CASES = Path(__file__).resolve().parents[3] / ".." / "shared" / "cases" / "data"
GOLDENS = Path(__file__).resolve().parents[2] / "goldens" / "data"
WRITES = "GOLDENS"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"the real data sets are not in {CASES}")


Steps = Callable[[int], DataDiff]
"""Compare one version of the cases with the next: 15 is v15 > v16."""


@pytest.fixture(scope="module")
def steps_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Steps]:
    """Return what compares the versions of a case, all of which are kept in one project."""
    project = init(tmp_path_factory.mktemp("real") / "project")

    @cache
    def steps(name: str) -> Steps:
        with (CASES / name / "versions.tsv").open(newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                snapshot(project, CASES / name / row["file"], name)
        return cache(lambda step: diff(project, f"{name}@{step + 1}", f"{name}@{step + 2}"))

    return steps


@pytest.fixture
def sp500(steps_of: Callable[[str], Steps]) -> Steps:
    return steps_of("sp500_constituents")


@pytest.fixture
def covid(steps_of: Callable[[str], Steps]) -> Steps:
    return steps_of("covid_key_countries")


def equal_rows(found: DataDiff) -> int:
    """Return how many rows are the same, and written alike."""
    assert found.rows is not None
    return found.rows.same - found.rows.rewritten


@pytest.mark.parametrize(
    ("name", "count"), [("sp500_constituents", 39), ("covid_key_countries", 19)]
)
def test_the_text_of_each_step(steps_of: Callable[[str], Steps], name: str, count: int) -> None:
    step = steps_of(name)
    said = "\n\n".join(str(step(number)) for number in range(count)) + "\n"
    golden = GOLDENS / f"{name}.txt"
    if os.environ.get(WRITES) == "write":
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text(encoding="utf-8")


def test_a_ragged_row_is_mended(sp500: Steps) -> None:
    found = sp500(2)
    assert codes(found) == ["ragged_mended"]
    assert the(found, "ragged_mended").text == "mended: row 280 (LYB) had 2 fields of 3"
    assert equal_rows(found) == 500


def test_names_written_anew(sp500: Steps) -> None:
    found = sp500(4)
    assert equal_rows(found) == 205
    assert found.rows is not None
    assert (found.rows.added, found.rows.removed, found.rows.key) == (8, 7, ("Symbol",))
    assert found.cells[0].column == "Name"
    assert found.cells[0].changed + found.cells[0].rewritten == 286
    assert found.cells[1].changed == 6


def test_ten_more_rows_and_other_names(sp500: Steps) -> None:
    found = sp500(8)
    assert (found.before.rows, found.after.rows) == (494, 504)
    assert equal_rows(found) == 170


def test_a_symbol_spelt_otherwise_in_a_file_of_the_same_size(sp500: Steps) -> None:
    found = sp500(15)
    assert found.before.size_bytes == found.after.size_bytes == 17_422
    assert codes(found) == ["respelt_key"]
    assert "BRK.B → BRK-B" in the(found, "respelt_key").text


def test_no_row_is_the_same(sp500: Steps) -> None:
    found = sp500(18)
    assert equal_rows(found) == 0
    assert found.after.rows == 502
    assert "11 of 11 categories gone" in the(found, "categories_gone").text
    assert found.shifts[0].effect == 1


def test_columns_new_and_gone(sp500: Steps) -> None:
    found = sp500(19)
    assert (found.before.columns, found.after.columns) == (3, 8)
    assert "by name +7 −2" in the(found, "column_added").text
    assert {(one.before, one.after) for one in found.columns if one.kind == "renamed"} == {
        ("Name", "Security"),
        ("Sector", "GICS Sub-Industry"),
    }


@pytest.mark.parametrize(
    ("before", "old", "new"), [(26, "Security", "Company"), (27, "Company", "Security")]
)
def test_a_column_renamed_and_back(sp500: Steps, before: int, old: str, new: str) -> None:
    found = sp500(before)
    assert [(one.kind, one.before, one.after) for one in found.columns] == [("renamed", old, new)]
    assert codes(found)[0] == "column_renamed"


def test_dates_and_line_ends(covid: Steps) -> None:
    found = covid(0)
    assert codes(found) == ["date_format", "line_ends"]
    assert "(225 of 225 cells)" in the(found, "date_format").text
    assert equal_rows(found) == 0
    assert found.rows is not None
    assert found.rows.same == 225


def test_line_ends_only(covid: Steps) -> None:
    found = covid(1)
    assert [one.text for one in found.findings] == ["only the line ends differ: CRLF → LF"]
    assert equal_rows(found) == 225


def test_one_row_more_each_day_and_old_rows_restated(covid: Steps) -> None:
    restated = {}
    for before in range(2, 19):
        found = covid(before)
        assert found.rows is not None
        assert (found.rows.added, found.rows.removed) == (1, 0)
        if "restated" in codes(found):
            assert codes(found)[0] == "restated"
            restated[before + 1] = the(found, "restated").count
        else:
            assert codes(found) == ["rows_appended"]
    assert restated == {11: 2, 13: 2, 15: 1, 16: 2, 17: 1, 18: 1}


def test_the_order_of_houses(project: Project) -> None:
    folder = CASES / "california_housing"
    houses = pd.read_csv(folder / "v0.csv")
    order = np.loadtxt(folder / "order_v1.txt", dtype=int)
    found = asked(project, houses, houses.iloc[order].reset_index(drop=True))
    assert codes(found) == ["order"]
    assert the(found, "order").text.startswith("the same 20,640 rows in another order")
    assert found.shifts == ()


def test_a_year_for_each_penguin(project: Project) -> None:
    found = asked(project, *(CASES / "penguins" / name for name in ("v0.csv", "v1.csv")))
    assert [one.text for one in found.findings] == ["1 column new: year (7 → 8 columns)"]
    assert equal_rows(found) == 344
