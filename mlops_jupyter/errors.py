"""Every error this package raises on purpose, as one tree ordered by what the caller can do.

::

    MlopsError
    ├── UsageError          fix the command, the cell or mlops.yaml       exit 2, HTTP 400
    │   └── NotFoundError   the name is unknown; "did you mean"           exit 2, HTTP 404
    ├── CellFailedError     the user's own code raised                    exit 5, HTTP 422
    ├── ConflictError       somebody else moved it; look, then try again  exit 6, HTTP 409
    ├── ExternalError       kernel, disk, MLflow or network; try again    exit 7, HTTP 503
    │   └── StoppedError    somebody ended it                             exit 130, HTTP 409
    └── IntegrityError      stored data is damaged or missing             exit 8, HTTP 500

A failed gate is a result, not an exception: the commands answer 1 (no), 3 (undecided) or
4 (waiting for an approval) for those.

Each error is one line that says what is wrong and where, and a hint that says what to do.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable
from typing import ClassVar


class MlopsError(Exception):
    """The root of the tree.

    Parameters
    ----------
    message : str
        One line: what is wrong, and where.
    hint : str, optional
        One line: what to do about it.
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"

    def _render_traceback_(self) -> list[str]:
        """Show one line and the hint in a notebook, in place of a traceback (IPython protocol)."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(MlopsError):
    """The command line, the cell or ``mlops.yaml`` asks for something that cannot be."""

    exit_code = 2
    http_status = 400


class NotFoundError(UsageError):
    """A name that nothing here bears.

    Parameters
    ----------
    what : str
        The kind of thing, e.g. ``"dataset"``.
    name : str
        The name that was asked for.
    known : iterable of str
        The names that exist; the nearest one becomes the hint.
    hint : str, optional
        Used when no known name is near.
    """

    http_status = 404

    def __init__(
        self, what: str, name: str, known: Iterable[str] = (), *, hint: str | None = None
    ) -> None:
        self.name = name
        super().__init__(f"there is no {what} {name!r}", hint=did_you_mean(name, known) or hint)


class CellFailedError(MlopsError):
    """The user's code raised inside a notebook that we ran.

    Parameters
    ----------
    notebook : str
        The notebook whose cell failed.
    cell : str
        Which cell, in words, e.g. ``"cell 4"``.
    error : str
        The exception as Python prints it on its last line.
    traceback : str, optional
        The whole traceback, for those who ask.
    executed : str, optional
        Where the notebook as executed so far is kept.
    """

    exit_code = 5
    http_status = 422

    def __init__(
        self,
        notebook: str,
        cell: str,
        error: str,
        *,
        traceback: str = "",
        executed: str | None = None,
    ) -> None:
        self.notebook = notebook
        self.cell = cell
        self.error = error
        self.traceback = traceback
        self.executed = executed
        hint = f"the notebook as executed so far: {executed}" if executed else None
        super().__init__(f"{notebook}, {cell}: {error}", hint=hint)


class ConflictError(MlopsError):
    """Somebody else moved what this call was about to move."""

    exit_code = 6
    http_status = 409


class ExternalError(MlopsError):
    """Something outside our reach failed, and the same call may work later."""

    exit_code = 7
    http_status = 503


class StoppedError(ExternalError):
    """Somebody ended it on purpose, from another place."""

    exit_code = 130
    http_status = 409


class IntegrityError(MlopsError):
    """Stored data is damaged or missing. Never swallowed."""

    exit_code = 8
    http_status = 500


LONGEST_ERROR = 500
"""Characters of somebody else's error that are kept."""


def last_line(error: BaseException) -> str:
    """Return an error as the last line of its traceback, cut to `LONGEST_ERROR` characters."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the user's own __str__
        text = "(its text could not be made)"
    first = text.strip().partition("\n")[0]
    name = type(error).__name__
    return (f"{name}: {first}" if first else name)[:LONGEST_ERROR]


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return ``did you mean 'x'?``, or the names there are, or None when there are none."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    if names:
        shown = ", ".join(names[:8])
        return f"there is: {shown}" + (", …" if len(names) > 8 else "")
    return None


def refused_by_disk(path: os.PathLike[str] | str, error: OSError) -> MlopsError:
    """Say in our words why a file could not be read or written."""
    reason = error.strerror or str(error)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return UsageError(f"{path}: {reason}", hint="use a folder that you may write to")
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ExternalError(f"{path}: {reason}", hint="nothing was kept; make room and try again")
    return ExternalError(f"{path}: {reason}")
