"""What a check of a pipeline found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that will, or may, go wrong.

    Attributes
    ----------
    code : str
        What kind of thing, e.g. ``missing-input``.
    severity : str
        ``error``: the pipeline will fail, or do something else than the notebook. ``warning``:
        it may.
    cell : int or None
        Number of the cell in the notebook, from 1; None: it is of the whole.
    sentence : str
    hint : str or None
        What to do.
    notebook : str
        Which one, of several; else empty.
    """

    code: str
    severity: Severity
    cell: int | None
    sentence: str
    hint: str | None = None
    notebook: str = ""


@dataclass(frozen=True, slots=True)
class PipelineCheck:
    """What a check of one pipeline found, in the order of its cells."""

    pipeline: str
    notebook: str
    findings: tuple[Finding, ...]

    @property
    def has_errors(self) -> bool:
        """Whether one of the findings is an error."""
        return any(finding.severity == "error" for finding in self.findings)
