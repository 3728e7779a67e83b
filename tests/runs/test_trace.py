"""On which executions a cell stands, and what is said where that is not sure."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.cells.analysis import analyse
from mlops_jupyter.runs.observer import Observer
from mlops_jupyter.runs.trace import Traced, closure


class Session:
    """Cells, executed in a plain namespace under the real observer."""

    def __init__(self, **found: Any) -> None:
        self.space: dict[str, Any] = {"__name__": "__main__", **found}
        self.observer = Observer(self.space)
        self.observer.start()
        self.position = 0

    def run(self, source: str) -> Traced:
        self.position += 1
        self.observer.begin()
        failed = False
        try:
            exec(compile(source, "<cell>", "exec"), self.space)
        except Exception:  # noqa: BLE001 - what the cell raises is part of the story
            failed = True
        return self.observer.end(self.position, analyse(source), failed=failed).traced

    def kept(self, *cells: str) -> list[int]:
        """Execute cells, and return the slice of the last one."""
        for source in cells:
            self.run(source)
        return self.observer.trace.slice_of(self.position)

    def doubts(self) -> list[str]:
        trace = self.observer.trace
        return trace.doubts(trace.slice_of(self.position))


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.chdir(tmp_path)
    made = Session()
    yield made
    made.observer.stop()


def test_dead_ends_are_left_out(session: Session) -> None:
    assert session.kept("df = [1]", "plot = [df]", "model = sum(df)", "score = model") == [1, 3, 4]


def test_what_was_done_is_told(session: Session) -> None:
    session.run("a, b, keep = [1], 2, 3")
    traced = session.run("a.append(4)\nc = b\ndel keep")
    assert traced.bound == {"c"}
    assert traced.changed == {"a"}
    assert traced.deleted == {"keep"}
    assert traced.parents == (1,)


def test_reading_is_no_change(session: Session) -> None:
    session.run("rows = [[1, 2], [3]]")
    assert not session.run("total = sum(map(len, rows))").changed


def test_a_change_through_another_name_counts_for_both(session: Session) -> None:
    assert session.kept("a = [1]", "b = a", "b.append(2)", "n = len(a)") == [1, 2, 3, 4]


def test_a_cell_that_raises_has_bound_what_it_reached(session: Session) -> None:
    session.run("x = 1")
    assert session.run("x = 2\n1 / 0\ny = 3").bound == {"x"}
    assert session.kept("z = x") == [2, 3]


@pytest.mark.parametrize(
    "cell", ["exec('y = x')", "y = eval('x')", "globals()['y'] = x", "from math import *\ny = pi"]
)
def test_a_cell_that_may_read_anything_stands_on_all_that_is_there(
    session: Session, cell: str
) -> None:
    assert session.kept("x = 1", "w = 2", cell, "v = 0", "out = y") == [1, 2, 3, 5]


def test_a_function_that_may_read_anything_does_so_where_it_is_called(session: Session) -> None:
    assert session.kept("def f(): return eval('x')", "x = 1", "out = f()") == [1, 2, 3]


def test_eval_as_a_method_reads_nothing(session: Session) -> None:
    session.run("class Net:\n    def eval(self): return 1")
    session.run("def f(net): return net.eval()")
    session.run("unused = [1]")
    assert session.kept("net = Net()", "out = f(net)") == [1, 2, 4, 5]


def test_a_file_stands_on_the_cell_that_wrote_it(session: Session) -> None:
    assert session.kept(
        "from pathlib import Path",
        "Path('a.txt').write_text('1')",
        "Path('b.txt').write_text('2')",
        "with open('a.txt', 'a') as file: print(3, file=file)",
        "text = Path('a.txt').read_text()",
    ) == [1, 2, 4, 5]


def test_a_file_that_another_program_wrote_is_known_by_its_time(session: Session) -> None:
    session.run("import subprocess, sys\nfrom pathlib import Path")
    write = "subprocess.run([sys.executable, '-c', \"open('x', 'w').close()\"], check=True)"
    assert session.kept(write, "time = 1", "content = Path('x').read_text()") == [1, 2, 4]


def test_the_environment_is_needed_by_those_who_ask_for_it(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPTH", "0")
    assert session.kept(
        "import os", "os.environ['DEPTH'] = '3'", "free = 1", "d = os.getenv('DEPTH')"
    ) == [1, 2, 4]
    assert session.kept("e = free + 1") == [3, 5]


def test_options_of_a_library_are_needed_by_its_users(session: Session) -> None:
    session.run("import decimal\ndecimal.getcontext().prec = 28")
    assert session.kept(
        "decimal.getcontext().prec = 4", "n = 1", "third = decimal.Decimal(1) / 3"
    ) == [1, 2, 4]


def seeded(session: Session, *cells: str) -> list[str]:
    for cell in cells:
        session.run(cell)
    return session.doubts()


def test_randomness_without_a_seed_is_named(session: Session) -> None:
    doubts = seeded(session, "import random", "x = random.random()")
    assert doubts == ["unseeded: execution 2 draws from random, which no cell has seeded"]


def test_randomness_with_a_seed_is_a_chain(session: Session) -> None:
    assert seeded(session, "import random", "random.seed(1)", "waste = random.random()") == []
    assert session.kept("x = random.random()") == [1, 2, 3, 4]


def test_a_seed_begins_anew(session: Session) -> None:
    assert session.kept(
        "import random", "waste = random.random()", "random.seed(1)", "x = random.random()"
    ) == [1, 3, 4]


@pytest.mark.parametrize("call", ["np.random.default_rng()", "random.Random()", "uuid.uuid4()"])
def test_sources_made_without_a_seed_are_named(session: Session, call: str) -> None:
    doubts = seeded(session, "import random, uuid\nimport numpy as np", f"rng = {call}")
    name = call.partition(".")[2].removeprefix("random.")
    assert doubts == [f"unseeded: execution 2 calls {name} without a seed"]


def test_names_that_a_cell_binds_itself_are_no_need(session: Session) -> None:
    session.run("i = 'from before'")
    assert session.kept("total = 0\nfor i in range(3):\n    total += i") == [2]


def test_names_from_before_recording_are_named() -> None:
    session = Session(old=[1])
    assert session.kept("out = old[0]") == [1]
    assert session.doubts() == [
        "not recorded: 'old', read by execution 1, was bound before recording began"
    ]
    session.observer.stop()


def test_the_history_of_outputs_needs_all_cells(session: Session) -> None:
    assert session.kept("a = 1", "b = 2", "c = Out[1]") == [1, 2, 3]
    assert session.doubts()[0].startswith("history: execution 3")


WORKER = """\
import threading
rows, go = [], threading.Event()
def work():
    go.wait(20)
    rows.append(1)
worker = threading.Thread(target=work)
worker.start()"""


def test_a_thread_changes_what_it_was_given_while_others_wait_for_it(session: Session) -> None:
    cells = (WORKER, "label = 'x'", "go.set()", "worker.join()", "out = list(rows)")
    assert session.kept(*cells) == [1, 3, 4, 5]
    assert session.doubts()[0].startswith("thread: execution 1")


def test_nothing_of_the_user_outlives_its_names(session: Session) -> None:
    session.run("import weakref\nclass Node: pass\nnode = Node()\nnode.me = [node]")
    session.run("seen = weakref.ref(node)\nn = node.me[0]")
    session.run("del n\nnode.me = None\ndel node")
    assert session.space["seen"]() is None


def test_libraries_that_are_not_loaded_are_not_loaded(session: Session) -> None:
    before = set(sys.modules)
    session.kept("x = [1]", "y = {'a': x}", "x.append(2)")
    assert set(sys.modules) - before <= {"dis", "opcode", "_opcode"}


def test_a_value_beyond_the_time_counts_as_changed_and_is_named(session: Session) -> None:
    session.run("big = [[str(i), [i]] for i in range(400_000)]")
    began = time.thread_time()
    for _ in range(20):
        traced = session.run("n = len(big)")
    spent = time.thread_time() - began
    assert traced.changed == {"big"}
    assert traced.unsure[0].startswith("too large: 'big'")
    assert spent < 20 * 0.2, f"{spent:.1f} s of CPU for 20 cells"


def chain(length: int) -> dict[int, tuple[int, ...]]:
    return {n: (n - 1,) if n > 1 else () for n in range(1, length + 1)}


def test_closures_are_ordered_and_end() -> None:
    assert closure({1: (), 2: (1,), 3: (), 4: (2,)}, 4) == [1, 2, 4]
    assert closure(chain(100_000), 100_000) == list(range(1, 100_001))
    assert closure({}, 7) == [7]


def test_threads_of_libraries_are_no_threads_of_the_user(session: Session) -> None:
    ready = threading.Event()
    helper: Callable[[], Any] = ready.wait  # a method of Python's own
    thread = threading.Thread(target=helper, daemon=True)
    session.space["start"] = thread.start
    session.run("start()")
    assert not any("thread" in doubt for doubt in session.doubts())
    ready.set()
    thread.join()
