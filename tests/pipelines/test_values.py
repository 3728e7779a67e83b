"""Values cross a boundary together, and come out as they went in."""

from __future__ import annotations

import random
import sqlite3
import sys
import textwrap
import threading
import types
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from mlops_jupyter.errors import IntegrityError, UsageError
from mlops_jupyter.pipelines import record
from mlops_jupyter.pipelines.notebook import cut_source
from mlops_jupyter.pipelines.source import read_notebook
from mlops_jupyter.pipelines.values import restore_values, store_values
from mlops_jupyter.project import Project
from tests.pipelines.notebooks import begin, fresh_namespace, run_steps, steps


def opened_run(project: Project) -> record.Opened:
    """Begin a pipeline run of two steps."""
    path = steps(project.root / "study.ipynb", "", "n", "n")
    return begin(project, cut_source(read_notebook(path)))


def across(project: Project, **values: Any) -> dict[str, Any]:
    """Pass values over a boundary and return what arrives."""
    opened = opened_run(project)
    first = record.begin_step(project, opened, 0)
    store_values(project, first, values, list(values))
    arrived = fresh_namespace()
    restore_values(project, record.begin_step(project, opened, 1), arrived, list(values))
    return arrived


def result(project: Project, setup: str, *sources: str) -> Any:
    """Run steps, each in a namespace of its own, and return what the last one calls `result`."""
    path = steps(project.root / "study.ipynb", setup, *(textwrap.dedent(s) for s in sources))
    return run_steps(project, path)["result"]


def test_names_for_one_object_stay_so(project: Project) -> None:
    shared = [1]
    arrived = across(project, a=shared, b=shared, c={"inner": shared})
    arrived["a"].append(2)
    assert arrived["b"] == [1, 2]
    assert arrived["c"]["inner"] is arrived["a"]


def test_frames_arrays_and_models_arrive_equal(project: Project) -> None:
    frame = pd.DataFrame({"a": [1.5, None], "when": pd.to_datetime(["2013-01-01", "2013-02-01"])})
    model = LinearRegression().fit(np.array([[1.0], [2.0]]), [1.0, 2.0])
    arrived = across(project, frame=frame, model=model, numbers=np.arange(3))
    pd.testing.assert_frame_equal(arrived["frame"], frame)
    assert arrived["model"].coef_ == model.coef_
    assert arrived["numbers"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("order", ["C", "F"])
def test_views_of_one_array_stay_so(project: Project, order: Any) -> None:
    table = np.array(np.arange(12.0).reshape(3, 4), order=order)
    arrived = across(
        project, table=table, column=table[:, 1], back=table[::-1, ::2], alone=table + 1
    )
    arrived["table"][0, :] = 100
    assert arrived["column"].tolist() == [100, 5, 9]
    assert arrived["back"].tolist() == [[8, 10], [4, 6], [100, 100]]
    assert arrived["alone"][0, 0] == 1
    arrived["column"][2] = -1
    assert arrived["table"][2, 1] == -1


def test_views_stay_so_over_several_boundaries(project: Project) -> None:
    sources = ["part = whole[2:4]", "part[:] = 9", "result = whole.tolist(), part.tolist()"]
    setup = "import numpy as np"
    assert result(project, setup, "whole = np.arange(5)", *sources) == ([0, 1, 9, 9, 4], [9, 9])


def test_arrays_of_objects_and_read_only_arrays_arrive(project: Project) -> None:
    objects = np.array([[1], None], dtype=object)
    fixed = np.arange(3)
    fixed.flags.writeable = False
    arrived = across(project, objects=objects, part=objects[1:], fixed=fixed, head=fixed[:1])
    assert arrived["objects"].tolist() == [[1], None]
    assert arrived["head"].tolist() == [0]


def test_an_instance_of_a_class_of_the_setup_is_still_one(project: Project) -> None:
    setup = "class Point:\n    def __init__(self, x): self.x = x"
    assert result(project, setup, "p = Point(3)", "result = isinstance(p, Point), p.x") == (True, 3)


def test_a_function_of_a_step_is_used_in_a_later_one(project: Project) -> None:
    first = """
        offset = n
        def shift(x):
            return x + offset
        offset = 10
    """
    assert result(project, "", first, "result = shift(1)") == 11


def test_what_the_methods_of_a_value_read_comes_along(project: Project) -> None:
    first = """
        scale = n + 1
        class Model:
            def predict(self, x): return x * scale
        model = Model()
    """
    # no later cell names `scale`, nor `Model`
    assert result(project, "", first, "print(n)", "result = model.predict(4)") == 8


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("def make(k):\n    return lambda x: x + k + n\nf = make(1)\nn = 5", "result = f(1)"),
        ("def f(x, k=n): return x + k + 5\nn = 100", "result = f(1)"),
        ("if n:\n    k = 5\n    def f(x): return x + k + 1\n    print(f)", "result = f(1)"),
        (
            "from functools import partial\ndef g(k, x): return k + x\nf = partial(g, 6)",
            "result = f(1)",
        ),
        ("f = [lambda x, k=k: x + k for k in (5, 6)][1]", "result = f(1)"),
        (
            "def outer():\n    def f(x): return x + 6 if x else f(1)\n    return f\nf = outer()",
            "result = f(0)",
        ),
    ],
)
def test_functions_of_every_kind_are_passed_on(project: Project, first: str, then: str) -> None:
    assert result(project, "", first, then) == 7


def test_a_function_passed_on_by_value_sees_the_variables_of_its_new_kernel(
    project: Project,
) -> None:
    first = "k = 1\ndef make():\n    return lambda: k\nf = make()"
    assert result(project, "", first, "k = 2", "k += 1\nresult = f()") == 3


def test_classes_made_in_a_loop_are_passed_on(project: Project) -> None:
    first = """
        for base in (int, list):
            class Special(base):
                pass
        made = [Special([n]), Special]
    """
    assert result(project, "", first, "result = type(made[0]) is made[1], made[0]") == (True, [1])


def test_the_random_generators_go_on_where_they_were(project: Project) -> None:
    def draw() -> tuple[float, float]:
        return random.random(), np.random.rand()  # noqa: NPY002 - that is what notebooks use

    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    whole = [draw(), draw()][1]
    opened = opened_run(project)
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    draw()
    store_values(project, record.begin_step(project, opened, 0), {}, [])
    draw()
    restore_values(project, record.begin_step(project, opened, 1), {})
    assert draw() == whole


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ((i for i in range(3)), "generator"),
        (threading.Lock(), "_thread.lock"),
        (sqlite3.connect(":memory:"), "sqlite3.Connection"),
        ({"deep": [iter(zip([1], strict=True)), threading.Event()]}, "dict"),
    ],
)
def test_a_value_that_cannot_be_stored_is_named(project: Project, value: Any, kind: str) -> None:
    with pytest.raises(UsageError, match="the variable 'odd'") as caught:
        across(project, fine=1, odd=value)
    assert f"'odd' ({kind}) cannot be passed on to the next step" in caught.value.message
    assert caught.value.hint == "create it in a setup cell or merge the two steps"
    if isinstance(value, sqlite3.Connection):
        value.close()


def test_an_open_file_is_named(project: Project) -> None:
    with (project.root / "mlops.yaml").open() as file, pytest.raises(UsageError, match="'log'"):
        across(project, log=file)


def test_what_the_setup_makes_anew_need_not_be_stored(project: Project) -> None:
    setup = "import threading\nlock = threading.Lock()\nrows = []\n"
    setup += "def add(x):\n    with lock: rows.append(x)"
    last = "add(2)\nresult = rows, lock.locked()"
    assert result(project, setup, "add(1)", last) == ([1, 2], False)


def test_a_name_that_is_not_bound_is_left_out(project: Project) -> None:
    assert result(project, "", "if n > 1: x = 1", "result = 'x' in globals()") is False


def test_a_large_recursion_is_refused_and_not_a_crash(project: Project) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(UsageError, match="the variable 'deep'"):
        across(project, deep=deep)


def test_damaged_values_are_not_read(project: Project) -> None:
    opened = opened_run(project)
    store_values(project, record.begin_step(project, opened, 0), {"x": 1}, ["x"])
    second = record.begin_step(project, opened, 1)
    row = project.catalog.row("SELECT receives FROM step_run WHERE id = ?", (second,))
    assert row is not None
    kept = project.objects.path(row["receives"])
    kept.write_bytes(kept.read_bytes()[:-1] + b"\0")
    with pytest.raises(IntegrityError, match="damaged"):
        restore_values(project, second, {})


def test_only_values_that_the_catalog_names_are_read(project: Project) -> None:
    opened = opened_run(project)
    with pytest.raises(IntegrityError, match="is not to receive x"):
        restore_values(project, record.begin_step(project, opened, 0), {}, ["x"])
    with pytest.raises(UsageError, match="no step run 'nobody'"):
        restore_values(project, "nobody", {})


def test_a_value_whose_class_is_gone_is_told_in_one_line(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = types.ModuleType("brief")
    exec("class Gone: pass", brief.__dict__)
    opened = opened_run(project)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "brief", brief)
        store_values(project, record.begin_step(project, opened, 0), {"x": brief.Gone()}, ["x"])
    with pytest.raises(UsageError, match=r"cannot be built again: ModuleNotFoundError.*brief"):
        restore_values(project, record.begin_step(project, opened, 1), {})
