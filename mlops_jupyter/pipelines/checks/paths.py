"""Files that are read and are not there, and paths of one machine."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mlops_jupyter.cells.magic import magic_of
from mlops_jupyter.pipelines.checks.code import calls_of, nodes_of, path_of, top_of
from mlops_jupyter.pipelines.finding import Finding, Severity
from mlops_jupyter.pipelines.source import SourceCell

_READS = re.compile(
    r"(?:read|scan)_(?:avro|csv|excel|feather|fwf|hdf|ipc|json|ndjson|orc|parquet|pickle|sas|spss"
    r"|stata|table|xml|bytes|text)|load|loadtxt|genfromtxt|fromfile|imread|open|open_dataset"
    r"|load_dataset|ParquetFile|ExcelFile|File"
)
_OF_PATHS = {"load", "open", "File", "read_text", "read_bytes"}
"""Also methods of what is no file: the path must look like one."""

_PATH = {"Path", "PurePath", "pathlib.Path", "pathlib.PurePath"}
_MAKES_FOLDERS = re.compile(r"download|extract|fetch|retrieve|snapshot|unpack|clone|copy|move")
_ROOTS = re.compile(
    r"(?:~(?=/)|/(?:home|Users|root|mnt|media|data|datasets|opt|srv|var|Volumes|content|kaggle|dbfs"
    r"|workspace|scratch|nfs)|[A-Za-z]:[\\/]|\\\\[\w.-]+\\)(?:[\\/]?[^\s\"'<>|*?\n]+)"
)
_KEYWORDS = {
    "file", "filename", "filepath", "filepath_or_buffer", "fname", "io", "path", "path_or_buf",
    "path_or_buffer", "source",
}  # fmt: skip


def absolute_paths(cells: tuple[SourceCell, ...]) -> Iterator[Finding]:
    """Find texts that are a path of this machine."""
    for cell in cells:
        for text in cell.analysis.mentions.texts:
            if _ROOTS.fullmatch(text) and text != "/dev/null":
                yield Finding(
                    "absolute-path", "warning", cell.position + 1,
                    f"holds a path of one machine: {text!r}",
                    "write it from the notebook's folder, or make it a parameter",
                )  # fmt: skip


def missing_inputs(
    cells: tuple[SourceCell, ...], folder: Path, texts: Mapping[str, str]
) -> Iterator[Finding]:
    """Find files that a cell reads, that are not there, and that no cell makes.

    Parameters
    ----------
    cells : tuple of SourceCell
    folder : Path
        From which relative paths count.
    texts : mapping of str to str
        Names that are bound to nothing but one text.
    """
    words = {word for cell in cells for word in cell.analysis.mentions.words}
    if words & {"chdir", "%cd", "%pushd"}:
        return
    made, shell = _made(cells, texts), _shell(cells)
    severity: Severity = "warning" if any(c.analysis.opaque for c in cells) else "error"
    for cell in cells:
        for call in calls_of(cell.source):
            path = _read_by(call, texts)
            if path is None or _is_made(path, made, shell) or _is_there(folder, path):
                continue
            told = f"reads {path!r}, which is not there and which no cell writes"
            hint = "paths count from the folder of the notebook"
            yield Finding("missing-input", severity, cell.position + 1, told, hint)


def inputs(cells: Iterable[SourceCell], folder: Path, texts: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files that cells read by a path in their source, as far as they are there."""
    for cell in cells:
        for call in calls_of(cell.source):
            path = _read_by(call, texts)
            if path is not None and (folder / path).is_file():
                yield folder / path


def _read_by(call: ast.Call, texts: Mapping[str, str]) -> str | None:
    """Return the path of a file that a call reads, as far as it is written in the source."""
    name = path_of(call.func).rpartition(".")[2]
    if not _READS.fullmatch(name) or not _is_reading(call, name):
        return None
    found = list(call.args[:1]) or [k.value for k in call.keywords if k.arg in _KEYWORDS]
    if name in {"read_text", "read_bytes"} or (name == "open" and _is_method(call, texts)):
        found = [call.func.value] if isinstance(call.func, ast.Attribute) else found
    path = _text(found[0], texts) if found else None
    return path if path is not None and _is_path(path, name) else None


def _is_method(call: ast.Call, texts: Mapping[str, str]) -> bool:
    return isinstance(call.func, ast.Attribute) and _text(call.func.value, texts) is not None


def _is_reading(call: ast.Call, name: str) -> bool:
    if name not in {"open", "File"}:
        return True
    given = [*call.args, *(k.value for k in call.keywords if k.arg == "mode")]
    modes = [a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return not any(re.fullmatch(r"[bt]*[wxa][bt+]*|r[bt]*\+[bt]*", mode) for mode in modes)


def _is_path(text: str, name: str) -> bool:
    if not text or "://" in text or "\n" in text or re.search(r"[*?<>{}\[\]|]", text):
        return False
    return name not in _OF_PATHS or re.search(r"\.\w{1,8}$", text) is not None


def _made(cells: Iterable[SourceCell], texts: Mapping[str, str]) -> set[str]:
    """Return the paths that are given to anything but a read: it may make or look for them."""
    made: set[str] = set()
    for cell in cells:
        for call in calls_of(cell.source):
            if magic_of(call) is not None or _read_by(call, texts) is not None:
                continue
            called = path_of(call.func).rpartition(".")[2]
            if called in _PATH or called == "join":
                continue
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            if isinstance(call.func, ast.Attribute):
                given.append(call.func.value)
            paths = [path for a in given if (path := _text(a, texts)) is not None]
            makes_folders = _MAKES_FOLDERS.search(called) is not None
            made.update(_plain(path) + ("/" if makes_folders else "") for path in paths)
    return made


def _shell(cells: Iterable[SourceCell]) -> str:
    """Return all lines of shells and magics: a file that one of them names may be made there."""
    magics = (magic_of(call) for cell in cells for call in calls_of(cell.source))
    return "\n".join(m.line for m in magics if m is not None)


def _is_made(path: str, made: set[str], shell: str) -> bool:
    plain = _plain(path)
    folders = ("/".join(plain.split("/")[:n]) or "." for n in range(plain.count("/") + 1))
    return (
        plain in made
        or any(f"{folder}/" in made for folder in (*folders, "."))
        or plain.rpartition("/")[2] in shell
    )


def _is_there(folder: Path, path: str) -> bool:
    try:
        return (folder / Path(path).expanduser()).exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _plain(path: str) -> str:
    return path.replace("\\", "/").removeprefix("./").rstrip("/") or "."


def _text(node: ast.expr, texts: Mapping[str, str]) -> str | None:
    """Return the path that an expression gives, if that shows."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return texts.get(node.id)
    if isinstance(node, ast.JoinedStr):
        return _joined([v.value if isinstance(v, ast.FormattedValue) else v for v in node.values],
                       "", texts)  # fmt: skip
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div):
        return _joined([node.left, node.right], "/" if isinstance(node.op, ast.Div) else "", texts)
    if isinstance(node, ast.Call) and not node.keywords and node.args:
        called = path_of(node.func)
        if called in _PATH or called.endswith("path.join"):
            return _joined(node.args, "/", texts)
    return None


def _joined(nodes: Iterable[ast.expr], between: str, texts: Mapping[str, str]) -> str | None:
    parts = [_text(node, texts) for node in nodes]
    known = [part for part in parts if part is not None]
    return between.join(known) if len(known) == len(parts) else None


def texts_of(cells: Iterable[SourceCell]) -> dict[str, str]:
    """Return the names that one assignment binds, and no other, to a text or a path."""
    counts: Counter[str] = Counter()
    assigned: list[tuple[str, ast.expr]] = []
    for cell in cells:
        counts.update(
            node.id
            for node in nodes_of(cell.source)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )
        for node in top_of(cell.source):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                assigned += [(t.id, node.value) for t in targets if isinstance(t, ast.Name)]
    texts: dict[str, str] = {}
    for name, value in assigned:
        text = _text(value, texts) if counts[name] == 1 else None
        if text is not None:
            texts[name] = text
    return texts
