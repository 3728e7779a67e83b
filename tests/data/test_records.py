"""Lists of dicts: each row comes back with its keys, in its order, and with what it lacks."""

from __future__ import annotations

import decimal
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.data.storage import manifest
from mlops_jupyter.data.value import content
from mlops_jupyter.data.value.content import take_apart
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.store.objects import Objects
from tests import kept
from tests.kept import digest, there_and_back
from tests.same_frame import same_value


def some_of(objects: Objects, made: Any, keys: list[str] | None = None, rows: Any = None) -> Any:
    return kept.read(objects, kept.write(objects, kept.examine(made)), keys, rows)


ORDER = {"id": 7, "items": [{"sku": "a", "n": 1}, {"sku": None}], "to": {"city": "Ulm", "at": None}}

RECORDS: dict[str, list[dict[Any, Any]]] = {
    "plain rows": [{"id": 1, "region": "north"}, {"id": 2, "region": "south"}],
    "no rows": [],
    "rows without keys": [{}, {}, {}],
    "a missing key and None": [{"a": 1, "b": None}, {"a": 2}, {"b": 3}, {}],
    "keys in another order": [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"c": 0, "b": 1}],
    "nested": [ORDER, {"id": 8, "items": []}, {"items": None, "id": True}],
    "keys that are no text": [{1: "a", None: "b", ("x", 2): "c", 2.5: "d", "1": "e"}],
    "keys that are equal": [{1: "int"}, {True: "bool"}, {1.0: "float"}, {"1": "str"}],
    "half a surrogate pair": [{"\ud800": "\udfff"}],
    "values of all kinds": [{"v": v} for v in (1, 1.0, True, "1", b"1", None, pd.NA, pd.NaT)],
    "numbers": [{"n": 2**70, "x": -0.0, "d": decimal.Decimal("1.50")}, {"n": -1, "x": math.inf}],
    "arrays": [{"v": np.array([1.0, 2.0])}, {"v": np.float32(2)}],
    "a key with no name": [{"": 1}, {"": 2}],
}


@pytest.mark.parametrize("name", RECORDS)
def test_rows_come_back_equal_and_in_order(objects: Objects, name: str) -> None:
    made = RECORDS[name]
    again = there_and_back(objects, made)
    assert type(again) is list
    same_value(again, made)
    for found, expected in zip(again, made, strict=True):
        assert type(found) is dict
        same_value(list(found), list(expected))  # the keys, in order, with their types
    assert digest(again) == digest(made)


@pytest.mark.parametrize("name", RECORDS)
def test_some_rows(objects: Objects, name: str) -> None:
    made = RECORDS[name]
    same_value(some_of(objects, made, rows=(1, 3)), made[1:3])
    same_value(some_of(objects, made, rows=(0, 0)), [])


def test_the_next_version_comes_back_equal_and_adds_little(objects: Objects) -> None:
    numbers = np.random.default_rng(0).random(5000).tolist()
    made = [{"id": n, "name": f"name {x}", "at": {"x": [x]}} for n, x in enumerate(numbers)]
    before = kept.write_next(objects, made, None)
    first = sum(path.stat().st_size for path in objects.root.rglob("*") if path.is_file())
    changed: list[dict[Any, Any]] = [dict(row) for row in made]
    changed[7]["name"], changed[8]["id"] = "another", None
    del changed[9]["name"]
    changed.append({"new": True, "id": 0})
    after = kept.write_next(objects, changed, before)
    same_value(kept.read(objects, after), changed)
    both = sum(path.stat().st_size for path in objects.root.rglob("*") if path.is_file())
    assert both - first < first / 4


def test_nan_comes_back(objects: Objects) -> None:
    (again,) = there_and_back(objects, [{"x": math.nan}])
    assert math.isnan(again["x"])


def test_what_json_carries_is_read_wherever_it_came_from(objects: Objects) -> None:
    plain = [ORDER, {"deep": [[1, -0.0, "ü", True, None]], "id": 2**80}]
    manifest_of = kept.write(objects, kept.examine(plain))
    kind, stored = manifest.content(objects, manifest_of, origin="elsewhere")
    same_value(content.put_together(kind, stored), plain)

    for other in ([(1, 2)], [math.inf], {1: "a"}, ["\ud800\udc00"], [b"x"], {"a": {1}}, []):
        made = [{"v": other}]
        name = kept.write(objects, kept.examine(made))
        same_value(kept.read(objects, name), made)
        if other:
            with pytest.raises(UsageError, match="a pickle can run any code"):
                content.put_together(*manifest.content(objects, name, origin="elsewhere"))


def test_many_rows_with_keys_of_their_own_come_back(objects: Objects) -> None:
    made: list[dict[Any, Any]] = [{f"key {row}": row, "id": row} for row in range(1500)]
    assert there_and_back(objects, made) == made
    turned = [dict(reversed(row.items())) for row in made]
    assert digest(turned) == digest(made)
    assert there_and_back(objects, turned) == made
    assert some_of(objects, made, ["key 2", "id"])[1:3] == [{"id": 1}, {"key 2": 2, "id": 2}]


def test_a_value_that_holds_its_row_comes_back(objects: Objects) -> None:
    row: dict[str, Any] = {"id": 1}
    row["self"] = row
    (again,) = there_and_back(objects, [row])
    assert again["id"] == 1
    assert again["self"]["self"] is again["self"]


# --- what counts as content ----------------------------------------------------------------------

ROWS = [{"a": 1, "b": None}, {"a": 2, "b": "x"}]


@pytest.mark.parametrize(
    "other",
    [
        [{"a": 1, "b": None}, {"a": 2, "b": "y"}],
        [{"a": 1}, {"a": 2, "b": "x"}],
        [{"a": 1.0, "b": None}, {"a": 2, "b": "x"}],
        [{"a": 2, "b": "x"}, {"a": 1, "b": None}],
        [{"a": 1, "b": None}],
        [{"a": 1, "c": None}, {"a": 2, "c": "x"}],
        [{"a": True, "b": None}, {"a": 2, "b": "x"}],
        [{"a": None, "b": 1}, {"a": "x", "b": 2}],
        [*ROWS, {}],
    ],
    ids=["value", "key", "type", "order", "fewer", "renamed", "bool", "swapped", "empty"],
)
def test_another_content_has_another_digest(other: list[dict[Any, Any]]) -> None:
    assert digest(other) != digest(ROWS)


def test_the_order_of_keys_is_no_content() -> None:
    turned = [dict(reversed(row.items())) for row in ROWS]
    assert list(turned[0]) == ["b", "a"]
    assert digest(turned) == digest(ROWS)
    assert digest([ROWS[0], turned[1]]) == digest(ROWS)


def test_the_digest_of_known_records_never_changes() -> None:
    # another pandas, another pyarrow, another Python: the same digest
    assert digest([ORDER, {"id": 2.5, 3: b"x"}]) == KNOWN_DIGEST


KNOWN_DIGEST = "blake3:7f65498742dea5b9875c12bbcb89801a4c3c88581e609298aff01e1133145160"


# --- what a version says of them -----------------------------------------------------------------


def test_a_version_tells_keys_types_and_missing_values() -> None:
    made = take_apart([{"z": 1, "a": None}, {"z": 2.5, "new": "x"}, {"z": math.nan, 3: [1]}])
    assert (made.kind, made.row_count) == ("records", 3)
    assert [(c.name, c.type, c.missing) for c in made.columns()] == [
        ("z", "int | float", 1),
        ("a", "None", 3),
        ("new", "str", 2),
        ("3", "list", 2),
    ]
    by_name = {column.name: column for column in made.columns()}
    assert by_name["new"].values().to_pylist() == [None, "x", None]
    assert take_apart([{"v": 1}, {"v": "x"}]).columns()[0].values() is None


def test_chosen_keys_in_the_order_wanted(objects: Objects) -> None:
    made = [{"a": 1, "b": 2, "c": 3}, {"c": 4, "a": 5}]
    again = some_of(objects, made, ["c", "b"])
    assert [list(row.items()) for row in again] == [[("c", 3), ("b", 2)], [("c", 4)]]
    assert some_of(objects, made, []) == [{}, {}]
    with pytest.raises(NotFoundError, match="'d'"):
        some_of(objects, made, ["d"])


# --- what is refused -----------------------------------------------------------------------------


class Ordered(dict[str, int]):
    """A dict with more to it."""


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        ([1, 2], "item 0 is a int"),
        ([{"a": 1}, [1]], "item 1 is a list"),
        ([{"a": 1}, None], "item 1 is a NoneType"),
        ([Ordered(a=1)], "item 0 is a Ordered"),
        (({"a": 1},), "a builtins.tuple cannot be kept"),
        ({"a": [1]}, "a builtins.dict cannot be kept"),
        ("text", "a builtins.str cannot be kept"),
    ],
)
def test_other_lists_are_refused_with_what_to_do(thing: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        take_apart(thing)
    assert "cannot be kept as a data version" in caught.value.message
    assert "list of dicts" in str(caught.value.hint)


def test_what_cannot_be_pickled_names_its_key() -> None:
    with pytest.raises(UsageError, match="column 'reader': a function cannot be kept"):
        take_apart([{"id": 1, "reader": lambda: 1}])
    with pytest.raises(UsageError, match="the keys: a function cannot be kept"):
        take_apart([{lambda: 1: 1}])
