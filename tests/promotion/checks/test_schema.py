"""The evaluation data against its contract."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

from mlops_jupyter.config import Schema
from mlops_jupyter.data.contract import contract
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import CheckResult
from tests.promotion.checks.cases import HOSTILE, case_of, judged, only, rows_of
from tests.promotion.training import flights


def check(project: Project, frame: pd.DataFrame, contract: str | None = None) -> CheckResult:
    rows = rows_of(project, frame)
    return only(judged(case_of(project, rows), schema=Schema(contract)))


@pytest.fixture
def drafted(project: Project) -> Project:
    """Return a project with the contract of the flights."""
    rows_of(project, flights(1000))
    contract.write(project, "test@1")
    return project


def test_data_that_holds_the_contract(drafted: Project) -> None:
    result = check(drafted, flights(500, seed=3))

    assert (result.verdict, result.id) == ("pass", "schema/contracts/test.py")
    assert result.check == "test@2 keeps the contract contracts/test.py"
    assert result.why == "500 rows of test@2 hold all of test.py"
    assert (result.value, result.limit, result.count) == (0, 0, 500)


def test_the_first_findings_are_named(drafted: Project) -> None:
    frame = flights(500).assign(hour=99.0, distance="far", extra=1, more=2)
    frame["late"] = frame["late"] + 7

    result = check(drafted, frame)

    assert (result.verdict, result.value) == ("fail", 5)
    assert result.why.startswith("5 findings in 500 rows: ")
    assert "distance: is str, not float64" in result.why
    assert result.why.endswith("; and 2 more")


def test_a_row_without_a_label_is_part_of_the_data(drafted: Project) -> None:
    frame = flights(100)
    frame["late"] = frame["late"].astype(float).mask(frame.index == 3)

    assert check(drafted, frame).verdict == "fail"


def test_another_file(drafted: Project) -> None:
    (drafted.root / "contracts/test.py").rename(drafted.root / "other.py")

    assert check(drafted, flights(500, seed=3), "other.py").id == "schema/other.py"


def test_hostile_names_are_shortened(drafted: Project) -> None:
    result = check(drafted, flights(500).assign(**{HOSTILE: 1}))

    assert result.verdict == "fail"
    assert r"<b>pay\n" in result.why


def test_no_rows_to_speak_of(drafted: Project) -> None:
    """A frame of one row is no reason to fail: it holds what the contract says of each value."""
    assert check(drafted, flights(1)).verdict == "pass"


class TestMistakes:
    def test_no_file(self, project: Project) -> None:
        with pytest.raises(UsageError, match=r"contracts/test.py: there is no contract") as error:
            check(project, flights(50))
        assert error.value.hint == "`mlops data contract test@1` drafts one, for you to edit"

    def test_no_file_where_the_policy_names_one(self, project: Project) -> None:
        with pytest.raises(UsageError) as error:
            check(project, flights(50), "checks/x.py")
        assert error.value.hint is not None
        assert "`mlops data contract test@1 --out checks/x.py`" in error.value.hint

    @pytest.mark.parametrize(
        "source", ["schema = 7", "x = (", "raise KeyError('x')", "raise SystemExit(0)", ""]
    )
    def test_a_file_that_is_no_contract(self, drafted: Project, source: str) -> None:
        (drafted.root / "contracts/test.py").write_text(source)

        with pytest.raises(UsageError, match=r"contracts/test\.py"):
            check(drafted, flights(50))

    @pytest.mark.parametrize("error", ["RuntimeError('no such table')", "SystemExit(0)"])
    @pytest.mark.parametrize(
        "where", ["{'hour': pa.Column(float, pa.Check(wrong))}", "{}, checks=pa.Check(wrong)"]
    )
    def test_a_check_of_the_contract_that_raises_does_not_pass(
        self, drafted: Project, error: str, where: str
    ) -> None:
        (drafted.root / "contracts/test.py").write_text(
            "import pandera.pandas as pa\n"
            f"def wrong(values):\n    raise {error}\n"
            f"schema = pa.DataFrameSchema({where})\n"
        )

        result = check(drafted, flights(50))

        assert result.verdict == "fail"
        assert result.why.startswith("1 finding in 50 rows: ")
        assert "nan" not in result.why

    def test_pandera_is_not_installed(
        self, drafted: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pandera.pandas", None)

        with pytest.raises(UsageError, match="contracts need pandera") as error:
            check(drafted, flights(50))
        assert error.value.hint == "pip install 'mlops-jupyter[contract]'"
