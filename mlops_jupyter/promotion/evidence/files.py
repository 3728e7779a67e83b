"""Writing evidence: a folder for one decision, and the page of the job that a CI shows."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlops_jupyter.errors import MlopsError, UsageError, refused_by_disk
from mlops_jupyter.promotion.evidence.junit import junit
from mlops_jupyter.promotion.evidence.summary import markdown
from mlops_jupyter.promotion.evidence.told import Told
from mlops_jupyter.store.objects import replace_file

DECISION, JUNIT, SUMMARY = "decision.json", "junit.xml", "summary.md"

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Names the file that GitHub's runner shows on the page of the job; Gitea's and Forgejo's too."""

LARGEST_SUMMARY_BYTES = 1024 * 1024
"""GitHub shows nothing at all of a step that wrote more."""


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written to, before anything is judged for it.

    Raises
    ------
    UsageError, ExternalError
        It is a file, or the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"{folder}: a file", hint="name a folder") from error
    except NotADirectoryError as error:
        raise UsageError(f"{folder}: lies below a file", hint="name a folder") from error
    except (OSError, ValueError) as error:
        raise _refused(folder, error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{folder}: cannot be written to", hint="use a folder that can")


def write(folder: Path, told: Told, record: Mapping[str, Any] | None) -> None:
    """Write the evidence of one decision into a folder, in place of that of another.

    ``decision.json`` comes last: where it is, the others are of the same decision. A call that
    came to no decision leaves none.

    Parameters
    ----------
    folder : Path
        Gets ``decision.json``, ``junit.xml`` and ``summary.md``.
    told : Told
    record : mapping or None
        The whole decision, as it is kept.

    Raises
    ------
    UsageError, ExternalError
        The disk refuses.
    """
    check_folder(folder)
    try:
        with contextlib.suppress(FileNotFoundError):
            (folder / DECISION).unlink()
        replace_file(folder / JUNIT, junit(told))
        replace_file(folder / SUMMARY, markdown(told).encode())
        if record is not None:
            replace_file(folder / DECISION, encoded(record))
    except OSError as error:
        raise refused_by_disk(folder, error) from error


def encoded(record: Mapping[str, Any]) -> bytes:
    """Return a record as JSON, for people and for programs."""
    return json.dumps(msgspec.to_builtins(record), indent=2).encode() + b"\n"


def append_summary(told: Told, environment: Mapping[str, str]) -> str | None:
    """Add what is told to the page that a CI shows of this job, if it has one.

    Returns
    -------
    str or None
        Why it was not added, in one line: a page that cannot be written changes no verdict.
    """
    name = environment.get(STEP_SUMMARY)
    if not name:
        return None
    content = markdown(told).encode() + b"\n"
    try:
        with Path(name).open("ab") as file:
            if file.tell() + len(content) > LARGEST_SUMMARY_BYTES:
                return f"not on the page of the job: {STEP_SUMMARY} would be over 1 MiB"
            file.write(content)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return f"not on the page of the job: {STEP_SUMMARY}: {reason}"
    return None


def _refused(folder: Path, error: Exception) -> MlopsError:
    if isinstance(error, OSError):
        return refused_by_disk(folder, error)
    return UsageError(f"{str(folder)!r}: {error}", hint="name a folder")  # a NUL in it
