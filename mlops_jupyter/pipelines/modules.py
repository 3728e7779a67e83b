"""What code imports: the project's own modules, transitively, and distributions with versions.

Found from the source alone (`ast`), and nothing is imported. The user's modules are looked for as
the kernel would: in the folder of the notebook, in ``PYTHONPATH``, in what the code itself puts on
``sys.path`` by a literal, and where an editable install points to.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.machinery
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from mlops_jupyter.cells.scope import UNPARSABLE
from mlops_jupyter.cells.statement import trees_of
from mlops_jupyter.runs.environment import installed
from mlops_jupyter.store.objects import digest_of

OURS = "mlops_jupyter"

_KNOWN = {
    "PIL": "pillow", "attr": "attrs", "bs4": "beautifulsoup4", "cv2": "opencv-python",
    "dateutil": "python-dateutil", "git": "gitpython", "skimage": "scikit-image",
    "sklearn": "scikit-learn", "yaml": "pyyaml",
}  # fmt: skip
"""Modules whose distribution has another name; others are looked for in the lists of files."""

ABSENT = "not installed"


Folders = tuple[tuple[str, int], ...]
"""Where packages are installed, and when something was last installed there."""


@dataclass
class Imported:
    """What some code imports, and which variables of the environment it reads.

    Attributes
    ----------
    files : dict of str to str
        Of the project's modules: path, as text, and digest of the code.
    packages : dict of str to str
        Distributions and their versions.
    variables : set of str
        Names that the code reads by a literal: ``os.environ["X"]``, ``os.getenv("X")``.
    words : set of str
        Names and attributes in the project's modules.
    unclear : list of str
        What cannot be told, in words.
    folders : tuple
        Where packages were looked for.
    """

    files: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    unclear: list[str] = field(default_factory=list)
    folders: Folders = field(default_factory=lambda: _folders())


def imported(sources: Iterable[str], folder: Path) -> Imported:
    """Find what cells import, and the modules that these import.

    Parameters
    ----------
    sources : iterable of str
        Cells, with their magics.
    folder : Path
        The kernel's working directory.
    """
    found = Imported()
    scans = [scan for source in sources for scan in _scans(source)]
    places = _places(scans, folder)
    seen: set[str] = set()
    for scan in scans:
        _follow(scan, found, places, seen)
    return found


@dataclass(frozen=True)
class _Scan:
    """What one source mentions."""

    modules: tuple[tuple[str, bool], ...]
    variables: frozenset[str]
    paths: tuple[str, ...]
    words: frozenset[str]
    unclear: tuple[str, ...]


@lru_cache(maxsize=4096)
def _scans(source: str) -> tuple[_Scan, ...]:
    """Return what a cell mentions; each step asks for the cells of the setup again."""
    try:
        return tuple(_mentioned(tree, "") for tree in trees_of(source))
    except UNPARSABLE:
        return ()


def _follow(scan: _Scan, found: Imported, places: list[Path], seen: set[str]) -> None:
    found.variables |= scan.variables
    found.unclear += scan.unclear
    waiting = list(scan.modules)
    while waiting:
        name, is_part = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        file = _find(name, places)
        if file is None:
            if not is_part:
                _package(name, found)
            continue
        for one, module in _with_parents(name, file, places):
            seen.add(module)
            if str(one) in found.files:
                continue
            digest, inner = _module(str(one), *_mark(one), module)
            found.files[str(one)] = digest
            found.variables |= inner.variables
            found.words |= inner.words
            found.unclear += inner.unclear
            waiting.extend(inner.modules)


def _package(name: str, found: Imported) -> None:
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top == "__main__":
        return
    distribution, version = _distribution_of(top, found.folders)
    found.packages[distribution] = version


def _with_parents(name: str, file: Path, places: list[Path]) -> list[tuple[Path, str]]:
    """Return a module's file, and those of the packages around it, which are run too."""
    parts = name.split(".")
    around = (".".join(parts[:n]) for n in range(1, len(parts)))
    found = [(one, outer) for outer in around if (one := _find(outer, places)) is not None]
    return [*found, (file, name)]


def _mark(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1024)
def _module(path: str, _changed: int, _size: int, name: str) -> tuple[str, _Scan]:
    """Return the digest of a module's code, and what it imports."""
    content = Path(path).read_bytes()
    if not path.endswith(".py"):
        return digest_of(content), _NOTHING
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return digest_of(content), _NOTHING
    package = name if Path(path).name == "__init__.py" else name.rpartition(".")[0]
    return digest_of(ast.dump(tree).encode("utf-8", "surrogatepass")), _mentioned(tree, package)


_NOTHING = _Scan((), frozenset(), (), frozenset(), ())


def _mentioned(tree: ast.Module, package: str) -> _Scan:
    modules: dict[tuple[str, bool], None] = {}
    variables: set[str] = set()
    paths: list[str] = []
    words: set[str] = set()
    unclear: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {(alias.name, False): None for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            if base:
                modules[base, False] = None
                modules |= {(f"{base}.{a.name}", True): None for a in node.names if a.name != "*"}
        elif isinstance(node, ast.Call):
            _of_call(node, modules, variables, paths, unclear)
        elif isinstance(node, ast.Subscript) and _is_environ(node.value):
            _add_text(node.slice, variables)
        if isinstance(node, ast.Attribute):
            words.add(node.attr)
        elif isinstance(node, ast.Name):
            words.add(node.id)
    return _Scan(tuple(modules), frozenset(variables), tuple(paths), frozenset(words),
                 tuple(unclear))  # fmt: skip


def _base(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    kept = parts[: len(parts) - (node.level - 1)]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _of_call(
    node: ast.Call,
    modules: dict[tuple[str, bool], None],
    variables: set[str],
    paths: list[str],
    unclear: list[str],
) -> None:
    called = _dotted(node.func)
    literal = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
    if called in {"os.getenv", "getenv"} or called.endswith("environ.get"):
        _add_text(node.args[0] if node.args else None, variables)
    elif called in {"importlib.import_module", "import_module", "__import__"}:
        if isinstance(literal, str) and not literal.startswith("."):
            modules[literal, False] = None
        else:
            unclear.append(f"`{called}` imports what is not written there")
    elif called.endswith(("sys.path.append", "sys.path.insert")):
        last = node.args[-1] if node.args else None
        texts = [n.value for n in ast.walk(last) if isinstance(n, ast.Constant)] if last else []
        paths.extend(text for text in texts if isinstance(text, str))


def _dotted(node: ast.expr) -> str:
    """Return ``os.environ.get`` of such a name; of ``f().get`` only ``.get``."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "", *reversed(parts)])


def _is_environ(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name == "environ"


def _add_text(node: ast.expr | None, found: set[str]) -> None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        found.add(node.value)


def _places(scans: Sequence[_Scan], folder: Path) -> list[Path]:
    written = [path for scan in scans for path in scan.paths]
    around = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    found = [folder, *(folder / path for path in [*written, *around])]
    ours = Path(__file__).parents[2]
    return [p for p in dict.fromkeys(found) if p != ours and p.is_dir()]


def _find(name: str, places: Iterable[Path]) -> Path | None:
    """Return the file of a module of the user; None: it is none of theirs."""
    top, *rest = name.split(".")
    if top in sys.stdlib_module_names or top == OURS:
        return None
    for place in [*places, *_editable(top)]:
        base = place.joinpath(top, *rest)
        for file in (base / "__init__.py", base.with_name(base.name + ".py")):
            if file.is_file():
                return file
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            file = base.with_name(base.name + suffix)
            if file.is_file():
                return file
    return None


@lru_cache(maxsize=512)
def _editable(top: str) -> tuple[Path, ...]:
    """Return the folder of a package that is installed by a link to its source."""
    if any("site-packages" in p and (Path(p) / top).exists() for p in sys.path):
        return ()
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return ()
    origin = spec.origin if spec is not None else None
    if not origin or "site-packages" in origin or not origin.endswith(".py"):
        return ()
    file = Path(origin)
    return (file.parent.parent if file.name == "__init__.py" else file.parent,)


def distribution_of(top: str) -> tuple[str, str]:
    """Return the distribution that a module belongs to, and its version now."""
    return _distribution_of(top, _folders())


def _folders() -> Folders:
    found = []
    for folder in sys.path:
        with contextlib.suppress(OSError):
            found.append((folder, Path(folder or ".").stat().st_mtime_ns))
    return tuple(found)


@lru_cache(maxsize=1024)
def _distribution_of(top: str, folders: Folders) -> tuple[str, str]:
    known = _installed(folders)
    name = _KNOWN.get(top, top).replace("_", "-").lower()
    if name not in known:
        name = _owner(top) or name
    return name, known.get(name, ABSENT)


@lru_cache(maxsize=4)
def _installed(folders: Folders) -> dict[str, str]:
    # a server lives on while packages come and go
    return installed(folder for folder, _ in folders)


def _owner(top: str) -> str | None:
    """Look for a module in the lists of files of all distributions."""
    line = re.compile(rf"^{re.escape(top)}(?:/|\.py,|\.[^/,]+\.(?:so|pyd),)", re.MULTILINE)
    for folder in sys.path:
        for record in Path(folder).glob("*.dist-info/RECORD"):
            try:
                text = record.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            if line.search(text):
                name = record.parent.name.removesuffix(".dist-info").partition("-")[0]
                return name.replace("_", "-").lower()
    return None
