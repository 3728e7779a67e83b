"""What the cells of a pipeline run print, and their notebooks, also while it runs."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_jupyter.errors import NotFoundError, refused_by_disk
from mlops_jupyter.pipelines import history
from mlops_jupyter.pipelines.live import log_of
from mlops_jupyter.pipelines.pipeline import LogPart, PipelineRun, StepRun
from mlops_jupyter.project import Project

LARGEST_PART_BYTES = 256_000


def find(project: Project, which: str | None = None) -> PipelineRun:
    """Return a pipeline run.

    Parameters
    ----------
    project : Project
    which : str, optional
        The beginning of its id, or of that of the Run that it recorded; or the name of a
        pipeline, of which its last run is meant. Default: the last run of all.

    Raises
    ------
    NotFoundError
        There is none.
    """
    sql = (
        "SELECT p.id FROM pipeline_run p LEFT JOIN run r ON r.pipeline_run_id = p.id"
        " WHERE ?1 IS NULL OR p.pipeline = ?1 OR substr(p.id, 1, length(?1)) = ?1"
        " OR substr(r.id, 1, length(?1)) = ?1"
        " ORDER BY p.pipeline = ?1 DESC, r.reproduces IS NOT NULL, p.started_at DESC LIMIT 1"
    )
    row = project.catalog.row(sql, (which or None,))
    if row is None:
        raise NotFoundError("pipeline run", which or "", hint="see `mlops pipeline list`")
    return history.get(project, row["id"])


def step_of(run: PipelineRun, name: str) -> StepRun:
    """Return a step of a run.

    Raises
    ------
    NotFoundError
        It has no such step.
    """
    for step in run.steps:
        if step.step == name:
            return step
    raise NotFoundError("step", name, [step.step for step in run.steps])


def log(project: Project, pipeline_run_id: str, step: str, offset: int | None = None) -> LogPart:
    """Return what the cells of a step have printed so far.

    Parameters
    ----------
    project : Project
    pipeline_run_id : str
    step : str
    offset : int, optional
        Where to begin, in bytes, as the part before said. Default: so that the end is told.

    Raises
    ------
    NotFoundError
        There is no such run or step.
    """
    found = step_of(history.get(project, pipeline_run_id), step)
    is_ended = found.status not in {"queued", "running"}
    path = None if found.executed is None else log_of(project.root / found.executed)
    begin, content = (offset or 0, b"") if path is None else _read(path, offset)
    next_offset = begin + len(content)
    is_whole = len(content) < LARGEST_PART_BYTES
    return LogPart(
        found, content.decode(errors="replace"), begin, next_offset, is_ended and is_whole
    )


def executed(project: Project, pipeline_run_id: str, step: str) -> bytes:
    """Return the notebook of a step as executed so far.

    Raises
    ------
    NotFoundError
        There is no such run or step, or the step has not begun.
    """
    found = step_of(history.get(project, pipeline_run_id), step)
    path = project.root / (found.executed or "")
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        hint = "it is written when the step begins"
        raise NotFoundError("executed notebook of the step", step, hint=hint) from None
    except OSError as error:
        raise refused_by_disk(path, error) from error


def _read(path: Path, offset: int | None) -> tuple[int, bytes]:
    """Read whole characters; from near the end when no place is given."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            begin = max(0, size - LARGEST_PART_BYTES + 1) if offset is None else offset
            file.seek(begin)
            content = file.read(LARGEST_PART_BYTES)
    except FileNotFoundError:
        return offset or 0, b""
    except OSError as error:
        raise refused_by_disk(path, error) from error
    if offset is None and begin:
        _, _, rest = content.partition(b"\n")
        begin, content = begin + len(content) - len(rest), rest
    return begin, _whole(content)


def _whole(content: bytes) -> bytes:
    """Leave out a character at the end that is not all there yet."""
    for length in range(1, min(3, len(content)) + 1):
        lead = content[-length]
        if lead & 0xC0 == 0x80:  # a byte inside a character
            continue
        needs = 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1
        return content[:-length] if needs > length else content
    return content
