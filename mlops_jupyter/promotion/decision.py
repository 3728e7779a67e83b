"""Nouns of the promotion layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_jupyter.models.model import ModelVersion

Verdict = Literal["pass", "fail"]
CheckVerdict = Literal["pass", "fail", "not_judged"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics of one model version on one dataset version.

    Attributes
    ----------
    id : str
    model : str
    version : int
    data : str
        The dataset version, ``flights@7``.
    label : str
        The column that was predicted.
    row_count : int
        Rows scored.
    left_out : int
        Rows left out, because they have no label.
    rows_digest : str
        Of the rows scored, their positions and labels; two evaluations are compared only when
        it is equal.
    metrics : dict of str to float or None
        None stands for NaN: the metric is not defined on these rows.
    scores : str
        Object: the predictions row by row, as an Arrow stream.
    """

    id: str
    model: str
    version: int
    data: str
    label: str
    row_count: int
    left_out: int
    rows_digest: str
    metrics: dict[str, float | None]
    scores: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of a gate report.

    Attributes
    ----------
    check : str
        What was asked, in words: ``roc_auc not worse than champion v1 by more than 0.01``.
    verdict : str
        ``pass``, ``fail``, or ``not_judged``: a comparison while there is no champion.
    challenger, champion : float or None
        The values compared; champion is None when the check does not look at it.
    why : str
        One sentence, with the numbers.
    """

    check: str
    verdict: CheckVerdict
    challenger: float | None
    champion: float | None
    why: str


@dataclass(frozen=True, slots=True)
class GateReport:
    """The verdict of a gate, with its evidence.

    Attributes
    ----------
    verdict : str
        ``pass`` only when no check failed and at least one passed.
    challenger : int
        The version judged.
    champion : int or None
        The version it was compared with; None for the first model (`bootstrap`).
    bootstrap : bool
        There was no champion: only absolute checks could be made, and the report says so.
    data : str
        The dataset version on which both were scored.
    row_count, left_out : int
        Rows scored, and rows left out because they have no label.
    """

    verdict: Verdict
    challenger: int
    champion: int | None
    bootstrap: bool
    data: str
    row_count: int
    left_out: int
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """An append-only record: promote, reject or roll back; who, when, why.

    `state` is ``intended`` before the alias is moved, ``applied`` after, ``void`` when it
    was never moved.
    """

    id: str
    model: str
    kind: Literal["promote", "reject", "rollback"]
    state: Literal["intended", "applied", "void"]
    from_version: int | None
    to_version: int
    reason: str
    actor: str
    decided_at: str
    report: GateReport | None


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A model: its champion, its versions and the decisions on them, newest first."""

    name: str
    champion: int | None
    versions: tuple[ModelVersion, ...]
    decisions: tuple[Decision, ...]
