"""What crosses the boundaries between steps: from the source alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.dataflow import StepFlow, flows_of
from mlops_jupyter.pipelines.source import read_notebook
from mlops_jupyter.project import Project
from tests.pipelines.notebooks import (
    PARAMETERS,
    code,
    fresh_namespace,
    run,
    run_steps,
    steps,
    write,
)


def flows(tmp_path: Path, setup: str, *sources: str) -> tuple[StepFlow, ...]:
    return flows_of(read_notebook(steps(tmp_path / "study.ipynb", setup, *sources)))


def passes(tmp_path: Path, setup: str, *sources: str) -> list[str]:
    """Return what each step but the last passes on, as text."""
    return [" ".join(flow.passes) for flow in flows(tmp_path, setup, *sources)[:-1]]


@pytest.mark.parametrize(
    ("sources", "passed"),
    [
        (["x = n", "x"], ["x"]),
        (["x = n; y = 2", "y"], ["y"]),
        (["x = n", "y = 1", "x, y"], ["x", "x y"]),
        (["x = n", "x = 2\nx"], [""]),
        (["x = n", "if n: x = 2", "x"], ["x", "x"]),
        (["x = n", "x += 1", "x"], ["x", "x"]),
        (["x = n", "del x", "x = 1\nx"], ["x", ""]),
        (["x = []", "x.append(1)", "x"], ["x", "x"]),
        (["for i in range(n): last = i", "last, i"], ["i last"]),
        (["%time x = n", "!echo {x}"], ["x"]),
        (["df = make = n", "df.query('a > @make')"], ["df make"]),
        (["input = n", "print(input)"], ["input"]),
    ],
)
def test_variables_that_a_later_step_reads(
    tmp_path: Path, sources: list[str], passed: list[str]
) -> None:
    assert passes(tmp_path, "", *sources) == passed


@pytest.mark.parametrize(
    ("setup", "sources", "passed"),
    [
        # what the setup makes, and nobody touches, the next setup makes again
        ("x = make = [1]", ["y = n", "x, y"], ["y"]),
        ("x = [1]", ["x.append(2)", "x"], ["x"]),
        ("EPS = 1e-9; NAME = 'a'", ["y = EPS", "EPS, NAME, y"], ["y"]),
        ("EPS = 1e-9", ["EPS = 2", "EPS"], ["EPS"]),
        # a change may come through another name for the same object
        ("x = [1]\nbox = {'x': x}", ["box['x'].append(2)", "x"], ["x"]),
        ("x = [1]\nother = [2]", ["other.append(2)", "x"], [""]),
        ("def fill(): log.append(1)\nlog = []", ["fill()", "log"], ["log"]),
        (
            "def start():\n    global state\n    state = 1\nstart()",
            ["print(state)", "state"],
            ["state"],
        ),
        ("def start():\n    global state\n    state = 1", ["start()", "state"], ["state"]),
        ("names = 3\nnames = sorted('ab')", ["names.pop()", "names"], ["names"]),
    ],
)
def test_variables_of_the_setup_that_a_step_may_have_changed(
    tmp_path: Path, setup: str, sources: list[str], passed: list[str]
) -> None:
    assert passes(tmp_path, setup, *sources) == passed


def test_a_parameter_that_a_step_rebinds_is_passed_on(tmp_path: Path) -> None:
    assert passes(tmp_path, "", "n += 1", "n") == ["n"]
    assert passes(tmp_path, "", "print(n)", "n") == [""]


@pytest.mark.parametrize(
    ("sources", "passed"),
    [
        (["def f(): return k\nk = 1", "f()"], ["k"]),
        (["k = 1", "f = lambda: k", "f()"], ["k", "k"]),
        (["k = 1\ndef g(): return k\ndef f(): return g()", "f()"], ["k"]),
        (["k = 1\nclass A:\n    def m(self): return k", "A().m()"], ["k"]),
        (["k = 1\ndef f(): return max(k)\nmax = sum", "f()"], ["k max"]),
        (["k = 1\ndef f(): return k", "print(n)"], [""]),
        (["link = n\ndef fetch(): return link\nrows = fetch()", "rows"], ["rows"]),
    ],
)
def test_what_a_function_reads_is_needed_where_it_is_called(
    tmp_path: Path, sources: list[str], passed: list[str]
) -> None:
    assert passes(tmp_path, "", *sources) == passed


def test_definitions_are_taken_along_as_code(tmp_path: Path) -> None:
    found = flows(
        tmp_path,
        "import os",
        "import json, heavy\nimport enable_x\nfrom functools import cache\n"
        "@cache\ndef f():\n    return json\n"
        "x = 1\nsquare = lambda y: y\n"
        "try:\n    import fast\nexcept ImportError:\n    fast = None\n"
        "import os.path as path\nprint(heavy)",
        "print(f(), path)",
        "square(2)",
    )
    assert found[0].code == ()
    for flow in found[1:]:
        assert "import json, heavy" in flow.code  # `f` may be called, it reads json
        assert "import enable_x" in flow.code  # used nowhere: it is there for what it does
        assert "@cache\ndef f():\n    return json" in flow.code
        assert "square = lambda y: y" in flow.code
        assert any(part.startswith("try:\n    import fast") for part in flow.code)
        assert "x = 1" not in flow.code
    assert "import os.path as path" in found[1].code
    assert "import os.path as path" not in found[2].code


def test_settings_of_modules_and_classes_are_taken_along(tmp_path: Path) -> None:
    settings_ = [
        "os.environ['SEED'] = '1'",
        "pd.options.display.max_rows = 7",
        "pd.set_option('display.width', 80)",
        "sys.path.append('lib')",
        "Model.depth = 3",
    ]
    found = flows(
        tmp_path,
        "import os, sys\nimport pandas as pd",
        "class Model: pass\n" + "\n".join(settings_) + "\nframe = pd.DataFrame()\nsize = n + 1\n"
        "frame.a = 1\npd.options.display.width = size\nos.remove('x')\nprint(1)",
        "frame",
    )
    assert found[1].code == ("class Model: pass", *settings_)


def test_a_definition_that_reads_a_variable_is_passed_on_as_a_value(tmp_path: Path) -> None:
    found = flows(tmp_path, "", "k = n + 1\ndef f(x=k): return x", "k = 3", "f()")
    assert [flow.passes for flow in found] == [("f",), ("f",), ()]
    assert found[2].code == ()


def test_code_that_cannot_be_seen_through_may_read_and_bind_anything(tmp_path: Path) -> None:
    assert passes(tmp_path, "s = [1]", "x = n\ny = 2", "exec('x')", "z") == ["x y", "z"]
    assert passes(tmp_path, "s = [1]", "exec('s.append(2)')", "s") == ["s"]
    assert passes(tmp_path, "from math import *", "x = tau", "tau, x") == ["x tau"]
    assert passes(tmp_path, "from math import *", "x = 1", "tau, x") == ["x"]


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (
            ["count = 1", "x = counts"],
            "reads 'counts', which no cell before it binds\n  hint: did you mean 'count'?",
        ),
        (["x = later", "later = 1"], "cell 3 (step:s1) reads 'later'"),
        (["x = later", "later = 1"], "hint: cell 4 (step:s2) binds it: move that above"),
        (["x = 1", "x = left_out"], "hint: cell 5 binds it, and is tagged `skip`"),
    ],
)
def test_a_name_that_nobody_binds_is_refused(
    tmp_path: Path, sources: list[str], words: str
) -> None:
    path = tmp_path / "study.ipynb"
    cells = [code(source, f"step:s{n}") for n, source in enumerate(sources, 1)]
    write(path, code("n = 1", PARAMETERS), code("import os"), *cells, code("left_out = 1", "skip"))
    with pytest.raises(UsageError) as caught:
        flows_of(read_notebook(path))
    assert f"{path}: " in caught.value.message
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "try: seen\nexcept NameError: seen = 1",
        "for i in range(3):\n    if i: print(previous)\n    previous = i",
        "button = n\nbutton.on_click(lambda: later)",
        "exec('x = 1')\nx",
        "y: 'Unknown' = 1",
    ],
)
def test_names_that_may_be_missing_are_not_refused(tmp_path: Path, source: str) -> None:
    assert flows(tmp_path, "", source)


NAMES = st.sampled_from("abcd")
TEMPLATES = st.sampled_from(
    [
        "{x} = [1, 2]",
        "{x} = {y}",
        "{x} = {y} + [len({z})]",
        "{x} += [4]",
        "{x}.append(len({y}))",
        "{x} = {{'k': {y}}}['k']",
        "if len({x}) > 2: {y} = {x}",
        "for i in {x}[:2]: {y} = [i]",
        "del {x}; {x} = [9]",
        "def f(k=3): return {x}, len({y}) + k",
        "def f(k={x}): k.append(0); return k, len({y})",
        "{z} = list(f())",
        "f()[0].append(7)",
        "g = lambda: {x}",
        "{y} = g()",
        "class K:\n    def get(self): return {x}",
        "class K:\n    base = {x}\n    def get(self): return self.base",
        "k = K()",
        "{y} = k.get()",
        "{y} = [isinstance(k, K)] + {x}",
        "h = (lambda v: lambda: v)({x})",
        "{y} = h()",
        "store.{x} = {y}",
        "{y} = getattr(store, '{x}', [5])",
        "def w():\n    global {x}\n    {x} = {y}",
        "w()",
    ]
)
STATEMENTS = st.tuples(TEMPLATES, NAMES, NAMES, NAMES).map(
    lambda made: made[0].format(x=made[1], y=made[2], z=made[3])
)
CELLS = st.lists(STATEMENTS, min_size=1, max_size=4).map("\n".join)
SETUP = """
import types
store = types.SimpleNamespace()
a = []; b = [0]; c = a; d = [a]
def f(): return a, b
def g(): return c
def h(): return d
def w(): pass
class K:
    def get(self): return b
k = K()
"""
RESULT = """
names = [n for n in 'abcd']
values = [a, b, c, d, getattr(store, 'a', None), getattr(store, 'b', None)]
result = repr(values), [x is y for x in values for y in values]
"""


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(setup=CELLS, sources=st.lists(CELLS, min_size=2, max_size=5))
def test_steps_give_what_the_whole_notebook_gives(
    project: Project, setup: str, sources: list[str]
) -> None:
    setup = SETUP + setup
    whole = fresh_namespace()
    for source in [setup, *sources, RESULT]:
        run(source, whole)
    path = steps(project.root / "study.ipynb", setup, *sources, RESULT)
    assert run_steps(project, path)["result"] == whole["result"]
