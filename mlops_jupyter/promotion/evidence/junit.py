"""A gate report as JUnit XML: one suite, one case for each line.

A check that failed is a failure, one that raised is an error. What holds and what was not judged
is skipped, with its reason: no CI counts a skipped case as passed, and the exit code decides.
GitLab drops the second of two cases of one name, so names are unique; it shows what it reads and
never fails a job by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from mlops_jupyter.pipelines.junit import counted, unique, xml_text
from mlops_jupyter.promotion.decision import CheckResult
from mlops_jupyter.promotion.evidence import words
from mlops_jupyter.promotion.evidence.told import Told

LONGEST_NAME = 300
LONGEST_TEXT = 10_000
"""Characters. GitLab reads files up to 30 MB, and people much less."""

WHOLE = "(decision)"
"""The case that tells that nothing was judged."""


def junit(told: Told) -> bytes:
    """Return what is told as JUnit XML, in the order of ``mlops.yaml``."""
    root = ET.Element("testsuites")
    name = _short(told.model)
    suite = ET.SubElement(root, "testsuite", name=f"gate {name}")
    parent = ET.SubElement(suite, "properties")
    for key, value in _properties(told):
        ET.SubElement(parent, "property", name=key, value=_cut(value))
    checks = () if told.report is None else told.report.checks
    names = unique([*(_short(check.id or check.check) for check in checks), WHOLE])
    for case, check in zip(names, checks, strict=False):
        _case(suite, name, case, check)
    if told.error is not None:
        _whole(suite, name, told)
    decided_at = None if told.decision is None else told.decision.decided_at
    return counted(root, None, decided_at)


def _properties(told: Told) -> Iterator[tuple[str, str]]:
    decision, report = told.decision, told.report
    if decision is not None:
        yield "decision", decision.id
        yield "digest", decision.digest or ""
        yield "outcome", told.title
        yield "actor", decision.actor
        yield "reason", decision.reason
    if report is not None:
        yield "verdict", report.verdict
        yield "data", report.data
        yield "rows", str(report.row_count)
        yield "rows_digest", report.rows_digest
        yield "challenger", str(report.challenger)
        yield "champion", "" if report.champion is None else str(report.champion)
        yield "level", repr(report.level)
        yield "looks", "" if report.looks is None else str(report.looks)


def _case(suite: ET.Element, model: str, name: str, check: CheckResult) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"mlops.gate.{model}", name=name, time="0")
    message = _cut(f"{check.check}: {check.why}")
    kinds = {"fail": "failure", "error": "error", "hold": "skipped", "not_judged": "skipped"}
    if check.verdict == "pass":
        ET.SubElement(case, "system-out").text = _cut("\n".join(_details(check)))
        return
    found = ET.SubElement(case, kinds[check.verdict], message=message)
    if check.verdict in {"fail", "error"}:
        found.set("type", _short(check.kind or "check"))
    found.text = _cut("\n".join(_details(check)))


def _details(check: CheckResult) -> Iterator[str]:
    yield f"{words.said(check.verdict)}: {check.check}"
    yield check.why
    measured = words.measured(check)
    if measured:
        yield f"measured: {measured}"
    asked = words.asked(check)
    if asked:
        yield f"asked: {asked}"
    if check.count is not None:
        yield f"rows behind it: {check.count:,}"
    if check.rows_needed is not None:
        yield f"about {words.about(check.rows_needed):,} rows would settle it"
    if check.method:
        yield f"method: {check.method}"


def _whole(suite: ET.Element, model: str, told: Told) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"mlops.gate.{model}", name=WHOLE, time="0")
    found = ET.SubElement(case, "error", message=_cut(told.error or ""), type="error")
    found.text = _cut("\n".join(filter(None, (told.error, told.hint))))


def _short(text: str) -> str:
    return _shortened(xml_text(" ".join(text.split())), LONGEST_NAME)


def _cut(text: str) -> str:
    return _shortened(xml_text(text), LONGEST_TEXT)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
