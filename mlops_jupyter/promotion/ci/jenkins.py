"""A declarative pipeline of Jenkins."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_jupyter.promotion.ci.job import (
    ABOUT,
    DECISION,
    HOLD,
    REPORT,
    SAID,
    WAITING,
    Job,
    install,
    script,
)

_FILE = """\
// {about}
pipeline {{
    agent none
    options {{
        disableConcurrentBuilds()
        skipDefaultCheckout(false)
    }}
    environment {{
        MLOPS_BRANCH = {branch}
{secrets}
    }}
    stages {{
        stage('Gate') {{
            when {{
                beforeAgent true
                expression {{ env.CHANGE_ID != null }}
            }}
            agent {{ docker {{ image {image} }} }}
            steps {{
                script {{
                    def ended = sh(returnStatus: true, script: {gate})
{told}
                }}
            }}
{post}
        }}
        stage('Release') {{
            when {{
                beforeAgent true
                expression {{
                    env.CHANGE_ID == null && env.BRANCH_NAME in [null, env.MLOPS_BRANCH]
                }}
            }}
            agent {{ docker {{ image {image} }} }}
            steps {{
                script {{
                    def ended = sh(returnStatus: true, script: {release})
                    env.MLOPS_ENDED = "${{ended}}"
                    if (fileExists('{report}/decision.env')) {{
                        env.{decision} = readFile('{report}/decision.env').trim() - '{decision}='
                    }}
{told}
                }}
            }}
{post}
        }}
        stage('Approve') {{
            when {{
                beforeOptions true
                beforeInput true
                beforeAgent true
                expression {{ env.MLOPS_ENDED == '{waiting}' }}
            }}
            options {{ timeout(time: 1, unit: 'DAYS') }}
            input {{
                message {message}
                ok 'Approve'
                submitterParameter 'MLOPS_APPROVER'
            }}
            agent {{ docker {{ image {image} }} }}
            steps {{
                script {{
                    def ended = sh(returnStatus: true, script: {approve})
{told}
                }}
            }}
{post}
        }}
    }}
}}
"""

_TOLD = (
    f"""\
                    if (ended == {HOLD}) {{
                        unstable('{SAID[HOLD]}')
                    }} else if (ended == {WAITING}) {{
                        unstable('{SAID[WAITING]}')
                    }} else if (ended != 0) {{
"""
    """\
                        error("mlops ended with exit code ${ended}")
                    }"""
)

_POST = f"""\
            post {{
                always {{
                    junit testResults: '{REPORT}/junit.xml', allowEmptyResults: true,
                        skipMarkingBuildUnstable: true
                    archiveArtifacts artifacts: '{REPORT}/**', allowEmptyArchive: true
                }}
            }}"""


def jenkinsfile(job: Job) -> str:
    """Return the ``Jenkinsfile``."""
    who = ['export BUILD_USER_ID="$MLOPS_APPROVER"  # who pressed the button']
    return _FILE.format(
        about=ABOUT.format(system="jenkins"),
        branch=literal(job.branch),
        secrets=_secrets(job),
        image=literal(f"python:{job.python}"),
        gate=_shell(job, job.gate, is_kept=False),
        release=_shell(job, job.release, end=[*job.after, 'exit "$ended"']),
        report=REPORT,
        decision=DECISION,
        approve=_shell(job, job.approve, who),
        told=_TOLD,
        post=_POST,
        message=literal(f"{job.model} waits for an approval: its report is with this build"),
        waiting=WAITING,
    )


def literal(text: str) -> str:
    """Return text as a string of Groovy, in which nothing is replaced."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _secrets(job: Job) -> str:
    """Return the credentials; one that Jenkins does not have would fail every build."""
    names = [(name, "") for name in job.secrets] + [(name, "// ") for name in job.more_secrets]
    return "\n".join(f"        {off}{name} = credentials('{name}')" for name, off in names)


def _shell(
    job: Job,
    commands: tuple[str, ...],
    before: Iterable[str] = (),
    end: Iterable[str] = (),
    *,
    is_kept: bool = True,
) -> str:
    """Return the script of one stage: the user of its container has no home, and may not install.

    Its packages go to a folder that is not in the checkout, which would look changed.
    """
    setup = [
        'export HOME="$WORKSPACE_TMP"',
        'python -m venv "$HOME/venv"',
        '. "$HOME/venv/bin/activate"',
    ]
    lines = ["set -e", *setup, f"(\n{install(job)})", *before]
    text = script(job, commands, end, before=lines, is_kept=is_kept)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'''{escaped}'''"
