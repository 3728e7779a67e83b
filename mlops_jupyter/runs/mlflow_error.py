"""Why MLflow did not take a run: one line that names the cause and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata

from mlops_jupyter.runs.mlflow_place import redacted

LONGEST = 500

_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"out-of-date database schema|Can't locate revision",
        (
            "{uri} was made by another version of MLflow than the one here ({version}): install"
            " the version that made it, or run `mlflow db upgrade` on it"
        ),
    ),
    (
        r"No module named '(?:psycopg2?|MySQLdb|pymysql|pyodbc)'",
        (
            "{uri} needs the driver of its database ({detail}): install it with pip, or name"
            " one that is there, as in `postgresql+psycopg2://…`"
        ),
    ),
    (
        r"password authentication failed|\b401\b|\b403\b|UNAUTHENTICATED|PERMISSION_DENIED",
        (
            "{uri} refuses us: log in with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD,"
            " or with the password in the address"
        ),
    ),
    (
        r"No space left|disk is full|disk full|Disk quota|\b507\b|could not extend file",
        "no room is left where {uri} writes ({detail}): make room there",
    ),
    (
        (
            r"Max retries exceeded|Connection refused|Connection reset|Connection aborted"
            r"|connection to server|could not connect|could not translate host|Name or service"
            r"|server closed the connection|Connection broken|[Tt]imed out|RemoteDisconnected"
        ),
        "{uri} does not answer: start it, or correct `mlflow: {{tracking_uri: …}}` in mlops.yaml",
    ),
    (
        r"database is locked",
        "{uri} is locked by another program: let that one end",
    ),
    (
        r"readonly database|unable to open database|Permission denied",
        "{uri} may not be written ({detail}): make it writable for you",
    ),
    (
        r"in 'deleted' state|is in deleted|must be in (?:the )?'active'",
        (
            "an experiment or run was deleted in {uri} ({detail}): restore it there, or set"
            " `mlflow: {{experiment: …}}` in mlops.yaml"
        ),
    ),
    (
        r"failed with error code 404|is not a valid|Not Found",
        (
            "{uri} is none, or a version without what we need ({detail}): correct"
            " `mlflow: {{tracking_uri: …}}` in mlops.yaml"
        ),
    ),
    (
        r"\b50[0-9]\b|INTERNAL_ERROR|TEMPORARILY_UNAVAILABLE",
        "{uri} fails ({detail}): its own log says more",
    ),
)
"""What MLflow and those under it say, and what we say then; the first that is found counts."""


def in_words(error: BaseException, uri: str) -> str:
    """Return one line without credentials: what is wrong at `uri`, and what to do about it."""
    said = "\n".join(_lines(error))
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    detail = lines[0][:200] if lines else type(error).__name__
    place = f"MLflow at {redacted(uri)}"
    for pattern, sentence in _CAUSES:
        if re.search(pattern, said):
            words = sentence.format(uri=place, detail=detail, version=metadata.version("mlflow"))
            break
    else:
        words = f"{place}: {detail}"
    return redacted(words, uri)[:LONGEST]


def _lines(error: BaseException) -> Iterator[str]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield f"{type(cause).__name__}: {cause}"
        cause = cause.__cause__ or cause.__context__
