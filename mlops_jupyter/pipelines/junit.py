"""A report as JUnit XML, which every CI reads.

https://github.com/testmoapp/junitxml says what is common to those that write and read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from xml.etree import ElementTree as ET

from mlops_jupyter.pipelines.report import Report, StepReport
from mlops_jupyter.runs.metric import metric_text

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even as a reference. https://www.w3.org/TR/xml/#charsets"""

WHOLE = "(run)"
"""The case that fails when no step is to blame: nothing was started, or MLflow is away."""


def junit(report: Report) -> bytes:
    """Return a report as JUnit XML: one suite, one case for each step.

    A step that was not run because it is known has passed, with a note; one that was not reached
    is skipped; a cell that raised is a failure; all else that ends a step is an error.
    """
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", name=xml_text(report.pipeline))
    _properties(suite, report)
    *names, whole = unique([*(step.name for step in report.steps), WHOLE])
    for name, step in zip(names, report.steps, strict=True):
        _case(suite, report.pipeline, name, step)
    if report.error and not _says_why(report):
        _whole(suite, report, whole)
    return counted(root, report.seconds, report.started_at)


def counted(root: ET.Element, seconds: float | None, started_at: str | None) -> bytes:
    """Return the file: the only suite with how many of its cases ended how, and when."""
    (suite,) = root
    counts = {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }
    for element in (root, suite):
        for key, value in counts.items():
            if element is suite or key != "skipped":  # which Jenkins' schema has of suites only
                element.set(key, str(value))
        element.set("time", _seconds(seconds))
    if started_at is not None:
        suite.set("timestamp", started_at[:19])
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _says_why(report: Report) -> bool:
    """Return whether the steps themselves say that the run did not end well."""
    return any(step.status in {"failed", "interrupted"} for step in report.steps)


def _properties(suite: ET.Element, report: Report) -> None:
    told = {"status": report.status, "run": report.run_id or ""}
    told |= {f"parameter.{name}": str(value) for name, value in report.parameters.items()}
    told |= {f"metric.{name}": metric_text(value) for name, value in report.metrics.items()}
    parent = ET.SubElement(suite, "properties")
    for name, value in told.items():
        ET.SubElement(parent, "property", name=xml_text(name), value=xml_text(value))


def _case(suite: ET.Element, pipeline: str, name: str, step: StepReport) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=xml_text(pipeline), name=name, time=_seconds(step.seconds)
    )
    if step.status == "failed" and step.cell is not None:
        told = step.cell
        failure = ET.SubElement(
            case,
            "failure",
            message=xml_text(step.error or told.error),
            type=xml_text(told.error.partition(":")[0]),
        )
        failure.text = xml_text(f"{told.source}\n\n{told.traceback}")
    elif step.status in {"failed", "interrupted"}:
        message = xml_text(step.error or step.status)
        ET.SubElement(case, "error", message=message, type=step.status).text = message
    elif step.status not in {"finished", "cached"}:
        ET.SubElement(case, "skipped", message=xml_text(step.why or "it was not reached"))
    note = "not run again" if step.status == "cached" else ""
    said = ": ".join(filter(None, (note, step.why)))
    if said and step.status in {"finished", "cached", "failed"}:
        ET.SubElement(case, "system-out").text = xml_text(said)


def _whole(suite: ET.Element, report: Report, name: str) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=xml_text(report.pipeline), name=name, time=_seconds(None)
    )
    message = xml_text(report.error or report.status)
    error = ET.SubElement(case, "error", message=message, type=report.status)
    error.text = xml_text("\n".join(filter(None, (report.error, report.hint))))


def unique(names: Iterable[str]) -> Iterator[str]:
    """Give each name once: readers tell cases apart by it, and GitLab drops the second of two."""
    taken: set[str] = set()
    for number, name in enumerate(map(xml_text, names), 1):
        mine = name
        while mine in taken:
            mine = f"{mine} ({number})"
        taken.add(mine)
        yield mine


def _seconds(seconds: float | None) -> str:
    return f"{seconds or 0:.3f}"


def xml_text(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return _NO_XML.sub("\ufffd", text)
