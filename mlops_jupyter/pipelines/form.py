"""The parameters of a pipeline as JSON Schema, from which a form can be made.

https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from mlops_jupyter.pipelines.declared import declared, read_sources
from mlops_jupyter.pipelines.graph import parameters_of_all
from mlops_jupyter.pipelines.kind import ANY, Bounds, Kind
from mlops_jupyter.pipelines.literal import Reference
from mlops_jupyter.pipelines.parameters import recorded
from mlops_jupyter.pipelines.pipeline import Parameter, PipelineForm
from mlops_jupyter.project import Project

_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def form(project: Project, name: str) -> PipelineForm:
    """Return what a form for the parameters of a pipeline needs; nothing is run.

    Raises
    ------
    NotFoundError, UsageError
        There is no such pipeline, or its `parameters` cell cannot be read.
    """
    notebook, parameters = parameters_of(project, name)
    return PipelineForm(name, notebook, schema(name, parameters))


def parameters_of(project: Project, name: str) -> tuple[str, tuple[Parameter, ...]]:
    """Return the notebook of a pipeline, and its parameters; the steps are not looked at.

    Raises
    ------
    NotFoundError, UsageError
        There is no such pipeline, or its `parameters` cell cannot be read.
    """
    pipeline = declared(project, name)
    return ", ".join(pipeline.files), parameters_of_all(read_sources(project, pipeline))


def schema(name: str, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the JSON Schema of the values that a pipeline takes."""
    return {
        "$schema": _SCHEMA,
        "title": name,
        "type": "object",
        "properties": {parameter.name: _property(parameter) for parameter in parameters},
        "additionalProperties": False,
    }


def _property(parameter: Parameter) -> dict[str, Any]:
    made = schema_of(parameter.kind)
    if parameter.help:
        made["description"] = parameter.help
    default = parameter.default
    # neither what the cell reads by itself, nor an infinity, stands in JSON
    is_code = isinstance(default, Reference) and default.is_code
    if not is_code and not (isinstance(default, float) and not math.isfinite(default)):
        made["default"] = recorded(parameter.name, default)
    return made


def schema_of(kind: Kind) -> dict[str, Any]:
    """Return the JSON Schema of the values of a kind."""
    made = _MAKERS[kind.name](kind)
    if kind.bounds is not None:
        made |= _limits(kind.bounds, made.get("type"))
    return made


def _limits(bounds: Bounds, of: Any) -> dict[str, Any]:
    lengths = {"array": "Items", "object": "Properties"}.get(of, "Length")
    found = {
        "minimum": bounds.ge,
        "exclusiveMinimum": bounds.gt,
        "maximum": bounds.le,
        "exclusiveMaximum": bounds.lt,
        f"min{lengths}": bounds.min_length,
        f"max{lengths}": bounds.max_length,
    }
    return {name: limit for name, limit in found.items() if isinstance(limit, int | float)}


def _plain(**said: Any) -> Callable[[Kind], dict[str, Any]]:
    return lambda _: dict(said)


def _array(**said: Any) -> Callable[[Kind], dict[str, Any]]:
    def make(kind: Kind) -> dict[str, Any]:
        each = {} if kind.items[0] == ANY else {"items": schema_of(kind.items[0])}
        return {"type": "array", **each, **said}

    return make


def _record(kind: Kind) -> dict[str, Any]:
    parts = [schema_of(item) for item in kind.items]
    fixed = {"items": False, "minItems": len(parts), "maxItems": len(parts)}
    return {"type": "array", "prefixItems": parts, **fixed}


def _mapping(kind: Kind) -> dict[str, Any]:
    values = kind.items[1]
    each = {} if values == ANY else {"additionalProperties": schema_of(values)}
    return {"type": "object", **each}


_MAKERS: dict[str, Callable[[Kind], dict[str, Any]]] = {
    "any": _plain(),
    "None": _plain(type="null"),
    "bool": _plain(type="boolean"),
    "int": _plain(type="integer"),
    "float": _plain(type="number"),
    "str": _plain(type="string"),
    "date": _plain(type="string", format="date"),
    "datetime": _plain(type="string", format="date-time"),
    "timestamp": _plain(type="string", format="date-time"),
    "path": _plain(type="string", format="path"),
    "decimal": _plain(type="string", format="decimal"),
    "secret": _plain(type="string", format="secret", pattern="^env:[A-Za-z_][A-Za-z0-9_]*$"),
    "list": _array(),
    "tuple": _array(),
    "set": _array(uniqueItems=True),
    "frozenset": _array(uniqueItems=True),
    "record": _record,
    "dict": _mapping,
    "choice": lambda kind: {"enum": list(kind.choices)},
    "union": lambda kind: {"anyOf": [schema_of(item) for item in kind.items]},
}
