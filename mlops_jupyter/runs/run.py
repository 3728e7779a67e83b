"""Nouns of the runs layer."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mlops_jupyter.runs.certificate import Certificate

Status = Literal["running", "finished", "failed", "interrupted"]


class Artifact(msgspec.Struct, frozen=True):
    """A file that a run shows: a figure, for instance."""

    name: str
    media_type: str
    digest: str
    size_bytes: int


class ReadFile(msgspec.Struct, frozen=True):
    r"""A file that a cell read or wrote, or a URL or query that it read.

    Attributes
    ----------
    path : str
        From the project's root where it lies there, else absolute; or a URL, or SQL. Bytes of a
        name that are not UTF-8 are written ``\xff``.
    access, kind : str
    size_bytes : int or None
    digest : str or None
        ``blake3:…`` of the content when the cell ended. None: unknown, or gone; of what was
        read, also when the same cell changed it later. Of a folder: see
        `mlops_jupyter.data.file_state.folder_digest`.
    not_kept : str or None
        Why it did not become a data version, where the project wants that of it.
    """

    path: str
    access: Literal["read", "write"]
    kind: Literal["file", "folder", "url", "query"]
    size_bytes: int | None
    digest: str | None
    not_kept: str | None = None


class CodeCell(msgspec.Struct, frozen=True):
    """One executed cell of a run's CodeVersion, as it was when it ran."""

    position: int
    cell_id: str | None
    source: str
    duration_seconds: float
    error: str | None
    files: tuple[ReadFile, ...]


class Run(msgspec.Struct, frozen=True):
    """One recorded experiment.

    Attributes
    ----------
    id : str
        Sixteen hex digits.
    name : str
        What the user called it.
    status : str
        ``running``, ``finished``, ``failed`` or ``interrupted`` (its kernel died).
    notebook : str or None
        Path of the notebook, as the kernel was told it.
    started_at, ended_at : str, str or None
        ISO 8601, UTC.
    error : str or None
        Last line of the traceback when it failed.
    git_commit, git_dirty : str or None, bool or None
        None outside a git repository.
    code_digest : str or None
        Of the cells that made it, without comments and formatting.
    model_digest, model_kind : str or None
        The fitted model that it kept, and its class.
    pipeline_run_id : str or None
        The pipeline run that it records.
    parent_run_id : str or None
        The run around it, of a nested run.
    mlflow_run_id : str or None
        None until the mirror has copied it.
    parameters : dict of str to JSON value
    metrics : dict of str to float or None
        The last value of each; None stands for NaN.
    data : tuple of str
        The data versions that it stands on, ``train@3``.
    artifacts : tuple of Artifact
    """

    id: str
    name: str
    status: Status
    notebook: str | None
    started_at: str
    ended_at: str | None
    error: str | None
    git_commit: str | None
    git_dirty: bool | None
    code_digest: str | None
    environment_digest: str | None
    model_digest: str | None
    model_kind: str | None
    pipeline_run_id: str | None
    parent_run_id: str | None
    mlflow_run_id: str | None
    parameters: dict[str, Any]
    metrics: dict[str, float | None]
    data: tuple[str, ...]
    artifacts: tuple[Artifact, ...]


class RunPage(msgspec.Struct, frozen=True):
    """A page of runs, newest first, and how many there are in all."""

    runs: tuple[Run, ...]
    total: int


class RunDetail(msgspec.Struct, frozen=True):
    """A run and what stands behind it.

    Attributes
    ----------
    run : Run
    cells : tuple of CodeCell
        The cells that made it, in the order of their execution.
    certificate : Certificate or None
        What became of re-executing it, the last time.
    unsure : tuple of str
        Why those cells may not give the same again, in words.
    made : tuple of str
        Of the data versions of the run, those that its cells took themselves.
    """

    run: Run
    cells: tuple[CodeCell, ...]
    certificate: Certificate | None = None
    unsure: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
