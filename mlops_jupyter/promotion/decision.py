"""Nouns of the promotion layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mlops_jupyter.models.model import ModelVersion

Verdict = Literal["pass", "fail", "hold", "error"]
"""Of a gate. hold: the evidence does not settle it. error: a check could not be made, because
the model or a function of the project raised."""

CheckVerdict = Literal["pass", "fail", "hold", "error", "not_judged"]

Kind = Literal["pass", "promote", "reject", "hold", "approve", "rollback"]
State = Literal["intended", "applied", "void"]


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
        ``pass``, ``fail``, ``hold``: the evidence does not settle it; ``error``: code of the
        project raised; ``not_judged``: a comparison while there is no champion, a slice with
        too few rows.
    challenger, champion : float or None
        The values compared; champion is None when the check does not look at it.
    why : str
        One sentence, with the numbers.
    kind : str
        ``floor``, ``compare``, …: the key in ``mlops.yaml``.
    id : str
        Unique in the report: ``compare/roc_auc``, ``slices/accuracy/region=north``.
    value : float or None
        What was judged, in the units of `limit`: a difference (positive is better for the
        challenger), a share, an index.
    lower, upper : float or None
        Its bounds; each of the two is wrong no more often than `GateReport.level`.
    limit : float or None
        What `value` must keep to.
    side : str
        ``above``: `value` must be above `limit` (or at it); ``below``.
    count : int or None
        Rows, or clusters of rows, behind it.
    rows_needed : int or None
        Of a check that holds: rows of the same kind that would settle it, 8 times in 10.
    p : float or None
        Of the test behind the verdict, adjusted for how many were made.
    method : str
        How the bounds were made: ``paired t``, ``DeLong``.
    """

    check: str
    verdict: CheckVerdict
    challenger: float | None
    champion: float | None
    why: str
    kind: str = ""
    id: str = ""
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    limit: float | None = None
    side: Literal["above", "below", ""] = ""
    count: int | None = None
    rows_needed: int | None = None
    p: float | None = None
    method: str = ""


@dataclass(frozen=True, slots=True)
class GateReport:
    """The verdict of a gate, with its evidence.

    Attributes
    ----------
    verdict : str
        ``pass`` only when no check failed, held or raised, and at least one passed.
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
    checks : tuple of CheckResult
        In the order of ``mlops.yaml``.
    level : float
        How often a bound may be wrong by chance.
    rows_digest : str
        Of the rows scored.
    clusters : int or None
        Independent groups of rows, where rows are not.
    looks : int or None
        Candidates judged on these rows so far, this one included.
    warnings : tuple of str
        What people should know, and what decides nothing.
    """

    verdict: Verdict
    challenger: int
    champion: int | None
    bootstrap: bool
    data: str
    row_count: int
    left_out: int
    checks: tuple[CheckResult, ...]
    level: float = 0.05
    rows_digest: str = ""
    clusters: int | None = None
    looks: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """An append-only record: who decided what, when and why.

    `kind` is ``pass``, ``hold`` or ``reject`` for a gate that moved nothing, ``promote`` and
    ``rollback`` for what moves the alias, ``approve`` for a person's yes to an earlier one.
    `state` is ``intended`` before the alias is moved, ``applied`` after, ``void`` when it was
    never moved.

    Attributes
    ----------
    number : int or None
        In the chain of this project, from 1; None for a decision that was pulled from another.
    digest : str or None
        Of the whole record. None for those that were made before records were chained.
    judged : str or None
        The id of the decision, with its gate report, that an approval or a promotion acts on.
    override : bool
        The alias was moved although the gate did not pass; `reason` says why.
    """

    id: str
    model: str
    kind: Kind
    state: State
    from_version: int | None
    to_version: int
    reason: str
    actor: str
    decided_at: str
    report: GateReport | None
    number: int | None = None
    digest: str | None = None
    judged: str | None = None
    override: bool = False

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        from mlops_jupyter.promotion.evidence import card

        printer.text(card.as_text(self))

    def _repr_html_(self) -> str:
        from mlops_jupyter.promotion.evidence import card

        return card.as_html(self)


@dataclass(frozen=True, slots=True)
class Approved:
    """One yes: who, when, and what they said."""

    actor: str
    at: str
    comment: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A judged version that nobody has promoted yet.

    Attributes
    ----------
    decision : str
        The id of the decision that waits.
    version : int
    verdict : str
        Of its gate.
    needed : int
        How many approvals it takes; 0 when none.
    by : tuple of str
        Who may give them; empty: anybody.
    approved : tuple of Approved
        Those given so far.
    expires_at : str or None
    lapsed : str or None
        Why it cannot be promoted any more, in words: the champion moved, it expired, a later
        version was judged.
    ready : bool
        `mlops promote` would move the alias.
    """

    decision: str
    version: int
    verdict: Verdict
    needed: int
    by: tuple[str, ...]
    approved: tuple[Approved, ...]
    expires_at: str | None
    lapsed: str | None
    ready: bool


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A model: its champion, its versions and the decisions on them, newest first.

    Attributes
    ----------
    waiting : Waiting or None
        The newest judged version, if it waits for somebody.
    rollback_to : int or None
        The version that `mlops rollback` would make champion.
    """

    name: str
    champion: int | None
    versions: tuple[ModelVersion, ...]
    decisions: tuple[Decision, ...]
    waiting: Waiting | None = None
    rollback_to: int | None = None
