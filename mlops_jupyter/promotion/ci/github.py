"""A workflow of GitHub Actions that gates pull requests and releases from the main branch."""

from __future__ import annotations

from typing import Any

from mlops_jupyter.pipelines.export.github import CHECKOUT, PYTHON, UPLOAD, VERSIONS
from mlops_jupyter.pipelines.export.yaml_text import yaml_text
from mlops_jupyter.promotion.ci.job import (
    ABOUT,
    DECISION,
    REPORT,
    SAID,
    Job,
    cases,
    install,
    script,
    unset,
)

ENVIRONMENT = "mlops-approval"
"""Of the repository; its reviewers are who may approve."""

_REVIEWER = """\
[.[] | select(.state == "approved" and any(.environments[]; .name == "{environment}"))
 | .user.login] | unique | if length == 1 then .[0] else "" end"""
"""In the language of jq; nobody, where it would not be sure who it was."""


def workflow(job: Job) -> str:
    """Return ``.github/workflows/mlops.yml``."""
    return yaml_text(_content(job), ABOUT.format(system="github"), VERSIONS)


def _content(job: Job) -> dict[str, Any]:
    there = f"github.ref == {_literal(f'refs/heads/{job.branch}')}"
    from_here = "github.event.pull_request.head.repo.full_name == github.repository"
    return {
        "name": f"mlops {job.model}",
        "on": {
            "push": {"branches": [_pattern(job.branch)]},
            "pull_request": {},
            "workflow_dispatch": {},
        },
        "permissions": {},
        "jobs": {
            # a fork gets no secrets, so it could not even read the data
            "gate": {
                "name": "Gate",
                "if": f"github.event_name == 'pull_request' && {from_here}",
                "concurrency": {
                    "group": f"mlops-gate-{job.model}-${{{{ github.ref }}}}",
                    "cancel-in-progress": True,
                },
                **_where(job),
                "steps": _steps(job, "Gate", job.gate, is_kept=False),
            },
            "release": {
                "name": "Release",
                "if": f"github.event_name != 'pull_request' && {there}",
                "concurrency": {"group": f"mlops-release-{job.model}", "cancel-in-progress": False},
                "outputs": {
                    "ended": "${{ steps.mlops.outputs.ended }}",
                    DECISION: f"${{{{ steps.mlops.outputs.{DECISION} }}}}",
                },
                **_where(job),
                "steps": _steps(job, "Release", job.release),
            },
            "approve": _approve(job),
        },
    }


def _where(job: Job) -> dict[str, Any]:
    env = {name: f"${{{{ secrets.{name} }}}}" for name in job.all_secrets}
    return {
        "runs-on": "ubuntu-latest",
        "permissions": {"contents": "read"},
        **({"env": env} if env else {}),
    }


def _steps(
    job: Job, name: str, commands: tuple[str, ...], *, is_kept: bool = True
) -> list[dict[str, Any]]:
    named = [
        *job.after,
        '[ ! -f "$report/decision.env" ] || cat "$report/decision.env" >> "$GITHUB_OUTPUT"',
    ]
    end = [
        *(named if is_kept else ()),
        'echo "ended=$ended" >> "$GITHUB_OUTPUT"',
        *cases({code: f"echo '::warning title=mlops::{said}'" for code, said in SAID.items()}),
    ]
    run = script(job, commands, end, before=unset(job.all_secrets), is_kept=is_kept)
    return [*_prepared(job), {"name": name, "id": "mlops", "run": run}, _kept(name.lower())]


def _prepared(job: Job) -> list[dict[str, Any]]:
    return [
        {"uses": CHECKOUT, "with": {"persist-credentials": False}},
        {"uses": PYTHON, "with": {"python-version": job.python}},
        {"name": "Install", "run": install(job)},
    ]


def _kept(what: str) -> dict[str, Any]:
    said = {
        "name": f"{REPORT}-{what}-${{{{ github.run_attempt }}}}",
        "path": REPORT,
        "if-no-files-found": "ignore",
    }
    return {"name": "Keep the report", "if": "always()", "uses": UPLOAD, "with": said}


def _approve(job: Job) -> dict[str, Any]:
    """Return the job that waits for a reviewer of the environment, and approves in their name."""
    asked = _REVIEWER.format(environment=ENVIRONMENT).replace("\n", "")
    who = [
        'where="repos/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID/approvals"',
        f"GITHUB_ACTOR=$(gh api \"$where\" --jq '{asked}')",
        'if [ -z "$GITHUB_ACTOR" ]; then',
        f"  echo '::error title=mlops::{ENVIRONMENT} has no reviewers, or several said yes'",
        "  exit 4",
        "fi",
        "export GITHUB_ACTOR  # the reviewer, not who started the workflow",
        "unset GH_TOKEN",
    ]
    where = _where(job)
    told = {
        "GH_TOKEN": "${{ github.token }}",
        DECISION: f"${{{{ needs.release.outputs.{DECISION} }}}}",
    }
    run = script(job, job.approve, before=[*who, *unset(job.all_secrets)])
    return {
        "name": "Approve",
        "needs": "release",
        "if": "needs.release.outputs.ended == '4'",
        "environment": ENVIRONMENT,
        # of its own: one that waits for a reviewer must not hold back releases
        "concurrency": {"group": f"mlops-approve-{job.model}", "cancel-in-progress": False},
        **where,
        "permissions": {"actions": "read", "contents": "read"},
        "steps": [
            *_prepared(job),
            {"name": "Approve", "env": told, "run": run},
            _kept("approve"),
        ],
    }


def _literal(text: str) -> str:
    """Return text within an expression."""
    return "'" + text.replace("'", "''") + "'"


def _pattern(branch: str) -> str:
    """Return a filter that fits this branch alone."""
    escaped = "".join(f"\\{letter}" if letter in "+*?[]\\" else letter for letter in branch)
    return f"\\{escaped}" if escaped.startswith("!") else escaped
