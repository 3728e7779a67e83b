"""A run is executed again from clean state, and the certificate says what came of it."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from mlops_jupyter.errors import ExternalError, NotFoundError, UsageError
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.reproduction.notebook import notebook_of
from mlops_jupyter.reproduction.reproduce import reproduce
from mlops_jupyter.runs import certificate, history, recorder
from mlops_jupyter.runs.certificate import Certificate
from tests.command import Mlops
from tests.kernel import Kernel
from tests.reproduction.conftest import Session

DATA = """
import numpy as np
from sklearn.linear_model import LogisticRegression
rng = np.random.default_rng(3)
X = rng.normal(size=(200, 3))
y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
"""
FIT = """%%track logistic
C = 0.5
model = LogisticRegression(C=C).fit(X, y)
accuracy = model.score(X, y)
"""
HANGS = "import time\ntime.sleep(600 if 'MLOPS_REPRODUCES' in os.environ else 0)"


def positions_of(project: Project, run_id: str) -> tuple[int, ...]:
    return tuple(cell.position for cell in history.detail(project, run_id).cells)


def drop_cell(project: Project, run_id: str, position: int) -> None:
    """Make the slice of a run wrong: one of its cells is not in it."""
    with project.catalog.transaction() as rows:
        dropped = rows.execute(
            "DELETE FROM run_cell WHERE run_id = ? AND execution_id ="
            " (SELECT id FROM cell_execution WHERE position = ?)",
            (run_id, position),
        )
        assert dropped.rowcount == 1


def forget_reasons(project: Project) -> None:
    with project.catalog.transaction() as rows:
        rows.execute("UPDATE run SET unsure = '[]'")


def left_behind(project: Project) -> list[Path]:
    return list((project.folder / "reproductions").iterdir())


def test_a_study_out_of_order_with_dead_ends_reproduces_exactly(
    offline: Project, session: Session
) -> None:
    run_id = session(
        "scale(X)",  # a dead end: not defined yet
        DATA,
        "X_small = X[:10]",
        "def scale(X):\n    return (X - X.mean(axis=0)) / X.std(axis=0)",
        "X = scale(X)",
        "nothing = 1 / 0",
        FIT,
        fails=(1, 6),
    )
    made = reproduce(offline, run_id)
    assert (made.verdict, made.differences, made.widened_by) == ("exact", (), 0)
    assert certificate.newest(offline, run_id) == made
    assert made.positions == positions_of(offline, run_id)
    assert made.code_digest == history.get(offline, run_id).code_digest
    assert made.model_digest is not None
    assert made.notebook is not None
    executed = msgspec.json.decode(offline.objects.read(made.notebook))
    assert [c["execution_count"] for c in executed["cells"][1:]] == [
        n + 1 for n in range(len(executed["cells"]) - 1)
    ]


def test_what_it_records_is_a_run_that_nobody_lists_or_mirrors(
    offline: Project, session: Session
) -> None:
    run_id = session("x = 20", "%%track twice\ny = x * 2")
    before = history.waiting(offline)[0]
    made = reproduce(offline, run_id)
    assert made.reproduction_id is not None
    again = history.get(offline, made.reproduction_id)
    assert (again.name, again.status, again.metrics) == ("twice", "finished", {"y": 40.0})
    page = history.page(offline)
    assert ([run.id for run in page.runs], page.total) == ([run_id], 1)
    assert history.page(offline, sort_by_metric="y").total == 1
    assert history.waiting(offline)[0] == before


def test_a_cell_that_was_edited_away_counts_as_it_was(
    offline: Project, kernel: Kernel, session: Session
) -> None:
    kernel.run("x = 1", cell_id="first")
    kernel.run("x += 10", cell_id="deleted")
    kernel.run("z = 'the cell is something else now'", cell_id="first")
    made = reproduce(offline, session("%%track sum\ntotal = x + 1"))
    assert made.verdict == "exact"


def test_a_file_is_taken_from_where_it_is_kept_or_named_when_it_has_changed(
    offline: Project, session: Session
) -> None:
    (offline.root / "data").mkdir()
    file = offline.root / "data" / "train.csv"
    file.write_text("a,b\n1,2\n3,4\n")
    run_id = session(
        "import pandas as pd\nframe = pd.read_csv('data/train.csv')",
        "%%track mean\nmean = float(frame.a.mean())",
    )
    made = reproduce(offline, run_id)
    assert (made.verdict, list(made.data_digests)) == ("exact", ["data/train.csv"])

    file.write_text("a,b\n1,2\n5,6\n")
    changed = reproduce(offline, run_id)
    assert (changed.verdict, changed.cause) == ("could_not_run", "file")
    assert changed.reason is not None
    assert "data/train.csv has changed since" in changed.reason

    file.unlink()
    gone = reproduce(offline, run_id).reason
    assert gone is not None
    assert "data/train.csv is gone" in gone

    file.write_text("a,b\n1,2\n3,4\n")
    from mlops_jupyter.data.snapshot import snapshot

    snapshot(offline, file, "train")
    file.write_text("something else")
    assert reproduce(offline, run_id).verdict == "exact"
    assert file.read_text() == "something else"


def test_the_users_files_are_never_written_to(offline: Project, session: Session) -> None:
    log = offline.root / "log.txt"
    log.write_text("first\n")
    run_id = session(
        "text = open('log.txt').read()",
        "%%track count\nlines = len(text.splitlines()) + 0",
        "open('log.txt', 'a').write('second\\n')",
        "%%track count\nlines = len(open('log.txt').read().splitlines()) + 0",
    )
    reproduce(offline, run_id)
    assert log.read_text() == "first\nsecond\n"


def test_a_notebook_in_a_folder_of_the_project_works_there(offline: Project) -> None:
    (offline.root / "data").mkdir()
    (offline.root / "data" / "n.txt").write_text("21")
    folder = offline.root / "notebooks"
    folder.mkdir()
    kernel = Kernel(folder, notebook=str(folder / "study.ipynb"))
    try:
        kernel.run("%load_ext mlops_jupyter")
        kernel.run("n = int(open('../data/n.txt').read())")
        kernel.run("%%track twice\ny = n * 2")
    finally:
        kernel.close()
    (run,) = history.page(offline).runs
    made = reproduce(offline, run.id)
    assert (made.verdict, list(made.data_digests)) == ("exact", ["data/n.txt"])


def test_figures_are_compared(offline: Project, session: Session) -> None:
    run_id = session(
        "import os\nimport matplotlib.pyplot as plt",
        "%%track line\nplt.plot([1, 2, 3])\nplt.show()",
        "%%track dots\nplt.ylim(0, 2)"
        "\nplt.scatter([1, 2], [1, 'MLOPS_REPRODUCES' in os.environ])\nplt.show()",
    )
    dots, line = history.page(offline).runs
    assert dots.id == run_id
    assert [a.name for a in line.artifacts] == ["figure-1.png"]
    assert reproduce(offline, line.id).verdict == "exact"
    (difference,) = reproduce(offline, dots.id, widen=False).differences
    assert (difference.kind, difference.name) == ("figure", "figure-1.png")
    assert difference.by is not None
    assert 0 < difference.by < 0.5


def test_modules_of_the_project_are_there(offline: Project, session: Session) -> None:
    (offline.root / "helpers.py").write_text("def double(x):\n    return 2 * x\n")
    run_id = session("from helpers import double", "%%track twice\ny = double(21)")
    assert reproduce(offline, run_id).verdict == "exact"


def test_a_bare_name_of_data_means_the_version_of_then(
    offline: Project, kernel: Kernel, session: Session
) -> None:
    kernel.run("import pandas as pd, mlops_jupyter\nframe = pd.DataFrame({'a': [1, 2]})")
    kernel.run("%snapshot frame --name train")
    run_id = session(
        "train = mlops_jupyter.load('train')", "%%track sum\ntotal = int(train.a.sum())"
    )
    kernel.run("frame.loc[0, 'a'] = 50")
    kernel.run("%snapshot frame --name train")
    made = reproduce(offline, run_id, widen=False)
    assert (made.verdict, list(made.data_digests)) == ("exact", ["train@1"])


def test_a_re_execution_uses_data_versions_and_leaves_no_trace_of_it(
    offline: Project, kernel: Kernel, session: Session
) -> None:
    kernel.run("import pandas as pd, mlops_jupyter\nframe = pd.DataFrame({'a': [1, 2]})")
    run_id = session(
        "%snapshot frame --name train",
        "%%track sum\n%snapshot frame.head(1) --name first\n"
        "total = int(mlops_jupyter.load('train@1').a.sum())",
    )
    before = rows_of_data(offline)
    assert reproduce(offline, run_id).verdict == "exact"
    assert rows_of_data(offline) == before


def test_what_a_re_execution_takes_otherwise_is_its_own(
    offline: Project, kernel: Kernel, session: Session
) -> None:
    kernel.run("import pandas as pd, mlops_jupyter")
    run_id = session(
        "%%track chance\n"
        "import os\n"
        "frame = pd.DataFrame({'a': [os.getpid()]})\n"
        "version = mlops_jupyter.snapshot(frame, 'train', tags=['golden'])\n"
        "same = mlops_jupyter.snapshot(frame, 'train')\n"
        "other = mlops_jupyter.snapshot(pd.DataFrame({'a': [-1]}), 'train')\n"
        "number = version.number * int(same == version)\n"
        "mine = int(mlops_jupyter.load(version).a[0] == os.getpid())\n"
        "recorded = int(mlops_jupyter.load('train@1').a[0] == os.getpid())\n"
        "newest = int(mlops_jupyter.load('train').a[0])"
    )
    before = rows_of_data(offline)
    made = reproduce(offline, run_id, widen=False)
    again = history.get(offline, made.reproduction_id or "")
    # a number of its own; those of the project mean what they do; the bare name means the last
    wanted = {"number": 3.0, "mine": 1.0, "recorded": 0.0, "newest": -1.0}
    assert {name: again.metrics[name] for name in wanted} == wanted
    assert rows_of_data(offline) == before


def rows_of_data(project: Project) -> list[list[tuple[object, ...]]]:
    tables = ("dataset_version", "data_tag", "execution_data", "execution_made")
    return [[tuple(row) for row in project.catalog.rows(f"SELECT * FROM {t}")] for t in tables]


def test_a_slice_that_lacks_a_cell_is_widened_by_just_it(
    offline: Project, session: Session
) -> None:
    run_id = session("base = 20", "other = 1", "other = 2", "%%track twice\ny = base * 2")
    drop_cell(offline, run_id, positions_of(offline, run_id)[0])
    made = reproduce(offline, run_id)
    assert (made.verdict, made.widened_by, made.attempts) == ("exact", 1, 2)
    assert len(made.positions) == len(positions_of(offline, run_id)) + 1
    refused = reproduce(offline, run_id, widen=False)
    assert (refused.verdict, refused.cause) == ("could_not_run", "cell")
    assert refused.reason is not None
    assert "name 'base' is not defined" in refused.reason


def test_a_slice_that_gives_another_value_is_widened_to_the_nearest_that_agrees(
    offline: Project, session: Session
) -> None:
    run_id = session("n = 1", "n += 1", "n += 2", "n += 3", "%%track count\ntotal = n * 1")
    for position in positions_of(offline, run_id)[1:4]:
        drop_cell(offline, run_id, position)
    made = reproduce(offline, run_id)
    assert (made.verdict, made.widened_by) == ("exact", 3)
    assert positions_of(offline, run_id) != made.positions  # the run's own slice stays


def test_chance_is_told_from_a_wrong_slice(offline: Project, session: Session) -> None:
    run_id = session(
        "import numpy as np",
        "unused = 1",
        "sample = np.random.default_rng().normal(size=50)",
        "%%track mean\nmean = float(sample.mean())",
    )
    made = reproduce(offline, run_id)
    assert made.verdict == "differs"
    assert made.attempts == 2  # the slice, then everything
    (difference,) = made.differences
    assert difference.name == "mean"
    assert difference.by
    assert any("default_rng" in source for source in made.unseeded)


def test_values_that_are_near_are_within_a_tolerance(offline: Project, session: Session) -> None:
    run_id = session(
        "import os, time",
        "%%track near\nvalue = 0.81 + 1e-9 * ('MLOPS_REPRODUCES' in os.environ)"
        "\nnothing = float('nan')",
    )
    exact = reproduce(offline, run_id, widen=False)
    (difference,) = exact.differences
    assert (exact.verdict, difference.name) == ("differs", "value")
    assert difference.by == pytest.approx(1e-9)
    assert reproduce(offline, run_id, tolerance=1e-6).verdict == "within_tolerance"


def test_durations_are_not_compared(offline: Project, session: Session) -> None:
    run_id = session(
        "%%track timed\nimport time\nbegan = time.time()\nfit_seconds = time.time() - began"
    )
    made = reproduce(offline, run_id, widen=False)
    names = {difference.name for difference in made.differences}
    assert "fit_seconds" not in names
    assert any("fit_seconds" in note for note in made.notes)


def test_a_run_that_failed_is_reproduced_when_it_fails_alike(
    offline: Project, session: Session
) -> None:
    run_id = session("x = 0", "%%track broken\ny = 1 / x", fails=(2,))
    assert history.get(offline, run_id).status == "failed"
    assert reproduce(offline, run_id).verdict == "exact"


def test_a_cell_that_fails_now_ends_with_exit_code_5(
    offline: Project, session: Session, mlops: Mlops
) -> None:
    run_id = session("import os", "%%track home\nn = len(os.environ['ONLY_THEN']) + 0", fails=(2,))
    # it had worked then, and the variable is not there any more
    with offline.catalog.transaction() as rows:
        rows.execute("UPDATE cell_execution SET error = NULL")
    code, out, _ = mlops("reproduce", run_id)
    assert code == 5
    position = positions_of(offline, run_id)[-1]
    assert f"could not run: cell [{position}]: KeyError: 'ONLY_THEN'" in out


def test_a_cell_that_does_not_end_is_a_time_out(
    offline: Project, session: Session, mlops: Mlops
) -> None:
    run_id = session("import os", f"%%track slow\n{HANGS}\ny = 1 + 1")
    code, _, err = mlops("reproduce", run_id, "--timeout", "3")
    assert code == 7
    assert "did not end in 3 s" in err
    assert certificate.newest(offline, run_id) is None
    assert left_behind(offline) == []


def test_a_kernel_that_dies_is_not_the_runs_fault(offline: Project, session: Session) -> None:
    run_id = session(
        "import os", "%%track killed\nif 'MLOPS_REPRODUCES' in os.environ: os.kill(os.getpid(), 9)"
    )
    with pytest.raises(ExternalError, match="the kernel died"):
        reproduce(offline, run_id)
    assert left_behind(offline) == []


def test_two_at_once_do_not_disturb_each_other(offline: Project, session: Session) -> None:
    run_id = session("x = 20", "open('made.txt', 'w').write('x')", "%%track twice\ny = x * 2")
    made: list[Certificate] = []
    threads = [
        threading.Thread(target=lambda: made.append(reproduce(open_project(offline.root), run_id)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.verdict for one in made] == ["exact", "exact"]
    assert len({one.reproduction_id for one in made}) == 2
    assert left_behind(offline) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "<script>alert(1)</script> `[x](y)", "'; --"])
def test_a_hostile_name_is_only_a_name(offline: Project, session: Session, name: str) -> None:
    run_id = session(f'%%track "{name}"\ny = 1 + 1')
    assert reproduce(offline, run_id).verdict == "exact"
    about = msgspec.json.decode(notebook_of(offline, run_id))["cells"][0]["source"]
    assert "<script>" not in about
    assert "[x](y)" not in about


def test_what_would_change_the_project_is_left_out(offline: Project, session: Session) -> None:
    run_id = session("x = 1", "%mlops sync", "%%track kept\ny = x + 1")
    drop_cell(offline, run_id, positions_of(offline, run_id)[0])
    forget_reasons(offline)
    assert reproduce(offline, run_id).verdict == "exact"


def test_bad_input_is_said_in_words(offline: Project) -> None:
    with pytest.raises(NotFoundError, match="no run 'nothing'"):
        reproduce(offline, "nothing")
    running = recorder.open_run(offline, "open")
    with pytest.raises(UsageError, match="is still running"):
        reproduce(offline, running)
    recorder.close_run(offline, running, "finished")
    with pytest.raises(UsageError, match="has no recorded cells"):
        reproduce(offline, running)
    interrupted = recorder.open_run(offline, "cut short")
    recorder.close_run(offline, interrupted, "interrupted")
    with pytest.raises(UsageError, match="was interrupted"):
        reproduce(offline, interrupted)
    of_pipeline = recorder.open_run(offline, "pipeline", pipeline_run_id="p")
    recorder.close_run(offline, of_pipeline, "finished")
    with pytest.raises(UsageError, match="run of a pipeline"):
        reproduce(offline, of_pipeline)
    with pytest.raises(UsageError, match="not a tolerance"):
        reproduce(offline, running, tolerance=-1)
