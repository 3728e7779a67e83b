"""The file of each CI system is one that the system takes, and its scripts do what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tree_sitter_groovy
import tree_sitter_kotlin
import yaml
from check_jsonschema import main as check_jsonschema
from tree_sitter import Language, Parser

from mlops_jupyter.promotion.ci.init import WRITERS
from mlops_jupyter.promotion.ci.job import Job
from tests.command import parsed
from tests.promotion.ci.jobs import (
    HOSTILE,
    PLAIN,
    SHELLS,
    SYSTEMS,
    script_of,
    scripts,
    written,
)

SCHEMAS = {
    "github": ["vendor.github-workflows"],
    "gitlab": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    "circleci": ["vendor.circle-ci"],
    # its patterns are not of the unicode dialect
    "azure": ["vendor.azure-pipelines", "--data-transform", "azure-pipelines",
              "--regex-variant", "nonunicode"],
    "travis": ["vendor.travis"],
}  # fmt: skip
GRAMMARS = {"jenkins": tree_sitter_groovy, "teamcity": tree_sitter_kotlin}

BOTH = pytest.mark.parametrize("job", [PLAIN, HOSTILE], ids=["plain", "hostile"])
EACH = pytest.mark.parametrize("system", SYSTEMS)

MLOPS = """\
#!/bin/sh
pwd >> "$NOTED"
echo "$*" >> "$NOTED"
case "$1" in
  pipeline) echo '{"step": "fit"}'; echo '{"run": {"id": "5", "run_id": "3f2a"}}' ;;
  release) mkdir "$4" && echo '{"id": "d1"}' > "$4/decision.json"; exit "$ENDS" ;;
  gate|approve|promote) exit "$ENDS" ;;
  push) exit "${PUSHED:-0}" ;;
esac
"""


PYTHON = """\
#!/bin/sh
case "$2" in
  venv) mkdir -p "$3/bin"; : > "$3/bin/activate" ;;
  pip) ;;
  *) exec "{}" "$@" ;;
esac
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an `mlops` that notes what it was given, and ends as it is told."""
    folder = tmp_path_factory.mktemp("bin")
    for name, text in {
        "mlops": MLOPS,
        "python": PYTHON.format(sys.executable),
        "gh": "#!/bin/sh\necho reviewer\n",
    }.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def run(
    system: str, script: str, programs: Path, place: Path, **told: str
) -> subprocess.CompletedProcess[str]:
    """Run a script as the system would."""
    shell, *options = SHELLS[system]
    found = shutil.which(shell)
    assert found is not None
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return subprocess.run(
        [found, *options, "-c", script],
        env={
            "PATH": path, "NOTED": str(place / "noted"), "GITHUB_OUTPUT": str(place / "output"),
            "WORKSPACE_TMP": str(place / "tmp"), "ENDS": "0", **told,
        },
        cwd=place, capture_output=True, text=True,
    )  # fmt: skip


def noted(place: Path) -> list[str]:
    """Return the commands that were run, without the folders they were run in."""
    return (place / "noted").read_text().splitlines()[1::2]


@BOTH
@pytest.mark.parametrize("system", SCHEMAS)
def test_it_fits_the_published_schema(
    system: str, job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pipeline.yml"
    file.write_text(written(system, job), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        check_jsonschema(["--builtin-schema", *SCHEMAS[system], str(file)])
    assert ended.value.code == 0, capsys.readouterr().out[-2000:]


@BOTH
@pytest.mark.parametrize("system", GRAMMARS)
def test_it_is_of_the_grammar_of_its_language(system: str, job: Job) -> None:
    parser = Parser(Language(GRAMMARS[system].language()))
    text = written(system, job)
    assert not parser.parse(text.encode()).root_node.has_error, text
    assert parser.parse(text.replace("}", "", 1).encode()).root_node.has_error


@BOTH
def test_an_audit_of_the_workflow_finds_nothing(job: Job, tmp_path: Path) -> None:
    file = tmp_path / "mlops.yml"
    file.write_text(written("github", job), encoding="utf-8")
    done = subprocess.run(
        ["zizmor", "--offline", "--no-progress", "--quiet", str(file)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@BOTH
def test_scripts_are_sound(job: Job, tmp_path: Path) -> None:
    for system in SYSTEMS:
        found = scripts(system, written(system, job))
        assert len(found) >= 2, system
        for number, one in enumerate(dict.fromkeys(found)):
            shell, *options = SHELLS[system]
            head = f"#!/bin/{shell} -e\n" if options else f"#!/bin/{shell}\n"
            (tmp_path / f"{system}-{number}.sh").write_text(head + one, encoding="utf-8")
    files = sorted(map(str, tmp_path.glob("*.sh")))
    # 2016: what looks like an expression in single quotes is meant to be none
    done = subprocess.run(
        ["shellcheck", "--severity=warning", "--exclude=SC1091,SC2016", *files],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


GREEN = {
    "github": "::warning title=mlops::",
    "circleci": "",
    "azure": "##vso[task.complete result=SucceededWithIssues;]",
    "teamcity": "status='WARNING'",
    "travis": "",
}
"""What is undecided or waits is no failure there, and is said in this way."""


@EACH
def test_the_exit_code_decides(system: str, programs: Path, tmp_path: Path) -> None:
    script = script_of(system, written(system, PLAIN), "release")
    for code in (0, 1, 2, 3, 4, 5, 6, 7, 8):
        done = run(system, script, programs, tmp_path, ENDS=str(code))
        is_answer = code in {3, 4}
        assert done.returncode == (0 if is_answer and system in GREEN else code), done.stderr
        if system in GREEN:
            said = "undecided" if code == 3 else "waiting for an approval"
            assert (said in done.stdout) == is_answer
            assert GREEN[system] in done.stdout or not is_answer
        if system == "github":
            output = (tmp_path / "output").read_text()
            assert output.splitlines()[-1] == f"ended={code}"


def test_systems_that_have_a_third_colour_use_it() -> None:
    made = yaml.safe_load(written("gitlab", PLAIN))
    for name in ("mlops-gate-late", "mlops-release-late"):
        assert made[name]["allow_failure"] == {"exit_codes": [3, 4]}
    jenkins = written("jenkins", PLAIN)
    assert re.search(r"ended == 3\) \{\s+unstable\('undecided", jenkins)
    assert re.search(r"ended == 4\) \{\s+unstable\('waiting", jenkins)
    assert re.search(r"ended != 0\) \{\s+error\(", jenkins)


def test_the_decision_that_waits_is_named_for_the_approval(programs: Path, tmp_path: Path) -> None:
    for system in ("github", "gitlab", "jenkins"):
        script = script_of(system, written(system, PLAIN), "release")
        run(system, script, programs, tmp_path, ENDS="4")
        named = (tmp_path / "mlops-report" / "decision.env").read_text()
        assert named == "MLOPS_DECISION=d1\n"
    assert (tmp_path / "output").read_text().splitlines() == ["MLOPS_DECISION=d1", "ended=4"]
    github = yaml.safe_load(written("github", PLAIN))["jobs"]
    assert github["release"]["outputs"]["MLOPS_DECISION"] == (
        "${{ steps.mlops.outputs.MLOPS_DECISION }}"
    )
    gitlab = yaml.safe_load(written("gitlab", PLAIN))
    reports = gitlab["mlops-release-late"]["artifacts"]["reports"]
    assert reports["dotenv"] == "mlops-report/decision.env"
    assert gitlab["mlops-approve-late"]["needs"] == [
        {"job": "mlops-release-late", "artifacts": True}
    ]
    assert "env.MLOPS_DECISION = readFile('mlops-report/decision.env')" in written("jenkins", PLAIN)


@EACH
def test_what_was_decided_is_sent_whatever_it_is(
    system: str, programs: Path, tmp_path: Path
) -> None:
    report = tmp_path / "mlops-report"
    (report / "old").mkdir(parents=True)
    script = script_of(system, written(system, PLAIN), "release")
    assert run(system, script, programs, tmp_path, ENDS="1").returncode == 1
    assert noted(tmp_path) == ["pull", f"release late --report {report}", "push"]
    assert not (report / "old").exists(), "of a build before"
    # what cannot be sent is tried twice, and is no success
    (tmp_path / "noted").unlink()
    assert run(system, script, programs, tmp_path, PUSHED="7").returncode == 7
    assert noted(tmp_path)[2:] == ["push", "push"]


@EACH
def test_a_pull_request_moves_nothing(system: str, programs: Path, tmp_path: Path) -> None:
    script = script_of(system, written(system, PLAIN), "gate")
    assert run(system, script, programs, tmp_path).returncode == 0
    report = tmp_path / "mlops-report"
    judged = f"gate late --challenger 3f2a --report {report}"
    assert noted(tmp_path) == ["pull", "pipeline run train --json", judged]


@pytest.mark.parametrize("system", [one for one in SYSTEMS if one != "travis"])
def test_what_waits_is_approved_and_promoted(system: str, programs: Path, tmp_path: Path) -> None:
    script = script_of(system, written(system, PLAIN), "approve")
    assert run(system, script, programs, tmp_path, MLOPS_DECISION="d1").returncode == 0
    report = tmp_path / "mlops-report"
    assert noted(tmp_path) == [
        "pull", "approve late --decision d1", f"promote late --decision d1 --report {report}",
        "push",
    ]  # fmt: skip
    # who does not say which means the newest
    (tmp_path / "noted").unlink()
    assert run(system, script, programs, tmp_path, ENDS="6").returncode == 6
    assert noted(tmp_path) == ["pull", "approve late", "push"]


def test_nobody_approves_in_an_environment_without_reviewers(
    programs: Path, tmp_path: Path
) -> None:
    (tmp_path / "gh").write_text("#!/bin/sh\necho\n")
    (tmp_path / "gh").chmod(0o755)
    script = script_of("github", written("github", PLAIN), "approve")
    path = os.pathsep.join([str(tmp_path), str(programs), os.environ["PATH"]])
    done = run("github", script, programs, tmp_path, PATH=path)
    assert (done.returncode, (tmp_path / "noted").exists()) == (4, False)
    assert "mlops-approval has no reviewers" in done.stdout


@EACH
def test_the_folder_of_the_project_is_one_word(system: str, programs: Path, tmp_path: Path) -> None:
    folder = tmp_path / HOSTILE.folder
    folder.mkdir()
    text = written(system, HOSTILE)
    for command in ("release", "gate"):
        script = script_of(system, text, command)
        assert run(system, script, programs, tmp_path, MLOPS_REMOTE_URL="x").returncode == 0
    where = (tmp_path / "noted").read_text().split("\n")[0::2]
    assert set(filter(None, where)) == {str(folder)}
    assert not list(tmp_path.rglob("harmed"))


FOREIGN = {
    "github": r"\$\{\{",
    "azure": r"\$\((?!python )|\$\{\{|\$\[",
    "circleci": r"<<",
}
"""What the systems themselves replace in scripts, before any shell sees them."""


@pytest.mark.parametrize("system", FOREIGN)
def test_no_name_becomes_an_expression_of_the_system(system: str) -> None:
    assert re.search(FOREIGN[system], HOSTILE.folder)
    for script in scripts(system, written(system, HOSTILE)):
        assert not re.search(FOREIGN[system], script), script


@pytest.mark.parametrize("system", ["github", "azure"])
def test_a_secret_that_is_not_set_is_nothing(system: str, programs: Path, tmp_path: Path) -> None:
    name = "MLOPS_MLFLOW_TRACKING_URI"
    script = script_of(system, written(system, PLAIN), "release")
    script = script.replace("ended=0", f'ended=0; echo "<${{{name}-none}}>"')
    absent = {"github": "", "azure": f"$({name})"}[system]
    assert "<none>" in run(system, script, programs, tmp_path, **{name: absent}).stdout
    assert "<http://x>" in run(system, script, programs, tmp_path, **{name: "http://x"}).stdout


@EACH
def test_reports_are_kept_also_when_the_gate_fails(system: str) -> None:
    text = written(system, PLAIN)
    if system in {"jenkins", "teamcity"}:
        kept = {
            "jenkins": [
                "post {\n                always {",
                "skipMarkingBuildUnstable: true",
                "archiveArtifacts artifacts: 'mlops-report/**'",
            ],
            "teamcity": ["PublishMode.ALWAYS", "XmlReportType.JUNIT", "testFailure = false"],
        }
        assert all(one in text for one in kept[system])  # fmt: skip
        return
    made = yaml.safe_load(text)
    if system == "github":
        step = made["jobs"]["release"]["steps"][-1]
        assert (step["if"], step["with"]["path"]) == ("always()", "mlops-report")
    elif system == "gitlab":
        kept = made["mlops-release-late"]["artifacts"]
        assert kept["when"] == "always"
        assert kept["reports"]["junit"] == "mlops-report/junit.xml"
    elif system == "circleci":
        assert made["jobs"]["release"]["steps"][-2:] == [
            {"store_test_results": {"path": "mlops-report"}},
            {"store_artifacts": {"path": "mlops-report"}},
        ]
    elif system == "azure":
        steps = made["jobs"][1]["strategy"]["runOnce"]["deploy"]["steps"]
        assert [step["condition"].partition(",")[0] for step in steps[-2:]] == ["and(always()"] * 2
    else:
        assert 'cat "$report/summary.md"' in script_of(system, text, "release")


def test_one_promotion_at_a_time() -> None:
    made = {one: yaml.safe_load(written(one, PLAIN)) for one in ("github", "gitlab", "circleci",
                                                                 "azure")}  # fmt: skip
    release = made["github"]["jobs"]["release"]
    assert release["concurrency"] == {"group": "mlops-release-late", "cancel-in-progress": False}
    assert made["gitlab"]["mlops-release-late"]["resource_group"] == "mlops-late"
    groups = [job["serial-group"] for flow in made["circleci"]["workflows"].values()
              for one in flow["jobs"] for job in one.values() if "serial-group" in job]  # fmt: skip
    assert groups == ["<< pipeline.project.slug >>/mlops-late"] * 2
    assert made["azure"]["lockBehavior"] == "sequential"
    assert made["azure"]["trigger"]["batch"] == "true"
    assert "disableConcurrentBuilds()" in written("jenkins", PLAIN)
    assert written("teamcity", PLAIN).count("maxRunningBuilds = 1") == 2


def test_permissions_are_the_least() -> None:
    made = yaml.safe_load(written("github", PLAIN))
    assert made["permissions"] == {}
    assert {name: job["permissions"] for name, job in made["jobs"].items()} == {
        "gate": {"contents": "read"},
        "release": {"contents": "read"},
        "approve": {"actions": "read", "contents": "read"},
    }
    text = written("github", PLAIN)
    used = re.findall(r"uses: \S+@(\S+)", text)
    assert used
    assert all(re.fullmatch("[0-9a-f]{40}", one) for one in used), "tags can be moved"


def test_what_a_file_refers_to_is_there() -> None:
    gitlab = yaml.safe_load(written("gitlab", PLAIN))
    jobs = {name: job for name, job in gitlab.items() if isinstance(job, dict)}
    assert {job["stage"] for job in jobs.values()} == set(gitlab["stages"])
    assert {need["job"] for job in jobs.values() for need in job.get("needs", ())} <= set(jobs)
    circleci = yaml.safe_load(written("circleci", PLAIN))
    named = {name for flow in circleci["workflows"].values() for one in flow["jobs"]
             for name in one}  # fmt: skip
    assert named == set(circleci["jobs"])
    teamcity = written("teamcity", PLAIN)
    assert set(re.findall(r"buildType\((\w+)\)", teamcity)) == set(
        re.findall(r"object (\w+) : BuildType", teamcity)
    )


def test_places_are_the_usual_ones() -> None:
    assert {system: place for system, (place, _) in WRITERS.items()} == {
        "github": ".github/workflows/mlops.yml",
        "gitlab": ".gitlab-ci.yml",
        "jenkins": "Jenkinsfile",
        "circleci": ".circleci/config.yml",
        "azure": "azure-pipelines.yml",
        "teamcity": ".teamcity/settings.kts",
        "travis": ".travis.yml",
    }


@EACH
def test_the_commands_are_those_that_there_are(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    called = set()
    for script in scripts(system, written(system, PLAIN)):
        for line in re.findall(r"\bmlops ([a-z].*?)(?=$| > | &&| \|\||;)", script, re.MULTILINE):
            words = re.sub(r"\$\{\w+:\+(.*?)\}", r"\1", line)
            command = parsed([word.replace('"$', "").strip('"') for word in words.split()])
            called.add(command.command_path)  # of `pipeline run` the last word
    ours = {"mlops run", "mlops gate", "mlops release", "mlops pull", "mlops push"}
    assert called == ours | (set() if system == "travis" else {"mlops approve", "mlops promote"})
