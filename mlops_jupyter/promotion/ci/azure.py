"""A pipeline of Azure DevOps."""

from __future__ import annotations

from typing import Any

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
)

ENVIRONMENT = "mlops-champion"
"""Where an exclusive lock, and checks of one's own, can be set."""

NOTHING = "none"
"""Stands for no decision: a parameter without a value would be asked for."""

REPORTED = "MLOPS_REPORTED"


def pipeline(job: Job) -> str:
    """Return ``azure-pipelines.yml``."""
    there = f"eq(variables['Build.SourceBranch'], {_literal(f'refs/heads/{job.branch}')})"
    asked = f"variables['{DECISION}'], '{NOTHING}'"
    no_request = "ne(variables['Build.Reason'], 'PullRequest')"
    return yaml_text(
        {
            "trigger": {"batch": "true", "branches": {"include": [job.branch]}},
            "pr": {"branches": {"include": ["*"]}},
            "parameters": [
                {
                    "name": "approve",
                    "displayName": "Decision that I approve, its id",
                    "type": "string",
                    "default": NOTHING,
                }
            ],
            # never within a script or a condition: whoever starts it could write anything there
            "variables": [{"name": DECISION, "value": "${{ parameters.approve }}"}],
            "pool": {"vmImage": "ubuntu-latest"},
            "lockBehavior": "sequential",
            "jobs": [
                {
                    "job": "gate",
                    "displayName": "Gate",
                    "condition": "eq(variables['Build.Reason'], 'PullRequest')",
                    "steps": _steps(job, job.gate, is_kept=False),
                },
                _deployment(
                    "release",
                    f"and({no_request}, {there}, eq({asked}))",
                    _steps(job, job.release),
                ),
                _deployment(
                    "approve",
                    f"and({no_request}, {there}, ne({asked}))",
                    _steps(job, job.approve),
                ),
            ],
        },
        ABOUT.format(system="azure"),
    )


def _deployment(name: str, condition: str, steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "deployment": name,
        "displayName": name.capitalize(),
        "condition": condition,
        "environment": ENVIRONMENT,
        "strategy": {"runOnce": {"deploy": {"steps": steps}}},
    }


def _steps(job: Job, commands: tuple[str, ...], *, is_kept: bool = True) -> list[dict[str, Any]]:
    report = f"$(Build.SourcesDirectory)/{REPORT}"
    there = f"and(always(), eq(variables['{REPORTED}'], 'true'))"
    told = {
        code: f"echo '##vso[task.logissue type=warning]{said}';"
        " echo '##vso[task.complete result=SucceededWithIssues;]'"
        for code, said in SAID.items()
    }
    end = [
        'if [ -d "$report" ]; then',
        f"  echo '##vso[task.setvariable variable={REPORTED}]true'",
        '  echo "##vso[task.uploadsummary]$report/summary.md"',
        "fi",
        *cases(told),
    ]
    names = job.all_secrets
    run: dict[str, Any] = {
        "bash": "set -e\n" + script(job, commands, end, before=_unset(names), is_kept=is_kept),
        "displayName": "mlops",
    }
    if names:
        run["env"] = {name: f"$({name})" for name in names}
    return [
        {"checkout": "self", "persistCredentials": "false"},
        {"task": "UsePythonVersion@0", "inputs": {"versionSpec": job.python}},
        {"bash": "set -e\n" + install(job), "displayName": "Install"},
        run,
        {
            "task": "PublishTestResults@2",
            "condition": there,
            "inputs": {
                "testResultsFormat": "JUnit",
                "testResultsFiles": f"{report}/junit.xml",
                "testRunTitle": f"Gate of {job.model}",
                "failTaskOnFailedTests": False,  # the exit code decides
            },
        },
        {
            "publish": report,
            "condition": there,
            "artifact": f"{REPORT}-$(System.JobAttempt)",
        },
    ]


def _unset(names: tuple[str, ...]) -> list[str]:
    """Return the lines that make nothing of variables which are not set.

    They come as the text of their reference, a dollar and a name in parentheses.
    """
    if not names:
        return []
    return [
        f"for name in {' '.join(names)}; do",
        '  case "${!name-}" in',
        """    ''|'$'"($name)") unset "$name" ;;""",
        "  esac",
        "done",
    ]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
