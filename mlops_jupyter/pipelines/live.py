"""What a running step shows of itself: where it is, and what its cells print.

Two files beside its executed notebook, which is saved only now and then: ``02-fit.log`` grows
with each output, ``02-fit.cell`` says at which cell it is. Neither is needed to run anything.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlops_jupyter.runs import secret

LARGEST_LOG_BYTES = 16_000_000

SHORTEST = 4
"""Characters of a secret that is masked: shorter ones are in every text."""

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class StepLog:
    """Writes both files; that it cannot is no reason for a step to fail.

    Parameters
    ----------
    notebook : Path
        The executed notebook of the step.
    secrets : iterable of str
        What is not to be told.
    """

    def __init__(self, notebook: Path, secrets: Iterable[str] = ()) -> None:
        self._notebook = notebook
        self._secrets = sorted({s for s in secrets if len(s) >= SHORTEST}, key=len, reverse=True)
        self._heading = ""
        self._size_bytes = 0
        self._place: int | None = None
        with contextlib.suppress(OSError):
            log_of(notebook).write_bytes(b"")

    def begin(self, heading: str, cell: int, cells: int) -> None:
        """Note that a cell begins; the heading is written when it prints something."""
        self._heading = heading
        with contextlib.suppress(OSError):
            if self._place is None:
                self._place = os.open(_place_file(self._notebook), os.O_CREAT | os.O_WRONLY, 0o644)
            # of one length, and in one piece: readers see the old place or the new one
            os.pwrite(self._place, b"%9d/%9d" % (cell, cells), 0)

    def add(self, message: Mapping[str, Any]) -> None:
        """Add what a message of the kernel says."""
        text = text_of(message)
        if not text or self._size_bytes > LARGEST_LOG_BYTES:
            return
        if self._heading:
            text, self._heading = f"── {self._heading}\n{text}", ""
        for value in self._secrets:
            text = text.replace(value, secret.MASK)
        content = secret.masked(text).encode("utf-8", "replace")
        self._size_bytes += len(content)
        if self._size_bytes > LARGEST_LOG_BYTES:
            content = "\n… more than that is in the executed notebook only\n".encode()
        with contextlib.suppress(OSError), log_of(self._notebook).open("ab") as file:
            file.write(content)

    def end(self) -> None:
        """Note that the step has ended."""
        with contextlib.suppress(OSError):
            if self._place is not None:
                os.close(self._place)
            self._place = None
            _place_file(self._notebook).unlink()


def text_of(message: Mapping[str, Any]) -> str:
    """Return what a message of the kernel shows, as plain text."""
    kind, content = message.get("msg_type"), message.get("content") or {}
    if kind == "stream":
        return without_colours(str(content.get("text", "")))
    if kind == "error":
        lines = "\n".join(map(str, content.get("traceback", ())))
        return without_colours(lines).rstrip("\n") + "\n"
    if kind in {"display_data", "execute_result"}:
        shown = (content.get("data") or {}).get("text/plain")
        return without_colours("".join(shown)).rstrip("\n") + "\n" if shown else ""
    return ""


def without_colours(text: str) -> str:
    """Return a text without what would steer a terminal; a carriage return may stay."""
    return _CONTROL.sub("", _ANSI.sub("", text))


def place_of(notebook: Path) -> tuple[int, int] | None:
    """Return at which cell of how many a running step is; None where that is not known."""
    try:
        cell, _, cells = _place_file(notebook).read_text(encoding="ascii").partition("/")
        return int(cell), int(cells)
    except (OSError, ValueError):
        return None


def log_of(notebook: Path) -> Path:
    """Return where the log of a step lies."""
    return notebook.with_suffix(".log")


def _place_file(notebook: Path) -> Path:
    return notebook.with_suffix(".cell")
