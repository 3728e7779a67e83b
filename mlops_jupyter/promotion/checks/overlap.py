"""Rows, ids and times that stand in training and evaluation both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import UsageError, did_you_mean
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks import chance, row_hash
from mlops_jupyter.promotion.checks.naming import counted, shown
from mlops_jupyter.promotion.checks.training import column_of
from mlops_jupyter.promotion.checks.words import numbers, written
from mlops_jupyter.promotion.decision import CheckResult, CheckVerdict


def of_rows(case: Case, version: DatasetVersion, frame: Any, most: float) -> CheckResult:
    """Judge how many rows stand in both, label included and id left out."""
    whole = _with_label(case)
    identity = case.policy.evaluate.id
    places = row_hash.shared(whole, frame, without=() if identity is None else (identity,))
    names = [str(whole.columns[here]) for here, _ in places]
    asked = f"no more than {_percent(most)} of the rows stand in {version} too"
    if most == 0:
        asked = f"no row stands in {version} too"
    if not [name for name in names if name != case.rows.label] or not len(frame):
        what = "no rows" if not len(frame) else "no column but the label in common"
        why = f"{case.rows.data} and {version} have {what}, so rows cannot be found again"
        return _result(asked, "hold", why, f"leakage/rows/{version}")
    ours = row_hash.hashes(whole, [here for here, _ in places])
    theirs = row_hash.hashes(frame, [there for _, there in places])
    both = row_hash.among(ours, theirs)
    share, count = float(both.mean()), int(both.sum())
    verdict: CheckVerdict = "fail" if share > most else "pass"
    why = f"{_of(count, len(ours))} stand in {version} too, by {counted(len(places), 'column')}"
    p = None
    if share > most and not chance.is_measured(frame, [there for _, there in places]):
        alike = chance.alike(frame, [there for _, there in places])
        expected = chance.of(theirs, ours, alike)
        p = expected.p(count - most * len(ours), len(ours))
        if p >= case.policy.level or not expected.is_much_less(share - most):
            verdict = "pass"
        if expected.share * len(ours) >= 0.5:
            (by_chance,) = numbers(round(expected.share * len(ours)))
            why += f"; {by_chance} would by chance, {expected.why}"
    return _result(
        asked, verdict, why, f"leakage/rows/{version}", share, most, len(ours), p, "row hashes"
    )


def of_ids(
    case: Case, version: DatasetVersion, frame: Any, most: float, *, must: bool
) -> Iterator[CheckResult]:
    """Judge how many ids stand in both; a version without the column holds if it must have it."""
    name = str(case.policy.evaluate.id)
    ours, theirs = column_of(case.rows.frame, name), column_of(frame, name)
    asked = f"no {shown(name)} stands in {version} too"
    if ours is None or theirs is None:
        if must:
            where = case.rows.data if ours is None else version
            why = f"{where} has no column {shown(name)}: name another version, or set `ids: false`"
            yield _result(asked, "hold", why, f"leakage/ids/{version}")
        return
    there = ours.notna().to_numpy(bool)
    both = row_hash.among(row_hash.column(ours), row_hash.column(theirs)) & there
    count, share = int(both.sum()), float(both.mean())
    why = f"{_of(count, len(both))} have a {shown(name)} that stands in {version} too"
    if count:
        why += f", such as {shown(ours.iloc[int(both.argmax())])}"
    verdict: CheckVerdict = "fail" if share > most else "pass"
    yield _result(asked, verdict, why, f"leakage/ids/{version}", share, most, len(both))


def of_time(
    case: Case, version: DatasetVersion, frame: Any, name: str, *, must: bool
) -> Iterator[CheckResult]:
    """Judge whether training ends before evaluation begins.

    Raises
    ------
    UsageError
        There is no such column, or it holds no times and no numbers.
    """
    ours, theirs = column_of(case.rows.frame, name), column_of(frame, name)
    if ours is None or (theirs is None and must):
        data, columns = (case.rows.data, case.rows.frame) if ours is None else (version, frame)
        hint = did_you_mean(name, map(str, columns.columns))
        raise UsageError(
            f"{data} has no column {shown(name)}, which is `time` of `leakage`", hint=hint
        )
    if theirs is None:
        return
    asked = f"{version} ends before {case.rows.data} begins, by {shown(name)}"
    here, there = _moments(ours, name, case.rows.data), _moments(theirs, name, version)
    if not len(here) or not len(there):
        why = f"{version if len(here) else case.rows.data} has no value in {shown(name)}"
        yield _result(asked, "hold", why, f"leakage/time/{version}")
        return
    end, begin = there.max(), here.min()
    try:
        early = int((here <= end).sum())
    except TypeError:
        raise UsageError(
            f"{shown(name)}, which is `time` of `leakage`, holds {here.dtype} in"
            f" {case.rows.data} and {there.dtype} in {version}"
        ) from None
    why = f"training ends at {shown(end)}, evaluation begins at {shown(begin)}"
    if early:
        why += f": {_of(early, len(here))} are not after training"
    verdict: CheckVerdict = "fail" if early else "pass"
    share = early / len(here)
    yield _result(asked, verdict, why, f"leakage/time/{version}", share, 0.0, len(here))


def _moments(values: Any, name: str, data: DatasetVersion) -> Any:
    """Return times as UTC, texts as the times that they are, numbers as they are."""
    import pandas as pd

    there = values.dropna()
    try:
        if pd.api.types.is_numeric_dtype(there.dtype) and not len(there):
            return there
        if pd.api.types.is_numeric_dtype(there.dtype):
            return there.astype(float)
        return pd.to_datetime(there, utc=True, format=_format(there))
    except (TypeError, ValueError, OverflowError):
        raise UsageError(
            f"{shown(name)} of {data}, which is `time` of `leakage`, holds neither times nor"
            f" numbers: {shown(there.iloc[0])}"
        ) from None


def _format(values: Any) -> str | None:
    import pandas as pd

    return None if pd.api.types.is_datetime64_any_dtype(values.dtype) else "ISO8601"


def _with_label(case: Case) -> Any:
    frame = case.rows.frame.copy(deep=False)
    frame.insert(0, case.rows.label, case.rows.truth, allow_duplicates=True)
    return frame


def _of(count: int, rows: int) -> str:
    return f"{'none' if not count else f'{count:,}'} of {counted(rows, 'row')}"


def _percent(share: float) -> str:
    return f"{written(round(share * 100, 6))} %"


def _result(
    check: str,
    verdict: CheckVerdict,
    why: str,
    identity: str,
    value: float | None = None,
    limit: float | None = None,
    count: int | None = None,
    p: float | None = None,
    method: str = "",
) -> CheckResult:
    return CheckResult(
        check=check,
        verdict=verdict,
        challenger=value,
        champion=None,
        why=why,
        kind="leakage",
        id=identity,
        value=value,
        limit=limit,
        side="" if limit is None else "below",
        count=count,
        p=p,
        method=method,
    )
