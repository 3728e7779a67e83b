"""How the execution of a notebook ended, told as what it is.

papermill knows "completed" and "failed" only, and calls all cells completed when the kernel died,
a cell took too long, or somebody pressed Ctrl-C.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any, Literal

from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from mlops_jupyter.errors import last_line

Status = Literal["finished", "failed", "interrupted"]
Cause = Literal["end", "exit", "error", "timeout", "kernel", "interrupt", "other"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How the execution of a notebook ended.

    Attributes
    ----------
    status : str
        ``finished``, ``failed`` or ``interrupted``.
    cause : str
        ``end``: after the last cell. ``exit``: a cell called `sys.exit` or `quit`. ``error``: a
        cell raised. ``timeout``: a cell took too long. ``kernel``: it died, or did not start.
        ``interrupt``: Ctrl-C, or the signal by which schedulers end a job. ``other``: what
        executes the notebook failed, say by a full disk.
    cell : int or None
        Position of the cell that ended it, from 0.
    error : str or None
        One line; None where nothing went wrong.
    """

    status: Status = "finished"
    cause: Cause = "end"
    cell: int | None = None
    error: str | None = None

    @property
    def is_early(self) -> bool:
        """Whether cells were left that nobody executed."""
        return self.cause != "end"

    @property
    def words(self) -> str | None:
        """The error, and where: ``cell 3: ValueError: no``; people count from 1."""
        if self.error is None or self.cell is None:
            return self.error
        return f"cell {self.cell + 1}: {self.error}"


END = Ending()


def ending_of(error: BaseException, cell: int | None, exit_code: int | None = None) -> Ending:
    """Say what an exception is that ended the execution.

    Parameters
    ----------
    error : BaseException
    cell : int or None
        Position of the cell that was executed.
    exit_code : int, optional
        Of the kernel's process, if that has ended; negative: the signal.
    """
    if isinstance(error, CellExecutionError):
        return _raised(error, cell)
    if isinstance(error, KeyboardInterrupt):
        return Ending("interrupted", "interrupt", cell, str(error) or "interrupted")
    if isinstance(error, CellTimeoutError):
        return Ending("failed", "timeout", cell, last_line(error))
    if isinstance(error, DeadKernelError):
        return Ending("failed", "kernel", cell, f"the kernel died{_how(exit_code)}")
    # what jupyter_client says of a kernel that does not answer
    is_start = cell is None and isinstance(error, RuntimeError | NoSuchKernel)
    return Ending("failed", "kernel" if is_start else "other", cell, last_line(error))


def _raised(error: CellExecutionError, cell: int | None) -> Ending:
    # papermill takes these two for a good end, and so does Python
    if error.ename == "SystemExit" and error.evalue in {"", "0"}:
        return Ending("finished", "exit", cell)
    cause: Cause = "exit" if error.ename == "SystemExit" else "error"
    first = str(error.evalue).strip().partition("\n")[0]
    text = f"{error.ename}: {first}" if first else str(error.ename)
    if error.ename == "KeyboardInterrupt":
        return Ending("interrupted", "interrupt", cell, text)
    return Ending("failed", cause, cell, text[:500])


def _how(code: int | None) -> str:
    if code is None:
        return ""
    if code >= 0:
        return f": its process ended with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f": ended by {name}" + (", perhaps out of memory" if name == "SIGKILL" else "")


def exit_code_of(manager: Any) -> int | None:
    """Return the exit code of a kernel's process; None while it runs, or if nobody knows."""
    process = getattr(manager.provisioner, "process", None)
    code = None if process is None else process.poll()
    return code if isinstance(code, int) else None
