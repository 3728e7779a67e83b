"""The parameters of a run: checked, recorded without secrets, and handed to the kernel."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.literal import Reference
from mlops_jupyter.pipelines.parameters import Bound, bind
from mlops_jupyter.runs.secret import MASK
from tests.pipelines.test_contract import parameters

CELL = """
import os
month: Annotated[int, "1..12"] = 1
rate = 0.1
mode: Literal["fast", "slow"] = "fast"
when = date(2024, 1, 1)
pair = (1, 2)
file: Path | None = None
"""

SECRETS = """
import os
db: "Secret" = "env:DB_URL"
hub = os.environ["HUB_KEY"]
other = os.getenv("OTHER_KEY")
password: "str | None" = None
login: dict = {}
name = "x"
"""


def bound(cell: str, **given: Any) -> Bound:
    return bind(tuple(parameters(cell).values()), given)


def run(made: Bound) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(made.source, namespace)
    del namespace["__builtins__"]
    return namespace


def test_what_was_given_is_handed_over_and_all_is_recorded() -> None:
    made = bound(CELL, month="7", when="2024-02-29", pair=[3, np.int64(4)], file="a b.csv")
    assert made.values == {
        "month": 7, "when": date(2024, 2, 29), "pair": (3, 4), "file": Path("a b.csv"),
    }  # fmt: skip
    assert run(made) == made.values
    assert made.given == {
        "month": 7, "when": "2024-02-29", "pair": [3, 4], "file": "a b.csv",
    }  # fmt: skip
    assert made.recorded == {**made.given, "rate": 0.1, "mode": "fast"}
    assert made.environment == {}
    assert msgspec.json.decode(msgspec.json.encode(made.recorded)) == made.recorded


def test_nothing_given_changes_nothing() -> None:
    made = bound(CELL)
    assert (made.source, made.given) == ("", {})


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"mont": 1}, "there is no parameter 'mont'", "did you mean 'month'?"),
        ({"x; import os": 1}, "there is no parameter 'x; import os'", "there is: file, mode"),
        ({"": 1}, "there is no parameter ''", "there is"),
        ({"month": "May"}, "parameter 'month' is a whole number, at least 1, at most 12, not 'May'",
         "its default is 1"),
        ({"month": 13}, "parameter 'month' is a whole number, at least 1, at most 12, not 13",
         "its default is 1"),
        ({"mode": "fats"}, "parameter 'mode' is one of 'fast', 'slow', not 'fats'",
         "did you mean 'fast'?"),
        ({"mode": "quick"}, "parameter 'mode' is one of 'fast', 'slow', not 'quick'",
         "its default is 'fast'"),
        ({"pair": "[1, 2"}, "parameter 'pair' is a list",
         "its brackets or quotes do not fit together"),
        ({"rate": "x" * 10_000}, "parameter 'rate' is a number, not 'xxx", "its default is 0.1"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_is_possible(given: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        bound(CELL, **given)
    assert message in caught.value.message
    assert len(caught.value.message) < 200
    assert caught.value.hint is not None
    assert hint in caught.value.hint


def test_no_parameters_at_all() -> None:
    with pytest.raises(NotFoundError, match="there is no parameter 'month'") as caught:
        bound("", month=1)
    assert caught.value.hint == "this pipeline has no parameters"


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_URL", "postgresql://me:hunter2@db/x")
    monkeypatch.setenv("HUB_KEY", "hunter3-hunter3")
    monkeypatch.delenv("OTHER_KEY", raising=False)


def test_a_secret_goes_by_reference(variables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "hunter4-hunter4")
    made = bound(SECRETS, name="env:NAME", password="env:HUB_KEY")
    for written in (made.source, repr(made.given), repr(made.recorded)):
        assert "hunter" not in written
    assert made.values == {"name": Reference("NAME"), "password": Reference("HUB_KEY")}
    assert made.given == {"name": "env:NAME", "password": "env:HUB_KEY"}
    assert made.recorded["db"] == "env:DB_URL"
    # `hub` and `other` are read by the cell itself
    assert run(made) == {
        "db": "postgresql://me:hunter2@db/x",
        "name": "hunter4-hunter4",
        "password": "hunter3-hunter3",
    }
    assert made.environment["MLOPS_SECRET_name"] == "hunter4-hunter4"


def test_a_secret_in_plain_text_is_masked_and_not_in_the_notebook(
    variables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    nasty = 'hunter5\'); import os #\n"""'
    made = bound(SECRETS, password=nasty, login={"password": "hunter6", "user": "me"})
    for written in (made.source, repr(made.given), repr(made.recorded)):
        assert "hunter" not in written
    assert made.recorded["password"] == MASK
    assert made.recorded["login"] == {"password": MASK, "user": "me"}
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    back = run(made)
    assert back["password"] == nasty
    assert back["login"] == {"password": "hunter6", "user": "me"}


@pytest.mark.parametrize("name", ["db", "hub"])
def test_a_secret_that_must_be_a_reference_is_never_shown(variables: None, name: str) -> None:
    with pytest.raises(UsageError, match="is a secret, given as env:NAME, not str") as caught:
        bound(SECRETS, **{name: "hunter7"})
    assert "hunter7" not in str(caught.value)


def test_a_wrong_value_of_a_parameter_named_like_a_secret_is_not_shown() -> None:
    with pytest.raises(UsageError, match="parameter 'password'") as caught:
        bound("password: int = 1", password="hunter8")
    assert "hunter8" not in str(caught.value)


@pytest.mark.parametrize("given", [{}, {"name": "env:MISSING_ONE", "db": "env:HOME"}])
def test_a_variable_that_is_not_set_ends_it_before_anything_starts(
    variables: None, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    monkeypatch.delenv("DB_URL")
    with pytest.raises(UsageError, match="and that variable is not set") as caught:
        bound(SECRETS, **given)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("set it, e.g.")
    assert "MISSING_ONE" not in os.environ
