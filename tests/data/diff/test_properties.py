"""Edits that are known are what the difference says; nothing edited, nothing said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.data.diff.rows import longest_rising
from tests.data.diff.asked import codes, compared
from tests.example_count import examples

WORDS = st.text(st.characters(categories=["L", "N", "P", "Z"]), max_size=6)
COLUMNS = {
    "float": st.lists(st.floats(width=32), min_size=30, max_size=30).map(np.array),
    "int": st.lists(st.integers(-(2**63), 2**63 - 1), min_size=30, max_size=30).map(
        lambda values: np.array(values, np.int64)
    ),
    "few": st.lists(st.integers(0, 2), min_size=30, max_size=30).map(np.array),
    "bool": st.lists(st.booleans(), min_size=30, max_size=30).map(np.array),
    "word": st.lists(st.none() | WORDS, min_size=30, max_size=30),
    "category": st.lists(st.sampled_from("abc"), min_size=30, max_size=30).map(pd.Categorical),
    "time": st.lists(st.integers(0, 10**9), min_size=30, max_size=30).map(
        lambda values: pd.to_datetime(np.array(values), unit="s")
    ),
    "object": st.lists(
        st.none() | st.integers() | WORDS | st.lists(st.integers(), max_size=2),
        min_size=30,
        max_size=30,
    ).map(lambda values: pd.Series(values, dtype=object)),
}


@st.composite
def frames(draw: Any, *, with_key: bool = False) -> pd.DataFrame:
    """Draw a frame of up to 30 rows."""
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), max_size=4))
    columns = {f"{kind}{n}": draw(COLUMNS[kind]) for n, kind in enumerate(kinds)}
    if with_key:
        columns = {"id": np.array(draw(st.permutations(range(100, 130)))), **columns}
    rows = draw(st.integers(2 if with_key else 0, 30))
    return pd.DataFrame(columns).iloc[:rows]


@given(frames())
@settings(max_examples=examples(60), deadline=None)
def test_nothing_is_said_of_a_frame_and_itself(frame: pd.DataFrame) -> None:
    found = compared(frame, frame.copy())
    assert found.findings == found.columns == found.cells == found.shifts == ()
    assert found.rows is not None
    assert found.rows.same == len(frame)


@given(frames(), st.randoms())
@settings(max_examples=examples(60), deadline=None)
def test_another_order_is_only_that(frame: pd.DataFrame, random: Any) -> None:
    order = list(range(len(frame)))
    random.shuffle(order)
    after = frame.iloc[order].reset_index(drop=True)
    found = compared(frame, after)
    assert found.rows is not None
    assert set(codes(found)) <= {"order"}
    assert (found.rows.same, found.rows.added, found.rows.removed) == (len(frame), 0, 0)
    assert found.cells == ()


@given(frames(with_key=True), st.data())
@settings(max_examples=examples(60), deadline=None)
def test_rows_planted_and_taken_are_counted_by_key(frame: pd.DataFrame, data: Any) -> None:
    places = st.sets(st.integers(0, len(frame) - 1), max_size=len(frame) // 2)
    gone, touched = data.draw(places), data.draw(places)
    fresh = data.draw(st.integers(0, 5))
    after = frame.astype({"id": "int64"}).copy()
    after["value"] = 0.0
    before = after.copy()
    after.loc[after.index[list(touched)], "value"] = 1.5
    after = after.drop(index=after.index[list(gone)])
    more = before.iloc[:fresh].assign(id=range(1_000, 1_000 + min(fresh, len(before))), value=7.0)
    after = pd.concat([after, more], ignore_index=True)

    found = compared(before, after, key=["id"])
    assert found.rows is not None
    changed = len(touched - gone)
    rows = found.rows
    assert (rows.added, rows.removed, rows.changed) == (len(more), len(gone), changed)
    assert (rows.same, rows.moved, rows.respelt) == (len(before) - len(gone) - changed, 0, 0)
    assert {one.column: one.changed for one in found.cells} == (
        {"value": changed} if changed else {}
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=examples(60), deadline=None)
def test_rows_planted_and_taken_are_counted_by_content(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = int(random.integers(20, 60))
    before = pd.DataFrame(random.normal(size=(rows, 4)), columns=list("abcd"))
    gone = random.choice(rows, int(random.integers(0, 8)), replace=False)
    touched = np.setdiff1d(random.choice(rows, int(random.integers(0, 8)), replace=False), gone)
    after = before.copy()
    after.loc[touched, "c"] = random.normal(10, 1, len(touched))
    after = after.drop(index=gone)
    at = int(random.integers(0, len(after) + 1))
    more = pd.DataFrame(random.normal(20, 1, size=(3, 4)), columns=list("abcd"))
    after = pd.concat([after.iloc[:at], more, after.iloc[at:]], ignore_index=True)

    found = compared(before, after)
    assert found.rows is not None
    told = found.rows
    assert (told.added, told.removed, told.moved) == (3, len(gone), 0)
    assert (told.changed, told.same) == (len(touched), rows - len(gone) - len(touched))


@given(st.lists(st.integers(0, 30), max_size=40, unique=True))
def test_the_longest_rising_row_is_one_and_as_long_as_any(numbers: list[int]) -> None:
    array = np.array(numbers, np.int64)
    stays = longest_rising(array)
    assert list(array[stays]) == sorted(array[stays])
    lengths: list[int] = []
    for place, number in enumerate(numbers):
        lengths.append(
            1 + max((lengths[p] for p in range(place) if numbers[p] < number), default=0)
        )
    assert stays.sum() == max(lengths, default=0)
