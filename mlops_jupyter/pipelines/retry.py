"""Trying a step again when it failed for a reason that may pass."""

from __future__ import annotations

import random
from collections.abc import Callable

from mlops_jupyter.errors import CellFailedError, ExternalError, MlopsError, StoppedError

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0

CODE_ERRORS = (
    "SyntaxError", "IndentationError", "TabError", "NameError", "UnboundLocalError",
    "ModuleNotFoundError", "SystemExit", "KeyboardInterrupt",
)  # fmt: skip
"""What a cell raises because of its code, or because somebody wants it to end."""

Failed = Callable[[int, MlopsError, float | None], None]


def may_pass(error: MlopsError) -> bool:
    """Return whether the same step may work the next time.

    It may after a dead kernel, above a limit, and when a cell has raised, but for errors that
    the code alone decides. It does not when the pipeline is wrong, what is stored is damaged,
    or somebody has ended it.
    """
    if isinstance(error, CellFailedError):
        return error.error.partition(":")[0] not in CODE_ERRORS
    return isinstance(error, ExternalError) and not isinstance(error, StoppedError)


def wait_seconds(attempt: int) -> float:
    """Return how long to wait after an attempt, from 1: twice as long each time, and some chance.

    The chance ("full jitter", between a half and all of it here) keeps steps that failed together
    from coming back together.
    """
    # no more doublings than lead to the longest
    most = min(FIRST_WAIT_SECONDS * 2.0 ** min(attempt - 1, 30), LONGEST_WAIT_SECONDS)
    return most * random.uniform(0.5, 1.0)  # noqa: S311


def run(
    body: Callable[[int], None],
    retries: int,
    failed: Failed,
    wait: Callable[[float], None],
) -> None:
    """Do something, and do it again when it failed for a reason that may pass.

    Parameters
    ----------
    body : callable
        Gets the number of the attempt, from 1.
    retries : int
        How often at most it is done again.
    failed : callable
        Told of each attempt that failed: its number, its error, and how many seconds are waited
        before the next; None: it was the last.
    wait : callable
        Waits; may raise when nobody is interested any more.

    Raises
    ------
    MlopsError
        That of the last attempt.
    """
    attempt = 1
    while True:
        try:
            body(attempt)
            return
        except MlopsError as error:
            is_last = attempt > retries or not may_pass(error)
            seconds = None if is_last else wait_seconds(attempt)
            failed(attempt, error, seconds)
            if seconds is None:
                raise
        wait(seconds)
        attempt += 1
