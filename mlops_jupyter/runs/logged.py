"""Figures and files that the user logs under a name."""

from __future__ import annotations

import io
import mimetypes
import os
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import UsageError, refused_by_disk
from mlops_jupyter.runs.recorder import File

LARGEST_BYTES = 1_000_000_000
LONGEST_NAME = 200


def file_of(file: str | os.PathLike[str] | bytes, name: str | None) -> File:
    """Return a file as it is now, or bytes, under a name.

    Raises
    ------
    UsageError
        There is no such file, it is too large, or the name is none for a file.
    """
    if isinstance(file, bytes | bytearray | memoryview):
        if name is None:
            raise UsageError("log_artifact: bytes need a name", hint="log_artifact(content, name)")
        content = bytes(file)
    else:
        path = Path(file)
        name = name or path.name
        content = _read(path)
    return _named("log_artifact", name, content)


def figure_of(fig: Any, name: str) -> File:
    """Return a figure as an image, or as a page when it is interactive.

    Raises
    ------
    UsageError
        It is no figure that we know.
    """
    found = _image(fig)
    if found is None:
        raise UsageError(
            f"log_figure({name!r}): not a figure: {type(fig).__name__}",
            hint="of matplotlib, plotly or PIL, or with a _repr_png_ or _repr_svg_",
        )
    extension, content = found
    full = name if Path(name).suffix == f".{extension}" else f"{name}.{extension}"
    return _named("log_figure", full, content)


def _image(fig: Any) -> tuple[str, bytes] | None:
    # axes and seaborn's grids have a figure
    drawn: Any = fig if hasattr(fig, "savefig") else getattr(fig, "figure", None)
    if hasattr(drawn, "savefig"):
        return "png", _written(lambda file: drawn.savefig(file, format="png"))
    if type(fig).__module__.startswith("PIL."):
        return "png", _written(lambda file: fig.save(file, format="PNG"))
    for method, extension in (("_repr_png_", "png"), ("_repr_svg_", "svg"), ("to_html", "html")):
        content = getattr(fig, method)() if hasattr(fig, method) else None
        if content:
            return extension, content.encode() if isinstance(content, str) else content
    return None


def _written(write: Any) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise UsageError(f"log_artifact: {path} is a folder", hint="log its files one by one")
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(
                f"log_artifact: {path} is larger than {LARGEST_BYTES // 10**9} GB",
                hint="keep data with `mlops snapshot`",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"log_artifact: there is no file {path}") from None
    except OSError as error:
        raise refused_by_disk(path, error) from error


def _named(verb: str, name: str, content: bytes) -> File:
    is_plain = isinstance(name, str) and name.isprintable() and not set(name) & set('/\\:*?"<>|')
    if not is_plain or name.strip(". ") == "" or len(name) > LONGEST_NAME:
        raise UsageError(f"{verb}: not the name of a file: {name!r:.80}")
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return File(name, media_type, content)
