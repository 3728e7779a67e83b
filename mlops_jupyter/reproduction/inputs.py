"""The files that cells read, put into an empty folder as they were when the cells read them.

Copies, never links: what is executed again may write to them. A file of the project is taken
when its content is still the recorded one, or from a data version or an object with that
content. Files outside of the project stay where they are; their content is checked.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import blake3

from mlops_jupyter.config import FILE
from mlops_jupyter.data.files import file
from mlops_jupyter.data.versions import FILES
from mlops_jupyter.errors import ConflictError
from mlops_jupyter.project import FOLDER, Project
from mlops_jupyter.reproduction.log import Logged

PIECE_BYTES = 8 * 2**20

AS_NOW = "as it is now, its content was not recorded"

_SYSTEM = ("/proc/", "/sys/", "/dev/")
_IMPORT = re.compile(r"^\s*(?:from|import)\s+([A-Za-z_]\w*)", re.MULTILINE)
_LITERAL = re.compile(r"""(['"])([^'"\\\n]+)\1""")


@dataclass(slots=True)
class Inputs:
    """What was laid out.

    Attributes
    ----------
    folder : Path
        Where the kernel works: the notebook's folder, in the copy.
    digests : dict of str to str
        Files that were checked, and their content.
    notes : list of str
        What was taken as it is now, because its content was not recorded.
    """

    folder: Path
    digests: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class _Row(NamedTuple):
    execution_id: int
    path: str
    access: str
    kind: str
    digest: str | None


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was there before the cells.

    Where the cell that read it wrote it too, the recorded content is that of after, and it is
    not `certain` what it read.
    """

    path: str
    digest: str | None
    certain: bool


def lay_out(project: Project, executions: Sequence[Logged], work: Path) -> Inputs:
    """Put what some executions read into the folder `work`, which stands for the project's.

    Raises
    ------
    ConflictError
        A file has changed since, or is gone, and its content is kept nowhere.
    IntegrityError
        Kept content is damaged.
    """
    place = _folder(project, executions)
    inputs = Inputs(work / place)
    inputs.folder.mkdir(parents=True, exist_ok=True)
    rows = _rows(project, executions)
    for read in _reads(rows):
        _take(project, read, work, inputs)
    _take_folders(project, rows, work, inputs)
    if not rows:
        _take_named(project, place, [e.source for e in executions], work, inputs)
    _take_modules(project, place, [e.source for e in executions], work, inputs)
    return inputs


def _folder(project: Project, executions: Sequence[Logged]) -> Path:
    """Return the kernel's folder from the project's root; the root when it lies elsewhere.

    Where it was not recorded it is the notebook's.
    """
    row = project.catalog.row(
        "SELECT notebook, folder FROM session WHERE id = ?", (executions[-1].session_id,)
    )
    notebook, worked_in = ("", None) if row is None else (row["notebook"] or "", row["folder"])
    if worked_in is None and not notebook.endswith(".ipynb"):
        return Path()
    folder: Path = (project.root / (worked_in or Path(notebook).parent)).resolve()
    if not folder.is_dir() or not folder.is_relative_to(project.root):
        return Path()
    return folder.relative_to(project.root)


def _rows(project: Project, executions: Sequence[Logged]) -> list[_Row]:
    wanted = {e.id for e in executions}
    rows = project.catalog.rows(
        "SELECT execution_id, path, access, kind, digest FROM execution_file"
        " WHERE execution_id BETWEEN ? AND ? ORDER BY execution_id, access",
        (min(wanted), max(wanted)),
    )
    # the project's settings are read by us, in the user's cell
    return [_Row(*row) for row in rows if row["execution_id"] in wanted and row["path"] != FILE]


def _reads(rows: Sequence[_Row]) -> Iterator[_Read]:
    """Choose the files that no cell before wrote; each as its first reader found it."""
    writes = {(row.execution_id, row.path) for row in rows if row.access == "write"}
    seen: set[str] = set()
    for row in rows:
        is_first = row.path not in seen
        seen.add(row.path)
        if row.access == "read" and row.kind == "file" and is_first:
            yield _Read(row.path, row.digest, (row.execution_id, row.path) not in writes)


def _take(project: Project, read: _Read, work: Path, inputs: Inputs) -> None:
    if read.path.startswith(_SYSTEM):
        return
    source = project.root / read.path  # an absolute path stays what it is
    target = work / read.path if _is_inside(read.path) else None
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    found = _copy(source, target)
    if read.digest is None or not read.certain:
        if found is not None and found != read.digest:
            inputs.notes.append(f"{read.path}: {AS_NOW}")
        return
    if found == read.digest or (target and _restore(project, read.digest, target)):
        inputs.digests[read.path] = read.digest
        return
    what = "is gone" if found is None else "has changed since"
    raise ConflictError(
        f"{read.path} {what}, and its content is kept nowhere",
        hint=f"keep what must be found again: `mlops snapshot {read.path}`",
    )


def _take_folders(project: Project, rows: Sequence[_Row], work: Path, inputs: Inputs) -> None:
    """Make the folders that were looked into; one of which no file is known is taken whole."""
    files = {row.path for row in rows if row.kind == "file"}
    for row in rows:
        if row.kind != "folder" or not _is_inside(row.path):
            continue
        is_known = any(Path(row.path) in Path(file).parents for file in files)
        if row.access == "read" and not is_known and row.path != ".":
            if _bring(project.root / row.path, work / row.path):
                inputs.notes.append(f"{row.path}: {AS_NOW}")
        elif row.access == "read":
            (work / row.path).mkdir(parents=True, exist_ok=True)


def _copy(source: Path, target: Path | None) -> str | None:
    """Copy a file, unless `target` is None, and return the digest of what was read."""
    hasher = blake3.blake3()
    try:
        with source.open("rb") as reader:
            if target is None:
                while piece := reader.read(PIECE_BYTES):
                    hasher.update(piece)
            else:
                with target.open("wb") as writer:
                    while piece := reader.read(PIECE_BYTES):
                        hasher.update(piece)
                        writer.write(piece)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        return None
    return "blake3:" + hasher.hexdigest()


def _restore(project: Project, digest: str, target: Path) -> bool:
    """Write content that a data version or the object store kept; return whether there is one."""
    row = project.catalog.row(
        "SELECT manifest FROM dataset_version WHERE digest = ? AND kind = 'file'", (digest,)
    )
    if row is not None:
        kept = file.read(project.objects, row["manifest"], project.folder / FILES)
        return _copy(kept, target) == digest
    if not project.objects.path(digest).exists():
        return False
    target.write_bytes(project.objects.read(digest))
    return True


def _take_named(
    project: Project, place: Path, sources: Sequence[str], work: Path, inputs: Inputs
) -> None:
    """Take what the cells name by its path, when none of the files that they read is known."""
    for name in dict.fromkeys(m[2] for source in sources for m in _LITERAL.finditer(source)):
        if "\0" in name or Path(name).is_absolute() or len(name) > 1000:
            continue
        relative = _relative(project, project.root / place / name)
        if relative is not None and _bring(project.root / relative, work / relative):
            inputs.notes.append(f"{relative}: {AS_NOW}")


def _take_modules(
    project: Project, place: Path, sources: Sequence[str], work: Path, inputs: Inputs
) -> None:
    """Take the user's own modules that the cells import, and what these import in turn."""
    waiting = list(sources)
    seen: set[str] = set()
    while waiting:
        for name in _IMPORT.findall(waiting.pop()):
            if name in seen:
                continue
            seen.add(name)
            for relative in (place / f"{name}.py", place / name):
                if relative.as_posix() not in inputs.digests and _bring(
                    project.root / relative, work / relative, only_code=True
                ):
                    inputs.notes.append(f"{relative}: {AS_NOW}")
                waiting += _texts(work / relative)


def _texts(path: Path) -> list[str]:
    files = [path] if path.is_file() else path.rglob("*.py") if path.is_dir() else []
    return [file.read_text(encoding="utf-8", errors="replace") for file in files]


def _bring(source: Path, target: Path, *, only_code: bool = False) -> bool:
    """Copy a file or a folder that is there, unless the copy is; return whether it was copied.

    With `only_code` a folder without modules is left out: it only has a module's name.
    """
    if target.exists() or not source.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        if next(source.rglob("*.py"), None) is None and only_code:
            return False
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    elif source.is_file():
        _copy(source, target)
    return True


def _relative(project: Project, path: Path) -> Path | None:
    """Return a path from the project's root; None for the root, our own folder, and outside."""
    try:
        resolved = path.resolve()
    except OSError:
        return None
    if not resolved.is_relative_to(project.root) or resolved == project.root:
        return None
    relative = resolved.relative_to(project.root)
    return None if relative.parts[0] == FOLDER else relative


def _is_inside(path: str) -> bool:
    return not Path(path).is_absolute() and ".." not in Path(path).parts
