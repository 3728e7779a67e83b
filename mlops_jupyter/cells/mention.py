"""What a cell mentions: attributes, imports, texts, seeds, the history of outputs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

import msgspec

from mlops_jupyter.cells.magic import Magic, magic_of
from mlops_jupyter.cells.scope import UNPARSABLE, parse

SEEDING = frozenset({
    "manual_seed", "manual_seed_all", "seed", "seed_all", "seed_everything", "set_random_seed",
    "set_rng_state", "set_seed", "set_state", "setstate",
})  # fmt: skip
"""Functions that make the state of a random source independent of what came before."""

UNSEEDED_WITHOUT_ARGUMENT = frozenset({
    "MT19937", "PCG64", "PCG64DXSM", "Philox", "Random", "RandomState", "SFC64", "SeedSequence",
    "default_rng",
})  # fmt: skip
"""Random sources that take their seed from the operating system when they are given none."""

UNSEEDED_ALWAYS = frozenset({
    "SystemRandom", "token_bytes", "token_hex", "urandom", "uuid1", "uuid4",
})  # fmt: skip
"""What is different at each call."""

_HISTORY = re.compile(r"_{2,3}|_i{1,3}|_i?\d+|In|Out|_oh|_ih")

LONGEST_TEXT = 4096
"""Characters of a string constant that may be a path, a URL or a query."""


class Mentions(msgspec.Struct):
    """What a cell mentions.

    Attributes
    ----------
    words : set of str
        Names and attributes.
    imports : set of str
        Modules, as the import names them: ``numpy``, ``os.path``.
    texts : dict of str to None
        String constants, and the lines of magics and shell commands.
    stores : set of str
        Names whose attributes or items it sets: ``np`` in ``np.random.x = 1``.
    history : bool
        It reads ``Out[3]``, ``_3``, ``In`` and the like, which depend on how cells are counted.
    calls : bool
        It calls something, or runs a magic.
    seeds : bool
        The first thing that it calls seeds a random source.
    unseeded : dict of str to None
        Random sources that it makes without a seed.
    """

    words: set[str] = msgspec.field(default_factory=set)
    imports: set[str] = msgspec.field(default_factory=set)
    texts: dict[str, None] = msgspec.field(default_factory=dict)
    stores: set[str] = msgspec.field(default_factory=set)
    history: bool = False
    calls: bool = False
    seeds: bool = False
    unseeded: dict[str, None] = msgspec.field(default_factory=dict)


def mentions_of(tree: ast.Module, nodes: Iterable[ast.AST]) -> Mentions:
    """Return what the parsed cell mentions; magics' bodies included.

    Parameters
    ----------
    tree : ast.Module
    nodes : iterable of ast.AST
        All nodes of the tree.
    """
    found = Mentions()
    _gather(nodes, found)
    if not SEEDING.isdisjoint(found.words):
        calls = (call for statement in tree.body if (call := _first_call(statement)) is not None)
        found.seeds = _called(next(calls, _NOTHING)) in SEEDING
    return found


_NOTHING = ast.Call(ast.Constant(None), [], [])


def _gather(nodes: Iterable[ast.AST], found: Mentions) -> None:
    for node in nodes:
        if isinstance(node, ast.Attribute):
            found.words.add(node.attr)
            if not isinstance(node.ctx, ast.Load):
                found.stores.add(_root(node))
        elif isinstance(node, ast.Name):
            found.words.add(node.id)
            is_read = isinstance(node.ctx, ast.Load)
            found.history |= is_read and _HISTORY.fullmatch(node.id) is not None
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and 0 < len(node.value) <= LONGEST_TEXT:
                found.texts[node.value] = None
        elif isinstance(node, ast.Import):
            found.imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.imports.add(node.module)
            found.imports.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            _gather_call(node, found)


def _gather_call(node: ast.Call, found: Mentions) -> None:
    found.calls = True
    magic = magic_of(node)
    if magic is not None:
        _gather_magic(magic, found)
        return
    called = _called(node)
    if called in {"setattr", "delattr"} and node.args:
        found.stores.add(_root(node.args[0]))
    if called in UNSEEDED_ALWAYS or (called in UNSEEDED_WITHOUT_ARGUMENT and _has_no_seed(node)):
        found.unseeded[f"{called}()"] = None


def _gather_magic(magic: Magic, found: Mentions) -> None:
    found.words.add(f"%{magic.name}")
    for code in (magic.code, magic.apart, *magic.reads):
        try:
            _gather(ast.walk(parse(code)), found)
        except UNPARSABLE:
            continue


def _root(node: ast.expr) -> str:
    """Return ``a`` of ``a.b[c].d``."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _has_no_seed(node: ast.Call) -> bool:
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    return all(isinstance(value, ast.Constant) and value.value is None for value in given)


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _first_call(statement: ast.stmt) -> ast.Call | None:
    """Return the call that a statement makes first, as far as it shows; definitions make none."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return None
    return next((node for node in ast.walk(statement) if isinstance(node, ast.Call)), None)
