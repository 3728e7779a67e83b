"""What is logged by hand, and what is shown of it: below the cell, and in `%mlops runs`."""

from __future__ import annotations

import html
import re
import time

import pytest

from mlops_jupyter.project import Project
from mlops_jupyter.runs import history, series
from tests.kernel import Kernel
from tests.magics.tracked import last_line, ok, runs, steps


def test_figures_and_files_are_kept_under_their_names(project: Project, kernel: Kernel) -> None:
    ok(kernel, "import mlops_jupyter, matplotlib.pyplot as plt\n%matplotlib inline")
    (project.root / "notes.txt").write_text("dry run")
    ok(
        kernel,
        "%%track t\n"
        "fig, axes = plt.subplots()\n"
        "plt.close(fig)\n"
        "mlops_jupyter.log_figure(fig, 'roc')\n"
        "mlops_jupyter.log_figure(axes, 'figure-1.png')\n"
        "mlops_jupyter.log_artifact('notes.txt')\n"
        "mlops_jupyter.log_artifact(b'a,b', 'table.csv')\n"
        "plt.plot([1]);",
    )
    found = {a.name: a for a in runs(project)["t"].artifacts}
    kinds = {name: artifact.media_type for name, artifact in found.items()}
    assert kinds == {
        "roc.png": "image/png",
        "figure-1.png": "image/png",
        "figure-2.png": "image/png",
        "notes.txt": "text/plain",
        "table.csv": "text/csv",
    }
    assert project.objects.read(found["notes.txt"].digest) == b"dry run"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("log_metric('m', 'high')", "not a number: 'high'"),
        ("log_metric('m', 1, step=0.5)", "not a step: 0.5"),
        ("log_metric('m', 1, step=2**80)", "not a step"),
        ("log_metric(17, 1)", "not a name: 17"),
        ("log_metric('x' * 201, 1)", "not a name"),
        ("log_artifact('nothing.txt')", "there is no file nothing.txt"),
        ("log_artifact('.')", "is a folder"),
        ("log_artifact(b'x')", "bytes need a name"),
        ("log_artifact(b'x', '../up')", "not the name of a file: '../up'"),
        ("log_artifact(b'x', '..')", "not the name of a file"),
        ("log_figure('text', 'f')", "not a figure: str"),
    ],
)
def test_what_cannot_be_logged_is_one_line(
    shared_project: Project, shared_kernel: Kernel, call: str, said: str
) -> None:
    before = history.page(shared_project).total
    answer = shared_kernel.run(f"%%track t\nimport mlops_jupyter\nmlops_jupyter.{call}")
    assert said in answer.error
    assert "Traceback" not in answer.error
    assert history.page(shared_project).total == before + 1
    assert history.page(shared_project).runs[0].status == "failed"


def test_metrics_are_seen_while_the_cell_runs(project: Project, kernel: Kernel) -> None:
    ok(kernel, "import mlops_jupyter, os, time")
    kernel.client.execute(
        "%%track live\n"
        "while not os.path.exists('stop'):\n"
        "    mlops_jupyter.log_metric('loss', 1.5)\n"
        "    time.sleep(0.01)"
    )
    deadline = time.monotonic() + 240
    seen: list[float | None] = []
    while len(seen) < 2 and time.monotonic() < deadline:
        found = runs(project)
        seen = steps(project, found["live"].id).get("loss", []) if found else []
        time.sleep(0.05)
    assert len(seen) >= 2
    assert runs(project)["live"].status == "running"
    times = [at for one in series.series(project, runs(project)["live"].id).series
             for at in one.times]  # fmt: skip
    assert times == sorted(set(times), key=str), "each has the time at which it was logged"
    (project.root / "stop").touch()


def test_logging_goes_on_while_another_program_holds_the_catalog(
    project: Project, kernel: Kernel
) -> None:
    ok(kernel, "import mlops_jupyter, time\nfrom mlops_jupyter.store import catalog")
    ok(kernel, "%mlops start t")
    ok(kernel, "mlops_jupyter.open_project().catalog.close()")
    answer = kernel.run(
        "import sqlite3\n"
        "held = sqlite3.connect('.mlops/catalog.sqlite', isolation_level=None)\n"
        "from mlops_jupyter.runs import live\n"
        "live.place.project.catalog._connection().execute('PRAGMA busy_timeout = 50')\n"
        "held.execute('BEGIN IMMEDIATE')\n"
        "begin = time.time()\n"
        "while time.time() < begin + 0.8: mlops_jupyter.log_metric('m', 1)\n"
        "held.execute('ROLLBACK')\n"
        "count = live.place.around.logged['m'] + 1\n"
        "print(count)"
    )
    assert answer.status == "ok", answer.error
    assert answer.text.count("not recorded") == 1, "said once"
    ok(kernel, "%mlops stop")
    assert len(steps_of_all(project, runs(project)["t"].id)) == int(answer.text.split()[-1])


def test_a_block_that_ends_while_the_catalog_is_held_is_written_with_its_cell(
    project: Project, kernel: Kernel
) -> None:
    ok(kernel, "import mlops_jupyter, sqlite3\nfrom mlops_jupyter.runs import live")
    answer = kernel.run(
        "held = sqlite3.connect('.mlops/catalog.sqlite', isolation_level=None)\n"
        "live.place.project.catalog._connection().execute('PRAGMA busy_timeout = 50')\n"
        "with mlops_jupyter.track('t'):\n"
        "    mlops_jupyter.log_metric('m', 1)\n"
        "    depth = 3\n"
        "    _ = held.execute('BEGIN IMMEDIATE')\n"
        "held.execute('ROLLBACK');"
    )
    assert "not recorded" in answer.text
    run = runs(project)["t"]
    assert (run.status, run.metrics, run.parameters) == ("finished", {"m": 1}, {"depth": 3})


def steps_of_all(project: Project, run_id: str) -> list[float]:
    sql = "SELECT value FROM metric WHERE run_id = ? AND name = 'm'"
    return [row[0] for row in project.catalog.rows(sql, (run_id,))]


# What is shown


def test_the_line_below_a_cell_links_and_says_how_far_the_best_is(
    project: Project, kernel: Kernel
) -> None:
    for value in ("0.5", "0.75", "0.7"):
        answer = ok(kernel, f"%%track '<b>t</b>'\nauc = loss = float('{value}')")
    run_id = history.page(project).runs[0].id
    assert last_line(answer) == (
        "run <b>t</b> · finished · auc 0.7 (−0.05 to the best) · loss 0.7 (+0.2 to the best)"
        f" · {run_id[:8]}"
    )
    page = answer.data[-1]["text/html"]
    assert "<b>" not in page
    assert 'data-commandlinker-command="mlops:open-run"' in page
    arguments = re.search(r'data-commandlinker-args="([^"]*)"', page)
    assert arguments
    assert html.unescape(arguments[1]) == f'{{"id": "{run_id}", "name": "<b>t</b>"}}'


def test_runs_are_a_table_with_sparklines(project: Project, kernel: Kernel) -> None:
    answer = ok(kernel, "%mlops runs")
    assert answer.text.startswith("no runs yet")
    ok(kernel, "import mlops_jupyter")
    for i in range(3):
        ok(
            kernel,
            f"%%track '<i>run {i}</i>'\n"
            f"for step in range(4): mlops_jupyter.log_metric('loss', 1 / (step + 1) + {i})\n"
            f"auc = float(5 + {i}) / 10",
        )
    widget, shown = ok(kernel, "%mlops runs --limit 2").data
    assert "application/vnd.jupyter.widget-view+json" in widget, "the page has widgets"
    text = shown["text/plain"]
    assert "█▃▂▁" in text
    assert re.search(r"run 2.* 0\.7 ★", text), text
    assert re.search(r"run 1.* 1\.25 ★", text), text
    assert "2 of 3 runs" in text
    assert "run 0" not in text
    page = shown["text/html"]
    assert "<i>" not in page
    assert "<script" not in page
    assert page.count("<svg") == 2
    assert page.count("★") == 2
    order = "%mlops runs --sort loss --ascending"
    text = ok(kernel, order).data[-1]["text/plain"]
    assert re.findall(r"run (\d)", text) == ["0", "1", "2"]
    assert '"runs":' in ok(kernel, "%mlops runs --json").text
