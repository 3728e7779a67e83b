"""Settings of TeamCity, in Kotlin."""

from __future__ import annotations

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

_FILE = """\
// {about}
import jetbrains.buildServer.configs.kotlin.*
import jetbrains.buildServer.configs.kotlin.buildFeatures.XmlReport
import jetbrains.buildServer.configs.kotlin.buildFeatures.xmlReport
import jetbrains.buildServer.configs.kotlin.buildSteps.ScriptBuildStep
import jetbrains.buildServer.configs.kotlin.buildSteps.script
import jetbrains.buildServer.configs.kotlin.triggers.vcs

version = "2024.03"

project {{
    buildType(Gate)
    buildType(Release)
    buildType(Approve)
}}

{gate}

{release}

{approve}
"""

_BUILD = """\
object {name} : BuildType({{
    name = {title}
    description = {description}
    artifactRules = "{report} => {report}"
    publishArtifacts = PublishMode.ALWAYS
{limit}\
    vcs {{
        root(DslContext.settingsRoot)
    }}
    steps {{
        script {{
            name = "mlops"
            scriptContent = {script}
            dockerImage = {image}
            dockerImagePlatform = ScriptBuildStep.ImagePlatform.Linux
        }}
    }}
{triggers}\
    features {{
        xmlReport {{
            reportType = XmlReport.XmlReportType.JUNIT
            rules = "+:{report}/junit.xml"
        }}
    }}
    failureConditions {{
        nonZeroExitCode = true
        testFailure = false  // the exit code decides
    }}
}})"""

_TRIGGERS = """\
    triggers {{
        vcs {{
            branchFilter = "{branches}"
        }}
    }}
"""

_BY_HAND = """\
    params {
        param("env.TEAMCITY_BUILD_TRIGGEREDBY_USERNAME", "%teamcity.build.triggeredBy.username%")
        text(
            "env.{decision}", "", label = "Decision",
            description = "The id of the decision that you approve. Default: the newest",
            display = ParameterDisplay.PROMPT, allowEmpty = true
        )
    }
""".replace("{decision}", DECISION)
"""Who started a build is known only of one that somebody started: no other may ask for it."""


def settings(job: Job) -> str:
    """Return ``.teamcity/settings.kts``.

    The main branch is the one that the VCS root names, whatever it is called.
    """
    others, main = "+:*\\n-:<default>", "+:<default>"
    return _FILE.format(
        about=ABOUT.format(system="teamcity"),
        gate=_build(job, "Gate", "Trains and judges; nothing is moved", job.gate, others),
        release=_build(job, "Release", "Trains, judges and promotes", job.release, main),
        approve=_build(
            job, "Approve", "Approves what waits, in the name of who runs this", job.approve
        ),
    )


def _build(
    job: Job,
    name: str,
    description: str,
    commands: tuple[str, ...],
    branches: str | None = None,
) -> str:
    is_kept = name != "Gate"
    end = cases({code: f'echo "{_message(said)}"; echo "{_status(said)}"'
                 for code, said in SAID.items()})  # fmt: skip
    before = ["set -e", f"(\n{install(job)})"]
    text = script(job, commands, end, before=before, is_kept=is_kept)
    return _BUILD.format(
        name=name,
        title=literal(f"{name} {job.model}"),
        description=literal(description),
        report=REPORT,
        limit="    maxRunningBuilds = 1\n" if is_kept else "",
        script=raw(text.replace("%", "%%")),  # a % begins a parameter of TeamCity
        image=literal(f"python:{job.python}"),
        triggers=_BY_HAND if branches is None else _TRIGGERS.format(branches=branches),
    )


def _message(said: str) -> str:
    return f"##teamcity[message text='{_service(said)}' status='WARNING']"


def _status(said: str) -> str:
    return f"##teamcity[buildStatus text='{_service(said)}']"


def _service(text: str) -> str:
    """Return text as a value of a service message."""
    return "".join(f"|{letter}" if letter in "|'[]" else letter for letter in text)


def literal(text: str) -> str:
    """Return text as a string of Kotlin, in which nothing is replaced."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return '"' + escaped.replace("\n", "\\n") + '"'


def raw(text: str) -> str:
    """Return lines as a raw string of Kotlin, in which nothing is replaced."""
    escaped = text.replace("$", "${'$'}").replace('"""', '""${\'"\'}')
    return f'"""{escaped}"""'
