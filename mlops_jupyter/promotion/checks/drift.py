"""``drift``: the evaluation data looks as the training data did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_jupyter.config import Drift
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.data.statistics import profile
from mlops_jupyter.data.statistics.column_profile import ColumnProfile
from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks import training
from mlops_jupyter.promotion.checks.inputs import features
from mlops_jupyter.promotion.checks.naming import counted, listed, shown
from mlops_jupyter.promotion.checks.words import numbers, written
from mlops_jupyter.promotion.decision import CheckResult, CheckVerdict
from mlops_jupyter.promotion.statistics import drift
from mlops_jupyter.promotion.statistics.drift import ColumnDrift

WRITE = "write `drift: {against: DATASET@NUMBER}` in mlops.yaml"


@dataclass(frozen=True, slots=True)
class Against:
    """The training data, by its profile: its rows are not needed."""

    version: DatasetVersion
    columns: Mapping[str, ColumnProfile]
    rows: int


@dataclass(frozen=True, slots=True)
class _Compared:
    """What became of each column, the worst first."""

    alarms: Sequence[ColumnDrift]
    broken: Mapping[str, str]
    quiet: Sequence[ColumnDrift]
    partly: Sequence[str]
    unknown: Sequence[str]

    @property
    def count(self) -> int:
        return len(self.alarms) + len(self.broken) + len(self.quiet)


def judge(case: Case, check: Drift) -> Iterator[CheckResult]:
    """Compare the columns with the stored profile of the training data: effect and significance.

    Raises
    ------
    NotFoundError, UsageError
        There is no such version or column, or it is no table.
    IntegrityError
        Stored data is damaged or missing.
    """
    against = _against(case, check)
    if isinstance(against, str):
        yield _summary("hold", against, check)
        return
    made = _compared(case, check, against)
    yield _told(made, against, check, len(case.rows.truth))
    for name, why in made.broken.items():
        yield CheckResult(
            f"{shown(name)} is as in {against.version}", "fail", None, None, why, "drift",
            f"drift/{shown(name)}", count=len(case.rows.truth),
        )  # fmt: skip
    for column in made.alarms:
        yield _alarm(column, made.count, against, check)


def _against(case: Case, check: Drift) -> Against | str:
    """Return the training data, or why there is none to compare with.

    Of several versions that the run read, the one that has most of the columns; of several of
    those the one with most rows.
    """
    found = training.of(case, check.against)
    if not found.versions:
        return (
            f"the run of {case.challenger} read no data version, so nobody knows what the data"
            f" looked like in training: {WRITE}"
        )
    wanted = set(_wanted(case, check))
    candidates, refused = [], ""
    for version in found.versions:
        if training.is_same(version, case.rows.data):
            refused = f"{version} is {case.rows.data} itself, so there is nothing to compare"
            continue
        try:
            seen = profile.of(case.project, version.ref)
        except UsageError as error:
            if found.is_named:
                raise
            refused = f"its run read {version}, which has no profile: {error.message}"
            continue
        columns = {column.name: column for column in reversed(seen.columns)}
        candidates.append((len(wanted & columns.keys()), seen.rows, version, columns))
    if not candidates:
        return f"{refused}; {WRITE}"
    _, rows, version, columns = max(candidates, key=lambda one: one[:2])
    if not rows:
        return f"{version} has no rows, so nobody knows what the data looked like; {WRITE}"
    return Against(version, columns, rows)


def _wanted(case: Case, check: Drift) -> list[str]:
    if check.columns is not None:
        return list(dict.fromkeys(check.columns))
    made = features(case, case.challenger.estimator)
    return list(dict.fromkeys(str(column) for column in made.columns))


def _compared(case: Case, check: Drift, against: Against) -> _Compared:
    broken: dict[str, str] = {}
    found, partly, unknown = [], [], []
    for name in _wanted(case, check):
        values, before = _values(case, name), against.columns.get(name)
        if values is None and before is None:
            known = [*map(str, case.rows.frame.columns), *against.columns]
            raise UsageError(
                f"`drift` names the column {shown(name)}, which neither {case.rows.data} nor"
                f" {against.version} has",
                hint=did_you_mean(name, known),
            )
        if before is None:
            unknown.append(name)
            continue
        if values is None:
            broken[name] = f"{case.rows.data} has no column {shown(name)} any more"
            continue
        made, is_partly = _one(before, values)
        if made.reason is not None:
            broken[name] = f"{shown(name)} cannot be compared: {made.reason}"
            continue
        found.append(made)
        partly += [name] * is_partly
    adjusted = drift.adjusted(found)
    alarms = drift.alarms(adjusted, case.policy.level, check.psi)
    return _Compared(
        alarms=sorted(alarms, key=lambda column: -column.psi),
        broken=broken,
        quiet=sorted(set(adjusted) - set(alarms), key=lambda column: (-column.psi, column.name)),
        partly=partly,
        unknown=unknown,
    )


def _values(case: Case, name: str) -> Any | None:
    import pandas as pd

    if name == case.rows.label:
        return pd.Series(case.rows.truth)
    return training.column_of(case.rows.frame, name)


def _one(before: ColumnProfile, values: Any) -> tuple[ColumnDrift, bool]:
    """Compare a column; tell whether only what is missing in it could be compared."""
    reference = drift.reference_of(before)
    is_partly = not reference.edges and not reference.categories and before.missing < before.rows
    if reference.categories and values.dtype == object:
        # lists, dicts: values that cannot be counted as they are
        values = values.map(lambda v: v if isinstance(v, str) else str(v), na_action="ignore")
    return drift.compare(reference, values), is_partly


def _told(made: _Compared, against: Against, check: Drift, rows: int) -> CheckResult:
    bad = len(made.alarms) + len(made.broken)
    if not made.count:
        why = f"{against.version} has none of the columns that the model uses: {WRITE}"
        return _summary("hold", why, check, against)
    if bad:
        names = [*made.broken, *(column.name for column in made.alarms)]
        why = f"of {counted(made.count, 'column')} {bad:,} differ from {against.version}: "
        why += listed(names)
    else:
        why = f"of {counted(made.count, 'column')} none differs from {against.version}"
        if made.quiet and made.quiet[0].psi == made.quiet[0].psi:
            (psi,) = numbers(round(made.quiet[0].psi, 4))
            why += f", {shown(made.quiet[0].name)} most, with a PSI of {psi}"
    if made.partly:
        why += f"; of {listed(made.partly)} no values are kept, so only missing ones were compared"
    if made.unknown:
        why += f"; not compared, as {against.version} has no such column: {listed(made.unknown)}"
    worst = (*made.alarms, *made.quiet)[:1]
    return _summary(
        "fail" if bad else "pass",
        why,
        check,
        against,
        value=worst[0].psi if worst else None,
        p=worst[0].p_adjusted if worst else None,
        count=rows,
    )


def _summary(
    verdict: CheckVerdict, why: str, check: Drift, against: Against | None = None, **given: Any
) -> CheckResult:
    than = "the training data" if against is None else str(against.version)
    return CheckResult(
        check=f"no column differs from {than} by a PSI of {written(check.psi)} or more",
        verdict=verdict,
        challenger=None,
        champion=None,
        why=why,
        kind="drift",
        id="drift",
        limit=check.psi,
        side="below",
        method="PSI and chi-square, Holm",
        **given,
    )


def _alarm(column: ColumnDrift, count: int, against: Against, check: Drift) -> CheckResult:
    (psi,) = numbers(round(column.psi, 4))
    p = "below 0.001" if column.p_adjusted < 0.001 else numbers(round(column.p_adjusted, 4))[0]
    why = f"a PSI of {psi}, p {p} among {counted(count, 'column')}"
    if column.shift == column.shift:
        why += f"; on average {numbers(round(column.shift, 3))[0]} standard deviations away"
    if abs(column.nulls_after - column.nulls_before) >= 0.001:
        why += f"; missing {column.nulls_before:.1%} before, {column.nulls_after:.1%} now"
    if column.new_categories:
        why += f"; new values: {listed(column.new_categories)}"
    return CheckResult(
        check=f"{shown(column.name)} is distributed as in {against.version}",
        verdict="fail",
        challenger=None,
        champion=None,
        why=why,
        kind="drift",
        id=f"drift/{shown(column.name)}",
        value=column.psi,
        limit=check.psi,
        side="below",
        count=column.count,
        p=column.p_adjusted,
        method="PSI and chi-square, Holm",
    )
