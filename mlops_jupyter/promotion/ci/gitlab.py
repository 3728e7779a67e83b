"""A pipeline of GitLab CI."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.export.yaml_text import yaml_text
from mlops_jupyter.promotion.ci.job import ABOUT, HOLD, REPORT, WAITING, Job, install, script

ENVIRONMENT = "mlops-approval"


def pipeline(job: Job) -> str:
    """Return ``.gitlab-ci.yml``."""
    there = f"$CI_COMMIT_BRANCH == {quoted(job.branch)}"
    group = f"mlops-{job.model}"
    return yaml_text(
        {
            "stages": ["mlops", "approve"],
            f"mlops-gate-{job.model}": {
                "stage": "mlops",
                "rules": [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}],
                "interruptible": True,
                **_run(job, job.gate, is_kept=False),
            },
            f"mlops-release-{job.model}": {
                "stage": "mlops",
                "rules": [{"if": there}],
                "resource_group": group,
                **_run(job, job.release, after=[*job.after, 'exit "$ended"']),
            },
            # GITLAB_USER_LOGIN of a manual job is who pressed the button
            f"mlops-approve-{job.model}": {
                "stage": "approve",
                "needs": [{"job": f"mlops-release-{job.model}", "artifacts": True}],
                "rules": [{"if": there, "when": "manual", "allow_failure": True}],
                "environment": {"name": ENVIRONMENT},
                "resource_group": group,
                **_run(job, job.approve, may_hold=False),
            },
        },
        ABOUT.format(system="gitlab"),
    )


def _run(
    job: Job,
    commands: tuple[str, ...],
    *,
    is_kept: bool = True,
    may_hold: bool = True,
    after: Iterable[str] = (),
) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "when": "always",
        "name": REPORT,
        "paths": [f"{REPORT}/"],
        "reports": {"junit": f"{REPORT}/junit.xml"},
        "expire_in": "1 year",
    }
    if after:
        kept["reports"]["dotenv"] = f"{REPORT}/decision.env"
    text = script(job, commands, after, is_kept=is_kept)
    return {
        "image": f"python:{job.python}",
        # in a shell of their own each: what one changes is not the other's
        "script": [f"(\n{install(job)})\n", f"(\n{text})\n"],
        **({"allow_failure": {"exit_codes": [HOLD, WAITING]}} if may_hold else {}),
        "artifacts": kept,
    }


def quoted(text: str) -> str:
    """Return text within an expression, which knows quotes of both kinds, and no escapes.

    Raises
    ------
    UsageError
        It holds both.
    """
    for quote in ('"', "'"):
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise UsageError(
        f"the branch {text!r} cannot be written in a condition of this system",
        hint="rename it, or say --branch NAME",
    )
