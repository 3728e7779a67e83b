"""Two models with a past: a hold that was approved, an override, a rollback, a bad slice."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from mlops_jupyter.config import Model
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.decision import CheckResult, Decision, GateReport, Verdict
from mlops_jupyter.promotion.recording import record

MAYA, JON, CI = "Maya Lind (maya@laptop)", "Jon Bo (jon@desk)", "octocat (GitHub Actions)"

MANY = (
    "21 candidates were judged on these rows: one that is good here by chance alone becomes more"
    " probable with each"
)

POLICY = msgspec.convert(
    {
        "evaluate": {"data": "flights@latest", "label": "late"},
        "checks": [{"floor": {"metric": "roc_auc", "at_least": 0.7}}],
        "approval": {"when": "hold", "by": ["Jon Bo", "ml-leads"]},
    },
    Model,
)


def decide(project: Project, runs: Sequence[str]) -> None:
    """Write the versions of two models, and what was decided on them."""
    for model, number in (("delays", 4), ("taxi_out", 2)):
        for version in range(1, number + 1):
            _register(project, model, version, runs[version % len(runs)])
    _delays(project)
    _taxi_out(project)


def _delays(project: Project) -> None:
    first = _gate(project, "delays", 1, None, "pass", (_floor(0.7112, 0.7044, 0.718),), CI, days=9)
    _move(project, first, "promote", "the first champion", CI, days=9)
    undecided = _compare("roc_auc", 0.7812, 0.7790, 0.0022, -0.0061, 0.0105, 0.005)
    second = _gate(project, "delays", 2, 1, "hold", (_floor(0.7812, 0.775, 0.7873), undecided),
                   CI, days=5)  # fmt: skip
    yes = record.new(
        project, second, "approve", "applied", actor=JON, reason="fine for the winter schedule",
        decided_at=_ago(days=4.6),
    )  # fmt: skip
    record.write(project, yes, {"judged": {"id": second.id, "digest": second.digest}})
    _move(project, second, "promote", f"{second.reason}; approved by {JON}", JON, days=4.5)
    worse = _compare("log_loss", 0.4712, 0.4412, -0.03, -0.0341, -0.0259, 0.005)
    third = _gate(project, "delays", 3, 2, "fail", (_floor(0.7901, 0.784, 0.796), worse), CI,
                  days=2)  # fmt: skip
    _move(project, third, "promote", "the airport cannot wait for a better one", MAYA,
          days=1.9, override=True)  # fmt: skip
    _move(project, None, "rollback", "complaints from the airport", JON, days=1.1,
          model="delays", from_version=3, to_version=2)  # fmt: skip
    checks = (
        _floor(0.79456, 0.7886, 0.8005),
        _compare("roc_auc", 0.79456, 0.78123, 0.0133, 0.0049, 0.0217, 0.005),
        _compare("log_loss", 0.4438, 0.4412, -0.0026, -0.0071, 0.0019, 0.005),
        CheckResult(
            "share of predictions out of 0 to 1 at most 0", "pass", 0.0, None,
            "none of 27,321 rows",
            kind="predictions", id="predictions/range", value=0.0, limit=0.0, side="below",
            count=27_321,
        ),
        CheckResult(
            "95 of 100 predictions of 1 row in 5 ms", "pass", 3.1, None, "3.1 ms, at most 5 ms",
            kind="latency", id="latency/p95", value=3.1, lower=2.9, upper=3.4, limit=5.0,
            side="below", method="order statistics",
        ),
    )  # fmt: skip
    _gate(project, "delays", 4, 2, "hold", checks, CI, minutes=25, looks=21,
          warnings=(MANY,))  # fmt: skip


def _taxi_out(project: Project) -> None:
    first = _gate(
        project, "taxi_out", 1, None, "pass", (_floor(0.7344, 0.728, 0.7406),), CI, days=8
    )
    _move(project, first, "promote", "the first champion", CI, days=8)
    better = _compare("roc_auc", 0.7519, 0.7344, 0.0175, 0.0093, 0.0257, 0.005)
    slices = [_slice(carrier, place) for place, carrier in enumerate(CARRIERS)]
    few = CheckResult(
        "accuracy not worse than champion v1 by more than 0.02 where carrier = 'OO'", "not_judged",
        0.9, 0.88, "11 rows, fewer than 30", kind="slices", id="slices/accuracy/carrier=OO",
        count=11,
    )  # fmt: skip
    _gate(project, "taxi_out", 2, 1, "fail", (better, *slices, few), MAYA, minutes=9)


CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "UA", "US", "VX", "WN")


def _slice(carrier: str, place: int) -> CheckResult:
    value = -0.061 if carrier == "HA" else round(0.004 + 0.011 * ((place * 7) % 5 - 1), 4)
    half = 0.031 if carrier == "HA" else 0.012
    why = f"worse by {-value}" if value < 0 else f"better by {value}"
    return CheckResult(
        check=f"accuracy not worse than champion v1 by more than 0.02 where carrier = '{carrier}'",
        verdict="fail" if carrier == "HA" else "pass",
        challenger=0.9 + value, champion=0.9, why=f"{0.9 + value:.4g} against 0.9: {why}",
        kind="slices", id=f"slices/accuracy/carrier={carrier}",
        value=value, lower=value - half, upper=value + half, limit=-0.02, side="above",
        count=342 + 100 * place, p=0.0021 if carrier == "HA" else 0.31, method="paired t, Holm",
    )  # fmt: skip


def _floor(value: float, lower: float, upper: float) -> CheckResult:
    return CheckResult(
        "roc_auc at least 0.7", "pass" if lower >= 0.7 else "hold", value, None,
        f"{value:.4g}, at least {lower:.4g}", kind="floor", id="floor/roc_auc", value=value,
        lower=lower, upper=upper, limit=0.7, side="above", count=27_321, method="DeLong",
        rows_needed=None if lower >= 0.7 else 61_000,
    )  # fmt: skip


def _compare(
    metric: str, challenger: float, champion: float, value: float, lower: float, upper: float,
    margin: float,
) -> CheckResult:  # fmt: skip
    verdict: Verdict = "pass" if lower >= -margin else "fail" if upper < -margin else "hold"
    change = f"worse by {-value}" if value < 0 else f"better by {value}"
    ends = {
        "pass": "", "fail": f", more than {margin}",
        "hold": f"; that it is not worse by more than {margin} is not settled",
    }  # fmt: skip
    return CheckResult(
        f"{metric} not worse than champion by more than {margin}", verdict, challenger, champion,
        f"{challenger} against {champion}: {change}{ends[verdict]}", kind="compare",
        id=f"compare/{metric}", value=value, lower=lower, upper=upper, limit=-margin, side="above",
        count=27_321, rows_needed=48_000 if verdict == "hold" else None, p=0.0412,
        method="DeLong" if metric == "roc_auc" else "paired t",
    )  # fmt: skip


def _gate(
    project: Project, model: str, challenger: int, champion: int | None, verdict: Verdict,
    checks: Sequence[CheckResult], who: str, *, looks: int | None = None,
    warnings: tuple[str, ...] = (), **past: float,
) -> Decision:  # fmt: skip
    report = GateReport(
        verdict=verdict, challenger=challenger, champion=champion, bootstrap=champion is None,
        data="flights@4", row_count=27_321, left_out=1_009, checks=tuple(checks),
        looks=looks, warnings=warnings,
    )  # fmt: skip
    made, facts = record.verdict(project, model, report, POLICY)
    return record.write(
        project, dataclasses.replace(made, actor=who, decided_at=_ago(**past)), facts
    )


def _move(
    project: Project, judged: Decision | None, kind: Any, reason: str, who: str, *,
    override: bool = False, model: str | None = None, from_version: int | None = None,
    to_version: int | None = None, **past: float,
) -> None:  # fmt: skip
    named = {} if model is None else {
        "model": model, "from_version": from_version, "to_version": to_version
    }  # fmt: skip
    made = record.new(
        project, judged, kind, "applied", reason=reason, actor=who, decided_at=_ago(**past),
        override=override, **named,
    )  # fmt: skip
    record.write(project, made, record.moving(judged, made, ()))


def _register(project: Project, model: str, version: int, run: str) -> None:
    with project.catalog.transaction() as rows:
        rows.execute(
            "INSERT INTO model_version (model, version, run_id, model_digest, registered_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (model, version, run, f"blake3:{version:064x}", _ago(days=10 - version)),
        )


def _ago(**past: float) -> str:
    return (datetime.now(UTC) - timedelta(**past)).isoformat(timespec="microseconds")
