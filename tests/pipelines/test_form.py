"""The parameters of a pipeline as JSON Schema."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.pipelines.form import form, schema
from mlops_jupyter.project import Project, open_project
from tests.pipelines.notebooks import PARAMETERS, code, declare, write
from tests.pipelines.test_contract import parameters

CELL = """
import os
month: Annotated[int, "1..12"] = 1  # The month of the flights.
share: Annotated[float, "> 0, < 1"] = 0.5
flag = True
name: Annotated[str, Len(1, 9)] = "x"
mode: Literal["fast", "slow"] = "fast"
depth: int | None = None
when = date(2024, 1, 1)
at: datetime | None = None
file = Path("a.csv")
price = Decimal("1.10")
ids: Annotated[list[int], Len(1)] = [1]
tags = {"b", "a"}
pair: tuple[int, str] = (1, "a")
weights: dict[str, float] = {"a": 1}
anything = None
most = float("inf")
token: "Secret" = "env:HUB"
key = os.environ["KEY"]
"""


def test_each_type_has_its_schema() -> None:
    made = schema("train", tuple(parameters(CELL).values()))
    Draft202012Validator.check_schema(made)
    assert made["title"] == "train"
    assert made["properties"] == {
        "month": {
            "type": "integer", "minimum": 1, "maximum": 12, "default": 1,
            "description": "The month of the flights.",
        },
        "share": {
            "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "default": 0.5,
        },
        "flag": {"type": "boolean", "default": True},
        "name": {"type": "string", "minLength": 1, "maxLength": 9, "default": "x"},
        "mode": {"enum": ["fast", "slow"], "default": "fast"},
        "depth": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        "when": {"type": "string", "format": "date", "default": "2024-01-01"},
        "at": {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}],
            "default": None,
        },
        "file": {"type": "string", "format": "path", "default": "a.csv"},
        "price": {"type": "string", "format": "decimal", "default": "1.10"},
        "ids": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "default": [1]},
        "tags": {"type": "array", "uniqueItems": True, "default": ["a", "b"]},
        "pair": {
            "type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}],
            "items": False, "minItems": 2, "maxItems": 2, "default": [1, "a"],
        },
        "weights": {
            "type": "object", "additionalProperties": {"type": "number"}, "default": {"a": 1.0},
        },
        "anything": {"default": None},
        "most": {"type": "number"},
        "token": {
            "type": "string", "format": "secret", "pattern": "^env:[A-Za-z_][A-Za-z0-9_]*$",
            "default": "env:HUB",
        },
        "key": {
            "type": "string", "format": "secret", "pattern": "^env:[A-Za-z_][A-Za-z0-9_]*$",
        },
    }  # fmt: skip
    assert json.loads(json.dumps(made)) == made


def test_the_defaults_are_valid_and_others_are_not() -> None:
    made = schema("train", tuple(parameters(CELL).values()))
    validator = Draft202012Validator(made)
    defaults = {n: p["default"] for n, p in made["properties"].items() if "default" in p}
    assert validator.is_valid(defaults)
    for wrong in ({"month": 13}, {"mode": "x"}, {"pair": [1]}, {"token": "hunter2"}, {"mont": 1}):
        assert not validator.is_valid(wrong), wrong


def test_a_default_that_is_a_secret_is_masked() -> None:
    made = schema("train", tuple(parameters("password = 'hunter2'").values()))
    assert "hunter2" not in json.dumps(made)


def test_the_form_needs_only_the_parameters(project: Project) -> None:
    write(project.root / "train.ipynb", code("n = 1", PARAMETERS), code("x = unknown", "step:a"))
    declare(project, train="train.ipynb", gone="gone.ipynb")
    project = open_project(project.root)
    made = form(project, "train")
    assert (made.pipeline, made.notebook) == ("train", "train.ipynb")
    assert made.schema["properties"] == {"n": {"type": "integer", "default": 1}}
    with pytest.raises(NotFoundError, match="there is no pipeline 'trian'"):
        form(project, "trian")
    with pytest.raises(UsageError, match="there is no such notebook"):
        form(project, "gone")
