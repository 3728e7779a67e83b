"""The next version of a frame keeps what changed, and comes back equal for all that."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.data.storage import manifest
from mlops_jupyter.data.storage.column import depth
from mlops_jupyter.store.objects import Objects
from tests import kept

ROWS = 40_000


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "noise": rng.normal(size=ROWS),
            "price": rng.integers(100, 100_000, ROWS) / 100,
            "region": rng.choice(["north", "south", None], ROWS),
            "key": [f"k{i:08d}" for i in rng.permutation(ROWS)],
            "at": pd.date_range("2020", periods=ROWS, freq="s"),
            "flag": rng.random(ROWS) < 0.5,
            "count": pd.array(rng.integers(0, 1000, ROWS), "Int32"),
        }
    )


def stored(objects: Objects) -> int:
    return sum(file.stat().st_size for file in objects.root.rglob("*") if file.is_file())


def some(share: float, seed: int = 1) -> Any:
    return np.random.default_rng(seed).choice(ROWS, int(ROWS * share), replace=False)


def one_column(frame: pd.DataFrame) -> pd.DataFrame:
    changed = frame.copy()
    changed.loc[some(0.01), "noise"] = 7.5
    return changed


def all_columns(frame: pd.DataFrame) -> pd.DataFrame:
    changed = frame.copy()
    changed.iloc[np.sort(some(0.01))] = frame.sample(int(ROWS * 0.01), random_state=2)
    return changed


def appended(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, more(frame)], ignore_index=True)


def inserted(frame: pd.DataFrame) -> pd.DataFrame:
    half = ROWS // 2
    return pd.concat([frame[:half], more(frame), frame[half:]], ignore_index=True)


def deleted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(index=some(0.01)).reset_index(drop=True)


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sample(frac=1, random_state=3).reset_index(drop=True)


def moved_on(frame: pd.DataFrame) -> pd.DataFrame:
    """The first rows go, others come after the last: a window over time."""
    return pd.concat([frame[400:], more(frame)], ignore_index=True)


def renamed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={"noise": "hiss"})


def widened(frame: pd.DataFrame) -> pd.DataFrame:
    changed = frame.copy()
    changed.insert(0, "first", True)
    return changed


def more(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame.sample(400, random_state=4)
    return rows.assign(id=np.arange(ROWS, ROWS + 400), noise=np.arange(400) / 7)


@pytest.mark.parametrize(
    ("edit", "most"),
    [
        (one_column, 0.006),
        (all_columns, 0.02),
        (appended, 0.016),
        (inserted, 0.016),
        (deleted, 0.004),
        (shuffled, 0.15),
        (moved_on, 0.016),
        (renamed, 0.004),
        (widened, 0.006),
    ],
)
def test_the_next_version_adds_little_and_comes_back_equal(
    objects: Objects, frame: pd.DataFrame, edit: Any, most: float
) -> None:
    first = kept.write_next(objects, frame, None)
    before = stored(objects)
    changed = edit(frame)
    second = kept.write_next(objects, changed, first)
    assert stored(objects) - before < most * before
    pd.testing.assert_frame_equal(kept.read(objects, second), changed)
    pd.testing.assert_frame_equal(kept.read(objects, first), frame)


@pytest.mark.parametrize("edit", [one_column, inserted, deleted, shuffled, moved_on])
@pytest.mark.parametrize("rows", [(0, 10), (19_990, 20_410), (39_000, 50_000), (5, 5)])
def test_some_rows_and_columns_of_a_delta(
    objects: Objects, frame: pd.DataFrame, edit: Any, rows: tuple[int, int]
) -> None:
    changed = edit(frame)
    second = kept.write_next(objects, changed, kept.write_next(objects, frame, None))
    found = kept.read(objects, second, ["flag", "noise", "key"], rows)
    pd.testing.assert_frame_equal(found, changed[["flag", "noise", "key"]][slice(*rows)])


def test_a_long_history_stays_quick_to_read(objects: Objects, frame: pd.DataFrame) -> None:
    """One row changes a hundred times: no version stands on more than seven others."""
    versions, frames, deepest = [], [], 0
    current, before = frame[["id", "noise"]].copy(), None
    for number in range(100):
        current.loc[number * 13, "noise"] = number
        before = kept.write_next(objects, current, before)
        leaf = manifest.read(objects, before)["content"]["parts"]["columns"]["parts"]["1"]["leaf"]
        deepest = max(deepest, depth(leaf))
        versions.append(before)
        frames.append(current.copy())
    assert 1 < deepest <= 7
    for digest, expected in zip(versions, frames, strict=True):
        pd.testing.assert_frame_equal(kept.read(objects, digest), expected)


def test_equal_bits_of_another_type_are_another_column(objects: Objects) -> None:
    """Zeros look the same as integers, floats and times."""
    first = pd.DataFrame({"a": np.zeros(5000, np.int64), "b": np.arange(5000)})
    second = pd.DataFrame({"a": np.zeros(5000, np.float64), "b": np.arange(5000)})
    third = second.assign(a=np.zeros(5000, "M8[ns]"))
    before = kept.write_next(objects, first, None)
    for value in (second, third):
        before = kept.write_next(objects, value, before)
        pd.testing.assert_frame_equal(kept.read(objects, before), value)


def test_only_bits_count(objects: Objects) -> None:
    first = pd.DataFrame({"a": np.zeros(5000), "b": np.arange(5000)})
    second = first.copy()
    second.loc[7, "a"] = -0.0
    second.loc[9, "a"] = np.nan
    digest = kept.write_next(objects, second, kept.write_next(objects, first, None))
    found = kept.read(objects, digest)["a"].to_numpy()
    assert np.signbit(found[7])
    assert np.isnan(found[9])


def test_a_missing_base_costs_room_only(objects: Objects, frame: pd.DataFrame) -> None:
    """Whatever happened to the version before: what is taken now is whole."""
    first = kept.write_next(objects, frame, None)
    for name in ("noise", "key"):
        place = list(frame.columns).index(name)
        parts = manifest.read(objects, first)["content"]["parts"]["columns"]["parts"]
        for chunk in parts[str(place)]["leaf"]["chunks"]:
            objects.path(chunk).write_bytes(b"damaged")
    second = kept.write_next(objects, all_columns(frame), first)
    assert kept.read(objects, second, ["id"]).equals(all_columns(frame)[["id"]])
    assert "base" not in json.dumps(manifest.read(objects, second)["content"])


def test_a_column_twice_the_same_name(objects: Objects) -> None:
    first = pd.DataFrame(np.random.default_rng(0).normal(size=(3000, 3)), columns=["x", "x", "y"])
    second = first.copy()
    second.iloc[5, 1] = 1.0
    digest = kept.write_next(objects, second, kept.write_next(objects, first, None))
    pd.testing.assert_frame_equal(kept.read(objects, digest), second)
    assert kept.read(objects, digest, ["x"]).shape == (3000, 2)
