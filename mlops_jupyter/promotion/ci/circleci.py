"""A configuration of CircleCI."""

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


def config(job: Job) -> str:
    """Return ``.circleci/config.yml``."""
    serial = f"<< pipeline.project.slug >>/mlops-{job.model}"
    only, others = {"only": [job.branch]}, {"ignore": [job.branch]}
    return yaml_text(
        {
            "version": 2.1,
            "parameters": {
                "approve": {
                    "description": "Id of the decision that is approved by who starts this.",
                    "type": "string",
                    "default": "",
                }
            },
            "jobs": {
                "gate": _job(job, "Gate", job.gate, is_kept=False),
                "release": _job(job, "Release", job.release),
                "approve": {
                    "environment": {DECISION: "<< pipeline.parameters.approve >>"},
                    **_job(job, "Approve", job.approve),
                },
            },
            "workflows": {
                "mlops": {
                    "when": {"not": "<< pipeline.parameters.approve >>"},
                    "jobs": [
                        {"gate": {"filters": {"branches": others}}},
                        {"release": {"filters": {"branches": only}, "serial-group": serial}},
                    ],
                },
                "mlops-approve": {
                    "when": "<< pipeline.parameters.approve >>",
                    "jobs": [{"approve": {"filters": {"branches": only}, "serial-group": serial}}],
                },
            },
        },
        ABOUT.format(system="circleci"),
    )


def _job(job: Job, name: str, commands: tuple[str, ...], *, is_kept: bool = True) -> dict[str, Any]:
    # it knows no third colour: what is undecided is green, and says so
    end = cases({code: f"echo '{said}'" for code, said in SAID.items()})
    return {
        "docker": [{"image": f"cimg/python:{job.python}"}],
        "steps": [
            "checkout",
            {"run": {"name": "Install", "command": install(job)}},
            {"run": {"name": name, "command": script(job, commands, end, is_kept=is_kept)}},
            {"store_test_results": {"path": REPORT}},
            {"store_artifacts": {"path": REPORT}},
        ],
    }
