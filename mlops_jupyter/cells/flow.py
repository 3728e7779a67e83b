"""What a cell reads and binds, statement by statement, on every way through it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mlops_jupyter.cells.magic import Magic
from mlops_jupyter.cells.scope import (
    UNPARSABLE,
    Free,
    Walker,
    bound_in,
    free_names,
    may_read_any,
    parse,
    reads_any,
    stored,
)


class Flow(Walker):
    """Walks a cell, or the body of a class.

    A name is *settled* when its value from before the cell can no longer be seen: it was
    certainly bound or deleted. Where ways meet, only what all of them settled is settled.
    """

    def __init__(self, *, annotations_run: bool = True) -> None:
        super().__init__()
        self.settled: set[str] = set()
        self.reads: set[str] = set()
        self.required: set[str] = set()
        self.uses: set[str] = set()
        self.writes: dict[str, None] = {}
        self.definitions: set[str] = set()
        self.deletes: set[str] = set()
        self.targets: set[str] = set()
        self.functions: dict[str, set[str]] = {}
        self.function_writes: dict[str, set[str]] = {}
        self.literals: dict[str, object] = {}
        self.assigned: dict[str, None] = {}
        self._annotations_run = annotations_run
        self._maybe: set[str] = set()
        self._left = False
        self._conditional = 0
        self._guarded = 0

    def read(self, name: str) -> None:
        self.uses.add(name)
        self.opaque |= reads_any(name) and name not in self._maybe
        if name in self.settled:
            return
        self.reads.add(name)
        if not self._guarded and name not in self._maybe:
            self.required.add(name)

    def bind(self, name: str) -> None:
        self.writes[name] = None
        self.literals.pop(name, None)
        self.deletes.discard(name)
        self._maybe.add(name)
        self.settled.add(name)

    def bind_target(self, name: str) -> None:
        self.targets.add(name)
        self.bind(name)

    def bind_import(self, name: str) -> None:
        self.definitions.add(name)
        self.bind(name)

    def delete(self, name: str) -> None:
        self.read(name)
        self.settled.add(name)
        self.deletes.add(name)
        self.literals.pop(name, None)
        self.assigned.pop(name, None)

    def define(self, name: str, free: Free, *, runs: bool) -> None:
        self.definitions.add(name)
        self._remember(name, free)
        self.bind(name)
        if runs:
            self.uses.add(name)

    def class_body(self, node: ast.ClassDef) -> Free:
        inner = Flow(annotations_run=self._annotations_run)
        inner._maybe = set(self._maybe)
        inner.walk(node.body)
        self._take_reads(inner)
        methods = inner.functions.values()
        writes = inner.function_writes.values()
        return Free(frozenset().union(*methods), frozenset().union(*writes), opaque=inner.opaque)

    def annotations(self, nodes: Iterable[ast.expr | None]) -> None:
        if self._annotations_run:
            self.walk(nodes)

    def run_magic(self, magic: Magic) -> None:
        self.run_code(magic.code)
        if magic.apart:
            inner = Flow()
            inner.run_code(magic.apart)
            self._take_reads(inner)
        for text in magic.reads:
            self.run_code(text)
        with self._guard():
            for text in magic.guesses:
                self.run_code(text)
        for name in magic.binds:
            self.bind(name)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = [target for target in node.targets if isinstance(target, ast.Name)]
        if isinstance(node.value, ast.Lambda) and len(names) == len(node.targets):
            self._name_lambda(node.value, [name.id for name in names])
        else:
            self.visit(node.value)
        for target in node.targets:
            self.visit(target)
            self._record(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            if isinstance(node.value, ast.Lambda) and isinstance(node.target, ast.Name):
                self._name_lambda(node.value, [node.target.id])
            else:
                self.visit(node.value)
            self.visit(node.target)
            self._record(node.target, node.value)
        elif not isinstance(node.target, ast.Name):
            self.visit(node.target)
        self.annotations([node.annotation])

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read(node.target.id)
        self.walk([node.value, node.target])
        self._record(node.target, None)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        super().visit_NamedExpr(node)
        self._record(node.target, node.value)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._branches(node.body, node.orelse)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self._branches([node.body], [node.orelse])

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self._branches(node.values[1:], [])

    def visit_Compare(self, node: ast.Compare) -> None:
        self.walk([node.left, node.comparators[0]])
        self._branches(node.comparators[1:], [])

    def visit_Assert(self, node: ast.Assert) -> None:
        self.visit(node.test)
        self._branches([node.msg] if node.msg else [], [])

    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> None:
        """Walk a comprehension, whose elements may be none."""
        settled = set(self.settled)
        self._conditional += 1
        super().comprehension(node)
        self._conditional -= 1
        self.settled = settled

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = comprehension

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._loop(node.body, node.orelse)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.targets.update(stored(node.target))
        self._loop([node.target, *node.body], node.orelse)

    visit_AsyncFor = visit_For

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self.targets.update(stored(item.optional_vars))
                self.visit(item.optional_vars)
        if any(_swallows(item.context_expr) for item in node.items):
            with self._guard():
                self._branches(node.body, [])
        else:
            self.walk(node.body)

    visit_AsyncWith = visit_With

    def visit_Try(self, node: ast.Try) -> None:
        before, ends = set(self.settled), []
        with self._guard(on=any(_catches_names(h) for h in node.handlers)):
            self.walk(node.body)
        self.walk(node.orelse)
        ends.append(self._end())
        for handler in node.handlers:
            self.settled = set(before)
            self._conditional += 1
            self.visit(handler)
            self._conditional -= 1
            ends.append(self._end())
        self._meet(ends, before)
        settled, self.settled = self.settled, set(before)
        self.walk(node.finalbody)
        self.settled |= settled

    def visit_TryStar(self, node: Any) -> None:
        self.visit_Try(node)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        whole = any(
            isinstance(c.pattern, ast.MatchAs) and c.pattern.pattern is None and c.guard is None
            for c in node.cases
        )
        self._branches(*[[case] for case in node.cases], *([] if whole else [[]]))

    def leave(self, node: ast.AST) -> None:
        """Walk a statement after which the way ends: nothing it settled meets the others."""
        self.generic_visit(node)
        self._left = True

    visit_Raise = visit_Break = visit_Continue = leave

    def visit_Call(self, node: ast.Call) -> None:
        self.opaque |= may_read_any(node)
        super().visit_Call(node)

    def _name_lambda(self, node: ast.Lambda, names: list[str]) -> None:
        self.header(node)
        for name in names:
            self._remember(name, free_names(node))

    def _take_reads(self, inner: Flow) -> None:
        """Read what code in a scope of its own reads from this one."""
        self.opaque |= inner.opaque
        for name in sorted(inner.reads):
            with self._guard(on=name not in inner.required):
                if not self.is_hidden(name):
                    self.read(name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        # it may be called only after a later cell has bound what it reads
        with self._guard():
            super().visit_Lambda(node)

    def _remember(self, name: str, free: Free) -> None:
        self.opaque |= free.opaque
        self.functions.setdefault(name, set()).update(free.reads)
        self.function_writes.setdefault(name, set()).update(free.writes)

    def run_code(self, text: str) -> None:
        """Walk the code in a magic."""
        try:
            tree = parse(text)
        except UNPARSABLE:
            self.opaque |= bool(text) and not self._guarded
        else:
            self.walk(tree.body)

    def _record(self, target: ast.expr, value: ast.expr | None) -> None:
        """Take note of whether names are bound to literals or to something computed."""
        if isinstance(target, ast.Name):
            self._record_name(target.id, value)
            return
        parts = target.elts if isinstance(target, ast.Tuple | ast.List) else []
        values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        starred = any(isinstance(part, ast.Starred) for part in [*parts, *values])
        if parts and len(parts) == len(values) and not starred:
            for part, one in zip(parts, values, strict=True):
                self._record(part, one)
        else:
            self.assigned.update(dict.fromkeys(stored(target)))

    def _record_name(self, name: str, value: ast.expr | None) -> None:
        try:
            literal = literal_of(value)
        except (*UNPARSABLE, TypeError, ArithmeticError):
            self.assigned[name] = None
            return
        if not self._conditional:
            self.literals[name] = literal
            self.assigned.pop(name, None)

    def _branches(self, *ways: Sequence[ast.AST]) -> None:
        """Walk ways of which exactly one is taken."""
        before, ends = set(self.settled), []
        self._conditional += 1
        for way in ways:
            self.settled = set(before)
            self.walk(way)
            ends.append(self._end())
        self._conditional -= 1
        self._meet(ends, before)

    def _loop(self, body: Sequence[ast.AST], orelse: Sequence[ast.AST]) -> None:
        # what the body binds may be there when it runs again
        self._maybe |= bound_in(body)
        self._branches(body, [])
        self._branches(orelse, [])

    def _end(self) -> set[str] | None:
        left, self._left = self._left, False
        return None if left else self.settled

    def _meet(self, ends: list[set[str] | None], before: set[str]) -> None:
        open_ends = [end for end in ends if end is not None]
        self.settled = set.intersection(*open_ends) if open_ends else before
        self._left = not open_ends

    @contextmanager
    def _guard(self, *, on: bool = True) -> Iterator[None]:
        """Walk code that goes on when a name is missing."""
        self._guarded += on
        yield
        self._guarded -= on


_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def literal_of(node: ast.expr | None) -> object:
    """Return the value of a literal, or of arithmetic on numbers such as ``60 * 60``.

    Raises
    ------
    ValueError, TypeError, ArithmeticError
        It is neither.
    """
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = literal_of(node.left), literal_of(node.right)
        if isinstance(left, int | float) and isinstance(right, int | float):
            if isinstance(node.op, ast.Pow) and (abs(right) > 64 or abs(left) > 1e6):
                raise ValueError("too large to be computed here")
            return _ARITHMETIC[type(node.op)](left, right)
    if node is None:
        raise ValueError("no value")
    return ast.literal_eval(node)


def _catches_names(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = {part.id for part in ast.walk(handler.type) if isinstance(part, ast.Name)}
    return bool(names & {"NameError", "Exception", "BaseException"})


def _swallows(manager: ast.expr) -> bool:
    called = manager.func if isinstance(manager, ast.Call) else manager
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name == "suppress"
