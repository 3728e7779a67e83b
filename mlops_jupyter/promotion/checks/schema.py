"""``schema``: the evaluation data keeps its contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mlops_jupyter.config import Schema
from mlops_jupyter.data.contract import contract
from mlops_jupyter.data.contract.report import ContractReport, Finding
from mlops_jupyter.data.dataset import DatasetVersion
from mlops_jupyter.errors import UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.checks.naming import counted, shown
from mlops_jupyter.promotion.decision import CheckResult

FIRST = 3
"""Findings that the sentence names."""


def judge(case: Case, check: Schema) -> Iterator[CheckResult]:
    """Hold the evaluation data, with its label and all its rows, against the contract.

    Raises
    ------
    UsageError
        There is no such file, it is no contract, or pandera is not installed.
    """
    data = case.rows.data
    path, asked = path_of(case.project, data, check)
    report = contract.check(case.project, data.ref, path)
    found = len(report.findings)
    yield CheckResult(
        check=f"{data} keeps the contract {shown(asked)}",
        verdict="pass" if report.holds else "fail",
        challenger=None,
        champion=None,
        why=_why(report, Path(asked)),
        kind="schema",
        id=f"schema/{shown(asked)}",
        value=float(found),
        limit=0.0,
        side="below",
        count=report.rows,
    )


def path_of(project: Project, data: DatasetVersion, check: Schema) -> tuple[Path, str]:
    """Return the file of the contract, and how people write it.

    Raises
    ------
    UsageError
        It is not there.
    """
    asked = check.contract or f"contracts/{data.dataset}.py"
    path = project.root / asked
    if not path.is_file():
        out = "" if check.contract is None else f" --out {shown(asked)}"
        raise UsageError(
            f"{shown(asked)}: there is no contract to hold {data} against",
            hint=f"`mlops data contract {data}{out}` drafts one, for you to edit",
        )
    return path, asked


def _why(report: ContractReport, path: Path) -> str:
    rows = counted(report.rows, "row")
    if report.holds:
        return f"{rows} of {report.ref} hold all of {shown(path.name)}"
    told = "; ".join(map(_told, report.findings[:FIRST]))
    more = len(report.findings) - FIRST
    rest = f"; and {more:,} more" if more > 0 else ""
    return f"{counted(len(report.findings), 'finding')} in {rows}: {told}{rest}"


def _told(finding: Finding) -> str:
    where = "" if finding.column is None else f"{shown(finding.column)}: "
    least = "at least " if finding.at_least else ""
    many = "" if finding.count is None else f" ({least}{finding.count:,})"
    some = f", such as {shown(finding.examples[0])}" if finding.examples else ""
    return f"{where}{shown(finding.what)}{many}{some}"
