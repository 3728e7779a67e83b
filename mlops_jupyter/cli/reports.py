"""The files that tell a CI how a pipeline run ended: written whatever way it did."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops_jupyter.errors import MlopsError, UsageError, refused_by_disk
from mlops_jupyter.project import Project
from mlops_jupyter.store.objects import replace_file

if TYPE_CHECKING:
    from mlops_jupyter.pipelines.report import Report
    from mlops_jupyter.pipelines.trial import Sweep

GITHUB = "GITHUB_STEP_SUMMARY"
"""Names the file that GitHub's runner shows on the page of the job; Gitea's and Forgejo's too."""


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name the files."""
    for option in (
        click.option(
            "--summary", type=click.Path(path_type=Path), metavar="FILE",
            help=f"Write how it ended as Markdown. Default: what {GITHUB} names, if it is set.",
        ),
        click.option(
            "--junit", type=click.Path(path_type=Path), metavar="FILE",
            help="Write how each step ended as JUnit XML.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass
class Reports:
    """Where to tell of one pipeline run, or sweep.

    `project` is None as long as none is open, `sweep` as long as none has ended.
    """

    pipeline: str
    pipeline_run_id: str
    junit: Path | None
    summary: Path | None
    project: Project | None = None
    sweep: Sweep | None = None

    @contextmanager
    def written(self) -> Iterator[None]:
        """Write them when the body has ended, also when it raised or was interrupted."""
        for path in filter(None, (self.junit, self.summary)):
            _make_room(path)
        try:
            with interrupted_by_term():
                yield
        except BaseException as error:
            try:
                self._write(error)
            except (MlopsError, OSError) as mistake:
                # the run's own error is what counts
                click.echo(f"warning: no report: {mistake}", err=True)
            raise
        self._write(None)

    def _write(self, error: BaseException | None) -> None:
        github = os.environ.get(GITHUB) if self.summary is None else None
        if self.junit is None and self.summary is None and not github:
            return
        told = self._report(error)
        if self.junit is not None:
            from mlops_jupyter.pipelines.junit import junit

            _replace(self.junit, junit(told))
        if self.summary is not None or github:
            from mlops_jupyter.pipelines.summary import markdown

            text = markdown(told).encode()
            if self.summary is not None:
                _replace(self.summary, text)
            elif github:
                _append(Path(github), text)

    def _report(self, error: BaseException | None) -> Report:
        from mlops_jupyter.pipelines import report

        if self.project is None:
            return report.refused(self.pipeline, error)
        if self.sweep is not None:
            return report.of_sweep(self.project, self.sweep)
        return report.report(self.project, self.pipeline, self.pipeline_run_id, error)


def _make_room(path: Path) -> None:
    """Make the folder of a file, before anything is run for it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused_by_disk(path, error) from error
    if path.is_dir():
        raise UsageError(f"{path}: a folder", hint="name a file")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path}: its folder cannot be written to")


def _replace(path: Path, content: bytes) -> None:
    try:
        replace_file(path, content)
    except OSError as error:
        raise refused_by_disk(path, error) from error


def _append(path: Path, content: bytes) -> None:
    """Add to a file that other steps of the job write to as well."""
    try:
        with path.open("ab") as file:
            file.write(content)
    except OSError as error:
        raise refused_by_disk(path, error) from error


@contextmanager
def interrupted_by_term() -> Iterator[None]:
    """Take SIGTERM, by which a CI cancels a job, as Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
