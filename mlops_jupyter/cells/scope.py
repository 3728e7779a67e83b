"""Which names code reads and binds, by Python's rules of scope.

https://docs.python.org/3/reference/executionmodel.html#naming-and-binding
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec

from mlops_jupyter.cells.magic import Magic, is_shell, magic_of
from mlops_jupyter.quiet import unwarned

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp

UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)
"""What Python's parser raises on text that is no code, or too much of it."""

_ANY_NAME = {"exec", "eval", "globals"}
_ANY_NAME_BARE = {"locals", "vars", "dir"}
_SHELL_DOORS = {"ev", "ex", "push", "run_cell", "run_code", "safe_execfile", "user_ns"}


class Free(msgspec.Struct, frozen=True):
    """The names outside a function that its body reads, and those that it binds by ``global``."""

    reads: frozenset[str]
    writes: frozenset[str]
    opaque: bool


def python_of(source: str) -> str:
    """Return the Python that IPython makes of a cell."""
    from IPython.core.inputtransformer2 import TransformerManager

    with unwarned():
        return str(TransformerManager().transform_cell(source))


def parse(source: str) -> ast.Module:
    """Parse the Python that IPython makes of a cell.

    What Python warns of is told to the user when the cell runs, not here.

    Raises
    ------
    SyntaxError, ValueError, RecursionError, MemoryError
        It is no code.
    """
    return parsed(source)[1]


def parsed(source: str) -> tuple[str, ast.Module]:
    """Return the Python that IPython makes of a cell, as text too; see `parse`."""
    with unwarned():
        # IPython's transforms touch nothing that Python can parse: in its grammar no statement
        # begins with `%` or `!`, and `?` is nowhere. They take longer than the parser.
        with contextlib.suppress(SyntaxError):
            return source, ast.parse(source)
        code = python_of(source)
        return code, ast.parse(code)


class Walker(ast.NodeVisitor):
    """Tells each name that is read and each that is bound, in the order of evaluation."""

    def __init__(self) -> None:
        self.opaque = False
        self._hidden: list[set[str]] = []

    def read(self, name: str) -> None:
        """Take note of a name that is read."""
        raise NotImplementedError

    def bind(self, name: str) -> None:
        """Take note of a name that is bound."""
        raise NotImplementedError

    def bind_target(self, name: str) -> None:
        """Take note of a name that ``for``, ``with``, ``except`` or ``case`` binds."""
        self.bind(name)

    def delete(self, name: str) -> None:
        """Take note of a name that is deleted."""
        self.read(name)
        self.bind(name)

    def define(self, name: str, free: Free, *, runs: bool) -> None:
        """Take note of a function or class; `runs` when a decorator may call it at once."""
        raise NotImplementedError

    def class_body(self, node: ast.ClassDef) -> Free:
        """Walk the body of a class, which runs at once, and return what its methods read."""
        raise NotImplementedError

    def run_magic(self, magic: Magic) -> None:
        """Walk the code in a magic."""
        raise NotImplementedError

    def walk(self, nodes: Iterable[ast.AST | None]) -> None:
        """Visit one node after the other."""
        for node in nodes:
            if node is not None:
                self.visit(node)

    @contextmanager
    def hiding(self, names: Iterable[str]) -> Iterator[None]:
        """Leave out names that belong to an inner scope."""
        self._hidden.append(set(names))
        yield
        self._hidden.pop()

    def is_hidden(self, name: str) -> bool:
        """Return whether a name belongs to an inner scope that is being walked."""
        return any(name in names for names in self._hidden)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        elif isinstance(node.ctx, ast.Del):
            self.delete(node.id)
        elif not self.is_hidden(node.id):
            self.read(node.id)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.bind_import(alias.asname or alias.name.partition(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.opaque = True
            else:
                self.bind_import(alias.asname or alias.name)

    def bind_import(self, name: str) -> None:
        """Take note of a name that an import or ``type`` binds."""
        self.bind(name)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.bind(node.target.id)

    def comprehension(self, node: Comprehension) -> None:
        """Walk a comprehension: its first iterable belongs to the scope around it."""
        first, *others = node.generators
        self.visit(first.iter)
        with self.hiding(name for g in node.generators for name in stored(g.target)):
            for generator in node.generators:
                self.walk(generator.ifs)
            self.walk(generator.iter for generator in others)
            parts = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
            self.walk(parts)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = comprehension

    def header(self, node: Function) -> None:
        """Walk what is evaluated when a function is defined: defaults, annotations, decorators."""
        arguments = node.args
        self.walk([*arguments.defaults, *arguments.kw_defaults])
        if isinstance(node, ast.Lambda):
            return
        self.walk(node.decorator_list)
        with self.hiding(type_parameters(node)):
            self.annotations([a.annotation for a in parameters(arguments)] + [node.returns])

    def annotations(self, nodes: Iterable[ast.expr | None]) -> None:
        """Walk annotations."""
        self.walk(nodes)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Walk a definition; its body runs later, if at all."""
        self.header(node)
        self.define(node.name, free_names(node), runs=bool(node.decorator_list))

    visit_FunctionDef = visit_AsyncFunctionDef = function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.walk(node.decorator_list)
        with self.hiding(type_parameters(node)):
            self.walk([*node.bases, *(keyword.value for keyword in node.keywords)])
            free = self.class_body(node)
        self.define(node.name, free, runs=bool(node.decorator_list))

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.header(node)
        free = free_names(node)
        self.opaque |= free.opaque
        for name in sorted(free.reads):
            if not self.is_hidden(name):
                self.read(name)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.walk([node.type])
        if node.name:
            self.bind_target(node.name)
        self.walk(node.body)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        self.walk([node.pattern])
        if node.name:
            self.bind_target(node.name)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self.bind_target(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.walk([*node.keys, *node.patterns])
        if node.rest:
            self.bind_target(node.rest)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        name: ast.Name = node.name  # type: ignore[attr-defined]
        self.bind_import(name.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if is_shell(node.value) and node.attr in _SHELL_DOORS:
            self.opaque = True
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        magic = magic_of(node)
        if magic is not None:
            self.opaque |= magic.opaque
            self.run_magic(magic)
            return
        self.generic_visit(node)
        for name in query_names(node):
            if not self.is_hidden(name):
                self.read(name)


class Body(Walker):
    """Gathers the names of a function's or a class's body, in no order."""

    def __init__(self, *, of_class: bool = False) -> None:
        super().__init__()
        self.reads: set[str] = set()
        self.bound: set[str] = set()
        self.inner: set[str] = set()
        self.inner_writes: set[str] = set()
        self.declared: set[str] = set()
        self.of_class = of_class

    def read(self, name: str) -> None:
        self.reads.add(name)
        self.opaque |= name in _ANY_NAME

    def bind(self, name: str) -> None:
        self.bound.add(name)

    def define(self, name: str, free: Free, *, runs: bool) -> None:
        self.bound.add(name)
        # what a nested function reads does not see the names of a class around it
        self.inner |= free.reads
        self.inner_writes |= free.writes
        self.opaque |= free.opaque

    def class_body(self, node: ast.ClassDef) -> Free:
        return free_names(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.declared.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.inner.update(node.names)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        # annotations of a function's variables are never evaluated
        self.walk([node.value, node.target, node.annotation if self.of_class else None])

    def run_magic(self, magic: Magic) -> None:
        for text in (magic.code, magic.apart, *magic.reads, *magic.guesses):
            try:
                self.visit(parse(text))
            except UNPARSABLE:
                self.opaque |= bool(magic.code)
        for name in magic.binds:
            self.bind(name)


def free_names(node: Function | ast.ClassDef) -> Free:
    """Return what the body of a function or class takes from outside it."""
    body = Body(of_class=isinstance(node, ast.ClassDef))
    if isinstance(node, ast.Lambda):
        body.visit(node.body)
    else:
        body.walk(node.body)
    if isinstance(node, ast.ClassDef):
        reads = (body.reads - body.bound) | body.inner
        own = {"__class__", *type_parameters(node)}
    else:
        reads = body.reads | body.inner
        own = {a.arg for a in parameters(node.args)} | (body.bound - body.declared)
        own |= {*type_parameters(node), "__class__"}
    writes = body.declared & body.bound
    return Free(
        frozenset((reads | body.declared) - own),
        frozenset(writes | body.inner_writes),
        body.opaque,
    )


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """Return all parameters of a function."""
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return named + [a for a in (arguments.vararg, arguments.kwarg) if a is not None]


def type_parameters(node: ast.AST) -> list[str]:
    """Return the names in ``def f[T]`` (Python 3.12)."""
    return [parameter.name for parameter in getattr(node, "type_params", [])]


def stored(node: ast.AST) -> Iterator[str]:
    """Return the names that a target binds."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id


def bound_in(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names that statements may bind in their own scope."""
    body = Body()
    body.walk(nodes)
    return body.bound


def may_read_any(node: ast.Call) -> bool:
    """Return whether a call is ``locals()``, ``vars()`` or ``dir()`` of its own scope."""
    called = node.func
    return isinstance(called, ast.Name) and called.id in _ANY_NAME_BARE and not node.args


def reads_any(name: str) -> bool:
    """Return whether a builtin may read or bind any name."""
    return name in _ANY_NAME


def query_names(node: ast.Call) -> list[str]:
    """Return the names that ``df.query("a > @limit")`` takes from the caller."""
    if not (isinstance(node.func, ast.Attribute) and node.func.attr in {"query", "eval"}):
        return []
    texts = [a for a in ast.walk(node) if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return [name for text in texts for name in re.findall(r"@([A-Za-z_]\w*)", str(text.value))]
