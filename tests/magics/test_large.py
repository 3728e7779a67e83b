"""What is too large to be looked at in full costs each cell a bounded time, and is let go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import capture
import psutil
import pytest
from real_kernel import Kernel

CREDIT_MS = 1500
"""What recording may spend at once: see `mlops_jupyter.kernel.fingerprint.Clock`.

That is 500 ms, as far as it can foresee; three times as much on a machine that is busy."""

SHARE = 0.015
"""Of the time of the cells, what it may spend beyond."""

LEAST_MS = 40
"""What a cell may cost when all that is spent: 20 ms for looking, the rest for writing."""

RSS_MB = "__import__('psutil').Process().memory_info().rss // 2**20"
WALL = "__import__('time').perf_counter()"


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """Return a kernel that records, and measures what that costs."""
    with closing(capture.recording(capture.new_project(tmp_path))) as made:
        yield made


def costs(kernel: Kernel, *cells: str) -> list[float]:
    """Execute cells; return what recording took of each, in ms of CPU."""
    before, began = len(capture.costs(kernel)), float(kernel.ask(WALL) or "nan")
    for cell in cells:
        assert kernel.run(cell)["status"] == "ok", cell
    taken = capture.costs(kernel)[before:]
    assert len(taken) == len(cells)
    wall = float(kernel.ask(WALL) or "nan") - began
    assert sum(taken) < CREDIT_MS + SHARE * 1000 * wall + LEAST_MS * len(cells)
    return taken


@pytest.mark.slow
@pytest.mark.skipif(psutil.virtual_memory().available < 6 * 2**30, reason="needs 6 GB of memory")
def test_a_frame_of_two_gigabytes(kernel: Kernel) -> None:
    costs(kernel, "import numpy as np, pandas as pd, weakref")
    before = int(kernel.ask(RSS_MB) or 0)
    reads = ["frame.shape", "top = frame.head()", "column = frame['a']", "column.iloc[3]"]
    costs(
        kernel,
        "values = np.full((25_000_000, 10), 1.0)",
        "frame = pd.DataFrame(values, columns=list('abcdefghij'), copy=False); del values",
        *3 * reads,
        "%%track big\nauc = 0.5 * frame.iloc[0, 0]",
    )
    assert int(kernel.ask(RSS_MB) or 0) > before + 1800
    assert max(costs(kernel, *reads)) < LEAST_MS, "the credit is spent"
    costs(kernel, "held = {'f': frame}", "gone = weakref.ref(frame)")
    costs(kernel, "del held, frame, top, column")
    assert kernel.ask("gone() is None") == "True"
    assert int(kernel.ask(RSS_MB) or 0) < before + 200, "the memory is given back"
    assert max(costs(kernel, "x = 1", "x")) < LEAST_MS


def test_a_list_of_five_million_strings(kernel: Kernel) -> None:
    reads = ["len(texts)", "texts[3]", "texts[0] = 'other'"]
    costs(kernel, "texts = [f'text {n}' for n in range(5_000_000)]", *4 * reads)
    assert max(costs(kernel, *reads)) < LEAST_MS, "the credit is spent"


def test_dicts_in_dicts(kernel: Kernel) -> None:
    build = (
        "{place} = {{}}\nat = {place}\nfor n in range({depth}):\n    at['in'] = {{}}; at = at['in']"
    )
    deep = build.format(place="deep", depth=100_000)
    wide = "wide = {f'k{i}': {j: [j] for j in range(1000)} for i in range(300)}"
    costs(kernel, deep, "len(deep)", "at['x'] = 1", "other = [deep]", wide)
    taken = costs(kernel, *3 * ["wide['k3'][5].append(2)", "len(wide)", "deep['in']['in'] is at"])
    assert max(taken[-3:]) < LEAST_MS
    costs(kernel, "del deep, at, other, wide", "x = 1")
