"""The files of evidence: parsers of JUnit, Markdown and JSON see what was decided."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from junitparser.junitparser import TestSuite as Suite
from markdown_it import MarkdownIt

from mlops_jupyter.config import Check, Compare, Evaluate, Floor, Model
from mlops_jupyter.errors import ExternalError, UsageError
from mlops_jupyter.promotion.decision import CheckResult, Decision, GateReport
from mlops_jupyter.promotion.evidence import files, words
from mlops_jupyter.promotion.evidence.annotation import of_github
from mlops_jupyter.promotion.evidence.junit import LONGEST_NAME, LONGEST_TEXT, junit
from mlops_jupyter.promotion.evidence.summary import SIGNS, markdown
from mlops_jupyter.promotion.evidence.told import Told, refused
from tests.full_disk import fails

HOSTILE = "<b>&amp;]]> | `x` ``` \x00\x1b[31m\ud800\ufffe\u202e \"'\r\n# [a](http://b) ::error::🙂"

GOOD = CheckResult(
    check="roc_auc at least 0.75", verdict="pass", challenger=0.8123, champion=None,
    why="0.8123 is at least 0.75", kind="floor", id="floor/roc_auc",
    value=0.8123, lower=0.796, upper=0.828, limit=0.75, side="above", count=4000,
    method="DeLong",
)  # fmt: skip
WORSE = CheckResult(
    check="accuracy not worse than champion v2 by more than 0.01", verdict="fail",
    challenger=0.71, champion=0.74, why="worse by 3 points", kind="compare",
    id="compare/accuracy", value=-0.03, lower=-0.041, upper=-0.019, limit=-0.01, side="above",
    count=4000, p=0.0001, method="paired t",
)  # fmt: skip
UNSETTLED = CheckResult(
    check="log_loss not worse than champion v2 by more than 0.005", verdict="hold",
    challenger=0.5, champion=0.5, why="the interval holds both", kind="compare",
    id="compare/log_loss", value=0.0004, lower=-0.0062, upper=0.0070, limit=-0.005, side="above",
    count=4000, rows_needed=5873, method="paired t",
)  # fmt: skip
RAISED = CheckResult(
    check="my_checks:fairness", verdict="error", challenger=None, champion=None,
    why="KeyError: 'region'", kind="custom", id="custom/my_checks:fairness",
)  # fmt: skip
SMALL = CheckResult(
    check="accuracy in region=west", verdict="not_judged", challenger=None, champion=None,
    why="12 rows, fewer than 30", kind="slices", id="slices/accuracy/region=west", count=12,
)  # fmt: skip


def told_of(*checks: CheckResult, **changed: object) -> Told:
    report = GateReport(
        verdict="fail", challenger=3, champion=2, bootstrap=False, data="test@1",
        row_count=4000, left_out=12, checks=checks, rows_digest="blake3:00", looks=4,
    )  # fmt: skip
    decision = Decision(
        id="0123456789abcdef", model="late", kind="reject", state="applied", from_version=2,
        to_version=3, reason="accuracy: worse by 3 points", actor="Ada (ada@laptop)",
        decided_at="2026-01-31T12:00:00.000000+00:00", report=report, digest="blake3:11",
    )  # fmt: skip
    return dataclasses.replace(Told("late", decision, report), **changed)


ALL = told_of(GOOD, WORSE, UNSETTLED, RAISED, SMALL)


def suite_of(told: Told) -> Suite:
    (suite,) = JUnitXml.fromroot(ET.parse(io.BytesIO(junit(told))).getroot())
    return suite


JENKINS = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "time", "skipped", "timestamp"},
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"name", "time", "classname"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
    "system-out": set(),
}
"""Elements and attributes of ours that the schema of Jenkins' xUnit plugin knows, junit-10.xsd."""


class TestJUnit:
    def test_each_line_of_a_report_is_a_case(self) -> None:
        suite = suite_of(ALL)

        assert (suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) == (
            "gate late", 5, 1, 1, 2,
        )  # fmt: skip
        cases = {case.name: case for case in suite}
        assert list(cases) == [check.id for check in ALL.report.checks]  # type: ignore[union-attr]
        assert {case.classname for case in suite} == {"mlops.gate.late"}
        assert cases["floor/roc_auc"].is_passed
        assert "0.812 (0.796 to 0.828)" in cases["floor/roc_auc"].system_out
        (failure,) = cases["compare/accuracy"].result
        assert isinstance(failure, Failure)
        assert failure.message == f"{WORSE.check}: worse by 3 points"
        assert "measured: −3.0 pt (−4.1 to −1.9)\nasked: ≥ −1 pt" in failure.text
        (held,) = cases["compare/log_loss"].result
        assert isinstance(held, Skipped)
        assert held.message.endswith("the interval holds both")
        assert "about 5,900 rows would settle it" in held.text
        (error,) = cases["custom/my_checks:fairness"].result
        assert isinstance(error, Error)
        assert isinstance(cases["slices/accuracy/region=west"].result[0], Skipped)

    def test_the_suite_says_what_was_decided(self) -> None:
        suite = suite_of(ALL)

        assert suite.timestamp == "2026-01-31T12:00:00"
        said = {p.name: p.value for p in suite.properties()}
        assert said["decision"] == "0123456789abcdef"
        assert said["digest"] == "blake3:11"
        assert said["verdict"] == "fail"
        assert said["data"] == "test@1"
        assert (said["challenger"], said["champion"]) == ("3", "2")
        assert said["outcome"] == "refused: late v3 is not promoted, v2 stays champion"

    def test_names_are_unique_whatever_the_checks_are_called(self) -> None:
        ids = ["a", "a", "a (2)", "a (3)", "a", "", "", "x" * 1000, "x" * 1001]
        told = told_of(*(dataclasses.replace(GOOD, id=one) for one in ids))

        names = [case.name for case in suite_of(told)]

        assert len(set(names)) == len(ids)
        assert max(map(len, names)) <= LONGEST_NAME + 10

    def test_the_file_has_only_what_jenkins_knows(self) -> None:
        root = ET.fromstring(junit(ALL))

        for element in root.iter():
            assert set(element.attrib) <= JENKINS[element.tag], element.tag
        assert JENKINS["testsuite"] <= {*root[0].attrib}

    def test_hostile_texts_are_valid_xml(self) -> None:
        line = CheckResult(HOSTILE, "fail", None, None, HOSTILE + "x" * 20_000, HOSTILE, HOSTILE)
        told = told_of(line, line, dataclasses.replace(line, verdict="error"), model=HOSTILE)
        content = junit(told)

        names = [case.name for case in suite_of(told)]

        assert len(set(names)) == 3
        assert b"\x00" not in content
        assert b"\x1b" not in content
        assert len(content) < 8 * LONGEST_TEXT
        assert all("🙂" in name for name in names)

    def test_a_command_that_decided_nothing_is_one_error(self) -> None:
        told = refused("late", ExternalError("MLflow is away", hint="try again"))

        (case,) = suite_of(told)

        (error,) = case.result
        assert isinstance(error, Error)
        assert error.message == "MLflow is away"
        assert error.text == "MLflow is away\ntry again"


SIGNED = {f"| {sign}" for sign in SIGNS.values()}


class TestMarkdown:
    def test_what_is_worst_comes_first(self) -> None:
        text = markdown(dataclasses.replace(ALL, next_step="look at `region`"))

        assert text.startswith("## ❌ refused: late v3 is not promoted, v2 stays champion\n")
        assert "1 error, 1 fail, 1 hold, 1 not judged, 1 pass" in text
        lines = text.splitlines()
        rows = [line.split("|")[1].strip() for line in lines if line[:3] in SIGNED]
        assert rows == ["❌ error", "❌ fail", "🟠 hold", "⚪ not judged", "✅ pass"]
        assert "| −3.0 pt (−4.1 to −1.9) | ≥ −1 pt | worse by 3 points |" in text
        assert "**Next:** look at" in text

    def test_a_thousand_slices_are_one_screen(self) -> None:
        many = [dataclasses.replace(GOOD, id=f"s{n}") for n in range(1000)]

        text = markdown(told_of(*many, WORSE))

        assert len(text.splitlines()) < 40
        assert "… 981 more: 981 pass" in text
        assert text.index("❌ fail") < text.index("✅ pass")

    def test_hostile_texts_stay_texts(self) -> None:
        line = CheckResult(HOSTILE, "fail", None, None, HOSTILE, HOSTILE, HOSTILE)
        told = told_of(line, model=HOSTILE, error=HOSTILE, hint=HOSTILE, next_step=HOSTILE)
        report = dataclasses.replace(told.report, data=HOSTILE, warnings=(HOSTILE,) * 9)
        text = markdown(dataclasses.replace(told, report=report))

        tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)

        kinds = {t.type for t in tokens} | {c.type for t in tokens for c in t.children or ()}
        assert not kinds & {"html_block", "html_inline", "link_open", "image", "fence"}
        assert sum(token.type == "heading_open" for token in tokens) == 1
        assert sum(token.type == "tr_open" for token in tokens) == 2
        assert not set("\x00\x1b\u202e\ud800") & set(text)


WRITE = """\
import sys
from pathlib import Path
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.promotion.evidence import files
from mlops_jupyter.promotion.evidence.told import refused
try:
    files.write(Path(sys.argv[1]), refused("late", MlopsError("x" * 9000)), None)
except MlopsError as error:
    print(error)
    sys.exit(error.exit_code)
"""


class TestFiles:
    def test_a_folder_holds_one_decision(self, tmp_path: Path) -> None:
        folder = tmp_path / "a" / "gate"
        files.write(folder, ALL, {"id": "first"})

        files.write(folder, ALL, {"id": "second", "report": ALL.report})

        assert sorted(path.name for path in folder.iterdir()) == [
            "decision.json", "junit.xml", "summary.md",
        ]  # fmt: skip
        written = json.loads((folder / "decision.json").read_text())
        assert written["id"] == "second"
        assert written["report"]["checks"][1]["value"] == -0.03
        assert (folder / "junit.xml").read_bytes() == junit(ALL)
        assert (folder / "summary.md").read_text() == markdown(ALL)

    def test_no_decision_leaves_none_of_an_earlier_one(self, tmp_path: Path) -> None:
        files.write(tmp_path, ALL, {"id": "first"})

        files.write(tmp_path, refused("late", UsageError("no")), None)

        assert not (tmp_path / "decision.json").exists()
        assert "nothing was decided" in (tmp_path / "summary.md").read_text()

    def test_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine")
        for folder in (tmp_path / "file", tmp_path / "file" / "below"):
            with pytest.raises(UsageError, match="name a folder"):
                files.write(folder, ALL, {})
        with pytest.raises(UsageError, match="name a folder"):
            files.write(tmp_path / "nul\x00", ALL, {})
        assert (tmp_path / "file").read_text() == "mine"

    def test_a_full_disk_leaves_no_part(self, tmp_path: Path) -> None:
        fails(WRITE, str(tmp_path / "gate"), largest=4096)

        assert list((tmp_path / "gate").iterdir()) == []

    def test_the_page_of_a_job_is_added_to(self, tmp_path: Path) -> None:
        page = tmp_path / "summary"
        page.write_text("of another step\n")

        assert files.append_summary(ALL, {files.STEP_SUMMARY: str(page)}) is None

        assert page.read_text() == f"of another step\n{markdown(ALL)}\n"
        assert files.append_summary(ALL, {}) is None

    def test_a_page_that_cannot_be_added_to_is_a_warning(self, tmp_path: Path) -> None:
        page = tmp_path / "summary"
        page.write_bytes(b"x" * (files.LARGEST_SUMMARY_BYTES - 10))

        assert "over 1 MiB" in str(files.append_summary(ALL, {files.STEP_SUMMARY: str(page)}))
        assert page.stat().st_size == files.LARGEST_SUMMARY_BYTES - 10
        for name in (tmp_path, tmp_path / "none" / "summary"):
            said = files.append_summary(ALL, {files.STEP_SUMMARY: str(name)})
            assert str(said).startswith("not on the page of the job: ")


POLICY = Model(
    evaluate=Evaluate(data="test@1", label="late"),
    checks=[
        Check(floor=Floor(metric="roc_auc", at_least=0.75)),
        Check(compare=Compare(metric="accuracy")),
        Check(compare=Compare(metric="log_loss")),
    ],
)
SETTINGS = """\
version: 1
models:
  late:
    evaluate: {data: test@1, label: late}
    checks:
      - floor: {metric: roc_auc, at_least: 0.75}
      - compare: {metric: accuracy}
      # about the probabilities
      - compare: {metric: log_loss}
"""


class TestAnnotations:
    def annotated(self, told: Told, root: Path, **environment: str) -> list[str]:
        (root / "mlops.yaml").write_text(SETTINGS)
        return list(of_github(told, root, {"GITHUB_ACTIONS": "true", **environment}))

    def test_each_check_that_did_not_pass_is_shown_where_it_is_asked_for(
        self, tmp_path: Path
    ) -> None:
        root = tmp_path / "study"
        root.mkdir()
        told = dataclasses.replace(ALL, policy=POLICY)

        lines = self.annotated(told, root, GITHUB_WORKSPACE=str(tmp_path))

        assert [line.partition(",title")[0] for line in lines] == [
            "::error file=study/mlops.yaml,line=3",  # no check of the policy: its model
            "::error file=study/mlops.yaml,line=7",
            "::warning file=study/mlops.yaml,line=9",
        ]
        assert lines[1].endswith(f",title=late%3A fail::{WORSE.check}: worse by 3 points")

    def test_texts_of_others_give_no_commands(self, tmp_path: Path) -> None:
        line = dataclasses.replace(WORSE, check=HOSTILE, why="50 %\n::set-env name=a::b")

        (shown,) = self.annotated(told_of(line, model=HOSTILE), tmp_path)

        assert "\n" not in shown
        assert "50 %25%0A::set-env" in shown
        shown.encode()

    def test_elsewhere_nothing_is_annotated(self, tmp_path: Path) -> None:
        assert list(of_github(ALL, tmp_path, dict.fromkeys(["CI"], "true"))) == []

    def test_a_thousand_are_the_ten_that_github_shows(self, tmp_path: Path) -> None:
        assert len(self.annotated(told_of(*[WORSE] * 1000), tmp_path)) == 10


class TestWords:
    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({}, "−3.0 pt (−4.1 to −1.9)"),
            ({"value": 0.004, "lower": -0.002, "upper": 0.01}, "+0.4 pt (−0.2 to +1.0)"),
            ({"value": 0.0, "lower": None, "upper": 0.01}, "0.0 pt (at most +1.0)"),
            ({"upper": float("nan")}, "−3.0 pt (at least −4.1)"),
            ({"value": float("nan")}, "not a number"),
            ({"value": None}, "0.71"),
            ({"value": None, "challenger": None}, ""),
            ({"id": "compare/rmse", "value": 12.25, "lower": 3.5, "upper": 21.0},
             "+12.2 (+3.5 to +21.0)"),
            ({"id": "compare/rmse", "value": 1e-5, "lower": 0, "upper": 2e-5},
             "+0.000010 (0.000000 to +0.000020)"),
        ],
    )  # fmt: skip
    def test_an_interval_is_written_with_the_digits_it_deserves(
        self, changed: dict[str, object], said: str
    ) -> None:
        assert words.measured(dataclasses.replace(WORSE, **changed)) == said

    def test_an_interval_is_drawn_beside_its_limit(self) -> None:
        assert words.bar(WORSE, 11) == "────●───  ┃"
        assert words.bar(UNSETTLED, 11) == "─┃───●─────"
        assert words.bar(RAISED) == ""
        assert words.bar(dataclasses.replace(WORSE, lower=-0.03, upper=-0.03, limit=-0.03)) == ""

    def test_how_many_rows_would_settle_it(self) -> None:
        report = told_of(UNSETTLED).report
        assert report is not None
        assert words.settled_by(report) == ("about 5,900 rows would settle it, and there are 4,000")
        unknown = dataclasses.replace(UNSETTLED, rows_needed=None)
        report = dataclasses.replace(report, checks=(UNSETTLED, unknown))
        assert words.settled_by(report) == "the evidence does not settle it"

    @pytest.mark.parametrize(("count", "said"), [(7, 7), (99, 99), (3412, 3500), (100, 100)])
    def test_a_count_has_two_digits(self, count: int, said: int) -> None:
        assert words.about(count) == said
