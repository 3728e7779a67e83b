"""The record of a decision: who, when, why, and all that it rests on.

Each is written in one transaction: its row, its state, its entry in the chain, and a note that
MLflow is to be told.
"""

from __future__ import annotations

import dataclasses
import secrets
import sqlite3
import unicodedata
from collections.abc import Iterable
from importlib import metadata
from typing import Any

import msgspec

from mlops_jupyter.config import Model
from mlops_jupyter.errors import UsageError
from mlops_jupyter.models import registry
from mlops_jupyter.project import Project, now
from mlops_jupyter.promotion import actor
from mlops_jupyter.promotion.decision import Decision, GateReport, Kind, State, Verdict
from mlops_jupyter.promotion.recording import chain
from mlops_jupyter.store.objects import digest_of

LONGEST = 10_000
"""Characters of a reason or a comment."""

LIBRARIES = (
    "mlops-jupyter", "mlflow", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy",
)  # fmt: skip
"""Those whose version may change what a gate finds."""

_KIND: dict[Verdict, Kind] = {"pass": "pass", "hold": "hold", "fail": "reject", "error": "reject"}


def of_gate(project: Project, model: str, report: GateReport, policy: Model | None) -> Decision:
    """Record what a gate found. Nothing is moved.

    Parameters
    ----------
    project : Project
    model : str
    report : GateReport
    policy : config.Model or None
        What it was judged by.
    """
    return write(project, *verdict(project, model, report, policy))


def verdict(
    project: Project, model: str, report: GateReport, policy: Model | None
) -> tuple[Decision, dict[str, Any]]:
    """Return what a gate found, not written yet, and the facts that it rests on."""
    whole = _whole(policy)
    facts = {
        "challenger": _contender(project, model, report.challenger),
        "champion": _contender(project, model, report.champion),
        "data": _data(project, report),
        "report": msgspec.to_builtins(report),
        "policy": whole,
        "policy_digest": digest_of(chain.encoded({"policy": whole})),
        "libraries": _libraries(),
    }
    made = Decision(
        id=secrets.token_hex(8),
        model=model,
        kind=_KIND[report.verdict],
        state="applied",
        from_version=report.champion,
        to_version=report.challenger,
        reason=_reason(report),
        actor=actor.current(project.root),
        decided_at=now(),
        report=report,
    )
    return made, facts


def new(
    project: Project,
    judged: Decision | None,
    kind: Kind,
    state: State,
    **said: Any,
) -> Decision:
    """Return a decision by whoever is at work, not written yet; `said` are its fields."""
    of_judged = (
        {}
        if judged is None
        else {
            "model": judged.model,
            "from_version": judged.from_version,
            "to_version": judged.to_version,
            "report": judged.report,
            "judged": judged.id,
        }
    )
    return Decision(
        **{
            "id": secrets.token_hex(8),
            "kind": kind,
            "state": state,
            "actor": actor.current(project.root),
            "decided_at": now(),
            "report": None,
            **of_judged,
            **said,
        }
    )


def moving(
    judged: Decision | None, made: Decision, approvals: Iterable[Decision]
) -> dict[str, Any]:
    """Return the facts of a decision that moves the alias."""
    return {
        "judged": None if judged is None else {"id": judged.id, "digest": judged.digest},
        "approvals": [
            {"id": a.id, "digest": a.digest, "actor": a.actor, "at": a.decided_at,
             "comment": a.reason}
            for a in approvals
        ],
        "override": {"by": made.actor, "reason": made.reason} if made.override else None,
        "action": {"alias": registry.ALIAS, "from": made.from_version, "to": made.to_version},
    }  # fmt: skip


def write(project: Project, made: Decision, facts: dict[str, Any]) -> Decision:
    """Write a decision with the facts that it rests on; return it with its place in the chain."""
    entry = {"entry": "decision", **said_by(made), "job": actor.job(), **facts}
    # that of a promotion stands with the decision that was judged
    report = None if made.report is None or made.judged else msgspec.json.encode(made.report)
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO decision (id, model, kind, from_version, to_version, reason, actor,"
            " report, decided_at, judged, override, chained)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            (
                made.id, made.model, made.kind, made.from_version, made.to_version, made.reason,
                made.actor, None if report is None else report.decode(), made.decided_at,
                made.judged, made.override,
            ),
        )  # fmt: skip
        rows.execute(
            "INSERT INTO decision_state VALUES (?, ?, ?)", (made.id, made.state, made.decided_at)
        )
        head = chain.append(rows, made.id, entry)
        _tell_mlflow(rows, made.id)
    return dataclasses.replace(made, number=head.number, digest=head.digest)


def close(project: Project, made: Decision, state: State, why: str | None = None) -> Decision:
    """Write down what became of a decision that was intended."""
    at = now()
    entry = {
        "entry": "state", "id": made.id, "state": state, "utc": at, "why": why,
        "actor": actor.current(project.root), "job": actor.job(),
    }  # fmt: skip
    with project.catalog.transaction() as rows:
        rows.execute("INSERT INTO decision_state VALUES (?, ?, ?)", (made.id, state, at))
        chain.append(rows, made.id, entry)
        _tell_mlflow(rows, made.id)
    return dataclasses.replace(made, state=state)


def said_by(made: Decision) -> dict[str, Any]:
    """Return those fields of a record that stand in the columns of the catalog, too."""
    return {
        "id": made.id,
        "model": made.model,
        "kind": made.kind,
        "state": made.state,
        "from_version": made.from_version,
        "to_version": made.to_version,
        "reason": made.reason,
        "actor": made.actor,
        "utc": made.decided_at,
        "judged_id": made.judged,
        "is_override": made.override,
    }


def cleaned(text: str, what: str) -> str:
    """Return what somebody said as it is kept: without control characters.

    Raises
    ------
    UsageError
        It is longer than `LONGEST` characters.
    """
    kept = "".join("\ufffd" if _is_hidden(c) else c for c in text).strip()
    if len(kept) > LONGEST:
        raise UsageError(
            f"the {what} has {len(kept):,} characters, and at most {LONGEST:,} are kept",
            hint="say it in short, and name the place where all of it stands",
        )
    return kept


def _is_hidden(character: str) -> bool:
    """Whether it moves the cursor, turns the direction, or is no character at all."""
    if character in "\n\t\u200d":  # the last one joins emoji
        return False
    return unicodedata.category(character) in {"Cc", "Cf", "Cs"}


def _tell_mlflow(rows: sqlite3.Connection, decision_id: str) -> None:
    rows.execute("INSERT INTO decision_outbox (decision_id) VALUES (?)", (decision_id,))


def _whole(policy: Any) -> Any:
    """Return a policy with its defaults, which may be others in a later version."""
    if isinstance(policy, msgspec.Struct):
        return {name: _whole(getattr(policy, name)) for name in policy.__struct_fields__}
    if isinstance(policy, list | tuple):
        return [_whole(one) for one in policy]
    if isinstance(policy, dict):
        return {str(key): _whole(one) for key, one in policy.items()}
    return policy


def _contender(project: Project, model: str, version: int | None) -> dict[str, Any] | None:
    """Return what the catalog knows of a version, and of the run that made it."""
    row = project.catalog.row(
        "SELECT version, model_version.model_digest, run_id, code_digest, git_commit, git_dirty,"
        " environment_digest, run.notebook, notebook_digest FROM model_version"
        " JOIN run ON run.id = run_id LEFT JOIN pipeline_run ON pipeline_run.id = pipeline_run_id"
        " WHERE model = ? AND version = ?",
        (model, version),
    )
    if row is None:
        return None if version is None else {"version": version}
    return dict(row)


def _data(project: Project, report: GateReport) -> dict[str, Any]:
    dataset, _, number = report.data.partition("@")
    row = project.catalog.row(
        "SELECT digest FROM dataset_version WHERE dataset = ? AND number = ?", (dataset, number)
    )
    return {
        "ref": report.data,
        "digest": None if row is None else row["digest"],
        "rows_digest": report.rows_digest,
        "rows": report.row_count,
    }


def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _reason(report: GateReport) -> str:
    if report.verdict == "pass":
        passed = sum(check.verdict == "pass" for check in report.checks)
        reason = f"passed {passed} of {len(report.checks)} checks on {report.data}"
        return f"{reason}; the first champion" if report.bootstrap else reason
    return "; ".join(f"{c.check}: {c.why}" for c in report.checks if c.verdict == report.verdict)
