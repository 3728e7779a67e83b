"""The certificate of a run: what became of executing it again from clean state."""

from __future__ import annotations

from typing import Literal

import msgspec

from mlops_jupyter.project import Project

Verdict = Literal["exact", "within_tolerance", "differs", "could_not_run"]
Cause = Literal["cell", "file", "kernel"]


class Difference(msgspec.Struct, frozen=True):
    """One value of the run that its re-execution did not give.

    Attributes
    ----------
    kind : str
        ``metric``, ``figure``, ``model`` or ``error``.
    name : str
        Of the metric (``loss[3]`` is its step 3), of the figure, of the model's output.
    recorded, found : str
        The two values, for people; ``missing`` where there is none.
    by : float or None
        How far they are apart: of a metric or a prediction the absolute difference, of a
        figure the share of its pixels. None where that cannot be said.
    within : bool
        It is within the tolerance that was given.
    """

    kind: Literal["metric", "figure", "model", "error"]
    name: str
    recorded: str
    found: str
    by: float | None = None
    within: bool = False

    def __str__(self) -> str:
        from mlops_jupyter.runs.metric import metric_text

        by = "" if self.by is None else f" (by {metric_text(self.by, 3)})"
        return f"{self.name} {self.recorded} → {self.found}{by}"


class Certificate(msgspec.Struct, frozen=True):
    """What became of executing a run again, in a fresh kernel and an empty folder.

    Attributes
    ----------
    id : str
        Sixteen hex digits.
    run_id : str
        The run.
    verdict : str
        ``exact``, ``within_tolerance``, ``differs`` or ``could_not_run``.
    reason : str or None
        Why it could not run: which cell or file, and what was missing.
    cause : str or None
        With it: ``cell``, ``file`` or ``kernel``.
    positions : tuple of int
        The executions of the session that were executed again, in order.
    widened_by : int
        How many of these the run's own slice did not hold.
    attempts : int
        How many sets of cells were tried.
    differences : tuple of Difference
    unseeded : tuple of str
        Sources of randomness that the run used without a seed.
    notes : tuple of str
        What was not compared, or not as it was: durations, packages, modules.
    tolerance : float or None
        Relative and absolute; None is exact.
    environment : str
        ``here`` or ``lock``.
    code_digest : str or None
        Of the cells executed, without comments and formatting.
    data_digests : dict of str to str
        Data versions and files that they stood on, and their content.
    environment_digest, model_digest : str or None
        Of the re-execution.
    reproduction_id : str or None
        The run that records the re-execution.
    notebook : str or None
        Object: the notebook as executed again.
    python : str
    duration_seconds : float
    made_at : str
        ISO 8601, UTC.
    """

    id: str
    run_id: str
    verdict: Verdict
    reason: str | None
    cause: Cause | None
    positions: tuple[int, ...]
    widened_by: int
    attempts: int
    differences: tuple[Difference, ...]
    unseeded: tuple[str, ...]
    notes: tuple[str, ...]
    tolerance: float | None
    environment: Literal["here", "lock"]
    code_digest: str | None
    data_digests: dict[str, str]
    environment_digest: str | None
    model_digest: str | None
    reproduction_id: str | None
    notebook: str | None
    python: str
    duration_seconds: float
    made_at: str


def keep(project: Project, certificate: Certificate) -> None:
    """Write a certificate down; those before it stay."""
    report = msgspec.json.encode(certificate).decode()
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO certificate (id, run_id, verdict, report, notebook, made_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                certificate.id,
                certificate.run_id,
                certificate.verdict,
                report,
                certificate.notebook,
                certificate.made_at,
            ),
        )


def newest(project: Project, run_id: str) -> Certificate | None:
    """Return the newest certificate of a run, or None."""
    row = project.catalog.row(
        "SELECT report FROM certificate WHERE run_id = ? ORDER BY made_at DESC, id LIMIT 1",
        (run_id,),
    )
    return None if row is None else msgspec.json.decode(row["report"], type=Certificate)


def sentence(certificate: Certificate) -> str:
    """Say in one line what a certificate says: ``reproduced exactly · 3 cells``."""
    count = len(certificate.positions)
    parts = [f"{count} cell" if count == 1 else f"{count} cells"]
    if certificate.widened_by:
        parts.append(f"widened by {certificate.widened_by}")
    if certificate.verdict == "exact":
        return " · ".join(["reproduced exactly", *parts])
    if certificate.verdict == "within_tolerance":
        return " · ".join([f"reproduced within {certificate.tolerance:g}", *parts])
    if certificate.verdict == "could_not_run":
        return f"could not run: {certificate.reason}"
    outside = [difference for difference in certificate.differences if not difference.within]
    more = f", and {len(outside) - 1} more" if len(outside) > 1 else ""
    return f"differs: {outside[0]}{more}"
