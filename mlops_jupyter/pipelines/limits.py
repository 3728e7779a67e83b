"""How often a step may be tried, how long it may take, and how much memory it may use."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_jupyter.config.pipeline import Pipeline
from mlops_jupyter.config.section import age_in_seconds, size_in_bytes
from mlops_jupyter.errors import UsageError

MOST_RETRIES = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked for in place of what ``mlops.yaml`` says, or what counts for one step.

    Attributes
    ----------
    retries : int or None
        How often a step that failed is tried again.
    timeout_seconds : float or None
        How long a step may take.
    memory_bytes : int or None
        How much memory the processes of a step may use together.
    """

    retries: int | None = None
    timeout_seconds: float | None = None
    memory_bytes: int | None = None

    def of(self, declared: Pipeline | None, step: str) -> Limits:
        """Return what counts for a step: what was asked for, else what is declared."""
        if declared is None:
            return self
        seconds, memory = self.timeout_seconds, self.memory_bytes
        return Limits(
            declared.retries_of(step) if self.retries is None else self.retries,
            declared.timeout_seconds(step) if seconds is None else seconds,
            declared.memory_bytes(step) if memory is None else memory,
        )


def read(retries: int | None, timeout: str | None, memory: str | None) -> Limits:
    """Return limits as people write them, such as ``30m`` and ``4 GB``.

    Raises
    ------
    UsageError
        One is no such thing.
    """
    if retries is not None and not 0 <= retries <= MOST_RETRIES:
        raise UsageError(f"{retries} retries", hint=f"give 0 to {MOST_RETRIES}")
    try:
        seconds = None if timeout is None else age_in_seconds(timeout, "all steps", "timeout")
        size = None if memory is None else size_in_bytes(memory, "memory")
    except ValueError as error:
        raise UsageError(str(error)) from None
    if seconds == 0 or size == 0:
        raise UsageError("a limit of 0 lets no step run", hint="leave it out for no limit")
    return Limits(retries, seconds, size)


def time_words(seconds: float) -> str:
    """Return a time as people write it: ``30m``, ``1.5h``, ``90s``."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length or seconds == length:
            return f"{seconds / length:.3g}{unit}"
    return f"{seconds:.3g}s"


def size_words(size: int) -> str:
    """Return a size as people write it: ``5.1 GB``, ``800 MB``."""
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= length:
            return f"{size / length:.3g} {unit}"
    return f"{size / 1e3:.3g} kB"
