"""What reaches the notebook is source that gives the very value again."""

from __future__ import annotations

import ast
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.cells.scope import python_of
from mlops_jupyter.pipelines.convert import convert
from mlops_jupyter.pipelines.kind import ANY
from mlops_jupyter.pipelines.literal import Timestamp, json_of, source_of

TEXT = st.text(st.characters(codec="utf-8"))
ZONES = st.none() | st.sampled_from([UTC, timezone(timedelta(hours=-3.5)), ZoneInfo("Asia/Tokyo")])
HASHABLE = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | TEXT
    | st.dates()
    | st.datetimes(timezones=ZONES)
    | st.decimals(allow_nan=False)
    | TEXT.filter(lambda text: "\0" not in text).map(Path)
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.sets(HASHABLE, max_size=4)
        | st.frozensets(HASHABLE, max_size=4)
        | st.dictionaries(HASHABLE, inner, max_size=4)
    ),
    max_leaves=12,
)


def run(source: str) -> Any:
    """Run a cell as IPython would, in an empty namespace."""
    code = python_of(f"# Parameters\nvalue = {source}")
    namespace: dict[str, Any] = {}
    exec(compile(code, "cell", "exec"), namespace)
    assert set(namespace) == {"__builtins__", "value"}
    return namespace["value"]


@given(VALUES)
def test_source_gives_the_same_value(value: Any) -> None:
    back = run(source_of(value))
    assert back == value
    assert repr(back) == repr(value) or isinstance(value, set | frozenset | dict | list | tuple)


@given(VALUES)
def test_a_value_from_python_reaches_the_notebook_as_it_is(value: Any) -> None:
    if isinstance(value, str):
        return  # text is read as the type
    assert run(source_of(convert(ANY, value))) == value


@pytest.mark.parametrize(
    "text",
    [
        "'); import os #",
        '"""; import os; """',
        "\\'; raise SystemExit #",
        "x\nimport os\n",
        "x\r\nimport os",
        "\u2028import os",
        "{0} {month} %d %(x)s ${HOME}",
        "!rm -rf /",
        "%%bash\nls",
        "a?",
        "\\",
        "\\N{BULLET}",
        "🚀 naïve \u202e",
        "\x00\x1b[31m",
        "x" * 10_000,
    ],
)
def test_text_stays_text(text: str) -> None:
    source = source_of(text)
    assert run(source) == text
    (statement,) = ast.parse(f"value = {source}").body
    assert isinstance(statement, ast.Assign)
    assert isinstance(statement.value, ast.Constant)
    assert run(source_of([{text: (text,)}])) == [{text: (text,)}]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324])
def test_every_float_is_the_same_number(value: float) -> None:
    back = run(source_of(value))
    assert repr(back) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2024-03-31 12:00"),
        pd.Timestamp("2024-01-01 00:00:00.123456789"),
        pd.Timestamp("2024-03-31 12:00", tz="UTC"),
        pd.Timestamp("2024-03-31 02:30:00", tz="America/New_York"),
    ],
)
def test_a_timestamp_stays_a_timestamp(value: pd.Timestamp) -> None:
    kept = convert(ANY, value)
    assert isinstance(kept, Timestamp)
    back = run(source_of(kept))
    assert back == value
    assert str(back.tz) == str(value.tz)


def test_what_no_parameter_can_have_has_no_source() -> None:
    with pytest.raises(TypeError, match="cannot be a object"):
        source_of([object()])


def test_what_is_recorded_is_json() -> None:
    value = {
        "when": date(2024, 1, 1),
        "at": datetime(2024, 1, 1, tzinfo=UTC),
        "file": Path("a/b"),
        "pair": (1, Decimal("1.10")),
        "many": {2, 1},
        3: math.nan,
        "most": math.inf,
    }
    assert json_of(value) == {
        "when": "2024-01-01",
        "at": "2024-01-01T00:00:00+00:00",
        "file": "a/b",
        "pair": [1, "1.10"],
        "many": [1, 2],
        "3": "nan",
        "most": "inf",
    }
