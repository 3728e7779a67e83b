"""Which values the trials of a sweep get: always the same ones for the same seed."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_jupyter.errors import UsageError
from mlops_jupyter.pipelines.axis import Axis
from mlops_jupyter.pipelines.search import Optimized, Values, search

LR = Axis("lr", (), 1e-4, 1.0, is_log=True)
DEPTH = Axis("depth", (2, 3, 4, 5), 2, 5)
METHOD = Axis("method", ("fast", "exact", None))


def drawn(axes: list[Axis], trials: int | None, seed: int = 0) -> list[Values]:
    """Return all trials of a sweep that does not look at what they give."""
    chosen = search(axes, trials=trials, minimize=None, seed=seed, batch=2)
    found = []
    while (values := chosen.ask()) is not None:
        found.append(values)
        chosen.tell(len(found), None)
    assert len(found) == chosen.count
    return found


def test_a_grid_is_all_combinations_the_last_parameter_first() -> None:
    found = drawn([DEPTH, METHOD], None)
    assert len(found) == 12
    assert found[:4] == [
        {"depth": 2, "method": "fast"}, {"depth": 2, "method": "exact"},
        {"depth": 2, "method": None}, {"depth": 3, "method": "fast"},
    ]  # fmt: skip
    assert drawn([DEPTH, METHOD], 12) == drawn([DEPTH, METHOD], 99) == found


def test_chance_is_the_same_again_and_goes_on_where_it_was() -> None:
    some = drawn([DEPTH, METHOD], 5, seed=7)
    assert len({tuple(values.items()) for values in some}) == 5
    assert drawn([DEPTH, METHOD], 8, seed=7)[:5] == some
    assert drawn([DEPTH, METHOD], 5, seed=8) != some
    assert drawn([LR, DEPTH], 20, seed=3) == drawn([LR, DEPTH], 20, seed=3)
    assert len(drawn([Axis("n", (), 1, 3, is_log=True)], 10)) == 3, "there are no more"


@pytest.mark.parametrize(
    ("axes", "trials", "said"),
    [
        ([LR], None, "'lr' is a range of numbers: how many of them?"),
        ([LR], 0, "0 trials"),
        ([LR], 1001, "1001 trials"),
        ([Axis("a", tuple(range(50))), Axis("b", tuple(range(50)))], None, "2,500 combinations"),
    ],
)
def test_sweeps_without_an_end_are_refused(axes: list[Axis], trials: int | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        search(axes, trials=trials, minimize=None, seed=0, batch=1)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "1", None, True])
def test_seeds_that_no_generator_takes_are_refused(seed: Any) -> None:
    with pytest.raises(UsageError, match="no seed"):
        search([LR], trials=3, minimize=True, seed=seed, batch=1)


@pytest.mark.parametrize("trials", ["3", 2.0, True, -1])
def test_a_number_of_trials_is_a_whole_number(trials: Any) -> None:
    with pytest.raises(UsageError, match="trials"):
        search([LR], trials=trials, minimize=None, seed=0, batch=1)


def optimized(seed: int, *, backwards: bool = False, failing: bool = False) -> list[Values]:
    """Let Optuna look for a small learning rate and the middle depth; return what it chose."""
    chosen = search([LR, DEPTH, METHOD], trials=24, minimize=True, seed=seed, batch=3)
    assert isinstance(chosen, Optimized)
    found: list[Values] = []
    while True:
        batch: list[Values] = []
        while (values := chosen.ask()) is not None:
            batch.append(values)
        if not batch:
            return found
        numbers = range(len(found) + 1, len(found) + len(batch) + 1)
        told = list(zip(numbers, batch, strict=True))
        for number, values in reversed(told) if backwards else told:
            value = values["lr"] + abs(values["depth"] - 4)
            chosen.tell(number, None if failing and number % 2 else value)
        found += batch


def test_optuna_finds_what_is_better_whichever_trial_ends_first() -> None:
    found = optimized(1)
    assert len(found) == 24
    assert optimized(1, backwards=True) == found
    assert optimized(2) != found
    worth = [values["lr"] + abs(values["depth"] - 4) for values in found]
    assert sum(worth[12:]) < sum(worth[:12])
    assert all(1e-4 <= v["lr"] <= 1 and v["method"] in METHOD.values for v in found)


def test_optuna_goes_on_after_trials_that_gave_nothing() -> None:
    assert len(optimized(1, failing=True)) == 24
