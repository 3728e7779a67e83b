"""Files, folders and URLs as content of versions: found by what they are, kept once."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter.data import file_state, reach, versions
from mlops_jupyter.data.dataset import DatasetVersion, Kind, Source
from mlops_jupyter.data.files import dvc, file, folder, url
from mlops_jupyter.data.files.file import Kept
from mlops_jupyter.project import Project


def keep(project: Project, obj: str | os.PathLike[str], name: str) -> DatasetVersion | Kept:
    """Keep a file, a folder, or what a URL gives, for the dataset `name`.

    What it has new against the newest version is kept. A file that is remembered, and whose
    content is a version of this dataset, is not read.

    Parameters
    ----------
    project : Project
    obj : path or URL
    name : str

    Returns
    -------
    DatasetVersion or Kept
        The version that is there already, or what its row must say.

    Raises
    ------
    NotFoundError
        There is no such file.
    UsageError
        It is nothing that can be kept, or may not be read.
    ConflictError
        It changed while it was read.
    ExternalError
        The disk is full, or a URL's server does not answer.
    """
    text = os.fspath(obj)
    if url.is_url(text):
        return url.keep(project.objects, text, newest(project, name, "file"))
    path = Path(text)
    if text and "\0" not in text and path.is_dir():
        return _keep_folder(project, path, name)
    return _keep_file(project, path, name)


def newest(project: Project, name: str, kind: Kind) -> Mapping[str, Any] | None:
    """Return the manifest of the newest version of a dataset that is a file, or a folder."""
    row = project.catalog.row(
        "SELECT manifest FROM dataset_version WHERE dataset = ? AND kind = ? AND gone_at IS NULL"
        " ORDER BY number DESC LIMIT 1",
        (name, kind),
    )
    if row is None or not reach.is_there(project.objects, row["manifest"]):
        return None  # told when it is read; what is new is kept whole
    return file.read_manifest(project.objects, row["manifest"])


def source_of(project: Project, path: Path, kind: Kind) -> Source:
    """Return what a file or folder is: tracked by DVC as it stands, or just where it lies."""
    text = os.path.abspath(path)  # noqa: PTH100 - links are not followed
    root = f"{project.root}/"
    text = text.removeprefix(root) if text.startswith(root) else text
    text = text.encode(errors="replace").decode()  # a name that is no UTF-8
    md5 = dvc.tracked(path)
    if md5 is not None:
        return Source("dvc", text, parameters=msgspec.json.encode({"md5": md5}).decode())
    return Source("folder" if kind == "folder" else "file", text)


def _keep_file(project: Project, path: Path, name: str) -> DatasetVersion | Kept:
    real = os.path.realpath(path) if "\0" not in str(path) else ""
    mark = file_state.mark_at(real)
    remembered = file_state.known(project, real) if mark else None
    if remembered is not None and remembered[0] == mark:
        version = _known(project, name, remembered[1])
        if version is not None:
            return version
    began = time.time_ns()
    kept = file.write(project.objects, path, newest(project, name, "file"))
    if mark and file_state.is_settled(mark, began) and file_state.mark_at(real) == mark:
        file_state.remember(project, [(real, mark, kept.digest)])
    return msgspec.structs.replace(kept, source=source_of(project, path, "file"))


def _keep_folder(project: Project, path: Path, name: str) -> DatasetVersion | Kept:
    real = path.resolve()
    called = os.path.basename(os.path.abspath(path)) or "folder"  # noqa: PTH100, PTH119
    seen = folder.scan(real, called, file_state.known_below(project, os.fspath(real)))
    version = _known(project, name, seen.digest) if seen.digest else None
    if version is not None:
        return version
    kept, read = folder.write(project.objects, seen, newest(project, name, "folder"))
    file_state.remember(project, read)
    return msgspec.structs.replace(kept, source=source_of(project, path, "folder"))


def _known(project: Project, name: str, digest: str) -> DatasetVersion | None:
    version = versions.find(project, name, digest)
    return version if version is not None and versions.is_there(project, version) else None
