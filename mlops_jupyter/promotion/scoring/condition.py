"""Conditions on rows, ``region == 'north' and age < 30``: columns, values, comparisons.

They are written as `pandas.DataFrame.query` takes them, and evaluated by pandas. Before that
their tree is compared with what is allowed, as a policy must not run code: no calls, no
attributes, no local variables, no powers, no arithmetic on text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.errors import NotFoundError, UsageError

LONGEST = 500
"""Characters of a condition."""
SHOWN = 80
"""Characters of it, or of a name, that a message shows."""

_QUOTED = re.compile(r"""('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|`([^`]*)`""")

_ALLOWED = (
    ast.Expression, ast.Load, ast.Name, ast.Constant, ast.List, ast.Tuple,
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Invert, ast.USub, ast.UAdd,
    ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn,
    ast.BinOp, ast.BitAnd, ast.BitOr, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod,
)  # fmt: skip
_LOGIC = (ast.BitAnd, ast.BitOr)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that is safe to evaluate.

    Attributes
    ----------
    text : str
        As people wrote it.
    expression : str
        With a plain name for each column.
    columns : dict of str to str
        Of each name in the expression, the column that it stands for.
    """

    text: str
    expression: str
    columns: dict[str, str]

    def holds(self, columns: Mapping[str, Any], count: int) -> Any:
        """Return for which rows it is true; where a value is missing it is not.

        Parameters
        ----------
        columns : mapping of str to pandas.Series
        count : int
            How many rows they have.

        Raises
        ------
        UsageError
            It compares what cannot be compared, or is not true or false.
        """
        import pandas as pd

        used = pd.DataFrame({name: columns[column] for name, column in self.columns.items()})
        try:
            found: Any = used.eval(self.expression, engine="python", parser="pandas")
        except Exception as error:  # noqa: BLE001 - whatever pandas makes of it
            reason = (str(error).strip().splitlines() or [""])[0][:LONGEST]
            raise _refused(self.text, f"cannot be evaluated: {reason}") from None
        if getattr(found, "shape", None) != (count,) or found.dtype not in ("bool", "boolean"):
            raise _refused(self.text, "is not true or false for each row")
        return found.fillna(False).to_numpy(bool) if found.dtype == "boolean" else found.to_numpy()


def read(text: str, columns: Sequence[str]) -> Condition:
    """Return a condition, if there is nothing in it but columns, values and comparisons.

    Raises
    ------
    UsageError
        There is something else in it, or it is no expression.
    NotFoundError
        It names a column that is not there, with the nearest one.
    """
    if len(text) > LONGEST:
        raise _refused(text, f"is longer than {LONGEST} characters")
    named: dict[str, str] = {}
    expression = _QUOTED.sub(lambda found: _plain(found, named, columns), text).strip()
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _refused(text, "cannot be read") from None
    for node in ast.walk(tree):
        wrong = _wrong(node)
        if wrong is not None:
            raise _refused(text, f"has {wrong} in it")
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    if not names:
        raise _refused(text, "names no column")
    for name in names:
        column = named.get(name, name)
        if column not in columns:
            raise NotFoundError("column", column[:SHOWN], columns)
        named[name] = column
    return Condition(text, expression, named)


def _plain(found: re.Match[str], named: dict[str, str], columns: Sequence[str]) -> str:
    if found[1] is not None:
        return found[1]
    name = next(name for name in _free(len(named)) if name not in columns)
    named[name] = found[2]
    return f" {name} "


def _free(start: int) -> Iterator[str]:
    yield from (f"column_{number}" for number in range(start, start + 10_000))


def _wrong(node: ast.AST) -> str | None:
    if not isinstance(node, _ALLOWED):
        return _WORDS.get(type(node).__name__, f"what is no comparison ({type(node).__name__})")
    if isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float):
        return f"the value {node.value!r}"
    is_arithmetic = isinstance(node, ast.BinOp) and not isinstance(node.op, _LOGIC)
    if is_arithmetic and any(_is_text(side) for side in ast.iter_child_nodes(node)):
        return "arithmetic on text"
    return None


_WORDS = {
    "Call": "a call",
    "Attribute": "an attribute",
    "Subscript": "an index",
    "Lambda": "a function",
    "Pow": "a power",
    "MatMult": "an @",
    "NamedExpr": "an assignment",
}


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.List | ast.Tuple):
        return True
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _refused(text: str, why: str) -> UsageError:
    shown = " ".join(text.split())
    shown = shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"
    return UsageError(
        f"the condition {shown!r} {why}",
        hint="columns, values and comparisons make one, joined by and, or, not:"
        " region == 'north' and age < 30",
    )
