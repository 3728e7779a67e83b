"""Parameters as papermill has injected them, beside what the notebook says of its own.

papermill has put them into a cell, and into the notebook's metadata, before an engine sees the
notebook. It turns dates, paths, sets, tuples and numpy's numbers into text, and cannot write
most of those into the metadata: the notebook is never executed. Here they stay what they are.
Whatever papermill itself can give is left as it gives it.
"""

from __future__ import annotations

import ast
import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from papermill.translators import PythonTranslator

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.contract import read_parameters
from mlops_jupyter.pipelines.convert import UnfitError, convert
from mlops_jupyter.pipelines.kind import ANY
from mlops_jupyter.pipelines.literal import json_of, source_of
from mlops_jupyter.pipelines.parameters import convert_all, recorded
from mlops_jupyter.pipelines.pipeline import Parameter
from mlops_jupyter.pipelines.source import PARAMETERS, SourceCell

INJECTED = "injected-parameters"
"""The tag of the cell that papermill adds."""

Given = dict[str, Any]


def given_in(nb: Any) -> Given:
    """Return the parameters that were given, by name."""
    given = nb.metadata.get("papermill", {}).get("parameters")
    return dict(given) if isinstance(given, Mapping) else {}


def mend(nb: Any, given: Given) -> Given:
    """Let values be themselves that papermill turns into text, or cannot write down.

    Parameters
    ----------
    nb : NotebookNode
        Its metadata become JSON, and the injected cell Python that gives the values.
    given : dict

    Returns
    -------
    dict
        The values as the notebook gets them.
    """
    cell = next((c for c in nb.cells if INJECTED in c.metadata.get("tags", [])), None)
    injected = {} if cell is None else _literals(cell.source)
    mended = {
        name: _mended(value, injected.get(name, value))
        for name, value in given.items()
        if not _is_plain(value) or injected.get(name, value) != value
    }
    if not mended:
        return given
    values = {**given, **{name: value for name, (value, _) in mended.items()}}
    nb.metadata.papermill["parameters"] = {
        name: json_of(value) if name in mended else value for name, value in values.items()
    }
    if cell is not None:
        lines = [
            PythonTranslator.assign(name, mended[name][1])
            if name in mended
            else PythonTranslator.assign(name, PythonTranslator.translate(value))
            for name, value in values.items()
        ]
        cell.source = "\n".join([cell.source.partition("\n")[0], *lines])
    return values


def _mended(value: Any, injected: Any) -> tuple[Any, str]:
    """Return a value, and Python that gives it; what is nothing of ours stays papermill's text."""
    if isinstance(value, list) and isinstance(injected, str):
        value = tuple(value)  # in the metadata it is a list already, in the cell it is text
    try:
        kept = convert(ANY, value)
        return kept, source_of(kept)
    except (UnfitError, TypeError, ValueError, RecursionError):
        return str(value), str(PythonTranslator.translate(value))


def _is_plain(value: Any) -> bool:
    """Return whether papermill gives a value to the notebook, and writes it down, as it is."""
    if isinstance(value, dict):
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if type(value) is float:
        return math.isfinite(value)  # JSON has no others
    return value is None or type(value) in {bool, int, str}


def _literals(source: str) -> dict[str, Any]:
    """Return the literals that a cell binds, by name."""
    found: dict[str, Any] = {}
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return found
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                found[statement.targets[0].id] = ast.literal_eval(statement.value)
    return found


def contract_of(nb: Any) -> tuple[Parameter, ...]:
    """Return what the notebook's own cell says of its parameters; nothing if it computes them."""
    for position, cell in enumerate(nb.cells):
        if cell.cell_type == "code" and PARAMETERS in cell.metadata.get("tags", []):
            source = SourceCell(position, "code", cell.source, (PARAMETERS,), {})
            try:
                return read_parameters(source, Path())
            except UsageError:
                return ()
    return ()


def complaints(contract: tuple[Parameter, ...], given: Given) -> Iterator[str]:
    """Say what `mlops pipeline run` would not take: papermill goes on with it."""
    if not contract:
        return
    for name, value in given.items():
        try:
            converted = convert_all(contract, {name: value})[name]
        except UsageError as error:
            yield error.message + (f"; {error.hint}" if error.hint else "")
            continue
        if isinstance(value, str) and not isinstance(converted, str):
            kind = next(p.kind.words for p in contract if p.name == name)
            yield f"parameter {name!r} is {kind}, and the notebook gets it as text"


def as_recorded(contract: tuple[Parameter, ...], given: Given) -> Given:
    """Return all parameters as they are written down: as JSON, without secrets."""
    values = {**{p.name: p.default for p in contract}, **given}
    return {name: recorded(name, value) for name, value in values.items()}
