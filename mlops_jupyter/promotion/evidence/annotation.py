"""Annotations on a CI's page of ``mlops.yaml``: where the check stands that did not pass.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mlops_jupyter.config import FILE, Model
from mlops_jupyter.config.text import Marks, parse
from mlops_jupyter.errors import UsageError
from mlops_jupyter.promotion.decision import CheckResult
from mlops_jupyter.promotion.evidence import words
from mlops_jupyter.promotion.evidence.told import Told

MOST = 10
"""GitHub shows ten errors of a step, and as many warnings."""

LONGEST = 1000


def of_github(told: Told, root: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a command for GitHub's runner for each check that did not pass, the worst first.

    Parameters
    ----------
    told : Told
    root : Path
        The project's folder.
    environment : mapping
        Where the runner says that it is one (``GITHUB_ACTIONS``), and where the repository lies.
    """
    if environment.get("GITHUB_ACTIONS") != "true":
        return
    file = _from_repository(root / FILE, environment.get("GITHUB_WORKSPACE"))
    if told.error is not None:
        text = " ".join(filter(None, (told.error, told.hint)))
        yield f"::error file={_property(file)},title={_property(told.title)}::{_message(text)}"
    if told.report is None:
        return
    marks = _marks(root / FILE)
    kinds = {"error": "error", "fail": "error", "hold": "warning"}
    shown = [c for c in words.worst_first(told.report.checks) if c.verdict in kinds][:MOST]
    for check in shown:
        line = _line(told.model, told.policy, check, marks)
        where = f"file={_property(file)},line={line}"
        title = _property(f"{told.model}: {words.said(check.verdict)}")
        text = _message(f"{check.check}: {check.why}")
        yield f"::{kinds[check.verdict]} {where},title={title}::{text}"


def _line(model: str, policy: Model | None, check: CheckResult, marks: Marks) -> int:
    """Return the line of ``mlops.yaml`` that asks for a check, or the nearest around it."""
    around = f"$.models.{model}"
    for position, asked in enumerate(() if policy is None else policy.checks):
        metric = getattr(getattr(asked, asked.kind), "metric", None)
        of_metric = metric is None or check.id.split("/")[1:2] == [metric]
        if asked.kind == check.kind and of_metric:
            return marks.get(f"{around}.checks[{position}]", marks.get(around, (1, 1)))[0]
    return marks.get(around, (1, 1))[0]


def _marks(path: Path) -> Marks:
    try:
        return parse(path.read_text(encoding="utf-8"), path)[1]
    except (OSError, UnicodeDecodeError, UsageError):
        return {}  # it was changed since it was read; an annotation says what it can


def _from_repository(path: Path, workspace: str | None) -> str:
    if not workspace:
        return FILE
    try:
        return path.resolve().relative_to(Path(workspace).resolve()).as_posix()
    except (ValueError, OSError):
        return FILE


def _message(text: str) -> str:
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    written = cut.encode("utf-8", "replace").decode()
    return written.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
