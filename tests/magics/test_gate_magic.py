"""``%mlops gate`` in a notebook: a card below the cell, and lines in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlops_jupyter.data.snapshot import snapshot
from mlops_jupyter.models import registry
from mlops_jupyter.project import Project, init
from mlops_jupyter.promotion import history
from tests.kernel import Kernel
from tests.models.training import keep_run
from tests.promotion.training import LABEL, flights, good_model, upside_down_model

HOSTILE = "<img src=x onerror=alert(1)>"

POLICY = f"""\
version: 1
models:
  late:
    evaluate: {{data: flights@latest, label: {LABEL}}}
    checks:
      - floor: {{metric: accuracy, at_least: 0.6}}
      - compare: {{metric: accuracy, margin: 0.02}}
      - slices: {{by: [carrier], metric: accuracy, max_drop: 0.05}}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a good model, v1 and v2, and one that has learned the opposite, v3."""
    made = init(tmp_path_factory.mktemp("gate") / "flights")
    (made.root / "mlops.yaml").write_text(POLICY)
    rows = flights(600)
    snapshot(made, rows.assign(carrier=["AA", HOSTILE, "UA"] * 200), "flights")
    models = good_model(), good_model(), upside_down_model()
    runs = [keep_run(made, model, copy=model is models[2]) for model in models]
    for run in runs:
        registry.register(made, "late", run)
    return made


@pytest.fixture(scope="module")
def gated(project: Project) -> Iterator[Kernel]:
    """A kernel that records, whose model v1 was judged and promoted."""
    kernel = Kernel(project.root)
    try:
        kernel.run("%load_ext mlops_jupyter")
        judged = kernel.run("%mlops gate late --challenger v1")
        assert (judged.status, judged.error) == ("ok", "")
        promoted = kernel.run("%mlops promote late")
        assert "late v1 is now champion" in promoted.text, promoted
        yield kernel
    finally:
        kernel.close()


def test_what_a_gate_finds_is_a_card_below_the_cell(gated: Kernel, project: Project) -> None:
    answer = gated.run("%mlops gate late --challenger 2")
    assert (answer.status, answer.error) == ("ok", "")
    (shown,) = answer.data
    text, page = shown["text/plain"], shown["text/html"]
    assert text.startswith("late v2, against champion v1, on flights@1: 600 rows")
    assert "✓ passed: accuracy" in text
    assert "next: " in text
    report = history.decisions(project, "late")[0].report
    assert report is not None
    assert {check.kind for check in report.checks} == {"floor", "compare", "slices"}
    assert page.count('<svg width="160"') == sum(c.value is not None for c in report.checks) > 4
    assert 'aria-label="difference 0' in page
    assert HOSTILE not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    for foreign in ("<script", "<style", "class=", "href=", "url("):
        assert foreign not in page
    assert project.catalog.row("SELECT count(*) FROM cell_execution")[0] >= 3  # type: ignore[index]


def test_a_gate_that_fails_is_a_result(gated: Kernel, project: Project) -> None:
    answer = gated.run("%mlops gate late")
    assert (answer.status, answer.error) == ("ok", "")
    (shown,) = answer.data
    assert "✗ failed: accuracy" in shown["text/plain"]
    assert "refused: late v3 is not promoted, v1 stays champion" in shown["text/html"]
    assert history.decisions(project, "late")[0].kind == "reject"
    assert registry.champion(project, "late") == 1


def test_the_function_shows_the_same_card(gated: Kernel) -> None:
    answer = gated.run("import mlops_jupyter\nmlops_jupyter.gate('late', 3)")
    (shown,) = answer.data
    assert shown["text/plain"].startswith("late v3, against champion v1")
    assert "<svg" in shown["text/html"]


def test_the_other_verbs_are_the_commands(gated: Kernel) -> None:
    assert '"kind":"reject"' in gated.run("%mlops gate late --json").text.replace(" ", "")
    (listed,) = gated.run("%mlops decisions late").data
    assert "promote" in listed["text/plain"]
    assert gated.run("%mlops why late@3").status == "ok"
    assert "Judge a version" in gated.run("%mlops gate --help").text


def test_a_re_execution_judges_nothing(gated: Kernel, project: Project) -> None:
    before = len(history.decisions(project, "late"))
    cell = "import os\nos.environ['MLOPS_REPRODUCES'] = '1'\n%mlops gate late\n%mlops promote late"
    answer = gated.run(cell)
    gated.run("del os.environ['MLOPS_REPRODUCES']")
    assert answer.text.count("left out, this is a re-execution") == 2
    assert len(history.decisions(project, "late")) == before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "Missing argument 'MODEL'"),
        ("lat", "there is no model 'lat'"),
        ("late --challenger v9", "v9"),
        ("late --data nowhere@1", "nowhere"),
        ("late --chalenger 1", "No such option"),
        ("'late", "No closing quotation"),
        ("../late", "there is no model '../late'"),
    ],
)
def test_mistakes_are_one_line(gated: Kernel, line: str, said: str) -> None:
    answer = gated.run(f"%mlops gate {line}")
    assert answer.status == "error"
    assert said in answer.error
    assert "Traceback" not in answer.error
