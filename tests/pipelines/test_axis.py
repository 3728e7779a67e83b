"""How `-p` and `--grid` are read: one value, several, or a range."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.axis import Axis, Reading, explicit, read
from mlops_jupyter.pipelines.contract import read_parameters
from mlops_jupyter.pipelines.pipeline import Parameter
from mlops_jupyter.pipelines.source import SourceNotebook, parse_notebook
from tests.pipelines.notebooks import PARAMETERS, code, content

CELL = """
from typing import Annotated, Literal
from datetime import date
from pathlib import Path
lr = 0.1
depth: Annotated[int, "1..12"] = 3
few: int | None = None
title = "a title"
file = Path("data.csv")
method: Literal["fast", "exact"] = "fast"
flag = True
since = date(2024, 1, 1)
columns = ["hour"]
anything = None
token: "Secret" = "env:TOKEN"
password = "x"
"""
"""The contract that the texts are read by."""


@pytest.fixture(scope="module")
def known() -> tuple[Parameter, ...]:
    import json
    from pathlib import Path

    notebook = json.dumps(content(code(CELL, PARAMETERS), code("lr", "step:a"))).encode()
    source: SourceNotebook = parse_notebook(notebook, Path("study.ipynb"))
    return read_parameters(source.parameters, source.path)


def one(known: tuple[Parameter, ...], name: str, text: str) -> Axis:
    """Read one text of which it is known that it is varied."""
    (axis,) = read(known, {name: text}, {}).axes
    return axis


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("lr", "0.1,0.01", (0.1, 0.01)),
        ("lr", "1, .5, 1e-3", (1.0, 0.5, 0.001)),
        ("depth", "3,5", (3, 5)),
        ("depth", "2..5", (2, 3, 4, 5)),
        ("depth", "2..8:3", (2, 5, 8)),
        ("lr", "0..1:0.25", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("lr", "0..0.3:0.1", (0.0, 0.1, 0.2, 0.3)),
        ("few", "null,3", (None, 3)),
        ("method", "fast,exact", ("fast", "exact")),
        ("flag", "yes,no", (True, False)),
        ("since", "2024-01-01,2024-06-01", (date(2024, 1, 1), date(2024, 6, 1))),
        ("columns", "[hour],[hour, day]", (["hour"], ["hour", "day"])),
    ],
)
def test_what_does_not_fit_as_one_value_is_several(
    known: tuple[Parameter, ...], name: str, text: str, values: tuple[Any, ...]
) -> None:
    assert one(known, name, text).values == values
    assert [type(value) for value in one(known, name, text).values] == list(map(type, values))


@pytest.mark.parametrize(
    ("name", "text", "note"),
    [
        ("title", "red, green", "title: one value, 'red, green': it is text"),
        ("title", "1..3", "title: one value, '1..3'"),
        ("anything", "1,2", "anything: one value, '1,2': it is any value"),
        ("file", "a,b.csv", ""),
        ("columns", "[hour, day]", ""),
        ("lr", "0.5", ""),
        ("title", "a title", ""),
    ],
)
def test_what_fits_as_one_value_is_one_and_that_is_said(
    known: tuple[Parameter, ...], name: str, text: str, note: str
) -> None:
    found = read(known, {name: text}, {})
    assert (found.axes, found.given) == ((), {name: text})
    assert [said.startswith(note) for said in found.notes] == ([True] if note else [])
    assert all(f"--grid {name}=" in said for said in found.notes)


def test_grid_makes_several_of_text(known: tuple[Parameter, ...]) -> None:
    grids = {"title": "red,'green, dark',\"it's\"", "anything": "1,a", "depth": "2..4", "lr": "0.5"}
    found = {axis.name: axis.values for axis in read(known, {}, grids).axes}
    assert found == {
        "title": ("red", "green, dark", "it's"), "anything": (1, "a"), "depth": (2, 3, 4),
        "lr": (0.5,),
    }  # fmt: skip


def test_a_range_of_numbers_is_drawn_within_its_ends(known: tuple[Parameter, ...]) -> None:
    random_ = random.Random(1)
    log = one(known, "lr", "1e-4..1e-1:log")
    drawn = [log.draw(random_) for _ in range(500)]
    assert all(1e-4 <= value <= 1e-1 for value in drawn)
    assert 0.4 < sum(value < 10**-2.5 for value in drawn) / 500 < 0.6, "evenly by magnitude"
    whole = one(known, "depth", "1..12:log")
    assert {whole.draw(random_) for _ in range(500)} == set(range(1, 13))
    plain = one(known, "lr", "0..1")
    assert (plain.values, plain.words) == ((), "from 0.0 to 1.0")
    assert 0.4 < sum(plain.draw(random_) for _ in range(500)) / 500 < 0.6


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("lr", "0.1,x", "'lr' is a number; part 2 of '0.1,x' is not: 'x'"),
        ("lr", "0.1,", "part 2 of '0.1,' is empty"),
        ("few", "3,", "part 2 of '3,' is empty"),
        ("depth", "1,000", "part 2 of '1,000' is '000': one number, or several?"),
        ("depth", "3,99", "part 2 of '3,99' is not: '99'"),
        ("depth", "8..2", "does not go up"),
        ("depth", "5..5", "does not go up"),
        ("depth", "2..8:0", "has no step above 0"),
        ("depth", "2..8:nan", "cannot be read: 'nan'"),
        ("lr", "0..1:nan", "has no step above 0"),
        ("lr", "0..1:1e-9", "has 1,000,000,001 values"),
        ("lr", "0..1:log", "has no order of magnitude at 0"),
        ("lr", "0..inf", "does not go up"),
        ("depth", "3,5,3", "'depth': 3 stands there twice"),
        ("token", "env:A,env:B", "'token' is a secret"),
    ],
)
def test_what_is_neither_is_refused(
    known: tuple[Parameter, ...], name: str, text: str, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read(known, {name: text}, {})
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("password", "a,b", "'password' is a secret"),
        ("title", "env:HOME,x", "'title' is a secret"),
        ("title", "", "part 1 of '' is empty"),
        ("lr", [], "varied over nothing"),
        ("lr", 3, "not over a int"),
        ("lr", {"a": 1}, "not over a dict"),
        ("lr", b"1,2", "not over a bytes"),
        ("lr", [0.1, "x"], "part 2 is not: 'x'"),
        ("lr", [0.1, object()], "part 2 is not: <object"),
        ("lr", [float("nan"), float("nan")], "stands there twice"),
        ("depth", range(2000), "is not"),
        ("depth", Axis("depth", (3, 99)), "is a whole number, at least 1, at most 12, not 99"),
        ("title", ["\ud800"], "part 1 is not"),
    ],
)
def test_what_cannot_be_varied_is_refused(
    known: tuple[Parameter, ...], name: str, values: Any, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        explicit({p.name: p for p in known}, name, values)
    assert said in refused.value.message
    assert len(refused.value.message) < 300


def test_values_of_python_are_converted(known: tuple[Parameter, ...]) -> None:
    import numpy as np

    contract = {p.name: p for p in known}
    assert explicit(contract, "depth", range(2, 9, 3)).values == (2, 5, 8)
    assert explicit(contract, "lr", np.array([0.5, 1])).values == (0.5, 1.0)
    assert explicit(contract, "title", ["1,2"]).values == ("1,2",)
    assert explicit(contract, "depth", [np.int64(3)]).words == "1 value: 3"


def test_names_that_are_not_there(known: tuple[Parameter, ...]) -> None:
    with pytest.raises(NotFoundError, match="no parameter 'dept'") as refused:
        read(known, {}, {"dept": "1,2"})
    assert refused.value.hint == "did you mean 'depth'?"
    # of -p it is said when the run is bound, as without a sweep
    assert read(known, {"dept": "1,2"}, {}) == Reading(given={"dept": "1,2"})
    with pytest.raises(UsageError, match="by -p and by --grid"):
        read(known, {"depth": "1"}, {"depth": "1,2"})
