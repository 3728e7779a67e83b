"""Frames beyond what Hypothesis draws: rare dtypes, what is shared, what is refused."""

from __future__ import annotations

import decimal
import json
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_jupyter.data.value import frame
from mlops_jupyter.data.value.content import take_apart
from mlops_jupyter.data.value.part import CHUNK_ROWS
from mlops_jupyter.errors import ConflictError, IntegrityError, UsageError
from mlops_jupyter.store.objects import Objects
from tests import kept
from tests.kept import digest, there_and_back
from tests.same_frame import assert_same


def names(objects: Objects) -> set[str]:
    return {path.name for path in objects.root.rglob("*") if path.is_file()}


class Point:
    """A class of the user's own."""

    def __init__(self, x: int) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and other.x == self.x

    def __hash__(self) -> int:
        return hash(self.x)

    def __repr__(self) -> str:
        return f"Point({self.x})"


def objects_of(*values: Any) -> pd.Series[Any]:
    return pd.Series(np.fromiter(values, object, len(values)))


RARE = {
    "big-endian floats": pd.Series(np.array([1.5, np.nan], ">f8")),
    "long doubles": pd.Series(np.array([1.5, np.nan], np.longdouble)),
    "half a surrogate pair": pd.Series(["\ud800", None], dtype=pd.StringDtype("python")),
    "string view": pd.Series(["a", None], dtype=pd.ArrowDtype(pa.string_view())),
    "sparse objects": pd.Series(pd.arrays.SparseArray(np.array(["a", None], object))),
    "sparse -0.0": pd.Series(pd.arrays.SparseArray([0.0, 1.0], fill_value=0.0)) * -1.0,
    "sparse times": pd.Series(pd.arrays.SparseArray(np.array(["2024-01-01", "NaT"], "M8[ns]"))),
    "a class": objects_of(Point(1), Point(2)),
    "series in cells": objects_of(pd.Timestamp("2024"), pd.Interval(0, 1), pd.Period("2024-01")),
    "numbers too big": objects_of(2**63, -(2**63), 2**200),
    "decimals": objects_of(*map(decimal.Decimal, ["1.50", "-0", "NaN", "1E+30"])),
    "arrays": objects_of(np.eye(2), np.array(["a", None], object), np.float32(1)),
    "lists": objects_of([1], [], [None]),
    "missing of all kinds": objects_of(None, np.nan, pd.NA, pd.NaT, float("nan")),
    "true, 1 and 1.0": objects_of(True, 1, 1.0, "1", b"1"),
}


@pytest.mark.parametrize("name", [name for name in RARE if name != "decimals"])
def test_rare_columns_come_back_equal(objects: Objects, name: str) -> None:
    made = RARE[name]
    again = there_and_back(objects, made)
    assert_same(again, made)
    assert digest(again) == digest(made) == digest(made.copy())


def test_the_unused_bytes_of_long_doubles_do_not_matter(objects: Objects) -> None:
    size = np.dtype(np.longdouble).itemsize
    made = np.array([1.5, -0.0, np.inf], np.longdouble)
    dirty = made.copy()
    if np.finfo(np.longdouble).nmant == 63:
        dirty.view(np.uint8).reshape(-1, size)[:, 10:] = 7
    assert digest(pd.Series(dirty)) == digest(pd.Series(made))
    assert_same(there_and_back(objects, pd.Series(dirty)), pd.Series(made))


def test_decimals_come_back_to_the_last_sign(objects: Objects) -> None:
    again = there_and_back(objects, RARE["decimals"])
    assert [str(value) for value in again] == ["1.50", "-0", "NaN", "1E+30"]


def test_a_value_that_holds_itself_comes_back(objects: Objects) -> None:
    knot: list[Any] = [1]
    knot.append(knot)
    again = there_and_back(objects, objects_of(knot))[0]
    assert again[0] == 1
    assert again[1] is again


def test_zones_and_offsets_of_other_packages_come_back(objects: Objects) -> None:
    from dateutil.tz import gettz

    holidays = pd.offsets.CustomBusinessDay(holidays=["2024-01-02"])
    index = pd.date_range("2024", periods=3, freq=holidays, tz=gettz("Europe/Paris"))
    made = pd.DataFrame({"at": index}, index=index)
    again = there_and_back(objects, made)
    assert_same(again, made)
    assert again.index.freq == holidays


def test_flags_come_back(objects: Objects) -> None:
    made = pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False)
    assert not there_and_back(objects, made).flags.allows_duplicate_labels


def test_a_loaded_frame_can_be_written_to_and_grown_without_warning(objects: Objects) -> None:
    wide = pd.DataFrame({f"c{n}": [n, n] for n in range(150)})
    again = there_and_back(objects, wide)
    again.iloc[0, 0] = 99
    again["new"] = 1
    assert again.loc[0, "c0"] == 99


# --- what counts as content --------------------------------------------------------------------


def test_the_digest_of_known_frames_never_changes() -> None:
    # another pandas, another pyarrow, another Python: the same digests. If a change of the
    # format is meant, FORMAT grows with it.
    numbers = pd.DataFrame(
        {"a": [1, 2], "b": [0.5, -0.0]}, columns=pd.Index(["a", "b"], dtype=object)
    )
    mixed = pd.Series([None, True, 3, "x", [1, {"k": 2.5}]], dtype=object)
    times = pd.Series(np.array(["2024-01-01", "NaT"], "M8[ns]"), index=pd.Index([3, 4], name="day"))
    assert [digest(numbers), digest(mixed), digest(times)] == KNOWN_DIGESTS


KNOWN_DIGESTS = [
    "blake3:4cbd8f5e28dc51a4a013c347746d7d8d191ba1646d7c7b0429dc4fb7f00b4b24",
    "blake3:6de4b8c0c6fe48c9cf4e8596f2767861544f445075c7e388024812aa6715f313",
    "blake3:4b65bd0bb4dd83e30957eccf9ff533dc39ed91cdccfa57cc20ab6d111dc61fb6",
]


@pytest.mark.parametrize(
    "other",
    [
        pd.DataFrame({"a": [1, 3], "b": ["x", None]}),
        pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]}),
        pd.DataFrame({"a": [2, 1], "b": [None, "x"]}),
        pd.DataFrame({"b": ["x", None], "a": [1, 2]}),
        pd.DataFrame({"a": [1, 2], "c": ["x", None]}),
        pd.DataFrame({"a": [1, 2], "b": ["x", ""]}),
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[1, 2]),
        pd.DataFrame({"a": [1, 2], "b": pd.Categorical(["x", None])}),
        pd.DataFrame({"a": [1, 2], "b": pd.Series(["x", None], dtype=object)}),
    ],
    ids=["value", "dtype", "rows", "columns", "label", "missing", "index", "category", "object"],
)
def test_another_content_has_another_digest(other: pd.DataFrame) -> None:
    assert digest(other) != digest(pd.DataFrame({"a": [1, 2], "b": ["x", None]}))


def test_attrs_and_frequency_are_content() -> None:
    plain = pd.DataFrame({"a": [1]}, index=pd.date_range("2024", periods=1, freq="D"))
    told = plain.copy()
    told.attrs = {"source": "sensor"}
    free = plain.copy()
    free.index = pd.DatetimeIndex(plain.index, freq=None)
    assert len({digest(plain), digest(told), digest(free)}) == 3


def test_levels_that_no_row_uses_are_no_content(objects: Objects) -> None:
    whole = pd.DataFrame({"v": range(4)}, index=pd.MultiIndex.from_product([["a", "b"], [1, 2]]))
    cut = whole.loc[["b"]]
    fresh = pd.DataFrame({"v": [2, 3]}, index=pd.MultiIndex.from_product([["b"], [1, 2]]))
    assert list(cut.index.levels[0]) != list(fresh.index.levels[0])
    assert digest(cut) == digest(fresh)
    assert_same(there_and_back(objects, cut), cut)


def test_equal_strings_need_not_be_one_object() -> None:
    word = "word"
    twice = objects_of([word, word], {"k": word})
    apart = objects_of(["".join("word"), "".join("word")], {"k": "".join("word")})
    assert digest(twice) == digest(apart)


def test_the_order_of_keys_and_of_sets_is_no_content() -> None:
    one = objects_of({"a": 1, "b": 2}, {"x", "y", "z"})
    other = objects_of({"b": 2, "a": 1}, {"z", "y", "x"})
    assert digest(one) == digest(other)


# --- what versions share -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def tall() -> pd.DataFrame:
    rows = CHUNK_ROWS * 2 + 1000
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {"x": random.random(rows), "key": [f"k{n}" for n in range(rows)], "n": np.arange(rows)}
    )


def test_a_tall_frame_comes_back_equal(objects: Objects, tall: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(there_and_back(objects, tall), tall, check_exact=True)


def added(objects: Objects, first: pd.DataFrame, second: pd.DataFrame) -> int:
    """Return how many objects a second version adds."""
    kept.write(objects, kept.examine(first))
    before = names(objects)
    kept.write(objects, kept.examine(second))
    return len(names(objects) - before)


# the manifest, and the pack with the labels and the 1,000 rows that are no full chunk
ALWAYS = 2


def test_nothing_changed_adds_nothing(objects: Objects, tall: pd.DataFrame) -> None:
    assert added(objects, tall, tall.copy()) == 0


def test_one_changed_column_adds_that_column(objects: Objects, tall: pd.DataFrame) -> None:
    full_chunks_of_x = 2
    assert added(objects, tall, tall.assign(x=tall["x"] + 1)) == full_chunks_of_x + ALWAYS


def test_appended_rows_add_the_last_chunks(objects: Objects, tall: pd.DataFrame) -> None:
    assert added(objects, tall, pd.concat([tall, tall[:10]], ignore_index=True)) == ALWAYS


def test_a_renamed_column_adds_no_values(objects: Objects, tall: pd.DataFrame) -> None:
    assert added(objects, tall, tall.rename(columns={"x": "y"})) == ALWAYS


def test_a_short_frame_is_two_objects_however_wide(objects: Objects) -> None:
    wide = pd.DataFrame(np.random.default_rng(0).random((20, 500))).rename(columns=str)
    assert_same(there_and_back(objects, wide), wide)
    assert len(names(objects)) == ALWAYS


def test_packs_do_not_grow_without_end(objects: Objects) -> None:
    wide = pd.DataFrame(np.random.default_rng(0).random((1000, 500)))
    assert_same(there_and_back(objects, wide), wide)
    packs = 4  # 4 MB of columns of 8 kB
    assert len(names(objects)) == packs + 1


# --- what is refused ---------------------------------------------------------------------------


def test_what_cannot_be_pickled_names_its_column() -> None:
    made = pd.DataFrame({"id": [1], "reader": objects_of(lambda: 1)})
    with pytest.raises(UsageError, match="column 'reader': a function cannot be kept"):
        kept.examine(made)


class Broken:
    """Pickles, and cannot be read again."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


def test_what_cannot_be_unpickled_names_its_column() -> None:
    with pytest.raises(UsageError, match="column 'b': a Broken cannot be unpickled again"):
        kept.examine(pd.DataFrame({"b": objects_of(Broken())}))


def test_a_label_that_cannot_be_kept_is_named() -> None:
    made = pd.DataFrame([[1]], columns=pd.Index([lambda: 1], dtype=object))
    with pytest.raises(UsageError, match="the column labels: a function cannot be kept"):
        kept.examine(made)


def test_attrs_that_cannot_be_kept_are_named() -> None:
    made = pd.DataFrame({"a": [1]})
    made.attrs = {"open": lambda: 1}
    with pytest.raises(UsageError, match="attrs: a dict cannot be kept"):
        kept.examine(made)


def test_a_class_that_is_gone_is_said_with_what_to_do(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = kept.write(objects, kept.examine(objects_of(Point(1))))
    monkeypatch.delattr(f"{__name__}.Point")
    with pytest.raises(UsageError, match="Point") as caught:
        kept.read(objects, manifest)
    assert "define its class first" in str(caught.value.hint)


class Special(pd.DataFrame):
    """A frame with more to it."""


@pytest.mark.parametrize("thing", [Special({"a": [1]}), np.eye(2), {"a": [1]}, None])
def test_only_plain_frames_are_frames(thing: Any) -> None:
    assert frame.taken(thing) is None


def test_a_frame_that_changes_while_it_is_kept_is_a_conflict(objects: Objects) -> None:
    values = np.zeros((1000, 1))
    examined = kept.examine(pd.DataFrame(values, copy=False))
    values[500] = 1
    with pytest.raises(ConflictError, match="changed while"):
        kept.write(objects, examined)


# --- what is damaged ---------------------------------------------------------------------------


def test_any_missing_object_is_an_error_that_names_it(objects: Objects) -> None:
    made = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [[1], {2}]})
    manifest = kept.write(objects, kept.examine(made))
    for name in sorted(names(objects)):
        path = objects.path(f"blake3:{name}")
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(IntegrityError, match=name):
            kept.read(objects, manifest)
        path.write_bytes(content)
    assert_same(kept.read(objects, manifest), made)


def test_a_newer_format_is_refused(objects: Objects) -> None:
    manifest = objects.write(json.dumps({"format": 3, "kind": "frame"}).encode())
    with pytest.raises(UsageError, match="newer") as caught:
        kept.read(objects, manifest)
    assert caught.value.hint == "upgrade mlops-jupyter"


def test_a_manifest_says_nothing_of_the_versions_of_packages(objects: Objects) -> None:
    made = pd.DataFrame({"a": [1], "at": [pd.Timestamp("2024")]})
    manifest = objects.read(kept.write(objects, kept.examine(made))).decode()
    assert pd.__version__ not in manifest
    assert pa.__version__ not in manifest


def test_describe_counts_missing_values_by_column() -> None:
    made = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", "y"], ("c", 1): [None, None]})
    found = [(c.name, c.type, c.missing) for c in take_apart(made).columns()]
    assert found == [("a", "float64", 1), ("b", "str", 0), ("('c', 1)", "object", 2)]
    assert take_apart(pd.Series([1, 2], name=None)).columns()[0].name == ""


def test_a_pickled_frame_and_the_frame_are_one_content() -> None:
    made = pd.DataFrame({"a": pd.Categorical(["x", "y"], ["y", "x", "z"], ordered=True)})
    assert digest(pickle.loads(pickle.dumps(made))) == digest(made)
