"""The `parameters` cell is read as Python reads it, and never run."""

from __future__ import annotations

import contextlib
import math
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.contract import read_parameters
from mlops_jupyter.pipelines.literal import Reference, Timestamp
from mlops_jupyter.pipelines.pipeline import Parameter
from mlops_jupyter.pipelines.source import SourceCell

PATH = Path("study.ipynb")


def parameters(source: str) -> dict[str, Parameter]:
    cell = SourceCell(0, "code", source, ("parameters",), {})
    return {p.name: p for p in read_parameters(cell, PATH)}


def defaults(source: str) -> dict[str, Any]:
    return {name: p.default for name, p in parameters(source).items()}


def only(source: str) -> Parameter:
    (found,) = parameters(source).values()
    return found


def test_defaults_that_papermill_reads_wrong_are_read_right() -> None:
    assert defaults(
        'query = "a=b"  # the filter\n'
        "colour = '#fff'\n"
        "depth: int | None = None\n"
        'h: "pd.Timestamp" = None\n'
        "l, m = 1, 2\n"
        "s = t = 3\n"
        "rate: float = 1\n"
        "names: 'list[str]' = ['x', \"y\"]\n"
        "ids: typing.List[int] = [1]\n"
        'long = """two\nlines"""; negative = -0.5\n'
        "nested = {'a': [1, {'b': True}]}\n"
        "hour = 60 * 60\n"
        "p = dict(x=1)\n"
        'o = "has # hash"\n'
        "both = \"'\" '\"'\n"
    ) == {
        "query": "a=b",
        "colour": "#fff",
        "depth": None,
        "h": None,
        "l": 1,
        "m": 2,
        "s": 3,
        "t": 3,
        "rate": 1.0,
        "names": ["x", "y"],
        "ids": [1],
        "long": "two\nlines",
        "negative": -0.5,
        "nested": {"a": [1, {"b": True}]},
        "hour": 3600,
        "p": {"x": 1},
        "o": "has # hash",
        "both": "'\"",
    }
    assert isinstance(only("rate: float = 1").default, float)


@pytest.mark.parametrize(
    ("source", "default", "kind"),
    [
        ("pair = (1, 2)", (1, 2), "tuple"),
        ("many = {1, 2}", {1, 2}, "set"),
        ("none = set()", set(), "set"),
        ("fixed = frozenset({1})", frozenset({1}), "frozenset"),
        ("by_year = {2013: 'a'}", {2013: "a"}, "dict"),
        ("big = 10 ** 40", 10**40, "int"),
        ("most = float('inf')", math.inf, "float"),
        ("import math\nmost = -math.inf", -math.inf, "float"),
        ("when = date(2024, 1, 1)", date(2024, 1, 1), "date"),
        ("from datetime import date as d\nwhen = d(2024, 1, 1)", date(2024, 1, 1), "date"),
        ("import datetime\nwhen = datetime.date(2024, 1, 1)", date(2024, 1, 1), "date"),
        ("import datetime as x\nwhen = x.date(2024, 1, 1)", date(2024, 1, 1), "date"),
        ("when = date.fromisoformat('2024-01-01')", date(2024, 1, 1), "date"),
        ("at = datetime(2024, 1, 1, 12)", datetime(2024, 1, 1, 12), "datetime"),  # noqa: DTZ001
        (
            "at = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)",
            datetime(2024, 1, 1, tzinfo=UTC),
            "datetime",
        ),
        ("at = pd.Timestamp('2024-01-01')", Timestamp("2024-01-01"), "Timestamp"),
        (
            "import pandas\nat = pandas.Timestamp(2024, 1, 2, tz='UTC')",
            Timestamp("2024-01-02T00:00:00", "UTC"),
            "Timestamp",
        ),
        ("file = Path('a') / 'b.csv'", Path("a/b.csv"), "Path"),
        ("file = pathlib.Path('a', 'b')", Path("a/b"), "Path"),
        ("price = Decimal('1.10')", Decimal("1.10"), "Decimal"),
        ("none = None", None, "Any"),
        ("key = os.environ['KEY']", Reference("KEY", is_code=True), "Secret"),
        (
            "key = os.getenv('KEY')",
            Reference("KEY", is_code=True, is_needed=False),
            "Secret",
        ),
    ],
)
def test_the_type_comes_from_the_default(source: str, default: Any, kind: str) -> None:
    found = only(source)
    assert (found.default, found.kind.text) == (default, kind)
    assert type(found.default) is type(default)


@pytest.mark.parametrize(
    ("source", "kind", "allowed"),
    [
        ("n: int = 1", "int", ""),
        ("n: Optional[int] = 1", "int | None", ""),
        ("n: typing.Union[int, str, None] = 1", "int | str | None", ""),
        ("n: int = None", "int | None", ""),
        ("n: 'int | None' = None", "int | None", ""),
        ("n: list[int] = []", "list[int]", ""),
        ("n: Sequence[str] = []", "list[str]", ""),
        ("n: dict[str, float] = {}", "dict[str, float]", ""),
        ("n: tuple[int, str] = (1, 'a')", "tuple[int, str]", ""),
        ("n: tuple[int, ...] = (1,)", "tuple[int, ...]", ""),
        ("n: Literal['a', 'b'] = 'a'", "Literal['a', 'b']", ""),
        ("n: Literal[1, None] = 1", "Literal[1, None]", ""),
        ("n: Annotated[int, '1..100'] = 1", "int", "at least 1, at most 100"),
        ("n: Annotated[int, '1..'] = 1", "int", "at least 1"),
        ("n: Annotated[float, '> 0, <= 1'] = 1", "float", "at most 1, above 0"),
        ("n: Annotated[int, Ge(1), annotated_types.Lt(9)] = 1", "int", "at least 1, below 9"),
        ("n: Annotated[float, Interval(gt=0, le=1)] = 1", "float", "above 0, at most 1"),
        ("n: Annotated[str, Len(1, 3)] = 'a'", "str", "of length at least 1, of length at most 3"),
        ("n: Annotated[int | None, Ge(1)] = None", "int | None", "at least 1"),
        ("n: Annotated[int, Field(ge=1, description='how many')] = 1", "int", "at least 1"),
        ("n: Annotated[int, unknown] = 1", "int", ""),
        ("n: date = date(2024, 1, 1)", "date", ""),
        ("n: 'datetime.datetime' = None", "datetime | None", ""),
        ("n: Path = Path('a')", "Path", ""),
        ("n: 'Secret' = 'env:KEY'", "Secret", ""),
        ("n: np.ndarray = [1]", "list", ""),
        ("n: 'no annotation!' = 1", "int", ""),
        ("n: Final[int] = 1", "int", ""),
        ("n = 1  # type: float", "float", ""),
        ("n = None  # type: int | None", "int | None", ""),
        ("n = 1  # type: ignore", "int", ""),
    ],
)
def test_the_annotation_says_what_is_allowed(source: str, kind: str, allowed: str) -> None:
    found = only(source)
    assert found.kind.text == kind
    assert set(found.kind.allowed.split(", ")) == set(allowed.split(", "))


def test_comments_are_help() -> None:
    found = parameters(
        "# The month of the flights,\n"
        "# from 1.\n"
        "month = 1\n"
        "\n"
        "# not about the next\n"
        "\n"
        "text = 'a # b'\n"
        "colour = '#fff'  # of the line # really\n"
        "a, b = 1, 2  # two\n"
        "names = [  # the columns\n"
        "    'x',\n"
        "]\n"
        "typed = 1  # type: float  how fast\n"
        "share: Annotated[float, 'of all rows'] = 0.5\n"
        "quiet = 1  # noqa: E501\n"
    )
    assert {name: p.help for name, p in found.items()} == {
        "month": "The month of the flights, from 1.",
        "text": "",
        "colour": "of the line # really",
        "a": "two",
        "b": "two",
        "names": "the columns",
        "typed": "how fast",
        "share": "of all rows",
        "quiet": "",
    }


@pytest.mark.parametrize(
    "source",
    ["# nothing yet", "", "n: int", "import os", "print('hello')", "%matplotlib inline", "..."],
)
def test_a_cell_that_binds_nothing_has_no_parameters(source: str) -> None:
    assert parameters(source) == {}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("n = 1\np = f(x=1)", "line 2: 'p' is not bound to a literal: `f()` is computed"),
        ("a = 1\nb = a * 2", "line 2: 'b' is not bound to a literal: `a * 2` is computed"),
        ("k = 1 == 1", "'k' is not bound to a literal"),
        ("t = f'{1}'", "'t' is not bound to a literal"),
        ("n = 1\nn += 1", "line 2: 'n' is not bound to a literal"),
        ("n = 1\ndel n", "line 2: 'n' is not bound to a literal"),
        ("n = 1\nif n: m = 2", "line 2: 'm' is not bound to a literal"),
        ("def f(): pass", "'f' is not bound to a literal"),
        ("a, *b = 1, 2", "'b' is not bound to a literal"),
        ("a, b = x", "'a' is not bound to a literal"),
        ("from mine import date\nwhen = date(2024, 1, 1)", "`date()` is computed"),
        ("when = date(2024, 13, 1)", "'when' is not bound to a literal: month must be in 1..12"),
        ("at = datetime.now()", "`datetime.now()` is computed"),
        ("at = pd.Timestamp('now')", "'at' is not bound to a literal"),
        ("n = 1 / 0", "'n' is not bound to a literal: division by zero"),
        ("n = 10 ** 10 ** 10", "'n' is not bound to a literal"),
        ("key = os.environ['A' + 'B']", "'key' is not bound to a literal"),
        ("raw = b'x'", "the default of 'raw' is b'x' (bytes)"),
        ("j = 2j", "the default of 'j' is 2j (complex)"),
        ("odd = '\\ud800'", "the default of 'odd'"),
        ("n: int = 'x'", "'n' is a whole number, and its default is 'x'"),
        ("n: int = 1.5", "'n' is a whole number, and its default is 1.5"),
        ("n: Literal['a'] = 'b'", "'n' is one of 'a', and its default is 'b'"),
        ("n: Annotated[int, '1..9'] = 10", "'n' is a whole number, at least 1, at most 9"),
        ("n: Annotated[int, '1-9'] = 1", "the annotation of 'n': '1-9' is no range"),
        ("n: Annotated[str, Ge(1)] = 'a'", "'n' is text, at least 1"),
        ("n: Literal[1.5] = 1.5", "the annotation of 'n': `Literal` takes"),
        ("n = (", "cannot be read"),
        ("n = 1\0", "cannot be read"),
        ("from settings import *", "cannot be read"),
        ("exec('n = 1')", "cannot be read"),
    ],
)
def test_what_is_computed_or_contradicts_itself_is_refused(source: str, words: str) -> None:
    with pytest.raises(UsageError, match="cell 1") as caught:
        parameters(source)
    assert words in str(caught.value)
    assert caught.value.hint


def test_a_secret_may_not_stand_in_the_notebook() -> None:
    with pytest.raises(UsageError, match="'key' is a secret") as caught:
        parameters("key: 'Secret' = 'hunter2'")
    assert "hunter2" not in str(caught.value)


def test_a_percent_sign_in_a_comment_does_not_matter() -> None:
    found = only("share = 5  # % of the rows?")
    assert (found.default, found.help) == (5, "% of the rows?")


@pytest.mark.parametrize(
    "source",
    [
        "n = " + "[" * 5000 + "]" * 5000,
        "n = " + "-" * 50_000 + "1",
        "n = " + "+".join(["1"] * 50_000),
        "n: " + "list[" * 500 + "int" + "]" * 500 + " = []",
    ],
    ids=["brackets", "signs", "sums", "annotation"],
)
def test_endless_nesting_is_refused_or_read_and_never_hangs(source: str) -> None:
    began = time.process_time()
    with contextlib.suppress(UsageError):
        parameters(source)
    assert time.process_time() - began < 10


TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)  # fmt: skip


@given(JSON)
def test_a_default_is_read_as_python_writes_it(value: object) -> None:
    assert defaults(f"value = {value!r}") == {"value": value}


@given(TEXT, st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])))
def test_no_text_is_taken_for_a_comment(text: str, comment: str) -> None:
    found = only(f"value = {text!r}  # help {comment}")
    assert found.default == text
    assert found.help == f"help {comment}".strip()
