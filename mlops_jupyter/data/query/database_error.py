"""Errors of databases in our words: one line, without the secrets of the connection."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

from mlops_jupyter.errors import (
    LONGEST_ERROR,
    ExternalError,
    MlopsError,
    UsageError,
    last_line,
)

_LIBRARIES = {
    "adbc_driver_manager", "duckdb", "_duckdb", "google", "pandas", "requests", "sqlalchemy",
    "sqlite3", "urllib3",
}  # fmt: skip
_PEP_249 = {"DatabaseError", "InterfaceError"}

_AWAY_STATES = {"08", "53", "57", "58"}
"""Classes of SQLSTATE: no connection, out of resources, somebody intervened, the disk failed."""

_AWAY_SQLITE = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT,
}  # fmt: skip

_AWAY_NAMES = {
    "OperationalError", "ConnectionException", "HTTPException", "RequestException",
    "TransportError", "RetryError", "HTTPError", "TimeoutError",
}  # fmt: skip


@contextlib.contextmanager
def translated(masked: Callable[[str], str], place: Callable[[], str]) -> Iterator[None]:
    """Turn what a driver raises into ours.

    Parameters
    ----------
    masked : callable
        Takes credentials out of a text.
    place : callable
        Gives the name of the database, when it is needed.

    Raises
    ------
    UsageError
        The query is wrong, or its parameters.
    ExternalError
        The database cannot be reached, or failed.
    """
    try:
        yield
    except MlopsError:
        raise
    except (TypeError, ValueError, LookupError) as error:
        raise UsageError(
            masked(f"the query: {last_line(error)}"),
            hint="are the parameters those that the query names, in the style of its driver?",
        ) from None
    except Exception as error:
        cause = _cause(error)
        if not _is_of_database(cause):
            raise
        lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
        message = masked(f"{place()}: {lines[0] if lines else type(cause).__name__}")
        hint = next((line for line in lines[1:] if line.startswith(("HINT", "Did you"))), None)
        hint = masked(hint)[:LONGEST_ERROR] if hint else None
        if _is_away(cause):
            raise ExternalError(
                message[:LONGEST_ERROR], hint=hint or "is the database up, and to be reached?"
            ) from None
        raise UsageError(message[:LONGEST_ERROR], hint=hint) from None


def _cause(error: BaseException) -> BaseException:
    """Return the driver's own error, of which pandas and SQLAlchemy make others."""
    inner = getattr(error, "orig", None)
    if inner is None and type(error).__module__.partition(".")[0] == "pandas":
        inner = error.__cause__
    return _cause(inner) if isinstance(inner, BaseException) else error


def _is_of_database(error: BaseException) -> bool:
    homes = {base.__module__.partition(".")[0] for base in type(error).__mro__}
    names = {base.__name__ for base in type(error).__mro__}
    return bool(homes & _LIBRARIES or names & _PEP_249 or isinstance(error, OSError))


def _is_away(error: BaseException) -> bool:
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if isinstance(state, str) and state.strip("\0"):
        return state[:2] in _AWAY_STATES
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _AWAY_SQLITE
    status = getattr(error, "code", None)
    if isinstance(status, int):  # of HTTP
        return status >= 500 or status in {408, 429}
    if "No files found" in str(error):  # DuckDB's word for a wrong name
        return False
    names = {base.__name__ for base in type(error).__mro__}
    return bool(names & _AWAY_NAMES) or isinstance(error, OSError)
