"""A cell, statement by statement: which of them only define, and can be taken elsewhere."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from mlops_jupyter.cells.analysis import Names, analyse, names_of
from mlops_jupyter.cells.keeping import keeps_state
from mlops_jupyter.cells.magic import CONFIGURING, SETTING, magic_of
from mlops_jupyter.cells.scope import UNPARSABLE, parsed

_IMPORT = (ast.Import, ast.ImportFrom)
_DEFINITION = (*_IMPORT, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COMPOUND = (ast.If, ast.Try)


_SETTERS = re.compile(
    r"basicConfig|chdir|disable_max_rows|filterwarnings|init_printing|load_dotenv|rc|set"
    r"|register_matplotlib_converters|setLevel|setdefaulttimeout|seterr|setlocale"
    r"|setrecursionlimit|simplefilter|use|set_\w+"
)
"""Functions of modules that set something for the whole process."""

_SETTERS_ALONE = re.compile(
    r"basicConfig|filterwarnings|load_dotenv|register_matplotlib_converters|seterr|setlocale"
    r"|setrecursionlimit|simplefilter"
    r"|set_(?:config|context|option|options|palette|printoptions|style|theme)"
)
"""Those that are imported from their module; the user's own may be called anything."""

_RANDOM = re.compile(r"set_(?:\w+_)?(?:rng_state|seed|state)")
"""Where random generators stand is no setting: they go on."""

SHELL = "get_ipython"
"""Whose state ``%cd`` sets."""

_OF_SETTINGS = {
    "config": {"update"},
    "environ": {"setdefault", "update"},
    "logging": {"disable"},
    "path": {"append", "extend", "insert"},
    "rcParams": {"update"},
    "renderers": {"enable"},
    "tqdm": {"pandas"},
}
"""Methods that set something, by what they are of: ``plt.rcParams.update(…)``."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement at the top of a cell.

    Attributes
    ----------
    source : str
    analysis : Names
        Of this statement alone.
    defines : bool
        All that it does is to define: an import, ``def``, ``class``, a named lambda, a ``try``
        or ``if`` of those, or a magic that sets up the kernel. Running it again elsewhere does
        no harm.
    imports : bool
        It is an import.
    configures : str or None
        The name whose state it sets, e.g. ``os`` in ``os.environ["SEED"] = "1"`` or ``pd`` in
        ``pd.set_option(…)``. Running it again elsewhere does no harm if that is a module.
    keeps : bool
        It defines a function or class that keeps something from call to call: in a default, in
        an attribute of its own.
    """

    source: str
    analysis: Names
    defines: bool = False
    imports: bool = False
    configures: str | None = None
    keeps: bool = False


@lru_cache(maxsize=1024)
def statements(source: str) -> tuple[Statement, ...]:
    """Return the statements of a cell; those below ``%%time`` and the like are its own."""
    try:
        return tuple(_statements(source))
    except UNPARSABLE:
        return (Statement(source, analyse(source)),)


def trees_of(source: str) -> Iterator[ast.Module]:
    """Return a cell, and what is below its ``%%time`` or the like, as trees.

    Raises
    ------
    SyntaxError, ValueError, RecursionError, MemoryError
        It is no code.
    """
    _, tree = parsed(source)
    yield tree
    for statement in tree.body:
        call = statement.value if isinstance(statement, ast.Expr) else None
        magic = magic_of(call) if isinstance(call, ast.Call) else None
        if magic is not None and magic.code:
            yield from trees_of(magic.code)


def _statements(source: str) -> Iterator[Statement]:
    code, tree = parsed(source)
    # as the parser counts lines: only these end one (`ast.get_source_segment` finds them anew
    # for each statement)
    lines = [line.encode(errors="surrogatepass") for line in io.StringIO(code, newline="")]
    for node in tree.body:
        call = node.value if isinstance(node, ast.Expr) else None
        magic = magic_of(call) if isinstance(call, ast.Call) else None
        if magic is not None and magic.code:
            yield from _statements(magic.code)
            continue
        text = _text(lines, node)
        defines = _defines(node) or (magic is not None and magic.name in CONFIGURING)
        imports = isinstance(node, _IMPORT)
        yield Statement(
            text, names_of(node), defines, imports, _configured(node), keeps_state(node)
        )


def _text(lines: list[bytes], node: ast.stmt) -> str:
    decorators = getattr(node, "decorator_list", [])
    first, begin = (decorators[0].lineno, 0) if decorators else (node.lineno, node.col_offset)
    if node.end_lineno is None:
        return ast.unparse(node)
    kept = lines[first - 1 : node.end_lineno]
    kept[-1] = kept[-1][: node.end_col_offset]
    kept[0] = kept[0][begin:]
    return b"".join(kept).decode(errors="surrogatepass")


def _defines(node: ast.stmt) -> bool:
    if isinstance(node, _DEFINITION) or type(node).__name__ == "TypeAlias":
        return True
    if isinstance(node, ast.Assign):
        named = all(isinstance(target, ast.Name) for target in node.targets)
        return named and isinstance(node.value, ast.Lambda)
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name) and isinstance(node.value, ast.Lambda)
    if isinstance(node, _COMPOUND):
        inner = list(_inner(node))
        return all(map(_defines_or_falls_back, inner)) and any(map(_defines, inner))
    return False


def _defines_or_falls_back(node: ast.stmt) -> bool:
    # `except ImportError: torch = None`
    is_literal = isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    return is_literal or isinstance(node, ast.Pass | ast.Raise) or _defines(node)


def _inner(node: ast.If | ast.Try) -> Iterator[ast.stmt]:
    yield from node.body
    yield from node.orelse
    if isinstance(node, ast.Try):
        yield from node.finalbody
        for handler in node.handlers:
            yield from handler.body


def _configured(node: ast.stmt) -> str | None:
    """Return the name whose state a statement sets, as far as it shows."""
    if isinstance(node, ast.If | ast.For | ast.With):
        roots = [_configured(inner) for inner in (*node.body, *getattr(node, "orelse", ()))]
        return roots[0] if len(set(roots)) == 1 else None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        if not isinstance(target, ast.Name):
            return _root(target)
        if target.id != "_":
            return None
    if isinstance(node, ast.Assign | ast.Expr) and isinstance(node.value, ast.Call):
        magic = magic_of(node.value)
        if magic is not None:
            return SHELL if magic.name in SETTING and isinstance(node, ast.Expr) else None
        return _root(node.value.func) if _sets(node.value.func) else None
    return None


def _sets(called: ast.expr) -> bool:
    """Return whether a function sets something, by its name."""
    if isinstance(called, ast.Name):
        return _SETTERS_ALONE.fullmatch(called.id) is not None
    if not isinstance(called, ast.Attribute):
        return False
    name, around = called.attr, called.value
    of = around.id if isinstance(around, ast.Name) else getattr(around, "attr", "")
    if name in _OF_SETTINGS.get(of, ()):
        return True
    return _SETTERS.fullmatch(name) is not None and _RANDOM.fullmatch(name) is None


def _root(node: ast.expr) -> str | None:
    """Return ``a`` of ``a.b[c].d()``."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None
