"""The slices that the catalog gives are right: logs of executions, with the least slice of each.

``given`` are the cases of the issue, ``own`` are ours. `benchmarks/slicebench.py` says what a
case is and how it is judged, and finds the least slice by brute force.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
import slicebench
from slicebench import Result

HERE = Path(__file__).parent
WORKERS = 2

pytestmark = pytest.mark.slow


@functools.cache
def results(name: str) -> list[Result]:
    oracle = json.loads((HERE / f"{name}_oracle.json").read_text(encoding="utf-8"))
    return slicebench.run(slicebench.read_cases(HERE / f"{name}.json"), oracle, WORKERS)


def those(name: str, wanted: str, *, are: bool) -> list[str]:
    return [r.case.name for r in results(name) if getattr(r, wanted) is are]


@pytest.mark.parametrize(("name", "count"), [("given", 48), ("own", 58)])
def test_every_slice_is_right_after_verification(name: str, count: int) -> None:
    assert len(results(name)) == count
    assert [r.case.name for r in results(name) if r.told.value != r.full] == []
    assert those(name, "right_verified", are=False) == []


@pytest.mark.parametrize(("name", "at_most"), [("given", 1), ("own", 2)])
def test_nearly_all_slices_are_right_before_it(name: str, at_most: int) -> None:
    wrong = those(name, "right", are=False)
    assert len(wrong) <= at_most, wrong


@pytest.mark.parametrize("name", ["given", "own"])
def test_no_slice_is_wrong_without_a_word(name: str) -> None:
    assert those(name, "silently_wrong", are=True) == []


@pytest.mark.parametrize(("name", "at_most"), [("given", 1.05), ("own", 1.15)])
def test_slices_are_hardly_larger_than_the_least(name: str, at_most: float) -> None:
    larger = {
        r.case.name: (r.told.slice, r.least)
        for r in results(name)
        if r.right and len(r.told.slice) > len(r.least)
    }
    assert slicebench.totals(results(name))["size_ratio_mean"] <= at_most, larger


@pytest.mark.parametrize("name", ["given", "own"])
def test_every_least_slice_leaves_something_out_or_needs_all(name: str) -> None:
    """The cases themselves: known by one name, and with a value to compare."""
    cases = slicebench.read_cases(HERE / f"{name}.json")
    oracle = json.loads((HERE / f"{name}_oracle.json").read_text(encoding="utf-8"))
    assert sorted(oracle) == sorted({case.name for case in cases})
    for case in cases:
        assert oracle[case.name]["full"][0] is True
        assert set(oracle[case.name]["min"]) <= set(range(len(case.cells)))
