"""Read-only copies of kept files and folders, each built aside and put in place in one step."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from mlops_jupyter.errors import IntegrityError, refused_by_disk

FILE_MODE = 0o444
PROGRAM_MODE = 0o555


def copy(
    folder: Path,
    digest: str,
    name: str,
    is_right: Callable[[Path], bool],
    build: Callable[[Path], None],
) -> Path:
    """Return ``<folder>/<digest>/<name>``; what is there and right is used again.

    Parameters
    ----------
    folder : Path
        Where copies lie.
    digest : str
        Of the content.
    name : str
        What the file or the folder is called.
    is_right : callable
        Tells whether what lies at a path is what it should be.
    build : callable
        Makes it at a path.

    Raises
    ------
    IntegrityError
        The name leads elsewhere, or `build` found damage.
    ExternalError, UsageError
        The disk is full, or may not be written.
    """
    home = folder / digest.removeprefix("blake3:")
    path = home / plain(name)
    try:
        if is_right(path):
            return path
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f".writing-{secrets.token_hex(8)}"
        aside.mkdir()
        try:
            build(aside / name)
            _put_in_place(aside / name, path, lambda: is_right(path))
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise refused_by_disk(path, error) from error
    return path


def plain(name: str) -> str:
    """Refuse a name that would lead out of its folder: a manifest may come from elsewhere.

    Raises
    ------
    IntegrityError
        It is no plain name.
    """
    if name in {"", ".."} or Path(name).name != name or "\0" in name:
        raise IntegrityError(f"the stored file name {name[:80]!r} is not a plain name")
    return name


def _put_in_place(made: Path, path: Path, is_right: Callable[[], bool]) -> None:
    """Move what was made aside to its place; what lies there and is not right goes."""
    path.parent.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):
        made.rename(path)  # a file takes the place of a file in one step
        return
    if is_right():
        return  # another process was faster
    edited = made.parent / f".edited-{secrets.token_hex(8)}"
    path.rename(edited)
    made.rename(path)
