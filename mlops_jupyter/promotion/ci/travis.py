"""A configuration of Travis CI, which shows its log and nothing else."""

from __future__ import annotations

from typing import Any

from mlops_jupyter.pipelines.export.yaml_text import yaml_text
from mlops_jupyter.promotion.ci.gitlab import quoted
from mlops_jupyter.promotion.ci.job import ABOUT, SAID, Job, cases, install, script


def config(job: Job) -> str:
    """Return ``.travis.yml``."""
    there = f"type != pull_request AND branch = {quoted(job.branch)}"
    # a fork gets no secrets, so it could not even read the data
    proposed = "type = pull_request AND fork = false"
    return yaml_text(
        {
            "language": "python",
            "os": "linux",
            "dist": "jammy",
            "python": job.python,
            "install": f"(set -e\n{install(job)})\n",
            "jobs": {
                "include": [
                    _job("Gate", proposed, job, job.gate, is_kept=False),
                    _job("Release", there, job, job.release),
                ]
            },
        },
        ABOUT.format(system="travis"),
    )


def _job(
    name: str, condition: str, job: Job, commands: tuple[str, ...], *, is_kept: bool = True
) -> dict[str, Any]:
    end = [
        'if [ -f "$report/summary.md" ]; then cat "$report/summary.md"; fi',
        *cases({code: f"echo '{said}'" for code, said in SAID.items()}),
    ]
    lines = script(job, commands, end, is_kept=is_kept)
    # in a shell of its own: the one of Travis must not exit
    return {"name": name, "if": condition, "script": f"(set -e\n{lines})\n"}
