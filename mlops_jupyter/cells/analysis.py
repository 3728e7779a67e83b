r"""What the source of a cell says: which names it reads, binds and defines. No I/O.

>>> cell = analyse("rate = 0.1\nscore = model.fit(X, rate)")
>>> sorted(cell.reads), cell.writes, dict(cell.literals), cell.assigned
(['X', 'model'], ('rate', 'score'), {'rate': 0.1}, ('score',))
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import msgspec

from mlops_jupyter.cells.flow import Flow
from mlops_jupyter.cells.magic import magic_of
from mlops_jupyter.cells.mention import Mentions, mentions_of
from mlops_jupyter.cells.scope import UNPARSABLE, parse
from mlops_jupyter.store.objects import digest_of

_GIVEN = {*dir(builtins), "__builtin__", "__builtins__", "display", "get_ipython", "exit", "quit",
          "In", "Out", "_dh", "_exit_code", "_ih", "_oh"}  # fmt: skip
_HISTORY = re.compile(r"_{1,3}|_i{1,3}|_i?\d+")


class Names(msgspec.Struct, frozen=True):
    """The names of a piece of code, by what it does with them. Do not change the mappings.

    Attributes
    ----------
    reads : frozenset of str
        Names that some way through the code reads before it has bound them. What the bodies of
        functions read is in `functions`. Builtins are left out.
    required : frozenset of str
        Those of `reads` that nothing in the code can have bound, and whose absence is not
        caught: without them it fails, or would on some way through it.
    uses : frozenset of str
        All names that the code itself reads, those that it bound itself too.
    writes : tuple of str
        Names that it may bind, in order; imports and definitions too.
    settles : frozenset of str
        Names whose value from before certainly does not outlive the code: bound or deleted on
        every way.
    definitions : frozenset of str
        Names that an import, ``def`` or ``class`` binds.
    deletes : frozenset of str
        Names that it deletes and does not bind again.
    loop_names : frozenset of str
        Names that ``for``, ``with``, ``except`` and ``case`` bind.
    functions : mapping of str to frozenset of str
        For each ``def``, ``class`` and named lambda, the global names that its body reads.
    function_writes : mapping of str to frozenset of str
        The same, for the names that it binds by ``global``.
    literals : mapping of str to object
        Names bound to a literal, or to arithmetic on numbers, whatever way is taken.
    assigned : tuple of str
        Names that an assignment binds to something computed.
    builtins : frozenset of str
        Builtins that it or its functions name: an earlier cell may have bound them.
    opaque : bool
        It may read or bind any name: ``exec``, ``globals()``, ``import *``, ``%run``, a cell
        magic that we do not know, or text that is no code.
    """

    reads: frozenset[str]
    required: frozenset[str]
    uses: frozenset[str]
    writes: tuple[str, ...]
    settles: frozenset[str]
    definitions: frozenset[str]
    deletes: frozenset[str]
    loop_names: frozenset[str]
    functions: Mapping[str, frozenset[str]]
    function_writes: Mapping[str, frozenset[str]]
    literals: Mapping[str, object]
    assigned: tuple[str, ...]
    builtins: frozenset[str]
    opaque: bool


class CellAnalysis(Names, frozen=True):
    """The names of a cell, what it mentions, and its digests.

    Attributes
    ----------
    digest : str
        Of the source text.
    code_digest : str
        Of the code: comments and formatting do not matter. Of the text when it is no code.
    mentions : Mentions
        Its attributes, imports, texts and seeds.
    """

    digest: str
    code_digest: str
    mentions: Mentions


LONGEST = 1_000_000
"""Characters of a cell that is analysed; a longer one is opaque: its parse would take seconds."""


@lru_cache(maxsize=4096)
def analyse(source: str) -> CellAnalysis:
    """Analyse a cell as the user typed it, with magics and shell lines."""
    digest = digest_of(source.encode(errors="surrogatepass"))
    mentions = Mentions()
    try:
        if len(source) > LONGEST:
            raise MemoryError
        tree = parse(source)
        text, nodes = _canonical(tree)
        mentions = mentions_of(tree, nodes)
        flow = Flow(annotations_run=not _postpones_annotations(tree))
        flow.walk(tree.body)
        code_digest = digest_of(text.encode(errors="surrogatepass"))
    except UNPARSABLE:
        flow, code_digest = Flow(), digest
        flow.opaque = True
    return CellAnalysis(**_names(flow), digest=digest, code_digest=code_digest, mentions=mentions)


def names_of(node: ast.stmt) -> Names:
    """Return the names of a statement, as if it stood alone in its cell."""
    flow = Flow()
    try:
        flow.walk([node])
    except UNPARSABLE:
        flow = Flow()
        flow.opaque = True
    return Names(**_names(flow))


def is_given(name: str) -> bool:
    """Return whether every notebook has a name: builtins, ``display``, ``_`` and the like."""
    return name in _GIVEN or _HISTORY.fullmatch(name) is not None


def _names(flow: Flow) -> dict[str, Any]:
    mentioned = flow.uses.union(*flow.functions.values())
    return {
        "reads": _without_given(flow.reads),
        "required": _without_given(flow.required),
        "uses": _without_given(flow.uses),
        "writes": tuple(flow.writes),
        "settles": frozenset(flow.settled),
        "definitions": frozenset(flow.definitions),
        "deletes": frozenset(flow.deletes),
        "loop_names": frozenset(flow.targets),
        "functions": MappingProxyType({n: _without_given(f) for n, f in flow.functions.items()}),
        "function_writes": MappingProxyType(
            {n: frozenset(f) for n, f in flow.function_writes.items() if f}
        ),
        "literals": MappingProxyType(flow.literals),
        "assigned": tuple(flow.assigned),
        "builtins": frozenset(name for name in mentioned if is_given(name)),
        "opaque": flow.opaque,
    }


def _without_given(names: set[str]) -> frozenset[str]:
    return frozenset(name for name in names if not is_given(name))


def _postpones_annotations(tree: ast.Module) -> bool:
    return any(
        isinstance(s, ast.ImportFrom)
        and s.module == "__future__"
        and any(alias.name == "annotations" for alias in s.names)
        for s in tree.body
    )


def _canonical(tree: ast.Module) -> tuple[str, list[ast.AST]]:
    """Write a tree as text that is the same in every version of Python; return its nodes too.

    ``ast.dump`` is not: versions differ in which empty fields there are and are shown.
    """
    text: list[str] = []
    nodes: list[ast.AST] = []
    _write(tree, text, nodes)
    return "".join(text), nodes


def _write(node: Any, text: list[str], nodes: list[ast.AST]) -> None:
    if isinstance(node, ast.AST):
        nodes.append(node)
        kind = type(node)
        if kind is ast.Call and (magic := magic_of(node)) is not None:  # type: ignore[arg-type]
            text.append(f"%{magic.name} {magic.line!r}")
            for code in (magic.code, magic.apart):
                _write(parse(code), text, [])
            return
        text.append(f"{kind.__name__}(")
        for field in kind._fields:
            value = getattr(node, field, None)
            if value or kind is ast.Constant or not (value is None or value == []):
                text.append(f"{field}=")
                _write(value, text, nodes)
        text.append(")")
    elif isinstance(node, list):
        text.append("[")
        for part in node:
            _write(part, text, nodes)
            text.append(",")
        text.append("]")
    else:
        text.append(repr(node))
