"""Jobs for CI systems: a plain one, and one whose every name means harm; and what is in files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from mlops_jupyter.promotion.ci.init import WRITERS
from mlops_jupyter.promotion.ci.job import Job
from tests.pipelines.export.study import QUOTES

PLAIN = Job(
    model="late",
    pipeline="train",
    branch="main",
    python="3.12",
    packages="-r requirements.txt",
    secrets=("MLOPS_MLFLOW_TRACKING_URI",),
    more_secrets=("MLFLOW_TRACKING_USERNAME",),
)
HOSTILE = Job(
    model="x.1-late",
    pipeline="train.x-1",
    branch="!it's;$(touch${IFS}harmed)&{a}`b`+!%s<x>é😀",
    python="3.12",
    packages="-r requirements.txt",
    folder=f"{QUOTES} $[x] << y >> <<<z '''a''' %teamcity%\u2028é😀",
    has_store=False,
)

SYSTEMS = tuple(WRITERS)
SHELLS = {
    "github": ("bash", "-e"),
    "gitlab": ("bash", "-eo", "pipefail"),
    "jenkins": ("sh", "-e"),
    "circleci": ("bash", "-eo", "pipefail"),
    "azure": ("bash",),
    "teamcity": ("sh",),
    "travis": ("bash",),
}
"""What each system runs scripts with."""


def written(system: str, job: Job) -> str:
    return WRITERS[system][1](job)


def scripts(system: str, text: str) -> list[str]:
    """Return all scripts of a file, as the shell gets them."""
    if system == "jenkins":
        found = re.findall(r"script: '''(.*?)(?<!\\)'''", text, re.DOTALL)
        return [re.sub(r"\\(.)", r"\1", one, flags=re.DOTALL) for one in found]
    if system == "teamcity":
        found = re.findall(r'scriptContent = """(.*?)"""', text, re.DOTALL)
        plain = [one.replace("${'$'}", "$").replace("${'\"'}", '"') for one in found]
        assert not any(re.search(r"(?<!%)%(?:%%)*(?!%)", one) for one in plain), "a parameter"
        return [one.replace("%%", "%") for one in plain]
    return list(_strings(yaml.safe_load(text)))


def script_of(system: str, text: str, command: str) -> str:
    """Return the one script that has this command, and what comes before it in its job."""
    (found,) = [one for one in scripts(system, text) if f"mlops {command} " in one]
    return found


def _strings(node: Any) -> Iterator[str]:
    """Return what stands under keys of scripts, in all depths."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"run", "bash", "command", "script", "install"} and not _is_node(value):
                yield from [value] if isinstance(value, str) else value
            else:
                yield from _strings(value)
    elif isinstance(node, list):
        for one in node:
            yield from _strings(one)


def _is_node(value: Any) -> bool:
    return isinstance(value, dict)
