"""When a pipeline runs: cron expressions, and the line of a crontab."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.export.shape import Shape, on_one_line

_HINT = "write minute, hour, day, month and weekday, e.g. '0 6 * * 1-5'"


def next_times(expression: str, *, is_utc: bool, count: int = 3) -> tuple[datetime, ...]:
    """Return when an expression comes true next.

    Computed by cronsim (https://github.com/cuu508/cronsim), which follows Debian's cron.

    Parameters
    ----------
    expression : str
        Five fields. What not every cron takes is refused: seconds, ``L``, ``W``, ``#``, ``@daily``.
    is_utc : bool
        Whether it is meant in UTC; else in the time of this machine.
    count : int

    Returns
    -------
    tuple of datetime
        Aware ones.

    Raises
    ------
    UsageError
        It is no such expression, or never comes true.
    """
    from cronsim import CronSim, CronSimError

    if re.fullmatch(r"[0-9A-Za-z*/, -]+", expression) is None or len(expression.split()) != 5:
        raise UsageError(f"{expression!r:.80} is no cron expression", hint=_HINT)
    if re.search(r"[LWR]", re.sub(r"[A-Za-z]{3}", "", expression.upper())):
        raise UsageError(f"{expression!r:.80}: not every cron takes that", hint=_HINT)
    now = datetime.now(UTC) if is_utc else datetime.now()  # noqa: DTZ005 - as cron reads it
    try:
        times = CronSim(expression, now)
        found = tuple(next(times).astimezone() for _ in range(count))
    except CronSimError as error:
        raise UsageError(f"{expression!r:.80}: {error}", hint=_HINT) from None
    except (StopIteration, RuntimeError):
        raise UsageError(f"{expression!r:.80} never comes true", hint=_HINT) from None
    return tuple(time.astimezone(UTC) for time in found) if is_utc else found


def crontab(shape: Shape, expression: str, given: Mapping[str, str] | None = None) -> str:
    """Return a line of a crontab that runs a pipeline, with a log and a JUnit report.

    Parameters
    ----------
    shape : Shape
    expression : str
        When, in the time of the machine.
    given : mapping of str to str, optional
        Parameters, as on the command line.

    Raises
    ------
    UsageError
        It is no cron expression, or something would not stay on the line.
    """
    next_times(expression, is_utc=False, count=1)
    log = Path(".mlops", f"{shape.pipeline}.cron.log")
    words = [sys.executable, "-m", "mlops_jupyter.cli.main", "pipeline", "run", shape.pipeline]
    words += ["--junit", str(log.with_name(f"{shape.pipeline}.junit.xml"))]
    for name, text in (given or {}).items():
        words += ["-p", name, text]
    command = f"cd {shlex.quote(str(shape.root))} && {shlex.join(words)}"
    line = f"{command} >> {shlex.quote(str(log))} 2>&1"
    # cron reads a % as the end of the line, also within quotes
    escaped = on_one_line("the line of the crontab", line).replace("%", r"\%")
    return f"{' '.join(expression.split())} {escaped}\n"
