"""What a worker is told, and what it tells."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_jupyter.pipelines.key import Part
from mlops_jupyter.pipelines.limits import Limits


class Job(msgspec.Struct, frozen=True):
    """One step.

    Attributes
    ----------
    pipeline, step : str
    given : dict
        Parameters, as JSON and without secrets.
    settings : str
        ``mlops.yaml``.
    files : dict of str to bytes
        By path from the project's root: notebooks, modules, files that the step reads.
    parts : tuple of Part
        What the step is made of here, without the values that it gets.
    known : dict of str to str
        By step: the entry that is taken for it.
    part_of : str
        The pipeline run that waits for it.
    limits : Limits
        In place of what ``mlops.yaml`` says.
    """

    pipeline: str
    step: str
    given: dict[str, Any]
    settings: str
    files: dict[str, bytes]
    parts: tuple[Part, ...]
    known: dict[str, str]
    part_of: str
    limits: Limits


class Outcome(msgspec.Struct, frozen=True):
    """What became of it.

    Attributes
    ----------
    where : str
        Address of the worker.
    entry : str or None
        Id of what it gave, which has been pushed.
    why_not : str
        Why what it gave could not be kept.
    differs : tuple of str
        In what the worker's environment is another; nothing was run then.
    failure : dict or None
        The error that ended it.
    notebook : bytes or None
        As it was executed.
    """

    where: str
    entry: str | None = None
    why_not: str = ""
    differs: tuple[str, ...] = ()
    failure: dict[str, str | None] | None = None
    notebook: bytes | None = None
