"""Profiles: what they say, what they cost a second time, what they never show."""

from __future__ import annotations

import decimal
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from scipy.stats import ks_2samp

from mlops_jupyter.cli.main import cli
from mlops_jupyter.cli.profile import as_text
from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.data.statistics import describe, profile, quantile
from mlops_jupyter.data.statistics.column_profile import ColumnProfile
from mlops_jupyter.data.statistics.histogram import bars
from mlops_jupyter.data.statistics.profile import Profile
from mlops_jupyter.data.value.content import TakenColumn, take_apart
from mlops_jupyter.errors import IntegrityError, NotFoundError, UsageError
from mlops_jupyter.magics.profile import as_html
from mlops_jupyter.project import Project
from tests.data.test_real_data import CASES
from tests.example_count import examples
from tests.properties.test_frames import frames

real_data = pytest.mark.skipif(not CASES.is_dir(), reason=f"the real data sets are not in {CASES}")


def of_column(values: Any, name: str = "x") -> ColumnProfile:
    (column,) = profile.of_value(pd.DataFrame({name: values})).columns
    return column


# --- what it says ------------------------------------------------------------------------------


def test_numbers() -> None:
    column = of_column([3.0, -1.0, np.nan, 0.0, 3.0, np.inf])
    assert (column.kind, column.rows, column.missing, column.infinite) == ("number", 6, 1, 1)
    assert (column.minimum, column.maximum) == (-1.0, 3.0)
    assert column.mean == 1.25
    assert column.deviation == pytest.approx(np.std([3, -1, 0, 3], ddof=1))
    assert (column.distinct, column.distinct_exact) == (3, True)
    assert (column.negative, column.zero) == (0.25, 0.25)
    assert column.top == (("3.0", 2),)


def test_moments_of_large_means_lose_no_digits() -> None:
    values = 1e9 + np.random.default_rng(0).random(300_000)
    column = of_column(values)
    assert column.mean == pytest.approx(values.mean(), rel=1e-12)
    assert column.deviation == pytest.approx(values.std(ddof=1), rel=1e-6)


def test_integers_are_exact() -> None:
    assert of_column(np.array([2**63, 2**64 - 1], "u8")).maximum == 2**64 - 1
    assert of_column(np.array([-(2**63)])).minimum == -(2**63)


def test_large_numbers_are_numbers_and_cards_are_not() -> None:
    cents = of_column([123_456_789_012, 223_456_789_012, 323_456_789_012])
    assert (cents.minimum, cents.examples) == (123_456_789_012, ("‹digits›",))
    cards = of_column([4111_1111_1111_1111.0, 5555_5555_5555_4444.0, np.nan])
    assert (cards.is_personal, cards.minimum, cards.quantiles) == (True, None, ())


def test_times_are_iso_8601() -> None:
    times = pd.to_datetime(["2024-02-29 12:00:00.5", None, "2024-03-01 00:00:00.0"])
    column = of_column(times)
    assert column.kind == "time"
    assert (column.minimum, column.maximum) == ("2024-02-29T12:00:00.5", "2024-03-01T00:00:00")
    assert column.quantiles[0] == pd.Timestamp(column.minimum).timestamp()
    zoned = of_column(pd.to_datetime(["2024-07-01 00:30"]).tz_localize("Europe/Berlin"))
    assert zoned.minimum == "2024-06-30T22:30:00Z"
    assert of_column(pd.array([18_000], pd.ArrowDtype(pa.date32()))).minimum == "2019-04-14"
    late = of_column(np.array(["30000-01-01"], "M8[s]"))
    assert late.minimum == "30000-01-01T00:00:00"


def test_durations_are_seconds() -> None:
    column = of_column(pd.to_timedelta([1500, -500], unit="ms"))
    assert (column.kind, column.minimum, column.maximum) == ("number", -0.5, 1.5)


def test_texts_of_few_values_are_a_category() -> None:
    column = of_column(["UA"] * 6 + ["DL"] * 4)
    assert (column.kind, column.top) == ("category", (("UA", 6), ("DL", 4)))
    column = of_column([f"N{n}" for n in range(100)] + ["N1"])
    assert (column.kind, column.top, column.distinct) == ("text", (("N1", 2),), 100)
    assert (column.shortest, column.longest) == (2, 3)


def test_categorical_columns_are_counted_in_whole() -> None:
    codes = np.arange(300_000) % 100_000
    column = of_column(pd.Categorical.from_codes(codes, [f"level {n}" for n in range(100_001)]))
    assert (column.kind, column.distinct, column.distinct_exact) == ("category", 100_000, True)
    assert column.top[0] == ("level 0", 3)


def test_the_chunks_of_a_column_do_not_count() -> None:
    values = [f"N{n % 7}" for n in range(1000)]
    pieces = pa.table({"x": pa.chunked_array([[value] for value in values])})
    whole = pa.table({"x": pa.chunked_array([values])})
    assert profile.of_value(pieces) == profile.of_value(whole)


def test_booleans() -> None:
    column = of_column(pd.array([True, None, True, False], "boolean"))
    assert (column.kind, column.missing, column.top) == ("boolean", 1, (("True", 2), ("False", 1)))


# --- long columns ------------------------------------------------------------------------------


def test_long_columns_are_sampled_and_say_so() -> None:
    rows = 600_000
    draw = np.random.default_rng(1)
    values = draw.standard_normal(rows)
    frame = pd.DataFrame({"x": values, "few": draw.integers(0, 9, rows), "key": np.arange(rows)})
    made = profile.of_value(frame)
    assert made == profile.of_value(frame.copy())
    assert made.sampled == quantile.SAMPLE_ROWS
    column, few, key = made.columns
    assert (column.minimum, column.maximum) == (values.min(), values.max())
    assert column.mean == pytest.approx(values.mean())
    assert not column.distinct_exact
    assert (few.distinct_exact, few.counted) == (True, rows)
    assert ks(column, values) < 0.005
    assert (few.distinct, key.distinct) == (9, rows)


def test_a_profile_does_not_outgrow_its_data() -> None:
    (column,) = profile.of_value(pd.DataFrame({"x": np.arange(1000)})).columns
    assert len(column.quantiles) == 257
    (column,) = profile.of_value(pd.DataFrame({"x": np.arange(100)})).columns
    assert column.quantiles == (0.0, *range(100))
    wide = profile.of_value(pd.DataFrame(np.arange(220_000.0).reshape(200, 1100)))
    assert {len(column.quantiles) for column in wide.columns} == {17}


def test_a_sample_sees_what_comes_at_regular_distances() -> None:
    column = of_column(np.arange(500_000) % 2 + 0.5)  # every second row: always the same value
    assert column.counted == quantile.SAMPLE_ROWS
    (_, one), (_, other) = column.top
    assert abs(one - other) < 0.01 * column.counted


def test_a_category_is_counted_in_whole() -> None:
    values = np.array(["UA", "DL"])[np.arange(400_000) % 2].astype(object)
    values[123_456] = "OO"  # one row that no sample needs to have
    column = of_column(pd.array(values, "str"))
    assert (column.distinct, column.distinct_exact, column.counted) == (3, True, 400_000)
    assert column.top == (("DL", 200_000), ("UA", 199_999))


@pytest.mark.parametrize("kind", ["i1", "u1", "i8", "u8"])
def test_few_whole_numbers_are_counted_in_whole(kind: str) -> None:
    bounds = np.iinfo(kind)
    for edge in (bounds.min, bounds.max - 2):
        values = np.full(300_000, edge, kind)
        values[7] = edge + 1
        values[8:10] = edge + 2
        column = of_column(values)
        assert (column.distinct, column.distinct_exact) == (3, True)
        assert column.top[0][1] == 299_997
    column = of_column(np.tile(np.array([bounds.min, bounds.max], kind), 150_000))
    assert column.distinct == 2


def test_a_sample_that_saw_few_of_many_stays_a_sample() -> None:
    values = np.array(["UA"] * 400_000, object)
    missed = np.setdiff1d(np.arange(400_000), quantile.sampled_rows(400_000))[:5000]
    values[missed] = [f"N{n}" for n in range(5000)]
    column = of_column(pd.array(values, "str"))
    assert (column.distinct_exact, column.counted) == (False, quantile.SAMPLE_ROWS)


def test_texts_are_not_copied_in_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describe, "TEXT_BYTES", 10_000)
    column = of_column([f"{n:0100}" for n in range(1000)])
    assert column.counted < 200
    assert column.distinct == 1000
    assert not column.distinct_exact


# --- drift, from quantiles alone ---------------------------------------------------------------


def ks(reference: ColumnProfile, values: Any) -> float:
    """Return the Kolmogorov-Smirnov distance of new values from a profile, without its rows."""
    edges = np.array(reference.quantiles)
    new = np.sort(values)
    points = np.unique(edges)
    # a share between two quantiles is known to a bin: its middle
    below = np.searchsorted(edges, points, "right") - 0.5
    there = np.clip(below / (len(edges) - 1), 0, 1)
    there[-1] = 1.0
    return float(np.abs(there - np.searchsorted(new, points, "right") / len(new)).max())


@real_data
@pytest.mark.parametrize(
    "name", ["car_value", "debt_to_income_ratio", "loan_length", "driver_tenure"]
)
def test_the_distance_from_bins_is_that_from_rows(name: str) -> None:
    folder = CASES / "car_loan"
    reference = pd.read_csv(folder / "synthetic_car_loan_reference.csv.gz")[name]
    new = pd.read_csv(folder / "synthetic_car_loan_analysis.csv.gz")[name]
    known = of_column(reference, name)
    found = [ks(known, new[start : start + 5000]) for start in range(0, 50_000, 5000)]
    exact = [
        ks_2samp(reference, new[start : start + 5000]).statistic for start in range(0, 50_000, 5000)
    ]
    assert found == pytest.approx(exact, abs=0.01)
    if name == "car_value":  # cases/EXPECT.md: it drifts from the sixth chunk on
        assert max(found[:5]) < 0.03
        assert min(found[5:]) > 0.42


# --- the second time ---------------------------------------------------------------------------


def taken(frame: Any) -> tuple[Sequence[TakenColumn], list[str]]:
    columns = take_apart(frame).columns()
    return columns, [f"digest of {column.name}" for column in columns]


def unreadable() -> Any:
    raise AssertionError("looked at again")


def test_a_column_that_did_not_change_is_not_looked_at_again() -> None:
    columns, digests = taken(pd.DataFrame({"a": ["x", "y"], "b": ["y", "z"]}))
    first = profile.make(columns, digests, 2)
    closed = [replace(column, values=unreadable) for column in columns]
    assert profile.make(closed, digests, 2, first) == first
    renamed = [replace(closed[0], name="c"), closed[1]]
    assert profile.make(renamed, digests, 2, first).columns[0].name == "c"
    with pytest.raises(AssertionError, match="looked at again"):
        profile.make(closed, ["another", digests[1]], 2, first)
    with pytest.raises(AssertionError, match="looked at again"):
        profile.make(closed, digests, 2, msgspec.structs.replace(first, format=0))


def test_a_name_that_hides_values_hides_known_ones_too() -> None:
    columns, digests = taken(pd.DataFrame({"a": [7, 7, 8]}))
    first = profile.make(columns, digests, 3)
    assert first.columns[0].top == (("7", 2),)
    renamed = [replace(columns[0], name="customer_id")]
    assert profile.make(renamed, digests, 3, first).columns[0].top == ()


# --- what is stored ----------------------------------------------------------------------------


def test_a_version_keeps_its_profile(project: Project) -> None:
    version = snapshot(project, pd.DataFrame({"a": [1, 2], "b": ["x", None]}), "train")
    assert version.profile is not None
    made = profile.of(project, "train")
    assert made == profile.read(project.objects, version.profile)
    assert [(c.name, c.missing) for c in made.columns] == [("a", 0), ("b", 1)]
    assert [c.name for c in version.columns] == [c.name for c in made.columns]


def test_an_older_version_gets_its_profile_when_it_is_asked_for(project: Project) -> None:
    made = profile.of(project, snapshot(project, pd.DataFrame({"a": [1, 2]}), "train").ref)
    with project.catalog.transaction() as connection:
        connection.execute("UPDATE dataset_version SET profile = NULL")
    assert profile.of(project, "train@1") == made
    kept = versions.resolve(project, "train@1").profile
    assert kept is not None
    assert profile.read(project.objects, kept) == made


def test_a_profile_that_is_damaged_or_of_tomorrow(project: Project) -> None:
    version = snapshot(project, pd.DataFrame({"a": [1]}), "train")
    later = project.objects.write(b'{"format": 2, "rows": 1, "columns": []}')
    with pytest.raises(UsageError, match="format 2, newer than 1"):
        profile.read(project.objects, later)
    with pytest.raises(IntegrityError, match="is no profile"):
        profile.read(project.objects, project.objects.write(b'{"format": 1}'))
    assert version.profile is not None
    project.objects.path(version.profile).write_bytes(b"damaged")
    with pytest.raises(IntegrityError, match="damaged"):
        profile.of(project, "train")


TABLE = pd.DataFrame({"n": [1, 2, 3], "word": ["a", "b", "a"]})


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.csv", lambda path: TABLE.to_csv(path, index=False)),
        ("t.CSV.gz", lambda path: TABLE.to_csv(path, index=False, compression="gzip")),
        ("t.tsv", lambda path: TABLE.to_csv(path, index=False, sep="\t")),
        ("t.jsonl", lambda path: TABLE.to_json(path, orient="records", lines=True)),
        ("t.parquet", TABLE.to_parquet),
    ],
)
def test_a_file_that_holds_a_table(project: Project, name: str, write: Any) -> None:
    write(project.root / name)
    snapshot(project, project.root / name, "raw")
    made = profile.of(project, "raw@1")
    assert [(c.name, c.kind, c.distinct) for c in made.columns] == [
        ("n", "number", 3),
        ("word", "text", 2),
    ]
    assert versions.resolve(project, "raw@1").profile is not None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.pdf", b"%PDF"),
        ("empty.csv", b""),
        ("image.csv", b"\x89PNG\xff\xfe\x00\x00"),
        ("ragged.csv", b"a,b\n1\n1,2,3,4\n"),
        ("broken.parquet", b"PAR1"),
        ("broken.jsonl", b'{"a": 1}\n{"a'),
        ("broken.csv.gz", b"not packed"),
    ],
)
def test_a_file_that_holds_no_table(project: Project, name: str, content: bytes) -> None:
    (project.root / name).write_bytes(content)
    version = snapshot(project, project.root / name, "raw")
    with pytest.raises(UsageError, match=f"raw@1: {name} holds no table"):
        profile.of(project, version.ref)


def test_a_version_that_does_not_exist(project: Project) -> None:
    snapshot(project, pd.DataFrame({"a": [1]}), "train")
    with pytest.raises(NotFoundError, match="did you mean 'train@1'"):
        profile.of(project, "train@2")


# --- bad input ---------------------------------------------------------------------------------

ODD: dict[str, Any] = {
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="int64"), "b": pd.Series([], dtype="str")}),
    "no columns": pd.DataFrame(index=range(3)),
    "nothing at all": pd.DataFrame(),
    "all missing": pd.DataFrame({"a": [np.nan] * 3, "b": [None] * 3, "c": pd.Series([pd.NaT] * 3)}),
    "infinite": pd.DataFrame({"a": [np.inf, -np.inf], "b": [np.inf, 1.0]}),
    "near the largest float": pd.DataFrame({"a": [1.7e308, 1.7e308, -1.7e308]}),
    "near zero": pd.DataFrame({"a": [5e-324, -5e-324, -0.0]}),
    "huge integers": pd.DataFrame({"a": pd.Series([2**200, -(2**70)], dtype=object)}),
    "mixed": pd.DataFrame({"a": pd.Series([1, "a", None, [1]], dtype=object)}),
    "decimals": pd.DataFrame({"a": [decimal.Decimal("1.5"), decimal.Decimal(-2)]}),
    "nested": pd.DataFrame({"a": [[1], None], "b": [{"x": 1}, {"x": 2}]}),
    "bytes": pd.DataFrame({"a": [b"\xff", b""]}),
    "twice the same name": pd.DataFrame([[1, "x"]], columns=["a", "a"]),
    "labels": pd.DataFrame([[1, 2, 3, 4]], columns=[None, 7, ("a", 1), np.nan]),
    "complex": pd.DataFrame({"a": [1j]}),
    "sparse": pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])}),
    "half a float": pd.DataFrame({"a": np.array([1, np.nan, np.inf, 65504], "f2")}),
    "strided": pd.DataFrame(np.arange(300_000.0).reshape(-1, 3)),
    "a series": pd.Series([1, 2], name="a"),
    "polars": pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [[1], [2]]}),
    "arrow": pa.table({"a": pa.chunked_array([[1], [2]]), "b": pa.array(["x", None])}),
    "dictionaries": pa.table({"a": pa.array(["x", None]).dictionary_encode()}),
    "arrow without chunks": pa.table({"a": pa.chunked_array([], pa.float64())}),
    "views": pa.table({"a": pa.array(["x", "y"], pa.string_view())}),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_values_have_a_profile(project: Project, name: str) -> None:
    made = profile.of_value(ODD[name])
    assert profile.read(project.objects, profile.write(project.objects, made)) == made
    check_picture(made)


@given(frames())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_any_frame_has_a_profile(made: pd.DataFrame) -> None:
    found = profile.of_value(made)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Profile) == found
    for column in found.columns:
        there = column.rows - column.missing - column.infinite
        assert len(column.quantiles) <= there + 1 or not there
        assert list(column.quantiles) == sorted(column.quantiles)
        assert sum(count for _, count in column.top) <= column.counted <= len(made)
    check_picture(found)


def check_picture(made: Profile) -> None:
    lines = as_text("train@1", made).splitlines()
    assert len(lines) == (3 + len(made.columns) if made.columns else 1)
    assert as_html("train@1", made).count("<tr>") == len(made.columns) + bool(made.columns)


# --- shown -------------------------------------------------------------------------------------


def mlops(*words: str) -> Result:
    return CliRunner().invoke(cli, words, standalone_mode=False)


def test_one_line_for_each_column(project: Project) -> None:
    frame = pd.DataFrame(
        {
            "delay": [*range(-20, 79), np.nan],
            "carrier": ["UA"] * 60 + ["DL"] * 40,
            "late": [True, False, False, False] * 25,
        }
    )
    snapshot(project, frame, "flights")
    answer = mlops("profile", "flights")
    assert answer.exception is None
    head, names, _, delay, carrier, late = [
        line for line in answer.output.splitlines() if line.strip()
    ]
    assert head == "flights@1 · 100 rows × 3 columns"
    assert names.split() == ["column", "type", "missing", "distinct", "values"]
    assert delay.split(maxsplit=5)[:4] == ["delay", "float64", "1", "%"]
    assert delay.rstrip().endswith("█▇▇▇▇▇▇▇▇▇▇▇   -20 … 78 · mean 29")
    assert carrier.rstrip().endswith("█▆             UA 60 % · DL 40 %")
    assert late.rstrip().endswith("False 75 % · True 25 %")


def test_as_json(project: Project) -> None:
    snapshot(project, pd.DataFrame({"a": [1.0, np.inf]}), "train")
    told = json.loads(mlops("profile", "train", "--json").output)
    assert told["columns"][0]["infinite"] == 1
    assert told["columns"][0]["quantiles"] == [1.0, 1.0]


def test_hostile_names_and_values_stay_text() -> None:
    hostile = '"><script>alert(1)</script>\n\x1b[2J'
    made = profile.of_value(pd.DataFrame({hostile: [hostile, hostile, None], "b": [1, 2, 3]}))
    page = as_html("train@1", made)
    assert "<script" not in page
    assert "\x1b" not in page + as_text("train@1", made)
    assert "\\n\\x1b[2J" in as_text("train@1", made)


def test_each_bar_stands_for_as_many_whole_numbers() -> None:
    months, days = np.arange(12_000) % 12 + 1, np.arange(30_000) % 30 + 1
    assert bars(of_column(months), 24) == pytest.approx([1 / 12] * 12, abs=0.01)
    assert bars(of_column(days), 24) == pytest.approx([1 / 15] * 15, abs=0.01)
    assert bars(of_column([7] * 10), 24) == (1.0,)


def test_bars_of_categories_end_with_all_others() -> None:
    column = of_column([f"c{n}" for n in range(40)] * 10)
    assert column.kind == "category"
    assert bars(column, 4) == pytest.approx([1 / 40] * 3 + [37 / 40])
    assert bars(of_column([f"c{n}" for n in range(100)] * 2), 4) == ()


def test_outliers_do_not_push_the_rest_into_one_bar() -> None:
    made = profile.of_value(pd.DataFrame({"x": [*np.linspace(0, 1, 5000), 1e9]}))
    page = as_html("train@1", made)
    assert page.count("<rect") > 20
    assert "the ends beyond are cut off" in page


def test_a_folder_has_none(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "a.csv").write_text("a\n1\n")
    snapshot(project, folder, "many")
    with pytest.raises(UsageError, match="many@1 is a folder, not a table"):
        profile.of(project, "many")
