"""The evidence that a command leaves, whatever way it ends: in DIR, and on the CI's page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops_jupyter.cli.reports import interrupted_by_term
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.project import Project

if TYPE_CHECKING:
    from mlops_jupyter.promotion.decision import Decision, Waiting
    from mlops_jupyter.promotion.evidence.told import Told

LENIENT = (1, 3)
"""The exit codes that `--warn-only` turns to 0: the gate failed, or does not know."""


def _folder(_: click.Context, __: click.Parameter, text: str | None) -> Path | None:
    """Read the name of a folder; an empty one is a variable that was not set, not this folder."""
    if text is None:
        return None
    if not text or "\0" in text:
        raise click.BadParameter(f"{text!r} is no folder")
    return Path(text)


report_option = click.option(
    "--report", "folder", callback=_folder, metavar="DIR",
    help="Write decision.json, junit.xml and summary.md into this folder.",
)  # fmt: skip


def evidence_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of commands that judge."""
    for option in (
        click.option(
            "--warn-only", is_flag=True,
            help="Exit with 0 also when the gate fails or holds, and say so.",
        ),
        report_option,
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass
class Evidence:
    """Where to tell of what a command decides; `project` is None as long as none is open."""

    model: str
    folder: Path | None = None
    project: Project | None = None
    decision: Decision | None = None
    waiting: Waiting | None = None

    @contextmanager
    def written(self) -> Iterator[None]:
        """Write it when the body has ended, also when it raised or was interrupted."""
        if self.folder is not None:
            from mlops_jupyter.promotion.evidence.files import check_folder

            check_folder(self.folder)
        try:
            with interrupted_by_term():
                yield
        except BaseException as error:
            from mlops_jupyter.promotion.evidence.told import refused

            self._tell(refused(self.model, error))
            raise
        if self.decision is not None:
            self._tell(self.told())

    def told(self) -> Told:
        """Return what is told of the decision that was made."""
        from mlops_jupyter.promotion.evidence.told import told

        assert self.project is not None
        assert self.decision is not None
        return told(self.project, self.decision, self.waiting)

    def _tell(self, told: Told) -> None:
        """Write what can be written: the decision stands, and so does the exit code."""
        if self.folder is not None:
            try:
                self._write(self.folder, told)
            except MlopsError as error:
                kept = (
                    f"; the decision is kept: `mlops decisions {self.model} --json`"
                    if told.decision is not None
                    else ""
                )
                click.echo(f"warning: no evidence was written: {error.message}{kept}", err=True)
        self._tell_ci(told)

    def _write(self, folder: Path, told: Told) -> None:
        from mlops_jupyter.promotion.evidence import files

        record = None
        if told.decision is not None and self.project is not None:
            from mlops_jupyter.promotion.evidence.record import whole

            record = whole(self.project, told.decision)
        files.write(folder, told, record)

    def _tell_ci(self, told: Told) -> None:
        if not {"GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"} & set(os.environ):
            return
        from mlops_jupyter.promotion.evidence import annotation, files

        refused = files.append_summary(told, os.environ)
        if refused is not None:
            click.echo(f"warning: {refused}", err=True)
        root = Path.cwd() if self.project is None else self.project.root
        for line in annotation.of_github(told, root, os.environ):
            click.echo(line, err=True)  # the runner reads both streams, and JSON stays JSON


def lenient(code: int, *, warn_only: bool) -> int:
    """Return the exit code that `--warn-only` makes of one, and say loudly that it did."""
    if not warn_only or code not in LENIENT:
        return code
    said = "failed" if code == 1 else "does not know (held)"
    click.echo(
        f"WARNING: the gate {said}: exit code {code}, turned to 0 by --warn-only."
        " Nothing was promoted.",
        err=True,
    )
    return 0
