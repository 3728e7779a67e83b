"""Versions in other libraries and as files: what arrives, and which column does not."""

from __future__ import annotations

import datetime as dt
import decimal
import threading
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from mlops_jupyter.data import versions
from mlops_jupyter.data.convert import as_library
from mlops_jupyter.data.export import export
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.errors import MlopsError, NotFoundError, UsageError
from mlops_jupyter.project import Project
from tests.same_frame import assert_same

FRAME = pd.DataFrame(
    {
        "id": [3, 1, 2],
        "delay": [1.5, None, -0.0],
        "carrier": ["UA", None, 'a "quote", and\na line'],
        "late": [True, False, True],
        "at": np.array(["2024-02-29T12:30:00.000001", "NaT", "1999-01-01"], "M8[us]"),
        "price": [decimal.Decimal("1.50"), None, decimal.Decimal("2.25")],
        "grade": pd.Categorical(["low", None, "high"], ["low", "high", "never"], ordered=True),
        "count": pd.array([2**60 + 1, None, 0], dtype="Int64"),
    }
)
INDEXED = pd.DataFrame(
    {"v": [1.5, 2.5]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])
)
RECORDS = [{"id": 1, "to": {"city": "Ulm"}}, {"id": 2, "tags": ["x"]}, {"to": None}]
TABLE = pa.table(
    {
        "n": pa.array([1, None], pa.int8()),
        "text": pa.array(["a", None], pa.string_view()),
        "kind": pa.DictionaryArray.from_arrays([1, 0], ["x", "y"]),
        "runs": pa.array([5, 5], pa.run_end_encoded(pa.int32(), pa.int64())),
    }
)
POLARS = pl.DataFrame(
    {
        "n": pl.Series([1, None], dtype=pl.UInt16),
        "kind": pl.Series(["x", "y"], dtype=pl.Enum(["y", "x"])),
        "at": pl.Series([1_700_000_000, None]).cast(pl.Datetime("ms")),
        "many": [[1, 2], None],
    }
)


# --- as a file -----------------------------------------------------------------------------------


def exported(project: Project, value: Any, name: str) -> Path:
    snapshot(project, value, "data")
    return export(project, "data", name)


def answers(path: Path) -> list[tuple[Any, ...]]:
    """Read a file with DuckDB."""
    found: list[tuple[Any, ...]] = duckdb.sql(f"SELECT * FROM '{path}'").fetchall()
    return found


def test_pandas_gets_back_from_parquet_and_arrow_what_was_kept(project: Project) -> None:
    read = {"parquet": pd.read_parquet, "feather": pd.read_feather}
    for number, made in enumerate([FRAME, INDEXED, FRAME.set_index("id")]):
        for ending, verb in read.items():
            path = exported(project, made, f"{number}.{ending}")
            pd.testing.assert_frame_equal(verb(path), made)


def test_duckdb_and_polars_read_parquet(project: Project) -> None:
    path = exported(project, FRAME, "flights.parquet")
    rows = answers(path)
    assert [row[0] for row in rows] == [3, 1, 2]
    assert [row[1] for row in rows] == [1.5, None, 0.0]
    assert [row[5] for row in rows] == [decimal.Decimal("1.50"), None, decimal.Decimal("2.25")]
    assert [row[6] for row in rows] == ["low", None, "high"]
    assert [row[7] for row in rows] == [2**60 + 1, None, 0]
    frame = pl.read_parquet(path)
    assert frame["carrier"].to_list() == ["UA", None, 'a "quote", and\na line']
    assert str(frame["at"][0]) == "2024-02-29 12:30:00.000001"


def test_duckdb_pandas_and_polars_read_csv(project: Project) -> None:
    path = exported(project, FRAME, "flights.csv")
    text = path.read_bytes().decode()
    assert text.startswith('"id","delay","carrier"')
    assert text.count("\r") == 0
    assert [row[:4] for row in answers(path)] == [
        (3, 1.5, "UA", True),
        (1, None, None, False),
        (2, 0.0, 'a "quote", and\na line', True),
    ]
    assert pl.read_csv(path)["count"].to_list() == [2**60 + 1, None, 0]
    again = pd.read_csv(path, parse_dates=["at"])
    assert again["at"].tolist() == FRAME["at"].tolist()
    assert np.signbit(again["delay"].iloc[2])


def test_polars_and_pyarrow_read_arrow(project: Project) -> None:
    path = exported(project, POLARS, "data.arrow")
    assert pl.read_ipc(path).equals(POLARS, null_equal=True)
    assert pa.ipc.open_file(path).read_all().num_rows == 2


@pytest.mark.parametrize("made", [TABLE, POLARS, RECORDS, INDEXED], ids=["t", "p", "r", "i"])
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_each_kind_can_be_exported(project: Project, made: Any, ending: str) -> None:
    path = exported(project, made, f"data.{ending}")
    found = pl.read_parquet(path) if ending == "parquet" else pa.ipc.open_file(path).read_all()
    assert len(found) == len(made)
    if ending == "parquet":
        assert len(answers(path)) == len(made)


def test_an_index_is_the_first_columns_of_csv(project: Project) -> None:
    path = exported(project, INDEXED, "data.csv")
    assert path.read_text() == '"k","level_1","v"\n"a",1,1.5\n"b",2,2.5\n'
    named = exported(project, pd.Series([1.5], index=["x"], name="v"), "series.csv")
    assert named.read_text() == '"index","v"\n"x",1.5\n'


def test_csv_holds_what_has_a_text(project: Project) -> None:
    made = pd.DataFrame(
        {
            "month": pd.period_range("2024-01", periods=2, freq="M"),
            "range": pd.interval_range(0, 2),
            "span": pd.to_timedelta(["1 days", None]),
            "zone": pd.to_datetime(["2024-01-01", None]).tz_localize("Europe/Berlin"),
            "some": pd.array([0.0, 1.0], dtype=pd.SparseDtype(float, 0)),
        }
    )
    assert exported(project, made, "data.csv").read_text() == (
        '"month","range","span","zone","some"\n'
        '"2024-01","(0, 1]","1 days",2024-01-01 00:00:00.000000+0100,0\n'
        '"2024-02","(1, 2]",,,1\n'
    )


def test_arrays_are_exported_with_numbers_for_names(project: Project) -> None:
    path = exported(project, np.array([[1.5, np.nan], [2.5, -1]]), "array.parquet")
    assert pl.read_parquet(path).columns == ["0", "1"]
    assert answers(path)[1] == (2.5, -1)
    sparse = exported(project, scipy.sparse.csr_array([[0, 2]]), "sparse.parquet")
    assert answers(sparse) == [(0, 2)]
    named = np.array([(1, "a")], [("id", "i4"), ("name", "U1")])
    assert answers(exported(project, named, "named.parquet")) == [(1, "a")]


def test_nothing_at_all_can_be_exported(project: Project) -> None:
    for number, made in enumerate([FRAME[:0], pl.DataFrame({"a": []}), np.empty((0, 2))]):
        assert len(pd.read_parquet(exported(project, made, f"{number}.parquet"))) == 0


def test_a_given_format_goes_before_the_ending(project: Project) -> None:
    snapshot(project, TABLE, "data")
    path = export(project, "data@1", "data.txt", "csv")
    assert path == Path("data.txt")
    assert path.read_text().startswith('"n","text"')


# --- what is refused -----------------------------------------------------------------------------


def test_a_file_that_is_there_stays_unless_told(project: Project) -> None:
    snapshot(project, TABLE, "data")
    Path("data.csv").write_text("mine")
    with pytest.raises(UsageError, match="is there already") as caught:
        export(project, "data", "data.csv")
    assert "--force" in str(caught.value.hint)
    assert Path("data.csv").read_text() == "mine"
    export(project, "data", "data.csv", overwrite=True)
    assert Path("data.csv").read_text() != "mine"


def test_of_many_who_export_at_once_one_wins(project: Project) -> None:
    snapshot(project, pd.DataFrame({"a": range(50_000)}), "data")
    ready = threading.Barrier(4)
    lost: list[UsageError] = []

    def write() -> None:
        ready.wait()
        try:
            export(project, "data", "data.parquet")
        except UsageError as error:
            lost.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lost) == 3
    assert len(pd.read_parquet("data.parquet")) == 50_000
    assert not list(Path().glob(".writing-*"))


@pytest.mark.parametrize(
    ("path", "told", "words"),
    [
        ("data.xlsx", None, "the ending does not say which format"),
        ("data", None, "the ending does not say which format"),
        ("data.csv", "parket", "not a format to export to: 'parket'"),
        ("missing/data.csv", None, "there is no folder 'missing'"),
        ("mlops.yaml/data.csv", None, "mlops.yaml/data.csv"),
    ],
)
def test_a_path_or_format_that_is_wrong(project: Project, path: str, told: Any, words: str) -> None:
    snapshot(project, TABLE, "data")
    with pytest.raises(MlopsError, match=words):
        export(project, "data", path, told)


def test_what_is_no_table_is_refused(project: Project) -> None:
    Path("raw.txt").write_text("x")
    snapshot(project, "raw.txt", "raw")
    snapshot(project, np.zeros((2, 2, 2)), "cube")
    with pytest.raises(UsageError, match="raw@1 is a file") as caught:
        export(project, "raw", "raw.csv")
    assert "checkout" in str(caught.value.hint)
    with pytest.raises(UsageError, match="3 axes is no table"):
        export(project, "cube", "cube.csv")
    with pytest.raises(NotFoundError):
        export(project, "none", "none.csv")
    assert not list(Path().glob("*.csv"))
    assert not list(Path().glob(".writing-*"))


MIXED = pd.DataFrame({"id": [1, 2], "odd": pd.Series([1, "x"], dtype=object)})


@pytest.mark.parametrize(
    ("made", "ending", "words"),
    [
        (MIXED, "parquet", "column 'odd' holds int and str"),
        (pd.DataFrame({"z": [1j]}), "csv", "column 'z' is complex128, which Arrow has no type for"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "csv", "column 'a' is there twice"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "arrow", "column '1' is there twice"),
        (POLARS, "csv", r"column 'many' is large_list.*a cell of CSV has no place"),
        (pa.table({"b": [b"\xff"]}), "csv", "column 'b' is binary, which CSV does not hold"),
        (pa.table({"s": pa.array([{}], pa.struct([]))}), "parquet", "column 's' is struct<>"),
        ([{"a": 1}, {"a": "x"}], "csv", "column 'a' holds int and str"),
        ([{1: "x"}], "csv", "the key 1 is no text"),
        (pl.DataFrame({"h": pl.Series([1], dtype=pl.Int128)}), "csv", "column 'h' cannot go to"),
    ],
)
def test_a_column_that_cannot_be_written_is_named(
    project: Project, made: Any, ending: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        exported(project, made, f"data.{ending}")
    assert not Path(f"data.{ending}").exists()


# --- in another library --------------------------------------------------------------------------


def test_load_gives_the_library_asked_for(project: Project) -> None:
    snapshot(project, FRAME, "data")
    assert_same(versions.load(project, "data", as_="pandas"), FRAME)
    frame = versions.load(project, "data", as_="polars")
    assert frame.schema == {
        "id": pl.Int64,
        "delay": pl.Float64,
        "carrier": pl.String,
        "late": pl.Boolean,
        "at": pl.Datetime("us"),
        "price": pl.Decimal(3, 2),
        "grade": pl.Enum(["low", "high", "never"]),
        "count": pl.Int64,
    }
    assert frame["count"].to_list() == [2**60 + 1, None, 0]
    assert frame["delay"].to_list() == [1.5, None, 0.0]
    table = versions.load(project, "data", as_="arrow")
    pd.testing.assert_frame_equal(table.to_pandas(), FRAME)
    array = versions.load(project, "data", columns=["id", "delay"], as_="numpy")
    np.testing.assert_array_equal(array, [[3, 1.5], [1, np.nan], [2, -0.0]])


def test_an_index_becomes_columns_of_polars() -> None:
    assert as_library(INDEXED, "polars").columns == ["k", "level_1", "v"]
    assert as_library(FRAME[:2], "polars").columns[0] == "id"
    assert as_library(FRAME[1:], "polars").columns[0] == "index"
    clash = FRAME.set_index(FRAME["id"])
    with pytest.raises(UsageError, match="the index becomes a column, and cannot insert id"):
        as_library(clash, "polars")


def test_tables_go_to_pandas_with_their_own_types() -> None:
    found = as_library(TABLE, "pandas")
    assert [str(dtype) for dtype in found.dtypes[:2]] == ["int8[pyarrow]", "string_view[pyarrow]"]
    assert found["n"].tolist() == [1, pd.NA]
    assert as_library(pa.Table.from_pandas(INDEXED), "pandas").equals(INDEXED)
    assert as_library(POLARS["n"], "pandas").dtype == "uint16[pyarrow]"
    assert len(as_library(pl.DataFrame(height=3), "pandas")) == 3


def test_ordered_and_encoded_columns_go_to_polars() -> None:
    found = as_library(TABLE, "polars")
    assert found.rows() == [(1, "a", "y", 5), (None, None, "x", 5)]
    assert as_library(POLARS, "polars") is POLARS


def test_records_go_to_any_library() -> None:
    assert as_library(RECORDS, "arrow").to_pylist() == [
        {"id": 1, "to": {"city": "Ulm"}, "tags": None},
        {"id": 2, "to": None, "tags": ["x"]},
        {"id": None, "to": None, "tags": None},
    ]
    assert as_library(RECORDS, "pandas")["id"].tolist() == [1, 2, pd.NA]
    assert as_library(RECORDS, "polars")["tags"].to_list() == [None, ["x"], None]
    assert as_library([{"a": 1}, {}], "numpy").tolist() == [
        [1.0],
        [pytest.approx(np.nan, nan_ok=True)],
    ]
    assert len(as_library([{}, {}], "polars")) == 2


def test_arrays_go_to_tables() -> None:
    assert as_library(np.array([[1, 2], [3, 4]]), "pandas").columns.tolist() == [0, 1]
    assert as_library(np.array([1, 2]), "pandas").tolist() == [1, 2]
    assert as_library(np.array([[1, 2]]), "polars").columns == ["0", "1"]
    named = np.array([(1, "a")], [("id", "i4"), ("name", "U1")])
    assert as_library(named, "arrow").to_pylist() == [{"id": 1, "name": "a"}]
    masked = np.ma.MaskedArray([1, 2], mask=[True, False])
    assert as_library(masked, "arrow").to_pylist() == [{"0": None}, {"0": 2}]
    sparse = scipy.sparse.coo_array(([5.0], ([0], [1])), shape=(1, 2))
    assert as_library(sparse, "pandas").sparse.to_dense().to_numpy().tolist() == [[0, 5]]
    assert as_library(sparse, "numpy").tolist() == [[0, 5]]
    assert as_library(np.array([1.5], ">f4"), "arrow").to_pylist() == [{"0": 1.5}]


def test_tensors_go_to_tables() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.tensor([[1.5, 2.5]], dtype=torch.bfloat16, requires_grad=True)
    assert as_library(tensor, "numpy").dtype == np.float32
    assert as_library(tensor, "polars").rows() == [(1.5, 2.5)]


def test_times_and_text_go_to_numpy() -> None:
    days = pl.DataFrame({"d": [dt.date(2024, 2, 29), None]})
    assert as_library(days, "numpy").dtype == np.dtype("M8[D]")
    assert as_library(pd.DataFrame({"t": ["a", "b"]}), "numpy").tolist() == [["a"], ["b"]]
    assert as_library(pd.Series([1, None], dtype="Int64"), "numpy").dtype == np.float64
    assert as_library(pd.DataFrame(), "numpy").shape == (0, 0)


@pytest.mark.parametrize(
    ("made", "library", "words"),
    [
        (FRAME[["id", "late"]], "numpy", "column 'late' is bool and column 'id' int64"),
        (FRAME[["id", "carrier"]], "numpy", "column 'carrier' is object and column 'id' int64"),
        (FRAME[["count"]], "numpy", "column 'count': numbers as large as these are not exact"),
        (pa.table({"n": [2**60 + 1, None]}), "numpy", "column 'n': numbers as large"),
        (
            pd.DataFrame({"x": [0.5], "n": [2**60 + 1]}),
            "numpy",
            "column 'n': numbers as large as these are not exact as float64",
        ),
        (MIXED, "polars", "column 'odd' holds int and str"),
        (MIXED, "arrow", "column 'odd' holds int and str"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "polars", "column 'a' is there twice"),
        (
            pd.DataFrame({"m": pd.period_range("2024", periods=1, freq="M")}),
            "polars",
            "column 'm' is .*which polars has no type for",
        ),
        (
            pa.table({"m": [pa.MonthDayNano([1, 2, 3])]}),
            "polars",
            "column 'm' is month_day_nano_interval, which polars has no type for",
        ),
        (np.zeros((1, 1, 1)), "pandas", "3 axes is no table for pandas"),
        (np.array(1), "arrow", "0 axes is no table"),
        (np.array([1j]), "polars", "column '0' cannot go to Arrow"),
        (np.array([(1, [1, 2])], [("a", "i4"), ("b", "i4", 2)]), "arrow", "column 'b'"),
        (Path("x"), "polars", "a PosixPath is no table"),
    ],
)
def test_a_column_that_another_library_cannot_hold_is_named(
    made: Any, library: Any, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        as_library(made, library)
