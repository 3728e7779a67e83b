"""Predicates: a small SQL, read strictly, true of the right rows, and never executed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.errors import UsageError
from mlops_jupyter.upkeep.matching import match
from mlops_jupyter.upkeep.predicate import columns, parse
from mlops_jupyter.upkeep.rows import Columns
from tests.example_count import examples


def rows(value: Any, predicate: str) -> list[int]:
    """Return the positions of the rows that a predicate is true of."""
    named = Columns(value)
    found = match(parse(predicate), named, named.rows)
    assert found.misfits == ()
    return np.flatnonzero(found.rows).tolist()


FRAME = pd.DataFrame(
    {
        "n": [1, 2, 3, None],
        "x": [0.1, -1.5, np.nan, 2e9],
        "name": ["Ada", "O'Brien", None, "Grace"],
        "ok": [True, False, True, True],
        "at": pd.to_datetime(["2026-01-01 00:00", "2026-01-02 12:00", None, "2026-02-01 00:00"]),
        "odd name": ["a", "b", "c", "d"],
    }
)


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("n = 1", [0]),
        ("n == 1 or n == 3", [0, 2]),
        ("n <> 1", [1, 2]),
        ("n != 1 and n < 3", [1]),
        ("n >= 2", [1, 2]),
        ("n in (1, 3, 99)", [0, 2]),
        ("n not in (1, 3)", [1]),
        ("n between 2 and 3", [1, 2]),
        ("n not between 2 and 3", [0]),
        ("n is null", [3]),
        ("n is not null", [0, 1, 2]),
        ("not n = 1", [1, 2]),
        ("not (n = 1 or n is null)", [1, 2]),
        ("x = 0.1", [0]),
        ("x = -1.5 or x = 2e9", [1, 3]),
        ("x < 1e400", [0, 1, 3]),
        ("n = 1.5", []),
        ("n < 1.5", [0]),
        ("n = 99999999999999999999", []),
        ("n < 99999999999999999999", [0, 1, 2]),
        ("name = 'Ada'", [0]),
        ('name = "Ada"', [0]),
        ("name = 'O''Brien'", [1]),
        ("name > 'B'", [1, 3]),
        ("name = 'Ada' and name is null", []),
        ("ok = true", [0, 2, 3]),
        ("ok = FALSE", [1]),
        ("at = '2026-01-01'", [0]),
        ("at > '2026-01-01 23:00' AND at < '2026-02-01'", [1]),
        ("at is null", [2]),
        ("`odd name` = 'b'", [1]),
        ("\"odd name\" in ('a', 'd')", [0, 3]),
        ("((((n = 1))))", [0]),
        ("n = 1 or n = 2 and ok = true", [0]),
        ("(n = 1 or n = 2) and ok = false", [1]),
        ("N is null or n is null", None),
    ],
)
@pytest.mark.parametrize("library", ["pandas", "arrow", "polars", "records"])
def test_what_is_true_of_which_rows(
    library: str, predicate: str, expected: list[int] | None
) -> None:
    table = pa.Table.from_pandas(FRAME, preserve_index=False)
    value: Any = {
        "pandas": lambda: FRAME,
        "arrow": lambda: table,
        "polars": lambda: pl.from_arrow(table),
        "records": lambda: table.to_pylist(),
    }[library]()
    if expected is None:  # names are what they are: in capitals it is another one
        assert columns(parse(predicate)) == ("N", "n")
    else:
        assert rows(value, predicate) == expected


@pytest.mark.parametrize(
    ("column", "predicate", "expected"),
    [
        (pa.array([1, 2], pa.uint8()), "c = 2", [1]),
        (pa.array([1, 2], pa.uint8()), "c > -1", [0, 1]),
        (pa.array([2**63, 1], pa.uint64()), "c = 9223372036854775808", [0]),
        (pa.array([2**53 + 1, 2**53], pa.int64()), "c = 9007199254740993", [0]),
        (pa.array([0.1, 0.2], pa.float32()), "c = 0.1", [0]),
        (pa.array([Decimal("1.10"), None]), "c = 1.1", [0]),
        (pa.array(["a", "b", None]).dictionary_encode(), "c <> 'a'", [1]),
        (pa.array([dt.date(2026, 1, 1), None]), "c = '2026-01-01'", [0]),
        (
            pa.array([pd.Timestamp("2026-01-01 00:00")], pa.timestamp("ns", "Europe/Berlin")),
            "c = '2026-01-01 01:00'",
            [0],
        ),
        (pa.array([None, None]), "c = 1", []),
        (pa.array([None, None]), "c is null", [0, 1]),
        (pa.array([[1], None]), "c is null", [1]),
        (pa.array([], pa.int64()), "c = 1", []),
    ],
)
def test_types_of_arrow(column: pa.Array, predicate: str, expected: list[int]) -> None:
    assert rows(pa.table({"c": column}), predicate) == expected


def test_objects_of_many_types_in_one_column() -> None:
    mixed = [
        7,
        7.0,
        "7",
        True,
        None,
        Decimal(7),
        dt.date(2026, 1, 1),
        {7},
        np.int8(7),
        float("nan"),
    ]
    frame = pd.DataFrame({"c": pd.Series(mixed, dtype=object)})
    assert rows(frame, "c = 7") == [0, 1, 5, 8]
    assert rows(frame, "c = '7'") == [2]
    assert rows(frame, "c = true") == [3]
    assert rows(frame, "c = '2026-01-01'") == [6]
    assert rows(frame, "c is null") == [4, 9]
    assert rows(frame, "c <> 7") == [2, 3, 6, 7]


def test_a_name_that_is_there_twice_and_one_of_the_index() -> None:
    frame = pd.DataFrame([[1, 2], [3, 4], [2, 9]], columns=["a", "a"])
    assert rows(frame, "a = 2") == [0, 2]
    indexed = pd.DataFrame({"x": [1, 2]}, index=pd.Index([7, 8], name="customer_id"))
    assert rows(indexed, "customer_id = 8") == [1]
    levels = indexed.set_index("x", append=True)
    assert rows(levels, "x = 1 and customer_id = 7") == [0]


@pytest.mark.parametrize(
    ("value", "predicate", "says"),
    [
        (FRAME, "n = '1'", "'n' holds numbers, which '1' is not"),
        (FRAME, "name = 1", "'name' holds text, which 1 is not"),
        (FRAME, "ok = 1", "'ok' holds true and false, which 1 is not"),
        (FRAME, "at = 1", "'at' holds dates, which 1 is not"),
        (pa.table({"n": [[1]]}), "n = 1", "'n' holds list, which 1 is not"),
    ],
)
def test_what_does_not_fit_together_is_told(value: Any, predicate: str, says: str) -> None:
    named = Columns(value)
    found = match(parse(predicate), named, named.rows)
    assert found.misfits == (says,)
    assert not found.rows.any()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "the end, where a column"),
        ("n", "the end, where =, <>"),
        ("n =", "the end, where a number"),
        ("n = 1 2", "'2' at character 7, where and, or"),
        ("n = 1 and", "the end, where a column"),
        ("(n = 1", "the end, where )"),
        ("n = 1)", "')' at character 6"),
        ("1 = n", "'1' at character 1, where a column"),
        ("n = m", "'m' at character 5, where a number"),
        ("n in ()", "')' at character 7, where a number"),
        ("n in (1", "the end, where )"),
        ("n between 1", "the end, where and"),
        ("n = null", "nothing equals null"),
        ("n not 1", "'1' at character 7, where in, between"),
        ("n = 1; drop table run", "'; drop"),
        ("n = 'open", '"\'open" at character 5'),
        ("n = 1 -- comment", "'-- comment"),
        ("__import__('os').system('true') = 1", ".system("),
        ("n.__class__ = 1", "'.__class__"),
        ("@n = 1", "'@n = 1'"),
        ("n = f('x')", "'f' at character 5"),
        ("lambda: 0", "': 0'"),
        ("n[0] = 1", "'[0] = 1'"),
        ("n = 1\0", "character 6"),
        ("(" * 1000 + "n = 1" + ")" * 1000, "too many brackets"),
        ("not " * 1000 + "n = 1", "too many brackets"),
        ("n = 1 or " * 2000 + "n = 2", "too long"),
    ],
)
def test_what_is_no_predicate_is_refused_in_a_line(text: str, where: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert where in caught.value.message
    assert len(caught.value.message) < 200
    assert caught.value.hint


@given(st.text(max_size=60))
def test_any_text_is_a_predicate_or_refused(text: str) -> None:
    try:
        parse(text)
    except UsageError as error:
        assert error.hint is not None  # noqa: PT017


NUMBERS = st.one_of(st.none(), st.integers(-3, 3))
WORDS = st.one_of(st.none(), st.sampled_from(["", "a", "b", "ab"]))
COMPARISONS = st.one_of(
    st.builds("n {} {}".format, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]),
              st.integers(-3, 3)),
    st.builds("w {} '{}'".format, st.sampled_from(["=", "<>", "<", ">="]),
              st.sampled_from(["", "a", "b"])),
    st.builds("n {} (0, {})".format, st.sampled_from(["in", "not in"]), st.integers(-3, 3)),
    st.builds("n {} 0 and {}".format, st.sampled_from(["between", "not between"]),
              st.integers(-3, 3)),
    st.builds("{} {}".format, st.sampled_from("nw"), st.sampled_from(["is null", "is not null"])),
)  # fmt: skip
PREDICATES = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({}) and ({})".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.tuples(NUMBERS, WORDS), max_size=8), PREDICATES)
def test_it_means_what_a_database_says(cells: list[tuple[Any, Any]], predicate: str) -> None:
    table = pa.table(
        {
            "n": pa.array([n for n, _ in cells], pa.int64()),
            "w": pa.array([w for _, w in cells], pa.string()),
        }
    )
    asked = f"SELECT row_number() OVER () - 1 AS at, coalesce({predicate}, false) AS hit FROM t"
    with duckdb.connect() as database:
        database.register("t", table)
        expected = [at for at, hit in database.execute(asked).fetchall() if hit]
    assert rows(table, predicate) == expected
    assert rows(table.to_pylist(), predicate) == expected if cells else True
