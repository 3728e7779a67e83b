"""Functions and classes that keep something of their own from call to call."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

_FILLED = {
    "Counter", "OrderedDict", "WeakKeyDictionary", "WeakValueDictionary", "bytearray", "count",
    "defaultdict", "deque", "dict", "list", "set",
}  # fmt: skip
"""What makes something that is filled later."""

_DISPLAY = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def keeps_state(node: ast.stmt) -> bool:
    """Return whether a definition, when it is called, changes what is its own.

    That is a default or an attribute of a class, if it can be changed and seems to be, or an
    attribute that is set on the function or class itself. Made anew it has forgotten it.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return _function_keeps(node)
    return isinstance(node, ast.ClassDef) and _class_keeps(node)


def _function_keeps(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    inner = list(_inside(node.body))
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args]
    defaults = [
        *zip(reversed(named), reversed(arguments.defaults), strict=False),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    held = {argument.arg for argument, value in defaults if _can_change(value)}
    changed = {one.id for one in _changed(inner) if isinstance(one, ast.Name)}
    return bool(held & changed) or any(
        isinstance(one, ast.Name) and one.id == node.name for one in _attributes_set_on(inner)
    )


def _class_keeps(node: ast.ClassDef) -> bool:
    held = {name for statement in node.body for name in _holds(statement)}
    inner = list(_inside(node.body))
    on_instances = {
        one.attr for one in inner if isinstance(one, ast.Attribute) and _is_self(one.value)
        and isinstance(one.ctx, ast.Store)
    }  # fmt: skip
    changed = {one.attr for one in _changed(inner) if isinstance(one, ast.Attribute)}
    return (
        bool(held & changed - on_instances)
        or any(_is_class(one, node.name) for one in _attributes_set_on(inner))
        or any(map(keeps_state, node.body))
    )


def _inside(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    return (node for statement in body for node in ast.walk(statement))


def _holds(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a class binds to what can be changed."""
    if isinstance(statement, ast.Assign) and _can_change(statement.value):
        yield from (target.id for target in statement.targets if isinstance(target, ast.Name))
    elif isinstance(statement, ast.AnnAssign) and _can_change(statement.value):
        yield from [statement.target.id] if isinstance(statement.target, ast.Name) else []


def _can_change(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        called = value.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        return name in _FILLED
    return isinstance(value, _DISPLAY)


def _changed(nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """Yield what may be changed in place: ``x`` of ``x.add(1)``, ``x[0] = 1``, ``x += [1]``."""
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.value
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            yield node.value
        elif isinstance(node, ast.AugAssign):
            yield node.target


def _attributes_set_on(nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """Yield ``x`` of ``x.y = 1``."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            yield node.value


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _is_class(node: ast.expr, name: str) -> bool:
    """Return whether an expression is the class: ``A``, ``cls``, ``type(self)``."""
    if isinstance(node, ast.Attribute):
        return node.attr == "__class__"
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "type"
    return isinstance(node, ast.Name) and node.id in {name, "cls"}
