"""Two runs of one pipeline at once: each is right, and files that both write are told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mlops_jupyter.pipelines.execute import run_pipeline
from mlops_jupyter.pipelines.pipeline import PipelineRun
from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history as runs
from tests.pipelines.notebooks import PARAMETERS, code, declare, write

# both write, and neither ends before both have written
MEETS = """
import pathlib, time
_ = pathlib.Path(f"own-{n}.txt").write_text(str(n))
_ = pathlib.Path("same.txt").write_text(str(n))
pathlib.Path(f"there-{n}").touch()
end = time.monotonic() + 240
while not pathlib.Path(f"there-{3 - n}").exists() and time.monotonic() < end:
    time.sleep(0.01)
double = 2 * n
"""


def test_two_runs_at_once(offline: Project) -> None:
    write(offline.root / "study.ipynb", code("n = 1", PARAMETERS), code(MEETS, "step:a"))
    declare(offline, study="study.ipynb")

    def run(n: int) -> PipelineRun:
        return run_pipeline(open_project(offline.root), "study", {"n": n})

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(run, (1, 2)))
    for n, one in enumerate(both, 1):
        assert one.status == "finished"
        assert runs.get(offline, str(one.run_id)).metrics["double"] == 2.0 * n
    # who ends later sees that the other one wrote it too; what it made is not taken again
    told = [one.steps[0].why for one in both if "same.txt" in str(one.steps[0].why)]
    ids = [one.id[:8] for one in both]
    for why in told:
        found = [
            i for i in ids if why == f"same.txt was written by pipeline run {i} at the same time"
        ]
        assert len(found) == 1
    assert told
    rows = offline.catalog.rows("SELECT why_not FROM step_entry")
    assert any("same.txt" in str(row["why_not"]) for row in rows)
