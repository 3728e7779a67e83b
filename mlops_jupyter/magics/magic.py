"""The magics: parse the line, call one verb, show the answer."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from mlops_jupyter.errors import UsageError
from mlops_jupyter.kernel import notebook
from mlops_jupyter.magics import capture, track
from mlops_jupyter.magics.tracking import STATUSES, Tracking
from mlops_jupyter.project import Project, open_project

_OPTIONS = re.compile(r"(?:^|\s)--(?:name|note|tag|force)(?:[\s=]|$)")

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


@magics_class
class MlopsMagics(Magics):
    """``%snapshot``, ``%%track`` and ``%mlops``."""

    @line_magic
    def snapshot(self, line: str) -> None:
        """Keep a version of a value or a file: ``%snapshot EXPR --name NAME [--note TEXT]``.

        EXPR is any Python expression for a frame, table, array, tensor or list of dicts, or the
        path of a file or folder. Without ``--name``, the name of the variable is taken. The same
        content gives the same version. ``--tag TAG``, repeatable, names the version
        ``NAME@TAG``; ``--force`` moves a tag that stands on another one.
        """
        from mlops_jupyter.data.snapshot import snapshot
        from mlops_jupyter.magics import display

        expression, options = _split(line)
        value = self._evaluate(expression)
        name = options.name or (expression if expression.isidentifier() else None)
        if name is None:
            raise UsageError(
                f"%snapshot {expression}: no name", hint="write `%snapshot EXPR --name NAME`"
            )
        project = self._project()
        before = project.catalog.row("SELECT max(id) FROM dataset_version")
        version = snapshot(
            project, value, name, options.note, tags=options.tags, move_tags=options.force
        )
        after = project.catalog.row("SELECT max(id) FROM dataset_version")
        is_new = before is not None and after is not None and before[0] != after[0]
        print(display.version_line(version, is_new=is_new))  # noqa: T201

    @cell_magic
    def track(self, line: str, cell: str) -> None:
        """Make the cell a run: ``%%track NAME`` on its first line.

        ``%%track NAME [--metrics PATTERN] [--params PATTERN] [--no-figures]``; patterns are
        those of file names, several stand with commas or the option is repeated.

        Recorded are its parameters (names bound to literals, and the parameters of fitted
        models), its metrics (names bound to numbers by anything but a literal, training curves,
        and ``mlops_jupyter.log_metric``), its figures, the fitted model, the cells and the data
        versions that it stands on, the git commit and the environment.
        """
        # IPython comes here only for a line that `track.take_off` has left in the cell
        track.parse(line)
        raise UsageError("%%track must be on the first line of its cell")

    @line_magic
    def mlops(self, line: str) -> None:
        """Run any command of ``mlops`` here, e.g. ``%mlops show RUN``; alone it lists them.

        ``%mlops start NAME`` begins a run that goes on over the next cells until
        ``%mlops stop``, with the options of ``%%track``; ``%mlops start --resume RUN`` goes on
        with an ended one. ``%mlops stop --status failed`` says how it ended. ``%mlops runs``
        shows the runs as a table, ``%mlops profile train@3`` the columns of a data version,
        ``%mlops gate MODEL`` what a gate finds, with its intervals drawn.
        """
        verb, _, rest = line.strip().partition(" ")
        here = {
            "start": self._start,
            "stop": self._stop,
            "runs": self._runs,
            "profile": self._profile,
            "diff": self._diff,
            "gate": self._gate,
            "receive": self._receive,
            "pass_on": self._pass_on,
        }
        if verb in here:
            here[verb](rest)
            return
        words = _words(line)
        if words[:1] == ["status"] and not any(w[:1] != "-" for w in words[1:]):
            words += filter(None, [notebook.path_of(self.shell)])  # the notebook of this kernel
        _command(words or ["--help"])
        if words[:1] == ["init"] and capture.current and capture.current.project is None:
            capture.current.begin(open_project())

    def _start(self, line: str) -> None:
        """Begin a run over several cells."""
        header = track.parse(line, "%mlops start")
        _tracking("start").start(header)

    def _stop(self, line: str) -> None:
        """End it, when this cell ends."""
        words, options = track.read(line, "%mlops stop", ["--status"])
        status = dict(options).get("--status", "finished")
        known = [s for s in STATUSES if s == status]
        if words or not known:
            raise UsageError(
                f"%mlops stop: cannot read {(words or [status])[0]!r}",
                hint=f"--status is one of {', '.join(STATUSES)}",
            )
        _tracking("stop").stop(known[0])

    def _runs(self, line: str) -> None:
        """Show the runs as a table."""
        from mlops_jupyter.cli.main import options_of
        from mlops_jupyter.cli.project import runs_command

        words = _words(line)
        if {"--json", "--help", "-h"} & set(words):
            _command(["runs", *words])
            return
        with _clicks():
            options = options_of(runs_command, words)
        from mlops_jupyter.magics import listing

        listing.show(
            self.shell,
            self._project(),
            limit=options["limit"],
            sort=options["sort"],
            ascending=options["ascending"],
        )

    def _profile(self, line: str) -> None:
        """Show a data version: each column in one line, with its distribution."""
        from mlops_jupyter.cli.main import options_of
        from mlops_jupyter.cli.profile import profile_command

        words = _words(line)
        if {"--json", "--help", "-h"} & set(words):
            _command(["profile", *words])
            return
        with _clicks():
            ref = options_of(profile_command, words)["ref"]
        from mlops_jupyter.magics import profile

        profile.show(self.shell, self._project(), ref)

    def _diff(self, line: str) -> None:
        """Show what two runs or two data versions differ in; of data as a page."""
        from mlops_jupyter.cli import data_diff
        from mlops_jupyter.cli.main import options_of
        from mlops_jupyter.cli.reproduce import diff_command

        words = _words(line)
        with _clicks():
            options = options_of(diff_command, words, lenient=True)
        before, after = options["before"] or "", options["after"] or ""
        project = self._project()
        is_shown = options["as_json"] or options["page"] or options["check"]
        if is_shown or not (after and data_diff.is_data(project, before, after)):
            _command(["diff", *words])
            return
        from mlops_jupyter.data.diff.compare import diff
        from mlops_jupyter.data.diff.page import as_html

        found = diff(project, before, after, key=options["key"])
        self.shell.display_pub.publish({"text/plain": str(found), "text/html": as_html(found)})

    def _gate(self, line: str) -> None:
        """Judge a version of a model, and show what the gate found; files are the command's."""
        from mlops_jupyter.magics import gate

        words = _words(line)
        with _clicks():
            asked = gate.asked(words)
        if asked is None:
            _command(["gate", *words])
        else:
            gate.show(self.shell, self._project(), asked)

    def _receive(self, line: str) -> None:
        """Take over variables from the steps before (in the notebooks of a pipeline)."""
        from mlops_jupyter.pipelines.values import restore_values

        restore_values(self._project(), _step_run(), self.shell.user_ns, line.split())

    def _pass_on(self, line: str) -> None:
        """Keep variables for the steps after (in the notebooks of a pipeline)."""
        from mlops_jupyter.pipelines.values import store_values

        store_values(self._project(), _step_run(), self.shell.user_ns, line.split())

    def _project(self) -> Project:
        recording = capture.current
        return recording.project if recording and recording.project else open_project()

    def _evaluate(self, expression: str) -> Any:
        if not expression:
            raise UsageError("%snapshot: nothing to keep", hint="write `%snapshot df --name train`")
        if _URL.fullmatch(expression):
            return expression
        # unlike that of Path, this takes any text
        if not expression.isidentifier() and os.path.exists(expression):  # noqa: PTH110
            return Path(expression)
        try:
            return self.shell.ev(expression)
        except Exception as error:  # noqa: BLE001 - what the user's own expression raises
            said = f"{type(error).__name__}: {error}"
            raise UsageError(f"%snapshot {expression:.80}: {said:.300}") from None


class _Options(msgspec.Struct):
    """What stands behind the expression."""

    name: str | None = None
    note: str | None = None
    tags: list[str] = msgspec.field(default_factory=list)
    force: bool = False


def _split(line: str) -> tuple[str, _Options]:
    """Split ``EXPR --name NAME --note TEXT``: an expression may hold spaces and quotes."""
    options = _Options()
    found = _OPTIONS.search(line)
    if found is None:
        return line.strip(), options
    expression, rest = line[: found.start()].strip(), line[found.start() :]
    try:
        words = shlex.split(rest, comments=True)
    except ValueError as error:
        raise UsageError(f"%snapshot {line}: {error}") from None
    while words:
        key, equals, value = words.pop(0).partition("=")
        if key == "--force" and not equals:
            options.force = True
            continue
        if key not in {"--name", "--note", "--tag"} or not (equals or words):
            raise UsageError(
                f"%snapshot: cannot read {key!r}", hint="a note of several words stands in quotes"
            )
        value = value if equals else words.pop(0)
        if key == "--tag":
            options.tags.append(value)
        else:
            setattr(options, key.removeprefix("--"), value)
    return expression, options


def _step_run() -> str:
    step_run_id = os.environ.get("MLOPS_STEP_RUN")
    if not step_run_id:
        raise UsageError(
            "this notebook is a step of a pipeline", hint="run it by `mlops pipeline run NAME`"
        )
    return step_run_id


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise UsageError(f"%mlops {line}: {error}") from None


def _tracking(verb: str) -> Tracking:
    recording = capture.current
    if recording is None or recording.tracking is None:
        raise UsageError(
            f"%mlops {verb}: this kernel records nothing: there is no project here",
            hint="make one with `%mlops init`",
        )
    return recording.tracking


def _command(words: list[str]) -> None:
    from mlops_jupyter.cli.main import cli

    with _clicks():
        cli.main(args=words, prog_name="%mlops", standalone_mode=False)


@contextmanager
def _clicks() -> Iterator[None]:
    """Turn the complaints of the command line into ours."""
    import click

    try:
        yield
    except click.ClickException as error:
        raise UsageError(error.format_message(), hint="see `%mlops --help`") from None
