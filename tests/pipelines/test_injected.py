"""Parameters as papermill injects them, made what they were."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from papermill.parameterize import parameterize_notebook

from mlops_jupyter.pipelines import injected

CONTRACT = """
lr: float = 0.1
since = date(2024, 1, 1)
method: Literal["fast", "exact"] = "fast"
password = "env:SECRET"
"""


def parameterized(parameters: dict[str, Any], cell: str = "a = 1") -> NotebookNode:
    """Return a notebook as papermill hands it to an engine."""
    tagged = new_code_cell(cell, metadata={"tags": ["parameters"]})
    nb = new_notebook(cells=[tagged, new_code_cell("a", metadata={"tags": []})])
    nb.metadata.papermill = {}
    nb.metadata.kernelspec = {"name": "python3", "language": "python"}
    return parameterize_notebook(nb, parameters)


def injected_into(parameters: dict[str, Any]) -> tuple[dict[str, Any], NotebookNode]:
    """Return what the notebook's kernel binds, and the notebook."""
    nb = parameterized(parameters)
    injected.mend(nb, injected.given_in(nb))
    space: dict[str, Any] = {}
    exec(nb.cells[1].source, space)
    return {name: space[name] for name in parameters}, nb


PLAIN = {
    "none": None,
    "yes": True,
    "count": -3,
    "rate": 1e-300,
    "text": 'it\'s "so"\n\\n {x} é 😀 \t',
    "quotes": "'''\"\"\"",
    "nested": [1, [2, [3, None]], {"k": [True, "v"]}],
    "mapping": {"a b": {"c": []}},
    "empty": "",
}


def test_what_papermill_can_give_is_left_as_it_gives_it() -> None:
    nb = parameterized(PLAIN)
    before = nb.cells[1].source
    assert injected.mend(nb, injected.given_in(nb)) == PLAIN
    assert nb.cells[1].source == before
    assert injected_into(PLAIN)[0] == PLAIN


@pytest.mark.parametrize(
    "value",
    [
        date(2024, 2, 29),
        datetime(2024, 1, 1, 12, 30),  # noqa: DTZ001 - people give such
        Path("data") / "a b.csv",
        Decimal("1.50"),
        {1, 2},
        (1, "two"),
        [date(2024, 1, 1), [Path("x")]],
        {1: "one"},
        float("inf"),
    ],
    ids=repr,
)
def test_what_papermill_makes_text_or_cannot_write_stays_what_it_is(value: Any) -> None:
    made, nb = injected_into({"value": value, "other": "same"})
    assert made == {"value": value, "other": "same"}
    assert type(made["value"]) is type(value)
    json.dumps(nb.metadata, allow_nan=False)


def test_numbers_of_numpy_are_numbers_and_nan_is_nan() -> None:
    made, nb = injected_into({"count": np.int64(3), "rate": np.float64(0.5), "gap": math.nan})
    assert (made["count"], made["rate"]) == (3, 0.5)
    assert math.isnan(made["gap"])
    json.dumps(nb.metadata, allow_nan=False)


def test_what_is_nothing_of_ours_is_papermill_s_text() -> None:
    made, nb = injected_into({"value": np.array([1, 2]), "when": date(2024, 1, 1)})
    assert made == {"value": "[1 2]", "when": date(2024, 1, 1)}
    assert nb.metadata.papermill["parameters"] == {"value": "[1 2]", "when": "2024-01-01"}


def said(parameters: dict[str, Any], cell: str = CONTRACT) -> list[str]:
    nb = parameterized(parameters, cell)
    return list(injected.complaints(injected.contract_of(nb), injected.given_in(nb)))


def test_what_does_not_fit_the_contract_is_said() -> None:
    assert said({"lr": 1, "method": "exact"}) == []
    assert said({"lrr": 1}) == ["there is no parameter 'lrr'; did you mean 'lr'?"]
    (wrong,) = said({"lr": "fast"})
    assert wrong.startswith("parameter 'lr' is a number, not 'fast' (str)")
    (choice,) = said({"method": "slow"})
    assert "'method'" in choice
    (text,) = said({"since": "2024-01-31"})
    assert text.startswith("parameter 'since' is ")
    assert text.endswith("the notebook gets it as text")


def test_secrets_are_not_said() -> None:
    assert "hunter2" not in " ".join(said({"password": {"plain": "hunter2"}}))


def test_a_cell_that_computes_has_no_contract() -> None:
    assert said({"b": 1}, "a = compute()") == []
    assert said({"b": 1}, "a = = 1") == []


def test_parameters_are_recorded_with_their_defaults_and_without_secrets() -> None:
    nb = parameterized({"lr": 0.5, "password": "hunter2-and-more", "extra": date(2024, 1, 1)})
    nb.cells[0].source = CONTRACT
    recorded = injected.as_recorded(injected.contract_of(nb), injected.given_in(nb))
    assert recorded == {
        "lr": 0.5,
        "since": "2024-01-01",
        "method": "fast",
        "password": "‹masked›",
        "extra": "2024-01-01",
    }
