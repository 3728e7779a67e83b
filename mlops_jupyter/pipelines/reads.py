"""What a step read and wrote while it ran: files, folders, data versions.

As a compiler writes down which headers it has read: nobody knows before, and the next time it is
only looked whether they are what they were.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from mlops_jupyter.config import FILE
from mlops_jupyter.data import versions
from mlops_jupyter.data.file_state import digests
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import Project
from mlops_jupyter.runs import secret
from mlops_jupyter.store.objects import digest_of


class Known(msgspec.Struct, frozen=True):
    """A file or folder that a step read.

    Attributes
    ----------
    path : str
        From the project's root where it lies there, else absolute.
    digest : str
        Of the content; of a folder of the names in it.
    is_folder : bool
    """

    path: str
    digest: str
    is_folder: bool = False


class Asked(msgspec.Struct, frozen=True):
    """A data version that a step asked for, as it wrote it, and which one that was."""

    asked: str
    ref: str


class Reads(msgspec.Struct, frozen=True):
    """What a step read."""

    files: tuple[Known, ...] = ()
    data: tuple[Asked, ...] = ()
    made: tuple[str, ...] = ()  # versions that it took itself: they must still be there


class Written(msgspec.Struct, frozen=True):
    """A file that a step wrote: its content is an object."""

    path: str
    digest: str
    size_bytes: int


class Seen(msgspec.Struct, frozen=True):
    """What the executions of a step read and wrote, and why they may not be taken again."""

    reads: Reads
    written: tuple[Written, ...] = ()
    why_not: str = ""
    is_outside: bool = False  # that reason is a URL or a query: it counts for some time


def seen(
    project: Project, step_run_id: str, executions: Sequence[int], modules: Collection[str] = ()
) -> Seen:
    """Return what a step read and wrote, as its cells were recorded.

    Files of modules that are in its key are left out: of these only the code counts.
    """
    if project.settings.capture.files == "off":
        return Seen(Reads(), why_not="`capture: {files: off}`: what it reads is not known")
    marks = ",".join("?" * len(executions))
    rows = project.catalog.rows(
        "SELECT path, access, kind, size_bytes, digest FROM execution_file"
        f" WHERE execution_id IN ({marks}) ORDER BY execution_id, access",
        executions,
    )
    files: dict[str, Known] = {}
    written: dict[str, Written | None] = {}
    outside, why_not = "", _unsure(project, executions)
    for row in rows:
        path = row["path"]
        if path == FILE or path.startswith(".mlops/"):
            continue  # what we read ourselves; what counts of it is asked elsewhere
        if row["access"] == "write":
            digest, size = row["digest"], row["size_bytes"]
            written[path] = None if digest is None else Written(path, digest, size or 0)
        elif row["kind"] in {"url", "query"}:
            outside = outside or f"it reads a {row['kind'].replace('url', 'URL')}: {path[:80]}"
        elif path in files or path in written or path in modules:
            continue
        elif row["kind"] == "folder":
            files[path] = Known(path, "", is_folder=True)
        elif row["digest"] is None:
            why_not = why_not or f"what {path} held when it was read is not known"
        else:
            files[path] = Known(path, row["digest"])
    kept = [
        Known(f.path, _listing(project, f.path, written), is_folder=True) if f.is_folder else f
        for f in files.values()
    ]
    reads = Reads(tuple(kept), _asked(project, step_run_id), _made(project, executions))
    why_not = why_not or _unkept(project, written)
    there = tuple(one for one in written.values() if one is not None)
    return Seen(reads, there, why_not or outside, is_outside=bool(outside and not why_not))


def _unsure(project: Project, executions: Sequence[int]) -> str:
    """Return why the files that were seen may not be all, in words."""
    marks = ",".join("?" * len(executions))
    rows = project.catalog.rows(
        f"SELECT unsure FROM cell_execution WHERE id IN ({marks}) AND instr(unsure, '\"files: ')",
        executions,
    )
    reasons = [r for row in rows for r in json.loads(row["unsure"]) if r.startswith("files: ")]
    if reasons:
        return str(reasons[0]).removeprefix("files: ")
    private = project.catalog.row(
        "SELECT 1 FROM cell_execution JOIN source ON digest = source_digest"
        f" WHERE text = ? AND cell_execution.id IN ({marks})",
        (secret.PRIVATE, *executions),
    )
    return "a cell shows secrets, what it did is not written down" if private else ""


def _unkept(project: Project, written: Mapping[str, Written | None]) -> str:
    limit = project.settings.capture.files_limit_bytes
    for path, one in written.items():
        if one is None:
            if (project.root / path).exists():
                return f"what it wrote to {path} is not known"
        elif path.startswith("/"):
            return f"it writes outside of the project: {path}"
        elif one.size_bytes > limit:
            return f"it writes {path}, which is larger than capture.files_limit"
    return ""


def _asked(project: Project, step_run_id: str) -> tuple[Asked, ...]:
    rows = project.catalog.rows(
        "SELECT asked, dataset, number FROM step_data JOIN dataset_version ON id = version_id"
        " WHERE step_run_id = ? ORDER BY asked",
        (step_run_id,),
    )
    return tuple(Asked(row["asked"], f"{row['dataset']}@{row['number']}") for row in rows)


def _made(project: Project, executions: Sequence[int]) -> tuple[str, ...]:
    marks = ",".join("?" * len(executions))
    rows = project.catalog.rows(
        "SELECT DISTINCT dataset, number FROM execution_made JOIN dataset_version"
        f" ON id = version_id WHERE execution_id IN ({marks}) AND passed_by IS NULL"
        " ORDER BY dataset, number",
        executions,
    )
    return tuple(f"{row['dataset']}@{row['number']}" for row in rows)


def _listing(project: Project, path: str, without: Iterable[str]) -> str:
    """Return the digest of the names in a folder, but for what the step itself put there."""
    folder = project.root / path
    own = {os.path.basename(one) for one in without if (project.root / one).parent == folder}  # noqa: PTH119
    try:
        names = sorted(set(os.listdir(folder)) - own - {".mlops", ".ipynb_checkpoints"})  # noqa: PTH208
    except OSError:
        return "gone"
    return digest_of("\0".join(names).encode("utf-8", "surrogatepass"))


def state(
    project: Project,
    reads: Reads,
    written: Sequence[Written] = (),
    put_back: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return what is there now of all that a step read, in words or as digests.

    Parameters
    ----------
    written : sequence of Written
        What the step wrote: it does not count as new in a folder.
    put_back : mapping of str to str, optional
        Paths and digests of files that steps before will put back.
    """
    back = put_back or {}
    paths = {f.path: str(project.root / f.path) for f in reads.files if not f.is_folder}
    states = digests(project, [full for path, full in paths.items() if path not in back])
    own = [one.path for one in written]
    found: dict[str, str] = {}
    for file in reads.files:
        if file.is_folder:
            found[f"folder {file.path}"] = _listing(project, file.path, own)
        elif file.path in back:
            found[f"file {file.path}"] = back[file.path]
        else:
            now = states[paths[file.path]]
            gone = "gone" if now.size_bytes is None else "not readable"
            found[f"file {file.path}"] = now.digest or gone
    for one in reads.data:
        found[f"data {one.asked}"] = _resolved(project, one.asked)
    for ref in reads.made:
        found[f"data {ref}"] = _resolved(project, ref)
    return found


def before(reads: Reads) -> dict[str, str]:
    """Return the same as it was when the step ran."""
    files = {f"{'folder' if f.is_folder else 'file'} {f.path}": f.digest for f in reads.files}
    data = {f"data {one.asked}": one.ref for one in reads.data}
    return files | data | {f"data {ref}": ref for ref in reads.made}


def changes(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Say what is another now."""
    return [_words(what, was[what], now[what]) for what in was if was[what] != now[what]]


def _words(what: str, was: str, now: str) -> str:
    kind = what.partition(" ")[0]
    if kind == "data":
        return f"data {now} replaces {was}" if "@" in now else f"data {was} is gone"
    if now == "gone":
        return f"{what} is gone"
    return f"{what} has other files" if kind == "folder" else f"{what} changed"


def _resolved(project: Project, asked: str) -> str:
    try:
        version = versions.resolve(project, asked)
    except MlopsError:
        return "gone"
    return version.ref if versions.is_there(project, version) else "gone"
