"""Checks of the project's own: what they return, and all that can go wrong with them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import mlops_jupyter
from mlops_jupyter.config import Custom
from mlops_jupyter.errors import NotFoundError, UsageError
from mlops_jupyter.project import Project
from mlops_jupyter.promotion.case import Case
from mlops_jupyter.promotion.decision import CheckResult
from tests.promotion.checks.cases import case_of, classified, judged, only, rows_of
from tests.promotion.training import flights

HEAD = "import math\nimport numpy as np\nfrom mlops_jupyter import Verdict\n"


@pytest.fixture(scope="module")
def case(shared_project: Project) -> Case:
    rows = rows_of(shared_project, flights(20))
    return case_of(shared_project, rows, classified(rows.truth, rows.truth))


@pytest.fixture(autouse=True)
def _own_modules() -> Iterator[None]:
    """Leave no module of a project to the next test."""
    before = set(sys.modules)
    path = list(sys.path)
    yield
    assert sys.path == path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in {"fair", "mine"}:
            del sys.modules[name]


def check(case: Case, body: str, **arguments: Any) -> CheckResult:
    """Write ``fair.py`` with the function `even`, and make the check."""
    (case.project.root / "fair.py").write_text(HEAD + body)
    return only(judged(case, custom=Custom("fair:even", arguments)))


def returned(case: Case, expression: str) -> CheckResult:
    return check(case, f"def even(case):\n    return {expression}\n")


class TestVerdicts:
    def test_a_verdict_with_its_evidence(self, case: Case) -> None:
        result = check(
            case,
            "def even(case, by):\n"
            '    """Recall is even by a column.\n\n    More words.\n    """\n'
            "    rows = len(case.rows.truth)\n"
            "    return Verdict('hold', f'{rows} rows of {by}', np.float32(0.5), 0.25, 1, 0.75)\n",
            by="hour",
        )

        assert result.verdict == "hold"
        assert result.check == "fair:even(by='hour'): Recall is even by a column."
        assert result.why == "20 rows of hour"
        assert (result.value, result.lower, result.upper, result.limit) == (0.5, 0.25, 1, 0.75)
        assert type(result.value) is float

    @pytest.mark.parametrize(
        ("expression", "verdict", "why"),
        [
            ("True", "pass", "fair:even returned True"),
            ("False", "fail", "fair:even returned False"),
            ("np.float64(0.5) > 0.4", "pass", "fair:even returned True"),
            ("Verdict('fail', 'no:\\n' + 'x' * 10_000)", "fail", "no: xxx"),
        ],
    )
    def test_what_counts(self, case: Case, expression: str, verdict: str, why: str) -> None:
        result = returned(case, expression)

        assert result.verdict == verdict
        assert result.why.startswith(why)

    @pytest.mark.parametrize(
        ("expression", "what"),
        [
            ("None", "nothing"),
            ("math.nan", "NaN"),
            ("1", "a int"),
            ("'pass'", "a str"),
            ("(True, 'fine')", "a tuple"),
            ("np.array([True])", "a ndarray"),
            ("Verdict", "a type"),
        ],
    )
    def test_anything_else_is_an_error(self, case: Case, expression: str, what: str) -> None:
        result = returned(case, expression)

        assert result.verdict == "error"
        assert result.why == f"fair:even returned {what}, and neither a Verdict nor True or False"

    def test_a_coroutine_is_an_error(self, case: Case) -> None:
        result = check(case, "async def even(case):\n    return True\n")

        assert (result.verdict, "a coroutine" in result.why) == ("error", True)

    @pytest.mark.parametrize(
        ("expression", "error"),
        [
            ("1 / 0", "ZeroDivisionError: division by zero"),
            ("Verdict('passed', 'fine')", "ValueError: a verdict is pass, fail or hold, and not"),
            ("Verdict('error', 'fine')", "ValueError: a verdict is pass, fail or hold"),
            ("Verdict('pass', '')", "ValueError: a verdict says why"),
            ("Verdict('pass', 'fine', math.nan)", "ValueError: `value` is NaN, and what is not"),
            ("Verdict('pass', 'fine', upper=np.nan)", "ValueError: `upper` is NaN"),
            ("Verdict('pass', 'fine', '0.5')", "ValueError: `value` of a verdict is a number"),
            ("exec('raise SystemExit(0)')", "SystemExit: 0"),
            ("exec('raise RuntimeError(chr(10) * 9 + \"x\" * 10_000)')", "RuntimeError: xxx"),
        ],
    )
    def test_what_raises_is_an_error(self, case: Case, expression: str, error: str) -> None:
        result = returned(case, expression)

        assert result.verdict == "error"
        assert result.why.startswith(f"fair:even raised {error}")

    def test_ctrl_c_is_not_the_functions(self, case: Case) -> None:
        with pytest.raises(KeyboardInterrupt):
            returned(case, "exec('raise KeyboardInterrupt')")

    def test_it_is_public_and_frozen(self) -> None:
        made = mlops_jupyter.Verdict("pass", "fine", np.int64(1))

        with pytest.raises(AttributeError):
            made.verdict = "fail"  # type: ignore[misc]


class TestTheFunction:
    def test_what_it_prints_goes_to_the_log(
        self, case: Case, capsys: pytest.CaptureFixture[str]
    ) -> None:
        body = "print('imported')\ndef even(case):\n    print('called')\n    return True\n"

        assert check(case, body).verdict == "pass"
        assert capsys.readouterr() == ("", "imported\ncalled\n")

    def test_it_may_import_others_of_the_project_when_it_is_called(self, case: Case) -> None:
        (case.project.root / "mine").mkdir()
        (case.project.root / "mine/__init__.py").write_text("")
        (case.project.root / "mine/limits.py").write_text("LOW = 3\n")

        result = check(
            case,
            "def even(case):\n    from mine.limits import LOW\n"
            "    return Verdict('pass', f'above {LOW}')\n",
        )

        assert result.why == "above 3"

    def test_an_edited_file_counts(self, case: Case) -> None:
        assert returned(case, "True").verdict == "pass"
        assert returned(case, "None").verdict == "error"

    def test_the_module_of_the_kernel_stays(self, case: Case) -> None:
        returned(case, "True")
        before = sys.modules["fair"]

        returned(case, "False")

        assert sys.modules["fair"] is before

    def test_what_it_changes_is_changed_for_nobody_else(self, case: Case) -> None:
        result = check(
            case,
            "def even(case):\n    case.rows.frame['hour'] = 0\n    case.rows.frame.iloc[0] = 9\n"
            "    case.challenger.scores.predicted[:] = 1\n",
        )

        assert result.why.endswith("raised ValueError: assignment destination is read-only")
        assert case.rows.frame["hour"].nunique() == 20

    def test_one_function_may_check_several_things(self, case: Case) -> None:
        body = "def even(case, **asked):\n    return True\n"
        ids = {check(case, body, by=by).id for by in ("hour", "x" * 99 + "1", "x" * 99 + "2")}

        assert len(ids) == 3
        assert all(len(identity) < 100 for identity in ids)


class TestMistakes:
    def test_no_such_module(self, case: Case) -> None:
        with pytest.raises(NotFoundError, match="there is no module 'nowhere'"):
            judged(case, custom=Custom("nowhere:even"))

    def test_no_such_function(self, case: Case) -> None:
        returned(case, "True")

        with pytest.raises(NotFoundError, match=r"there is no function in fair 'evn'") as error:
            judged(case, custom=Custom("fair:evn"))
        assert error.value.hint == "did you mean 'even'?"

    def test_no_function_at_all(self, case: Case) -> None:
        with pytest.raises(UsageError, match="fair:even is a int, and no function"):
            check(case, "even = 3\n")

    @pytest.mark.parametrize(
        ("body", "where"),
        [
            ("def even(case)\n", r"fair.py, line 4: SyntaxError: expected ':'"),
            ("x = 1\ny = z\n", r"fair.py, line 5: NameError: name 'z' is not defined"),
            ("import nowhere_at_all\n", r"fair.py, line 4: ModuleNotFoundError: No module named"),
            ("raise SystemExit(0)\n", r"fair.py, line 4: SystemExit: 0"),
        ],
    )
    def test_a_module_that_cannot_be_imported(self, case: Case, body: str, where: str) -> None:
        with pytest.raises(UsageError, match=where):
            check(case, body)

    def test_an_argument_that_it_does_not_take(self, case: Case) -> None:
        with pytest.raises(UsageError, match="fair:even cannot be called: got an unex") as error:
            check(case, "def even(case, limit=1):\n    return True\n", limt=1)
        assert error.value.hint == "did you mean 'limit'?"

    def test_an_argument_that_is_not_given(self, case: Case) -> None:
        with pytest.raises(UsageError, match="missing a required argument: 'limit'"):
            check(case, "def even(case, limit):\n    return True\n")
