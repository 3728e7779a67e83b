"""Whatever a notebook does to its names, the slice of a value makes the same value again.

Random logs of small cells, executed in a plain namespace under the real observer: names bound,
shared, changed in place, deleted, read through functions, generators and closures.
"""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mlops_jupyter.cells.analysis import analyse
from mlops_jupyter.runs.observer import Observer
from tests.example_count import examples

NAMES = ("a", "b", "c", "d")

COUNTER = """\
def make():
    total = [0]
    def count():
        total[0] += 1
        return total[0]
    return count
counter = make()"""

CELLS = (
    "{x} = {n}",
    "{x} = [{n}, {n}]",
    "{x} = {y}",
    "{x} = [{y}, {z}]",
    "{x} = {{'k': {y}, 'n': {n}}}",
    "{x} = list({y})",
    "{x} = len({y}) + {n}",
    "{x} = ({y}, [{n}])",
    "{x}.append({n})",
    "{x}.append({y})",
    "{x}[0] = {n}",
    "{x}['k'] = {n}",
    "{x} += {y}",
    "{x} = np.arange({n} + 3)",
    "{x} = {y}[1:]",
    "{x}[:2] = {n}",
    "{x} = {y}.copy()",
    "{x} = iter([1, 2, {n}])",
    "{x} = next({y})",
    "{x} = type({y}).__name__",
    "def f(v={n}): return [v, {y}]",
    "def g(v):\n    v.append({n})\n    return f(v)",
    "def h():\n    global {x}\n    {x} = {n}",
    "class C:\n    items = [{n}]\n    def get(self): return self.items + [{y}]",
    "{x} = C()",
    "{x}.items.append({n})",
    "C.items = [{n}]",
    "{x} = {y}.get()",
    "{x} = f({n})",
    "{x} = g([{n}])",
    "g({x})",
    "h()",
    "del {x}",
    "for {x} in range({n}): pass",
    "{x} = [{y} for i in range(2)]",
    "if {n} % 2: {x} = {n}",
    "try:\n    {x} = {y}[{n}]\nexcept Exception as error: {x} = type(error).__name__",
    "with_ = [{x}]; with_[0].append({n})",
    "random.seed({n})",
    "{x} = random.random()",
    "{x} = np.random.rand()",
    "np.random.seed({n})",
    "exec('{x} = {n}')",
    "globals()['{x}'] = {y}",
    "{x} = counter()",
    COUNTER,
    "{n} + 1",
    "print({x})",
)

cells = st.builds(
    lambda template, x, y, z, n: template.format(x=x, y=y, z=z, n=n),
    st.sampled_from(CELLS), st.sampled_from(NAMES), st.sampled_from(NAMES),
    st.sampled_from(NAMES), st.integers(0, 5),
)  # fmt: skip

SETUP = "import random\nimport numpy as np"


def execute(source: str, space: dict[str, Any]) -> bool:
    """Execute a cell; return whether it raised."""
    try:
        exec(compile(source, "<cell>", "exec"), space)
    except Exception:  # noqa: BLE001 - cells are random
        return True
    return False


def fresh() -> dict[str, Any]:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the state that cells share
    return {"__name__": "__main__", "print": lambda *_: None}


def shown(value: Any, depth: int = 6) -> str:
    """Return what a value holds, without addresses; cycles end somewhere."""
    if not depth:
        return "…"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({', '.join(shown(v, depth - 1) for v in value)})"
    if isinstance(value, dict):
        return f"dict({', '.join(f'{k}: {shown(v, depth - 1)}' for k, v in value.items())})"
    if type(value).__name__ == "C":
        return f"C({shown(value.items, depth - 1)})"
    if hasattr(value, "__next__"):
        return f"iterator({list(copy.copy(value))})"
    plain = isinstance(value, int | float | str | np.ndarray)
    return repr(value) if plain else type(value).__name__


@settings(max_examples=examples(400), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(cells, min_size=3, max_size=14))
def test_the_slice_of_each_value_makes_it_again(log: list[str]) -> None:
    log = [SETUP, *log]
    space = fresh()
    observer = Observer(space)
    for position, source in enumerate(log, 1):
        observer.begin()
        failed = execute(source, space)
        observer.end(position, analyse(source), failed=failed)

    ends = {name: observer.trace.maker(name) for name in NAMES if name in space}
    values = {name: shown(space[name]) for name in ends}
    for name, position in ends.items():
        assert position is not None, f"nobody made {name}"
        kept = observer.trace.slice_of(position)
        again = fresh()
        for number in kept:
            execute(log[number - 1], again)
        event(f"{len(kept)} of {len(log)} cells")
        assert name in again, (name, kept, log)
        assert shown(again[name]) == values[name], (name, kept, log)
