"""Put a kept file or folder into a folder of one's own, without copying where that can be."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlops_jupyter.data import versions
from mlops_jupyter.data.files import copies, file
from mlops_jupyter.data.files.listing import EMPTY_FOLDER, FILE, LINK, PROGRAM, Entry
from mlops_jupyter.data.files.walk import walk
from mlops_jupyter.errors import ConflictError, UsageError, refused_by_disk
from mlops_jupyter.project import Project

_FICLONE = 0x40049409
"""Let a file share the blocks of another, see ioctl_ficlone(2): Btrfs, XFS, bcachefs."""


class _Placed(NamedTuple):
    """Where something comes from, and where it goes."""

    source: Path
    target: Path
    entry: Entry


def checkout(project: Project, ref: str, folder: Path | str, *, overwrite: bool = False) -> Path:
    """Put the file or folder of a version into a folder, under its own name, read-only.

    A file there shares its blocks with the copy in ``.mlops/files`` (a reflink), or is the same
    file (a hard link), where the file system can; else it is a copy. Files in the folder that the
    version does not know stay.

    Parameters
    ----------
    project : Project
    ref : str
        As of `versions.resolve`.
    folder : path
        Made when it is not there.
    overwrite : bool
        Whether files that are there and differ are replaced.

    Returns
    -------
    Path
        The file or the folder.

    Raises
    ------
    UsageError
        The version is no file or folder, or the folder may not be written.
    NotFoundError
        There is no such version.
    ConflictError
        Something that differs is there; nothing is changed.
    IntegrityError
        An object is missing or damaged.
    ExternalError
        The disk is full.
    """
    version = versions.resolve(project, ref)
    if version.kind not in {"file", "folder"}:
        raise UsageError(
            f"{version.ref} is a {version.kind}, and no file",
            hint=f"write it to one: `mlops data export {version.ref} FILE`",
        )
    kept: Path = versions.load(project, version.ref)
    target = Path(os.path.abspath(folder)) / kept.name  # noqa: PTH100 - links are not followed
    try:
        missing = list(_missing(kept, target, overwrite=overwrite))
        target.parent.mkdir(parents=True, exist_ok=True)
        for one in missing:
            _place(one)
    except OSError as error:
        raise refused_by_disk(error.filename or target, error) from error
    return target


def _missing(kept: Path, target: Path, *, overwrite: bool) -> Iterator[_Placed]:
    """Give what is not there yet; refuse to replace what differs before anything is changed."""
    if kept.is_dir():
        _check_folder(target, overwrite=overwrite)
        entries = [entry for entry, _ in walk(kept)]
        for folder in sorted({p for e in entries for p in _above(e)}):
            _check_folder(target / os.fsdecode(folder), overwrite=overwrite)
        placed = [
            _Placed(kept / os.fsdecode(e.path), target / os.fsdecode(e.path), e) for e in entries
        ]
        if not entries:
            placed = [_Placed(kept, target, Entry(b"", EMPTY_FOLDER))]
    else:
        placed = [_Placed(kept, target, Entry(os.fsencode(kept.name), FILE))]
    for one in placed:
        if _is_same(one):
            continue
        if os.path.lexists(one.target):
            _check_replaced(one, overwrite=overwrite)
        yield one


def _above(entry: Entry) -> Iterator[bytes]:
    parent = entry.path.rpartition(b"/")[0]
    while parent:
        yield parent
        parent = parent.rpartition(b"/")[0]


def _check_folder(path: Path, *, overwrite: bool) -> None:
    """Refuse to write through a link, or in place of a file, that lies where a folder must."""
    if not os.path.lexists(path) or (path.is_dir() and not path.is_symlink()):
        return
    if not overwrite or path.is_symlink():
        raise ConflictError(
            f"{path}: is there and is no folder", hint="take it away, or give another folder"
        )
    path.unlink()


def _check_replaced(one: _Placed, *, overwrite: bool) -> None:
    if one.target.is_dir() and not one.target.is_symlink():
        raise ConflictError(
            f"{one.target}: is a folder, where the version has none",
            hint="take it away, or give another folder",
        )
    if not overwrite:
        raise ConflictError(
            f"{one.target}: is there and differs",
            hint="`--force` replaces it; nothing was changed",
        )


def _is_same(one: _Placed) -> bool:
    path, entry = one.target, one.entry
    if entry.kind == EMPTY_FOLDER:
        return path.is_dir() and not path.is_symlink()
    if entry.kind == LINK:
        return path.is_symlink() and os.fsencode(path.readlink()) == entry.value
    if path.is_symlink() or not path.is_file():
        return False
    ours, theirs = one.source.stat(), path.stat()
    if (ours.st_ino, ours.st_dev) == (theirs.st_ino, theirs.st_dev):
        return True
    same = ours.st_size == theirs.st_size and (theirs.st_mode & 0o111) == (ours.st_mode & 0o111)
    return same and file.digest_of_file(path) == file.digest_of_file(one.source)


def _place(one: _Placed) -> None:
    """Put one thing in place in one step."""
    if one.entry.kind == EMPTY_FOLDER:
        one.target.mkdir(parents=True, exist_ok=True)
        return
    one.target.parent.mkdir(parents=True, exist_ok=True)
    aside = one.target.with_name(f".writing-{secrets.token_hex(8)}")
    try:
        if one.entry.kind == LINK:
            aside.symlink_to(os.fsdecode(one.entry.value))
        elif not _clone(one.source, aside) and not _link(one.source, aside):
            shutil.copyfile(one.source, aside, follow_symlinks=False)
        if one.entry.kind != LINK:
            aside.chmod(copies.PROGRAM_MODE if one.entry.kind == PROGRAM else copies.FILE_MODE)
        aside.replace(one.target)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


def _clone(source: Path, target: Path) -> bool:
    with source.open("rb") as ours, target.open("xb") as theirs:
        try:
            fcntl.ioctl(theirs.fileno(), _FICLONE, ours.fileno())
        except OSError:
            pass
        else:
            return True
    target.unlink()
    return False


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        return False  # another file system, or one that has no hard links
    return True
