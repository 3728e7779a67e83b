"""The magics: parse the line, call one verb, show the answer."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from mlops_jupyter.errors import UsageError
from mlops_jupyter.magics import capture, display, track
from mlops_jupyter.project import Project, open_project

_OPTIONS = re.compile(r"(?:^|\s)--(name|note)(?:\s+|=)")


@magics_class
class MlopsMagics(Magics):
    """``%snapshot``, ``%%track`` and ``%mlops``."""

    @line_magic
    def snapshot(self, line: str) -> None:
        """Keep a version of a frame or a file: ``%snapshot EXPR --name NAME [--note TEXT]``.

        EXPR is any Python expression for a pandas frame, or the path of a file. Without
        ``--name``, the name of the variable is taken. The same content gives the same version.
        """
        from mlops_jupyter.data.snapshot import snapshot

        expression, options = _split(line)
        value = self._evaluate(expression)
        name = options.get("name") or (expression if expression.isidentifier() else None)
        if name is None:
            raise UsageError(
                f"%snapshot {expression}: no name", hint="write `%snapshot EXPR --name NAME`"
            )
        project = self._project()
        before = project.catalog.row("SELECT max(id) FROM dataset_version")
        version = snapshot(project, value, name, note=options.get("note"))
        after = project.catalog.row("SELECT max(id) FROM dataset_version")
        is_new = before is not None and after is not None and before[0] != after[0]
        print(display.version_line(version, is_new=is_new))  # noqa: T201

    @cell_magic
    def track(self, line: str, cell: str) -> None:
        """Make the cell a run: ``%%track NAME`` on its first line.

        Recorded are its parameters (names bound to literals, and the parameters of fitted
        estimators), its metrics (names bound to numbers by anything but a literal, and
        ``mlops_jupyter.log_metric``), its figures, the fitted model, the cells and the data
        versions that it stands on, the git commit and the environment.
        """
        # IPython comes here only for a line that `track.take_off` has left in the cell
        track.parse(line)
        raise UsageError("%%track must be on the first line of its cell")

    @line_magic
    def mlops(self, line: str) -> None:
        """Run any command of ``mlops`` here, e.g. ``%mlops runs``; alone it lists them."""
        words = shlex.split(line, comments=True)
        if words[:1] == ["receive"]:
            self._receive(words[1:])
        elif words[:1] == ["pass_on"]:
            self._pass_on(words[1:])
        else:
            _command(words or ["--help"])
            if words[:1] == ["init"] and capture.current and capture.current.project is None:
                capture.current.begin(open_project())

    def _receive(self, names: list[str]) -> None:
        """Take over variables from the steps before (in the notebooks of a pipeline)."""
        from mlops_jupyter.pipelines.values import restore_values

        restore_values(self._project(), _step_run(), self.shell.user_ns, names)

    def _pass_on(self, names: list[str]) -> None:
        """Keep variables for the steps after (in the notebooks of a pipeline)."""
        from mlops_jupyter.pipelines.values import store_values

        store_values(self._project(), _step_run(), self.shell.user_ns, names)

    def _project(self) -> Project:
        recording = capture.current
        return recording.project if recording and recording.project else open_project()

    def _evaluate(self, expression: str) -> Any:
        if not expression:
            raise UsageError("%snapshot: nothing to keep", hint="write `%snapshot df --name train`")
        if not expression.isidentifier() and Path(expression).is_file():
            return Path(expression)
        return self.shell.ev(expression)


def _split(line: str) -> tuple[str, dict[str, str]]:
    """Split ``EXPR --name NAME --note TEXT``: an expression may hold spaces and quotes."""
    found = _OPTIONS.search(line)
    if found is None:
        return line.strip(), {}
    expression, rest = line[: found.start()].strip(), line[found.start() :]
    try:
        words = shlex.split(rest, comments=True)
    except ValueError as error:
        raise UsageError(f"%snapshot {line}: {error}") from None
    options: dict[str, str] = {}
    while words:
        key, equals, value = words.pop(0).partition("=")
        if key not in {"--name", "--note"} or not (equals or words):
            raise UsageError(
                f"%snapshot: cannot read {key!r}", hint="a note of several words stands in quotes"
            )
        options[key.removeprefix("--")] = value if equals else words.pop(0)
    return expression, options


def _step_run() -> str:
    step_run_id = os.environ.get("MLOPS_STEP_RUN")
    if not step_run_id:
        raise UsageError(
            "this notebook is a step of a pipeline", hint="run it by `mlops pipeline run NAME`"
        )
    return step_run_id


def _command(words: list[str]) -> None:
    import click

    from mlops_jupyter.cli.main import cli

    try:
        cli.main(args=words, prog_name="%mlops", standalone_mode=False)
    except click.ClickException as error:
        raise UsageError(error.format_message(), hint="see `%mlops --help`") from None
