"""The code cells of a notebook, as its file has them: read without nbformat, which is heavy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import UsageError, did_you_mean, refused_by_disk

HINT = "open it in JupyterLab, or take it from version control"


@dataclass(frozen=True, slots=True)
class NotebookCell:
    """A code cell of a notebook.

    Attributes
    ----------
    id : str or None
        None: the file is of a format older than 4.5, or was written by hand.
    source : str
    count : int or None
        The number that stands before it: its place in the order of execution.
    error : str or None
        What its output says that it raised.
    may_raise : bool
        It is tagged ``raises-exception``: the cells below run all the same.
    """

    id: str | None
    source: str
    count: int | None = None
    error: str | None = None
    may_raise: bool = False


@dataclass(frozen=True, slots=True)
class NotebookFile:
    """A notebook's code cells in order, and its language, e.g. ``python``."""

    cells: tuple[NotebookCell, ...]
    language: str


def read_notebook(path: Path) -> NotebookFile:
    """Read the code cells of a notebook's file, of any format since 1.

    Raises
    ------
    UsageError
        There is no such notebook, or it is none.
    """
    return parse_notebook(read_file(path), path)


def read_file(path: Path) -> bytes:
    """Return the bytes of a notebook, or say what is wrong with its path."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        near = [p.name for p in path.parent.glob("*.ipynb")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near)
        raise UsageError(f"{path}: there is no such notebook", hint=hint) from None
    except ValueError:  # a zero byte, or half a character
        raise UsageError(f"{str(path)!r} is not a path") from None
    except OSError as error:
        raise refused_by_disk(path, error) from error


def parse_notebook(content: bytes, path: Path) -> NotebookFile:
    """Read the code cells of a notebook whose bytes are at hand."""
    notebook = decoded(content, path)
    found = _cells(notebook) if isinstance(notebook, dict) else None
    if found is None:
        raise UsageError(f"{path}: not a notebook: it has no list of cells", hint=HINT)
    return NotebookFile(tuple(_cell(c) for c in found if _is_code(c)), _language(notebook))


def decoded(content: bytes, path: Path) -> Any:
    """Return the JSON of a notebook, or say where it is none."""
    try:
        return json.loads(content.decode("utf-8-sig"))  # not msgspec: outputs may hold NaN
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 text, at byte {error.start}"
        raise UsageError(f"{path}: not a notebook: {reason}", hint=HINT) from None
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}:{error.colno}"
        raise UsageError(f"{where}: not a notebook: {error.msg}", hint=HINT) from None
    except RecursionError:
        raise UsageError(f"{path}: not a notebook: nested too deep", hint=HINT) from None


def _cells(notebook: dict[str, Any]) -> list[Any] | None:
    """Return all cells; before format 4 they lie in worksheets."""
    cells = notebook.get("cells")
    if isinstance(cells, list):
        return cells
    sheets = notebook.get("worksheets")
    if not isinstance(sheets, list):
        return None
    inner = (sheet.get("cells") for sheet in sheets if isinstance(sheet, dict))
    return [cell for cells in inner if isinstance(cells, list) for cell in cells]


def _is_code(cell: Any) -> bool:
    return isinstance(cell, dict) and cell.get("cell_type") == "code"


def _cell(cell: dict[str, Any]) -> NotebookCell:
    metadata = _mapping(cell.get("metadata"))
    tags = metadata.get("tags")
    identity = cell.get("id")
    count = cell.get("execution_count", cell.get("prompt_number"))
    return NotebookCell(
        id=identity if isinstance(identity, str) else None,
        source=_text(cell.get("source", cell.get("input"))),
        count=count if isinstance(count, int) and not isinstance(count, bool) else None,
        error=_error(cell.get("outputs")),
        may_raise=isinstance(tags, list) and "raises-exception" in tags,
    )


def _error(outputs: Any) -> str | None:
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict) and output.get("output_type") in {"error", "pyerr"}:
            name, value = _text(output.get("ename")), _text(output.get("evalue"))
            first = value.strip().partition("\n")[0][:200]
            return f"{name}: {first}" if first else name or "an error"
    return None


def _language(notebook: dict[str, Any]) -> str:
    metadata = _mapping(notebook.get("metadata"))
    spec, info = _mapping(metadata.get("kernelspec")), _mapping(metadata.get("language_info"))
    told = info.get("name") or spec.get("language")
    if not isinstance(told, str):
        told = "r" if spec.get("name") == "ir" else "python"
    return "python" if told.lower() == "ipython" else told.lower()


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
