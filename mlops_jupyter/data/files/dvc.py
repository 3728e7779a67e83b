"""What DVC says of files: ``.dvc`` files, and the cache that they point to.

https://dvc.org/doc/user-guide/project-structure/dvc-files
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import yaml

from mlops_jupyter.data.files.walk import walk
from mlops_jupyter.errors import MlopsError

FOLDER_ENDING = ".dir"
"""An md5 that ends so is that of a folder's list."""

_MOST_BYTES = 2**20


class Tracked(msgspec.Struct, frozen=True):
    """A file or a folder as a ``.dvc`` file has it.

    Attributes
    ----------
    path : str
        From the folder of the ``.dvc`` file.
    md5 : str
        Of a file its MD5; of a folder that of its list, and ``.dir``.
    size : int or None
        In bytes.
    is_old : bool
        Written by a DVC before 3, which took the MD5 of a text file without its carriage returns.
    """

    path: str
    md5: str
    size: int | None = None
    is_old: bool = False


def read(text: str | bytes) -> tuple[Tracked, ...]:
    """Return what a ``.dvc`` file tracks; nothing, if it is none."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return ()
    outs = content.get("outs") if isinstance(content, dict) else None
    return tuple(
        Tracked(out["path"], out["md5"], _int(out.get("size")), out.get("hash") != "md5")
        for out in (outs if isinstance(outs, list) else [])
        if isinstance(out, dict) and isinstance(out.get("path"), str) and _is_md5(out.get("md5"))
    )


def tracked(path: Path) -> str | None:
    """Return the MD5 by which DVC tracks a file or a folder, if it holds what DVC says."""
    try:
        place = Path(os.path.abspath(path))  # noqa: PTH100 - links are not followed
        beside = place.with_name(f"{place.name}.dvc")
        if not beside.is_file() or beside.stat().st_size > _MOST_BYTES:
            return None
        for one in read(beside.read_bytes()):
            if one.path == place.name:
                return one.md5 if _holds(place, one) else None
    except (OSError, ValueError, MlopsError):
        pass  # whatever DVC says is a remark on the source, and stops nothing
    return None


def md5_of_file(path: Path, *, as_text: bool = False) -> str:
    """Return the MD5 of a file, or of what DVC before 3 takes of a text file."""
    with path.open("rb") as opened:
        if not as_text:
            return hashlib.file_digest(
                opened, lambda: hashlib.md5(usedforsecurity=False)
            ).hexdigest()
        hasher = hashlib.md5(usedforsecurity=False)
        while chunk := opened.read(2**20):
            hasher.update(chunk.replace(b"\r\n", b"\n"))
        return hasher.hexdigest()


def md5_of(content: bytes) -> str:
    """Return the MD5 of bytes."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def folder_list(content: bytes) -> list[tuple[str, str]] | None:
    """Return the paths and MD5s of a folder's list; None, if it is none."""
    try:
        rows = json.loads(content)
        found = [(str(row["relpath"]), str(row["md5"])) for row in rows]
    except (ValueError, TypeError, KeyError):
        return None
    return found if all(_is_md5(md5) for _, md5 in found) else None


def _holds(path: Path, one: Tracked) -> bool:
    if not one.md5.endswith(FOLDER_ENDING):
        if one.size is not None and path.stat().st_size != one.size:
            return False
        return one.md5 in {md5_of_file(path), md5_of_file(path, as_text=True) if one.is_old else ""}
    found = [entry for entry, mark in walk(path) if mark]
    if one.size is not None and sum(entry.size for entry in found) != one.size:
        return False
    rows: list[dict[str, Any]] = [
        {"md5": md5_of_file(path / name), "relpath": name}
        for name in sorted(os.fsdecode(entry.path) for entry in found)
    ]
    # as DVC makes it: https://github.com/iterative/dvc-data, hashfile/tree.py
    text = json.dumps(rows, sort_keys=True).encode()
    return md5_of(text) + FOLDER_ENDING == one.md5


def _is_md5(found: object) -> bool:
    digits = found.removesuffix(FOLDER_ENDING) if isinstance(found, str) else ""
    return len(digits) == 32 and set(digits) <= set("0123456789abcdef")


def _int(found: object) -> int | None:
    return found if isinstance(found, int) else None
