"""What a judged version waits for, as far as the catalog knows: no MLflow, no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from mlops_jupyter.config import Approval
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import Approved, Decision, Verdict, Waiting
from mlops_jupyter.promotion.recording import chain


def is_verdict(made: Decision) -> bool:
    """Whether a decision holds what a gate found: one that moved nothing, or a release."""
    return made.report is not None and made.judged is None


def newest_judged(newest_first: Iterable[Decision]) -> Decision | None:
    """Return what the last gate found."""
    return next((made for made in newest_first if is_verdict(made)), None)


def newest(
    project: Project, newest_first: Sequence[Decision], champion: int | None
) -> Waiting | None:
    """Return what the newest judged version of a model waits for, or None.

    It waits for nothing when it failed, or when it was promoted.
    """
    judged = newest_judged(newest_first)
    if judged is None or verdict_of(judged) not in {"pass", "hold"}:
        return None
    if promotions(newest_first, judged) or judged.state == "intended":
        return None
    return of(project, newest_first, judged, champion)


def of(
    project: Project, decided: Iterable[Decision], judged: Decision, champion: int | None
) -> Waiting:
    """Return what a judged version waits for.

    Parameters
    ----------
    project : Project
    decided : iterable of Decision
        All on that model.
    judged : Decision
    champion : int or None
        Who it is now.
    """
    policy = _convert(chain.approval(project, judged.id))
    needed = needs(verdict_of(judged), policy)
    given = approvals(decided, judged)
    until = expiry(judged, policy) if policy is not None and needed else None
    lapsed = why_lapsed(judged, champion, until)
    verdict = verdict_of(judged)
    is_allowed = verdict == "pass" or (verdict == "hold" and needed > 0)
    return Waiting(
        decision=judged.id,
        version=judged.to_version,
        verdict=verdict,
        needed=needed,
        by=() if policy is None or not needed else tuple(policy.by),
        approved=tuple(Approved(a.actor, a.decided_at, a.reason) for a in given),
        expires_at=None if until is None else until.isoformat(timespec="microseconds"),
        lapsed=lapsed,
        ready=is_allowed and lapsed is None and len(given) >= needed,
    )


def asked(project: Project, judged: Decision) -> Approval | None:
    """Return whose approval the policy asked for, as it was when the gate judged.

    Raises
    ------
    IntegrityError
        The record of the decision was changed.
    """
    found: Any = (chain.record(project, judged.id) or {}).get("policy") or {}
    return _convert(found.get("approval"))


def _convert(policy: Any) -> Approval | None:
    return None if policy is None else msgspec.convert(policy, Approval)


def approvals(decided: Iterable[Decision], judged: Decision) -> list[Decision]:
    """Return the approvals of a decision, oldest first."""
    given = [d for d in decided if d.kind == "approve" and d.judged == judged.id]
    return sorted(given, key=lambda d: d.decided_at)


def promotions(decided: Iterable[Decision], judged: Decision) -> list[Decision]:
    """Return the promotions by a decision, newest first."""
    done = [d for d in decided if d.kind == "promote" and d.state == "applied"]
    return [d for d in done if judged.id in {d.id, d.judged}]


def verdict_of(judged: Decision) -> Verdict:
    """Return what the gate found."""
    return "error" if judged.report is None else judged.report.verdict


def why_lapsed(judged: Decision, champion: int | None, until: datetime | None) -> str | None:
    """Say why a decision cannot be acted on any more, or None."""
    if champion != judged.from_version:
        was, is_ = named(judged.from_version), named(champion)
        return f"the champion is now {is_}, and v{judged.to_version} was compared with {was}"
    if until is not None and datetime.now(UTC) >= until:
        return f"it waited for its approvals until {until:%Y-%m-%d %H:%M} UTC"
    return None


def named(version: int | None) -> str:
    """Write a champion: ``v3``, or ``none``."""
    return "none" if version is None else f"v{version}"


def needs(verdict: Verdict, policy: Approval | None) -> int:
    """Return how many approvals a policy asks for."""
    if policy is None or policy.when == "never" or verdict not in {"pass", "hold"}:
        return 0
    return policy.count if policy.when == "always" or verdict == "hold" else 0


def expiry(judged: Decision, policy: Approval) -> datetime:
    """Return until when a decision waits."""
    made = datetime.fromisoformat(judged.decided_at)
    return made + timedelta(seconds=policy.expires_seconds)
