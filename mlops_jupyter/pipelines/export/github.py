"""A pipeline as a workflow of GitHub Actions: one job for each step.

What steps give goes through the shared store where there is one that jobs can reach, else
through artifacts, and from one run of the workflow to the next through the cache.
"""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path
from typing import Any

from mlops_jupyter.pipelines.export.cron import next_times
from mlops_jupyter.pipelines.export.packages import packages_of
from mlops_jupyter.pipelines.export.shape import Input, Shape, Task, ids, on_one_line
from mlops_jupyter.pipelines.export.yaml_text import yaml_text

CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8"
PYTHON = "actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c"
UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"
DOWNLOAD = "actions/download-artifact@634f93cb2916e3fdff6788551b99b062d0335ce0"
RESTORE = "actions/cache/restore@0400d5f644dc74513175e3cd8d07132dd4860809"
SAVE = "actions/cache/save@0400d5f644dc74513175e3cd8d07132dd4860809"

VERSIONS = {
    CHECKOUT: "v5.0.0", PYTHON: "v6.0.0", UPLOAD: "v4.6.2", DOWNLOAD: "v5.0.0",
    RESTORE: "v4.2.4", SAVE: "v4.2.4",
}  # fmt: skip
"""Tags can be moved, digests of commits cannot; the tag goes into a comment."""

ABOUT = "Written by `mlops pipeline export`: write it again rather than change it."

STORE = ".mlops-store"
REPORTS = "report"
"""The job at the end, where more than one step has none after it."""

REPORT = "mlops-junit.xml"

MOST_INPUTS = 25
"""Of a workflow that is started by hand."""

KEYS = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"),
    "abfs": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"),
    "abfss": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"),
}
"""Variables of the environment from which the client of a shared store takes its credentials."""


def workflow(shape: Shape, cron: str | None = None, packages: str | None = None) -> str:
    """Return the file of a workflow, ``.github/workflows/NAME.yml``.

    Parameters
    ----------
    shape : Shape
    cron : str, optional
        When it runs, in UTC. Default: when somebody starts it.
    packages : str, optional
        Words of `pip install`. Default: what the files of the project say, see `packages_of`.

    Raises
    ------
    UsageError
        It is no cron expression.
    """
    if cron is not None:
        next_times(cron, is_utc=True, count=1)
    words = packages or packages_of(shape.root)
    return yaml_text(_Workflow(shape, words).content(cron), ABOUT, VERSIONS)


def folder_of(root: Path) -> str:
    """Return where a project lies in its git repository; empty: it is the whole of it."""
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            relative = root.relative_to(folder).as_posix()
            return "" if relative == "." else on_one_line("the path of the project", relative)
    return ""


class _Workflow:
    def __init__(self, shape: Shape, packages: str) -> None:
        self._shape = shape
        self._packages = on_one_line("what is to be installed", packages)
        steps = [task.step for task in shape.tasks]
        self._jobs = ids(steps, r"[^A-Za-z0-9_-]", "step_")
        (self._report,) = ids([REPORTS], "-", taken=self._jobs.values()).values()
        # only what GitHub takes for the name of an input
        usable = [one for one in shape.inputs if one.name.isascii() and "secret" not in _words(one)]
        self._inputs = ids([one.name for one in usable[:MOST_INPUTS]], r"[^A-Za-z0-9_]", "p_")
        self._asked = {one.name: one for one in usable[:MOST_INPUTS]}
        self._folder = folder_of(shape.root)
        self._store = f"{self._folder}/{STORE}" if self._folder else STORE
        self._is_shared = shape.store is not None and "://" in shape.store

    def content(self, cron: str | None) -> dict[str, Any]:
        shape = self._shape
        asked = {self._inputs[name]: _input(one) for name, one in self._asked.items()}
        on: dict[str, Any] = {"workflow_dispatch": {"inputs": asked} if asked else {}}
        if cron is not None:
            on["schedule"] = [{"cron": " ".join(cron.split())}]
        return {
            "name": f"Pipeline {shape.pipeline}",
            "on": on,
            "permissions": {"contents": "read"},
            "concurrency": {"group": f"mlops-{shape.pipeline}", "cancel-in-progress": False},
            "env": self._environment(),
            **({"defaults": {"run": {"working-directory": self._folder}}} if self._folder else {}),
            "jobs": self._all_jobs(),
        }

    def _environment(self) -> dict[str, str]:
        made = {"MLOPS_PIPELINE": self._shape.pipeline}
        if not self._is_shared:
            # it holds what jobs of this workflow put there
            made["MLOPS_REMOTE_URL"] = STORE
            made["MLOPS_REMOTE_TRUST"] = "true"
        for one in self._inputs.values():
            # never within a script: whoever starts the workflow could write anything there
            made[f"PARAMETER_{one}"] = f"${{{{ inputs.{one} }}}}"
        return made

    def _all_jobs(self) -> dict[str, Any]:
        last = self._shape.last
        jobs = {
            self._jobs[task.step]: self._job(task, is_last=last == (task,))
            for task in self._shape.tasks
        }
        if len(last) > 1:
            whole = Task("", tuple(task.step for task in last))
            jobs[self._report] = self._job(whole, is_last=True)
        return jobs

    def _job(self, task: Task, *, is_last: bool) -> dict[str, Any]:
        job: dict[str, Any] = {"name": task.step or REPORTS}
        if task.before:
            job["needs"] = [self._jobs[one] for one in task.before]
        job["runs-on"] = "ubuntu-latest"
        if task.limit_seconds is not None:
            job["timeout-minutes"] = math.ceil(task.limit_seconds / 60)
        if secrets := self._secrets():
            job["env"] = {name: f"${{{{ secrets.{name} }}}}" for name in secrets}
        job["steps"] = [
            {"uses": CHECKOUT, "with": {"persist-credentials": False}},
            {"uses": PYTHON, "with": {"python-version": self._shape.python, "cache": "pip"}
             if self._packages.startswith("-r ") else {"python-version": self._shape.python}},
            {"name": "Install", "run": f"python -m pip install {self._packages}"},
            *([] if self._is_shared else self._brought(task)),
            {"name": "Run", "run": self._script(task, is_last=is_last)},
            *([] if self._is_shared else self._kept(task, is_last=is_last)),
        ]  # fmt: skip
        if is_last:
            path = f"{self._folder}/{REPORT}" if self._folder else REPORT
            said = {"name": "junit", "path": path, "if-no-files-found": "ignore"}
            job["steps"].append({"if": "always()", "uses": UPLOAD, "with": said})
        return job

    def _secrets(self) -> list[str]:
        scheme = (self._shape.store or "").partition("://")[0]
        keys = KEYS.get(scheme, ()) if self._is_shared else ()
        own = (name for name in self._shape.variables if name not in keys)
        return [*keys, *(name for name in own if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name))]

    def _brought(self, task: Task) -> list[dict[str, Any]]:
        if not task.before:
            key = f"mlops-{self._shape.pipeline}-${{{{ github.run_id }}}}"
            restore = {
                "path": self._store,
                "key": key,
                "restore-keys": f"mlops-{self._shape.pipeline}-",
            }
            return [{"uses": RESTORE, "with": restore}]
        return [
            {"uses": DOWNLOAD, "with": {"name": f"store-{self._jobs[one]}", "path": self._store}}
            for one in task.before
        ]

    def _kept(self, task: Task, *, is_last: bool) -> list[dict[str, Any]]:
        if is_last:
            key = f"mlops-{self._shape.pipeline}-${{{{ github.run_id }}}}"
            return [{"uses": SAVE, "with": {"path": self._store, "key": key}}]
        name = f"store-{self._jobs[task.step]}"
        said = {
            "name": name, "path": self._store, "include-hidden-files": True, "retention-days": 1,
            "overwrite": True,
        }  # fmt: skip
        return [{"uses": UPLOAD, "with": said}]

    def _script(self, task: Task, *, is_last: bool) -> str:
        run = ["mlops", "pipeline", "run"]
        options = '"$MLOPS_PIPELINE"'
        if is_last:
            options += f' --junit {REPORT} --summary "$GITHUB_STEP_SUMMARY"'
        else:
            options += f" --to {shlex.quote(task.step)}"
        lines = ["mlops push  # the first one makes the store", "mlops pull", "set --"]
        for name, one in self._inputs.items():
            value = f"$PARAMETER_{one}"
            lines.append(f'[ -z "{value}" ] || set -- "$@" -p {shlex.quote(name)} "{value}"')
        lines += [
            "ended=0",
            f'{" ".join(run)} {options} "$@" || ended=$?',
            "mlops push",
            'exit "$ended"',
        ]
        return "\n".join(lines) + "\n"


def _words(one: Input) -> str:
    return str(one.schema.get("format", ""))


def _input(one: Input) -> dict[str, Any]:
    """Return how GitHub asks for a parameter; empty text stands for the notebook's default."""
    made: dict[str, Any] = {"description": _shielded(one.help or one.name)}
    choices = one.schema.get("enum", [])
    kind = one.schema.get("type")
    default = _shielded(one.default_text)
    if choices and all(isinstance(c, str) and c and "\n" not in c for c in choices):
        return {**made, "type": "choice", "options": choices, "default": one.schema["default"]}
    if kind == "boolean" and one.has_default:
        return {**made, "type": "boolean", "default": one.schema["default"]}
    return {**made, "type": "string", "default": default if default == one.default_text else ""}


def _shielded(text: str) -> str:
    """Return text that GitHub takes for no expression."""
    return text.replace("${{", "$ {{")
