"""Whatever a cell does, it does the same with recording as without, and recording goes on.

Each case ends by asking two questions: did the cell answer as in a bare kernel, and is the next
one recorded?
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mlops_jupyter.project import Project, open_project
from mlops_jupyter.runs import history
from mlops_jupyter.runs.run import Run
from tests.kernel import Answer, Kernel
from tests.pipelines.test_interrupt import until

NOT_RECORDED = "mlops: not recorded"


def newest(project: Project) -> Run:
    return history.page(project).runs[0]


def sources(project: Project) -> list[str]:
    rows = project.catalog.rows(
        "SELECT text FROM cell_execution JOIN source ON digest = source_digest ORDER BY id"
    )
    return [row[0] for row in rows]


def check_alive(project: Project, kernel: Kernel) -> None:
    """Check that the kernel answers, and that what it executes is recorded."""
    source = f"still = {len(sources(project))}\nstill"
    answer = kernel.run(source)
    assert (answer.status, answer.text) == ("ok", ""), answer
    assert sources(project)[-1] == source


def cpu_seconds(kernel: Kernel) -> float:
    """Return what a kernel has used so far: no load makes that much more."""
    used = psutil.Process(kernel.manager.provisioner.pid).cpu_times()
    return float(used.user + used.system)


def plain(answer: Answer) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", answer.error)


# a thousand frames would show no more, and take their time
ENDLESS = """
import sys; limit = sys.getrecursionlimit(); sys.setrecursionlimit(300)
def f(): return f()
try: f()
finally: sys.setrecursionlimit(limit)
"""


# --- what a cell is -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "# only a comment",
        "x = 1\r\ny = 2\r\nx + y",
        "s = 'null \\0 byte in a string'",
        "# a real null byte: \0",
        "s = '\\ud800'  # half of a character",
        "'''unclosed",
        "this is no python",
        "if True:\nx = 1",
        "await __import__('asyncio').sleep(0)",
        "async def f():\n    return 3\nawait f()",
        "%%bash\necho from bash",
        "!echo from the shell",
        "files = !echo from the shell\nfiles",
        "%%timeit -n 2 -r 2\nsum(range(10))",
        "%timeit -n 2 -r 2 sum(range(10))",
        "%%time\nx = 1",
        "%no_such_magic",
        "%%no_such_magic\nx",
        "get_ipython().run_cell('inner = 1\\n1 / 0');",
        "get_ipython().run_line_magic('pwd', '')",
        "import this_is_no_module",
        f"{'n' * 10_000} = 1",
        "x = (" + "(" * 150 + ")" * 150 + ")",
        "x = " + "+".join(["1"] * 400),
        "del no_such_name",
        "raise SystemExit(3)",
        "import sys; sys.exit('a message')",
        ENDLESS,
        "raise BaseException('of the user')",
        "class E(Exception):\n    def __str__(self): raise ValueError('no text')\nraise E",
        "raise Exception('x' * 10_000_000)",
        "raise ExceptionGroup('many', [ValueError(1), TypeError(2)])",
        "yield 3",
        "return 3",
        "from __future__ import annotations",
        "import os; os.environ['HALF'] = 'a\\udcffb'",
        "del get_ipython",
        "__builtins__ = None",
    ],
    ids=lambda source: re.sub(r"\W+", "-", source[:24]).strip("-"),
)
def test_any_source_answers_as_in_a_bare_kernel(
    shared_project: Project, shared_kernel: Kernel, bare: Kernel, source: str
) -> None:
    expected, answer = bare.run(source), shared_kernel.run(source)
    assert answer.status == expected.status
    assert NOT_RECORDED not in answer.text, answer.text
    assert len(answer.data) == len(expected.data)
    last = plain(expected).strip().splitlines()[-1:]
    assert plain(answer).strip().splitlines()[-1:] == last
    check_alive(shared_project, shared_kernel)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Return a kernel that does not record."""
    made = Kernel(tmp_path_factory.mktemp("bare"))
    yield made
    made.close()


def test_empty_cells_are_not_executions(project: Project, kernel: Kernel) -> None:
    before = sources(project)
    for source in ("", "\n", "   "):
        assert kernel.run(source).status == "ok"
    assert sources(project)[: len(before)] == before
    check_alive(project, kernel)


def test_a_cell_of_ten_megabytes(project: Project, kernel: Kernel, bare: Kernel) -> None:
    source = "data = '" + "0123456789abcde " * 655_360 + "'\nlen(data)"
    before = cpu_seconds(bare), cpu_seconds(kernel)
    bare.run(source)  # IPython itself takes its time
    answer = kernel.run(source)
    alone, recorded = cpu_seconds(bare) - before[0], cpu_seconds(kernel) - before[1]
    assert recorded < 2 * alone + 5
    assert answer.data == [{"text/plain": "10485760"}]
    assert NOT_RECORDED not in answer.text
    check_alive(project, kernel)


def test_twenty_thousand_outputs(project: Project, kernel: Kernel) -> None:
    answer = kernel.run(
        "from IPython.display import display\n"
        "bundle = {'text/html': '<table></table>', 'text/plain': 'x'}\n"
        "for n in range(20_000):\n"
        "    display({**bundle, 'image/svg+xml': f'<svg>{n}</svg>'}, raw=True)"
    )
    assert (answer.status, NOT_RECORDED in answer.text) == ("ok", False)
    count = project.catalog.rows("SELECT count(*) FROM output")[0][0]
    assert 0 < count <= 200
    check_alive(project, kernel)


def test_an_output_of_a_hundred_megabytes(project: Project, kernel: Kernel) -> None:
    answer = kernel.run(
        "from IPython.display import SVG, display\n"
        "display({'image/svg+xml': '<svg>' + 'x' * 100_000_000 + '</svg>'}, raw=True)"
    )
    assert (answer.status, NOT_RECORDED in answer.text) == ("ok", False)
    assert project.catalog.rows("SELECT count(*) FROM output")[0][0] == 0
    check_alive(project, kernel)


def test_percent_run_and_nested_cells_are_one_execution(
    project: Project, kernel: Kernel, tmp_path: Path
) -> None:
    (project.root / "script.py").write_text("answer = 42\n")
    before = len(sources(project))
    assert kernel.run("%run script.py").status == "ok"
    nested = "for n in range(3):\n    get_ipython().run_cell(f'inner_{n} = {n}')\ninner_2"
    assert kernel.run(nested).data[-1] == {"text/plain": "2"}
    assert sources(project)[before:] == ["%run script.py", nested]


# --- what a cell makes --------------------------------------------------------------------------

RUDE = """
%%track rude
import time
class Rude:
    def _raise(self, *a): raise RuntimeError('rude')
    __eq__ = __repr__ = __str__ = __len__ = __bool__ = __iter__ = __float__ = __getattr__ = _raise
    __reduce__ = __reduce_ex__ = __getstate__ = __sizeof__ = __dir__ = __contains__ = _raise
    __hash__ = _raise
class Liar:
    __class__ = property(lambda self: int)
    __len__ = lambda self: 2 ** 62
class Proxy:
    def __getattr__(self, name): return Proxy()
    def __call__(self, *a, **k): return Proxy()
class Meta(type):
    def __getattribute__(cls, name): raise RuntimeError('meta')
class OfMeta(metaclass=Meta): pass
rude, liar, proxy, of_meta = Rude(), Liar(), Proxy(), OfMeta()
held = [rude, {'a': rude}, (liar, proxy)]
endless = []; endless.append(endless)
fine = len([1, 2])
"""


def test_objects_that_raise(project: Project, kernel: Kernel) -> None:
    answer = kernel.run(RUDE.lstrip())
    assert (answer.status, NOT_RECORDED in answer.text) == ("ok", False), answer
    run = newest(project)
    assert (run.status, run.metrics) == ("finished", {"fine": 2})
    assert kernel.run("again = [held, proxy, liar, endless]").status == "ok"
    check_alive(project, kernel)


def test_objects_that_take_ten_minutes(project: Project, kernel: Kernel) -> None:
    kernel.run(
        "import time\n"
        "class Slow:\n"
        "    def _sleep(self, *a): time.sleep(600)\n"
        "    __eq__ = __hash__ = __repr__ = __len__ = __bool__ = __iter__ = _sleep\n"
        "    __reduce_ex__ = __getstate__ = __sizeof__ = __float__ = __deepcopy__ = _sleep\n"
    )
    assert kernel.run("slow = Slow()\nheld = {'a': [slow]}").status == "ok"
    assert kernel.run("%%track t\nother = [held, slow]\nauc = float('0.5')").status == "ok"
    assert newest(project).metrics == {"auc": 0.5}
    check_alive(project, kernel)


def test_numbers_that_are_none_and_huge_parameters(project: Project, kernel: Kernel) -> None:
    answer = kernel.run(
        "%%track odd\n"
        f"text = {'p' * 100_000!r}\n"
        "numbers = [1, 2]\n"
        "import math\n"
        "nan, inf, less = float('nan'), math.inf * 1, -math.inf * 1\n"
        "huge = 10 ** 400 + 0\n"
        "tiny = 5e-324 * 1"
    )
    assert (answer.status, NOT_RECORDED in answer.text) == ("ok", False), answer.text
    run = newest(project)
    assert run.status == "finished"
    assert len(run.parameters["text"]) <= 100_000
    assert run.metrics["nan"] is None
    assert run.metrics["inf"] == float("inf")
    check_alive(project, kernel)


# --- processes and threads ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "ending", ["os._exit(0)", "raise SystemExit(0)", "os.execv('/bin/true', ['true'])"]
)
def test_a_fork_of_the_kernel(project: Project, kernel: Kernel, ending: str) -> None:
    # the child of `SystemExit` goes on as a second kernel on the same sockets, in any kernel:
    # its parent ends it
    answer = kernel.run(
        "import os, signal, time\n"
        "child = os.fork()\n"
        f"if child == 0:\n    {ending}\n"
        "time.sleep(0.5)\n"
        "os.kill(child, signal.SIGKILL)\n"
        "os.waitpid(child, 0)[0] == child"
    )
    assert (answer.status, NOT_RECORDED in answer.text) == ("ok", False), answer
    assert project.catalog.rows("PRAGMA integrity_check")[0][0] == "ok"
    assert sum("os.fork()" in source for source in sources(project)) == 1
    check_alive(project, kernel)


def test_multiprocessing_and_threads(project: Project, kernel: Kernel) -> None:
    answer = kernel.run(
        "import multiprocessing, threading, time, subprocess, sys\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    doubled = pool.map(abs, range(-4, 0))\n"
        "seen = []\n"
        "def work():\n"
        "    for n in range(50):\n"
        "        seen.append(n); globals()[f'made_{n}'] = n\n"
        "workers = [threading.Thread(target=work) for _ in range(4)]\n"
        "[w.start() for w in workers]; [w.join() for w in workers]\n"
        "later = threading.Timer(30, print); later.daemon = True; later.start()\n"
        "(doubled, len(seen), subprocess.run([sys.executable, '-c', '']).returncode)"
    )
    assert answer.data == [{"text/plain": "([4, 3, 2, 1], 200, 0)"}]
    check_alive(project, kernel)


def test_an_interrupt(project: Project, kernel: Kernel) -> None:
    pid, begun = kernel.manager.provisioner.pid, project.root / "begun"

    def interrupt() -> None:
        until(begun.exists)
        os.kill(pid, signal.SIGINT)

    other = threading.Thread(target=interrupt)
    other.start()
    answer = kernel.run("%%track slow\nimport time\nopen('begun', 'w').close()\ntime.sleep(600)")
    other.join()
    assert "KeyboardInterrupt" in answer.error
    assert newest(project).status == "interrupted"
    check_alive(project, kernel)


def test_a_cell_that_ends_the_process(project: Project, kernel: Kernel) -> None:
    kernel.run("%%track before\nauc = float('0.5')")
    kernel.client.execute("%%track doomed\nimport os\nos._exit(3)")
    kernel.manager.provisioner.process.wait(240)
    other = Kernel(project.root)
    try:
        other.run("%load_ext mlops_jupyter")
        statuses = {run.name: run.status for run in history.page(project).runs}
        assert statuses == {"before": "finished", "doomed": "interrupted"}
    finally:
        other.close()


def test_two_kernels_on_one_notebook(project: Project, kernel: Kernel) -> None:
    other = Kernel(project.root)
    try:
        other.run("%load_ext mlops_jupyter")
        for n in range(19):
            for one in (kernel, other):
                one.client.execute(f"x = {n}")
        for one in (kernel, other):
            one.run("the_last = 1")
        counts = project.catalog.rows(
            "SELECT count(*), count(DISTINCT position), max(position) FROM cell_execution"
            " GROUP BY session_id"
        )
        assert [tuple(row) for row in counts] == [(21, 21, 21), (21, 21, 21)]
    finally:
        other.close()


# --- the machine --------------------------------------------------------------------------------


def test_a_clock_that_goes_backwards(project: Project, kernel: Kernel) -> None:
    kernel.run("import time, itertools, unittest.mock as m")
    answer = kernel.run(
        "ticks = itertools.count(1e9, -3600)\n"
        "patches = [m.patch('time.time', lambda: next(ticks)),\n"
        "           m.patch('time.perf_counter', lambda: next(ticks))]\n"
        "[p.start() for p in patches];"
    )
    assert answer.status == "ok"
    kernel.run("%%track t\nauc = float('0.5')")
    kernel.run("[p.stop() for p in patches];")
    assert newest(project).status == "finished"
    check_alive(project, kernel)
    shortest = project.catalog.rows("SELECT min(duration_seconds) FROM cell_execution")[0][0]
    assert shortest >= 0


def test_the_catalog_is_held_by_another_program(project: Project, kernel: Kernel) -> None:
    kernel.run("first = 1")
    other = sqlite3.connect(project.catalog.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    # how long it waits for that: `test_journal.py`
    answer = kernel.run("second = 2\nsecond")
    assert answer.data == [{"text/plain": "2"}]
    assert "another program holds it" in answer.text
    assert kernel.run("third = 3").text == "", "it says so once"
    other.execute("ROLLBACK")
    other.close()
    kernel.run("fourth = 4")
    assert sources(project)[-4:] == ["first = 1", "second = 2\nsecond", "third = 3", "fourth = 4"]


def test_a_full_disk(project: Project) -> None:
    # no file of the kernel may grow beyond 1 MB: what a full disk looks like to SQLite
    kernel = Kernel(project.root)
    try:
        kernel.run("%load_ext mlops_jupyter\nimport resource, signal")
        kernel.run("signal.signal(signal.SIGXFSZ, signal.SIG_IGN)")
        kernel.run("resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, -1))")
        text = "x" * 1_500_000
        answer = kernel.run(f"data = '{text}'\nlen(data)")
        assert answer.data == [{"text/plain": "1500000"}]
        assert answer.text.count(NOT_RECORDED) == 1, answer.text[:500]
        assert "Traceback" not in answer.text
        kernel.run("resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))")
        check_alive(project, kernel)
    finally:
        kernel.close()


def test_a_catalog_of_a_newer_version(project: Project) -> None:
    with sqlite3.connect(project.catalog.path) as rows:
        rows.execute("PRAGMA user_version = 99")
    kernel = Kernel(project.root)
    try:
        loaded = kernel.run("%load_ext mlops_jupyter")
        assert loaded.status == "ok"
        assert loaded.text.count(NOT_RECORDED) == 1
        assert "made by a newer version of mlops-jupyter" in loaded.text
        assert "upgrade mlops-jupyter" in loaded.text
        answer = kernel.run("%%track t\nx = 3\nx")
        assert (answer.data, answer.text) == ([{"text/plain": "3"}], "")
    finally:
        kernel.close()


def test_the_project_is_removed_while_the_kernel_runs(project: Project, kernel: Kernel) -> None:
    import shutil

    shutil.rmtree(project.folder)
    answer = kernel.run("x = 3\nx")
    assert answer.data == [{"text/plain": "3"}]
    assert kernel.run("%%track t\ny = 4\ny").data[0] == {"text/plain": "4"}


# --- secrets ------------------------------------------------------------------------------------


def test_no_secret_reaches_the_disk(project: Project, kernel: Kernel) -> None:
    token, password = "gh" + "p_" + "a1B2c3D4e5F6" * 3, "hunter-" + "2&more"
    kernel.run(f"%env SERVICE_TOKEN={token}")
    kernel.run(f"password = '{password}'\nheaders = {{'Authorization': 'Bearer {token}'}}")
    kernel.run(f"raise RuntimeError('login with {password} failed')")
    kernel.run(f"url = 'https://me:{password}@example.org'\nopen(url)")
    kernel.run(f"from IPython.display import HTML\nHTML('<table><td>{password}</td></table>')")
    kernel.run(f"# mlops: private\nnumber_of_my_card = '{'4' * 16}'")
    answer = kernel.run(
        "%%track with-secrets\n"
        f"password = '{password}'\n"
        f"settings = {{'user': 'me', 'api_key': '{token}'}}\n"
        "card = number_of_my_card\n"
        "auc = float('0.5')"
    )
    assert answer.status == "ok"
    subprocess.run(
        [sys.executable, "-m", "mlops_jupyter.cli.main", "sync"], cwd=project.root, check=True
    )
    project = open_project(project.root)
    project.catalog.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    found = [
        str(path.relative_to(project.root))
        for path in project.folder.rglob("*")
        if path.is_file()
        for secret in (token, password)
        if secret.encode() in path.read_bytes()
    ]
    assert found == []
    run = newest(project)
    assert run.parameters["password"] == "‹masked›"
    assert run.parameters["settings"] == {"user": "me", "api_key": "‹masked›"}
    unsure = project.catalog.rows("SELECT unsure FROM run WHERE id = ?", (run.id,))[0][0]
    assert "is masked: set it again to re-execute" in unsure
    private = project.catalog.rows(
        "SELECT writes, reads, unsure FROM cell_execution JOIN source ON digest = source_digest"
        " WHERE text = '# mlops: private'"
    )
    assert len(private) == 1
    assert "number_of_my_card" in private[0][0]
    assert "is private" in private[0][2]


def test_a_killed_kernel_leaves_what_was_recorded(project: Project, kernel: Kernel) -> None:
    kernel.run("%%track kept\nauc = float('0.5')")
    os.kill(kernel.manager.provisioner.pid, signal.SIGKILL)
    kernel.manager.provisioner.process.wait(240)
    assert newest(open_project(project.root)).metrics == {"auc": 0.5}
